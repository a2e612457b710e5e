"""Requests that are followed slice by slice while their workers are hurt."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

import service_process

if TYPE_CHECKING:
    from cluster import Cluster

LEASE_SECONDS = 4
"""Short, so that the tests need not wait for what operators wait for."""

FRAMES = 1200
"""Of the film: seconds of work."""

SLICE_FRAMES = FRAMES // 3
"""Takes a worker so long that it can be seen at it, and hurt."""

TAKEN_OVER = timedelta(seconds=30)
"""How long after the end of a lease somebody else must have begun with what it was on."""

HEALED_SECONDS = LEASE_SECONDS + TAKEN_OVER.total_seconds()
"""How long anything may stand still, once the fault is over."""

WORK_SECONDS = 120
"""How long mere work may take on a machine that has much else to do."""

_UNDISTURBED: dict[tuple[int, int, int], bytes] = {}
"""Results of orders of the film that nothing happened to; every installation makes the same of them."""


def until(true: Callable[[], object], what: str, seconds: float = HEALED_SECONDS) -> None:
    """Look again and again, and closely, until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.005)


@dataclass(frozen=True)
class Slice:
    """A row of the table.

    Attributes:
        worker: id of the process that has the lease; None when nobody has.
        done: frames, as far as the worker has told.
        key: of the part that counts.
        lease_until: when it is given to others unless its worker says something.
        not_before: when it may be begun again, where it has to rest.
        noted_at: when it became so; of its history only.
    """

    number: int
    kind: str
    state: str
    worker: int | None
    attempts: int
    failures: int
    done: int
    frames: int
    key: str | None
    lease_until: datetime | None
    not_before: datetime | None
    noted_at: datetime | None


@dataclass(frozen=True)
class Order:
    """What can be submitted again and again, with the same result."""

    cluster: Cluster
    video: int
    segment: int
    start: int
    end: int

    def submit(self, **more: object) -> Request:
        """Submit it."""
        return Request(self, service_process.submit(self.cluster.http, self.video, [self.segment], **more))

    def undisturbed(self) -> bytes:
        """Its result when nothing happens."""
        key = (self.segment, self.start, self.end)
        if key not in _UNDISTURBED:
            request = self.submit()
            request.wait()
            _UNDISTURBED[key] = request.download()
        return _UNDISTURBED[key]


@dataclass(frozen=True)
class Request:
    """A submitted order."""

    order: Order
    id: str

    @property
    def cluster(self) -> Cluster:
        """Where it was submitted."""
        return self.order.cluster

    def status(self) -> dict[str, Any]:
        """What the service says of it."""
        answer = self.cluster.http.get(f"/api/frames/anonymize/status/{self.id}/")
        state: dict[str, Any] = answer.raise_for_status().json()
        return state

    def slices(self) -> list[Slice]:
        """All of them; the assembly is the last."""
        rows = self.cluster.ask("SELECT * FROM slices WHERE request_id = $1 ORDER BY number", self.id)
        return [_slice(row) for row in rows]

    def history(self, number: int) -> list[Slice]:
        """Every change of a slice."""
        statement = "SELECT * FROM history WHERE request_id = $1 AND number = $2 ORDER BY noted_at"
        return [_slice(row) for row in self.cluster.ask(statement, self.id, number)]

    def finished(self, number: int) -> Slice:
        """A slice as it was finished, which happens once."""
        (finished,) = [one for one in self.history(number) if one.state == "completed"]
        return finished

    def in_work(self) -> list[Slice]:
        """Slices that workers hold and have shown frames of."""
        return [one for one in self.slices() if one.state == "leased" and one.done]

    def caught_in_work(self, count: int = 1) -> list[Slice]:
        """Wait until some slices are in the middle of being redacted; all of them at that moment."""
        found: list[Slice] = []

        def caught() -> bool:
            found[:] = self.in_work()
            return len(found) >= count

        until(caught, f"{count} slices are in work", WORK_SECONDS)
        return found

    def objects(self) -> list[str]:
        """What lies in the object store, which is a folder, for it."""
        own = f"requests/{self.id}/"
        return [key.removeprefix(own) for key in self.cluster.objects() if key.startswith(own)]

    def wait(self, status: str = "completed") -> dict[str, Any]:
        """Wait until it is over, for as long as it moves; returns its last state."""
        state, seen = self.status(), self.slices()
        deadline = time.monotonic() + HEALED_SECONDS
        while state["status"] not in {"completed", "failed", "cancelled"}:
            assert time.monotonic() < deadline, f"nothing moves: {seen}"
            time.sleep(0.05)  # the status has other readers too
            state, before, seen = self.status(), seen, self.slices()
            if _marks(seen) != _marks(before):
                deadline = time.monotonic() + HEALED_SECONDS
        assert state["status"] == status, state
        return state

    def download(self) -> bytes:
        """The ZIP."""
        http = self.cluster.http
        link = http.get(f"/api/frames/anonymize/download/{self.id}/").headers["location"]
        # No redirect takes the credentials along: stores refuse what is signed twice.
        return httpx.get(http.base_url.join(link), follow_redirects=True).raise_for_status().content

    def require_whole(self) -> None:
        """Wait for the result: every frame once, to the byte as when nothing happens."""
        expected = self.order.end - self.order.start
        state = self.wait()
        assert (state["processed_frames"], state["progress"], state["error"]) == (expected, 100, None)
        result = self.download()
        with zipfile.ZipFile(io.BytesIO(result)) as archive:
            names = archive.namelist()
            manifest = json.loads(archive.read("manifest.json"))
        stem = f"frames/segment_{self.order.segment}/frame"
        frames = [f"{stem}_{index:07d}.jpg" for index in range(self.order.start, self.order.end)]
        assert names == [*frames, "report.html", "manifest.json", "manifest.sig"]
        assert manifest["summary"]["frames"] == expected
        assert [one["file"] for one in manifest["frames"]] == frames
        numbers = self.cluster.ask("SELECT DISTINCT number FROM history WHERE request_id = $1", self.id)
        assert len([self.finished(row["number"]) for row in numbers]) > 1
        for row in numbers:
            self._require_taken_over(row["number"])
        assert result == self.order.undisturbed()

    def _require_taken_over(self, number: int) -> None:
        """Whatever lease of a slice ran out, the next one was not long in coming."""
        for before, after in pairwise(self.history(number)):
            if before.state == after.state == "leased" and before.attempts < after.attempts:
                assert before.lease_until
                assert after.noted_at
                assert after.noted_at - before.lease_until < TAKEN_OVER


def _marks(slices: list[Slice]) -> list[tuple[str, int, int]]:
    """What changes when somebody works."""
    return [(one.state, one.attempts, one.done) for one in slices]


def _slice(row: asyncpg.Record) -> Slice:
    owner: str | None = row["owner"]
    return Slice(
        number=row["number"],
        kind=row["kind"],
        state=row["state"],
        worker=int(owner.rpartition("-")[2]) if owner else None,
        attempts=row["attempts"],
        failures=row["failures"],
        done=row["processed_frames"],
        frames=row["end_frame"] - row["start_frame"],
        key=row["part_key"],
        lease_until=row["lease_until"],
        not_before=row["not_before"],
        noted_at=row.get("noted_at"),
    )
