"""Requests that are followed slice by slice while their workers are hurt."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

from support.pace import PACE
from support.processes import service_process
from support.processes.halting import Token, token

if TYPE_CHECKING:
    from support.servers.cluster import Cluster

LEASE_SECONDS = 4
"""Short, so that the tests need not wait for what operators wait for."""

FRAMES = 600
"""Of the film: a second of work or two."""

SLICE_FRAMES = FRAMES // 3
"""Long enough for a worker to be met in the middle of them, where it is then held: see `Request.held`."""

_UNDISTURBED: dict[tuple[int, int, int], bytes] = {}
"""Results of orders of the film that nothing happened to; every installation makes the same of them."""


def until(true: Callable[[], object], what: str, pause: float = 0.02) -> None:
    """Look again and again, and closely, until something is so, or has to be called a hang."""
    deadline = time.monotonic() + PACE.hang
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {PACE.hang:.0f} s"
        time.sleep(pause)


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

    @contextmanager
    def halted(self, count: int = 1) -> Iterator[list[Slice]]:
        """Meet workers in the middle of slices, which do not go on while the block lasts; all else does.

        Args:
            count: how many, beside those that are halted or held already.
        """
        with ExitStack() as resumed:
            yield self._met(count, resumed, lambda _one, _resumed: True)

    @contextmanager
    def held(self, count: int = 1, passing: int = 0) -> Iterator[list[Slice]]:
        """Meet workers in the middle of slices, and have them stand still there while the block lasts.

        Their leases stand still with them, so that it makes no difference how long that is. A worker that is
        paused for good meanwhile, with `Cluster.pause`, stays so, and its lease runs from then on.

        Args:
            count: how many, beside those that are held already.
            passing: how many go on, after the first is met and before the others are.
        """
        with ExitStack() as resumed:
            yield self._met(count, resumed, self._stop, passing)

    def _met(
        self, count: int, resumed: ExitStack, stop: Callable[[Slice, ExitStack], bool], passing: int = 0
    ) -> list[Slice]:
        """Slices that are halted, one for each token."""

        def leave(*, passing: bool = False) -> Token:
            return resumed.enter_context(token(self.cluster.halts, self.id, passing=passing))

        # All at once: there may be no more slices than these, and nobody waits at a frame without a token.
        waiting = [leave()]
        for _ in range(passing):
            leave(passing=True)
        waiting += [leave() for _ in range(1, count)]
        found: list[Slice] = []

        def met() -> bool:
            for one in waiting.copy():
                if halted := one.taken():
                    waiting.remove(one)
                    this = self.slices()[halted.number]
                    # Whoever has lost its lease before it was met goes on, and another one is waited for.
                    if this.state == "leased" and this.worker == halted.worker and stop(this, resumed):
                        found.append(this)
                    else:
                        one.remove()
                        waiting.append(leave())
            return len(found) == count

        until(met, f"{count} slices are in work", pause=0.005)
        return found

    def _stop(self, one: Slice, resumed: ExitStack) -> bool:
        """Stop the worker of a slice; whether it has its lease still."""
        with ExitStack() as this:
            this.enter_context(self.cluster.standing_still(one.worker))
            rows = self._set_lease(one, 3600)
            if not rows:
                return False
            left = max(
                float(self.cluster.environment["LEASE_SECONDS"]), rows[0]["left_of_it"].total_seconds()
            )
            this.callback(self._set_lease, one, left)
            resumed.enter_context(this.pop_all())
        return True

    def _set_lease(self, held: Slice, seconds: float) -> list[asyncpg.Record]:
        """Have a lease end some time from now; how much was left of it, unless it is no more."""
        statement = """
            UPDATE slices SET lease_until = clock_timestamp() + $4
            FROM (SELECT lease_until - clock_timestamp() AS left_of_it FROM slices
                  WHERE request_id = $1 AND number = $2) AS before
            WHERE request_id = $1 AND number = $2 AND attempts = $3 AND state = 'leased'
            RETURNING before.left_of_it
        """
        return self.cluster.ask(statement, self.id, held.number, held.attempts, timedelta(seconds=seconds))

    def objects(self) -> list[str]:
        """What lies in the object store, which is a folder, for it."""
        own = f"requests/{self.id}/"
        return [key.removeprefix(own) for key in self.cluster.objects() if key.startswith(own)]

    def wait(self, status: str = "completed") -> dict[str, Any]:
        """Wait until it is over, for as long as it moves; returns its last state."""
        state, seen = self.status(), self.slices()
        deadline = time.monotonic() + PACE.hang
        while state["status"] not in {"completed", "failed", "cancelled"}:
            assert time.monotonic() < deadline, f"nothing moves: {seen}"
            time.sleep(0.05)  # the status has other readers too
            state, before, seen = self.status(), seen, self.slices()
            if _marks(seen) != _marks(before):
                deadline = time.monotonic() + PACE.hang
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
                assert (after.noted_at - before.lease_until).total_seconds() < PACE.hang


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
