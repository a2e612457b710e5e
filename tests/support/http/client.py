"""Requests that are observed slice by slice while their workers are paused or killed."""

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
from support.result_files import unzipped, without_order

if TYPE_CHECKING:
    from support.servers.cluster import Cluster

LEASE_SECONDS = 4
"""Short, so that tests do not wait as long as the default lease."""

FRAMES = 600
"""Length of the sample video: one or two seconds of work."""

SLICE_FRAMES = FRAMES // 3
"""Long enough to stop a worker in the middle of one: see `Request.held`."""

_REFERENCE_RESULTS: dict[tuple[int, int, int], bytes] = {}
"""Results of undisturbed requests for the sample video; every installation redacts it in the same way."""


def wait_until(condition: Callable[[], object], description: str, pause: float = 0.02) -> None:
    """Poll until a condition holds; fail when it does not within the hang time-out."""
    deadline = time.monotonic() + PACE.hang_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{description}: not within {PACE.hang_seconds:.0f} s"
        time.sleep(pause)


@dataclass(frozen=True)
class Slice:
    """A row of the slices table.

    Attributes:
        worker: process id of the lease holder; None without a lease.
        processed_frames: frames that the worker has reported.
        key: object key of the part that counts.
        lease_until: when the lease expires unless its worker renews it.
        not_before: earliest time of the next attempt, after a failure.
        noted_at: time of the change; in the history only.
    """

    number: int
    kind: str
    state: str
    worker: int | None
    attempts: int
    failures: int
    processed_frames: int
    frames: int
    key: str | None
    lease_until: datetime | None
    not_before: datetime | None
    noted_at: datetime | None


@dataclass(frozen=True)
class RepeatableRequest:
    """A request body that can be submitted repeatedly, with the same result."""

    cluster: Cluster
    video: int
    segment: int
    start: int
    end: int

    def submit(self, **more: object) -> Request:
        """Submit it and return the new request."""
        return Request(self, service_process.submit(self.cluster.http, self.video, [self.segment], **more))

    def reference_result(self) -> bytes:
        """Return the result of a request that nothing disturbed."""
        key = (self.segment, self.start, self.end)
        if key not in _REFERENCE_RESULTS:
            request = self.submit()
            request.wait()
            _REFERENCE_RESULTS[key] = request.download()
        return _REFERENCE_RESULTS[key]


@dataclass(frozen=True)
class Request:
    """A submitted request."""

    template: RepeatableRequest
    id: str

    @property
    def cluster(self) -> Cluster:
        """The cluster to which it was submitted."""
        return self.template.cluster

    def status(self) -> dict[str, Any]:
        """Return the status that the API reports."""
        answer = self.cluster.http.get(f"/api/frames/anonymize/status/{self.id}/")
        state: dict[str, Any] = answer.raise_for_status().json()
        return state

    def slices(self) -> list[Slice]:
        """Return all slices; the assembly is the last."""
        rows = self.cluster.query("SELECT * FROM slices WHERE request_id = $1 ORDER BY number", self.id)
        return [_slice(row) for row in rows]

    def history(self, number: int) -> list[Slice]:
        """Return every recorded change of a slice."""
        statement = "SELECT * FROM history WHERE request_id = $1 AND number = $2 ORDER BY noted_at"
        return [_slice(row) for row in self.cluster.query(statement, self.id, number)]

    def finished(self, number: int) -> Slice:
        """Return a slice as it was completed, which happens once."""
        (finished,) = [entry for entry in self.history(number) if entry.state == "completed"]
        return finished

    @contextmanager
    def halted(self, count: int = 1) -> Iterator[list[Slice]]:
        """Stop workers in the middle of slices while the block lasts; everything else continues.

        Args:
            count: how many, in addition to those halted or held already.
        """
        with ExitStack() as resumed:
            yield self._catch(count, resumed, lambda _one, _resumed: True)

    @contextmanager
    def held(self, count: int = 1, passing: int = 0) -> Iterator[list[Slice]]:
        """Suspend worker processes in the middle of slices while the block lasts.

        Their leases are extended meanwhile, so the duration does not matter. A worker that is paused
        permanently meanwhile, with `Cluster.pause`, stays paused, and its lease runs from then on.

        Args:
            count: how many, in addition to those held already.
            passing: how many slices may pass after the first is caught and before the others are.
        """
        with ExitStack() as resumed:
            yield self._catch(count, resumed, self._stop, passing)

    def _catch(
        self, count: int, resumed: ExitStack, stop: Callable[[Slice, ExitStack], bool], passing: int = 0
    ) -> list[Slice]:
        """Return the halted slices, one for each token."""

        def leave(*, passing: bool = False) -> Token:
            return resumed.enter_context(token(self.cluster.halts, self.id, passing=passing))

        # All tokens at once: there may be no more slices than these, and no worker stops at a frame
        # # without a token.
        waiting = [leave()]
        for _ in range(passing):
            leave(passing=True)
        waiting += [leave() for _ in range(1, count)]
        found: list[Slice] = []

        def met() -> bool:
            for waiting_token in waiting.copy():
                if halted := waiting_token.taken():
                    waiting.remove(waiting_token)
                    this = self.slices()[halted.number]
                    # A worker that lost its lease before this point continues, and another one is awaited.
                    if this.state == "leased" and this.worker == halted.worker and stop(this, resumed):
                        found.append(this)
                    else:
                        waiting_token.remove()
                        waiting.append(leave())
            return len(found) == count

        wait_until(met, f"{count} slices are in work", pause=0.005)
        return found

    def _stop(self, held: Slice, resumed: ExitStack) -> bool:
        """Suspend the worker of a slice; return whether it still has its lease."""
        with ExitStack() as this:
            this.enter_context(self.cluster.suspended(held.worker))
            rows = self._set_lease(held, 3600)
            if not rows:
                return False
            left = max(
                float(self.cluster.environment["LEASE_SECONDS"]), rows[0]["left_of_it"].total_seconds()
            )
            this.callback(self._set_lease, held, left)
            resumed.enter_context(this.pop_all())
        return True

    def _set_lease(self, held: Slice, seconds: float) -> list[asyncpg.Record]:
        """Set when a lease expires; return the time that was left, or nothing if the lease is gone."""
        statement = """
            UPDATE slices SET lease_until = clock_timestamp() + $4
            FROM (SELECT lease_until - clock_timestamp() AS left_of_it FROM slices
                  WHERE request_id = $1 AND number = $2) AS before
            WHERE request_id = $1 AND number = $2 AND attempts = $3 AND state = 'leased'
            RETURNING before.left_of_it
        """
        return self.cluster.query(statement, self.id, held.number, held.attempts, timedelta(seconds=seconds))

    def objects(self) -> list[str]:
        """Return the request's keys in the object store, which is a folder."""
        own = f"requests/{self.id}/"
        return [key.removeprefix(own) for key in self.cluster.objects() if key.startswith(own)]

    def wait(self, status: str = "completed") -> dict[str, Any]:
        """Wait until the request ends, as long as it makes progress; return its last status."""
        state, slices = self.status(), self.slices()
        deadline = time.monotonic() + PACE.hang_seconds
        while state["status"] not in {"completed", "failed", "cancelled"}:
            assert time.monotonic() < deadline, f"nothing moves: {slices}"
            time.sleep(0.05)  # other clients read the status too
            state, before, slices = self.status(), slices, self.slices()
            if _progress(slices) != _progress(before):
                deadline = time.monotonic() + PACE.hang_seconds
        assert state["status"] == status, state
        return state

    def download(self) -> bytes:
        """Download the ZIP."""
        http = self.cluster.http
        link = http.get(f"/api/frames/anonymize/download/{self.id}/").headers["location"]
        # The redirect must not carry credentials: stores refuse requests with two signatures.
        return httpx.get(http.base_url.join(link), follow_redirects=True).raise_for_status().content

    def require_complete_result(self) -> None:
        """Wait for the result: every frame once, byte for byte as without disturbance.

        Only what names the order differs: members of the manifest, the report and the signature.
        """
        expected = self.template.end - self.template.start
        state = self.wait()
        assert (state["processed_frames"], state["progress"], state["error"]) == (expected, 100, None)
        result = self.download()
        with zipfile.ZipFile(io.BytesIO(result)) as archive:
            names = archive.namelist()
            manifest = json.loads(archive.read("manifest.json"))
        stem = f"frames/segment_{self.template.segment}/frame"
        frames = [f"{stem}_{index:07d}.jpg" for index in range(self.template.start, self.template.end)]
        assert names == [*frames, "report.html", "manifest.json", "manifest.sig"]
        assert manifest["summary"]["frames"] == expected
        assert [entry["file"] for entry in manifest["frames"]] == frames
        numbers = self.cluster.query("SELECT DISTINCT number FROM history WHERE request_id = $1", self.id)
        assert len([self.finished(row["number"]) for row in numbers]) > 1
        for row in numbers:
            self._require_prompt_takeover(row["number"])
        assert without_order(unzipped(result)) == without_order(unzipped(self.template.reference_result()))

    def _require_prompt_takeover(self, number: int) -> None:
        """Check that an expired lease was followed by the next one in time."""
        for before, after in pairwise(self.history(number)):
            if before.state == after.state == "leased" and before.attempts < after.attempts:
                assert before.lease_until
                assert after.noted_at
                assert (after.noted_at - before.lease_until).total_seconds() < PACE.hang_seconds


def _progress(slices: list[Slice]) -> list[tuple[str, int, int]]:
    """Return the values that change while a worker makes progress."""
    return [(entry.state, entry.attempts, entry.processed_frames) for entry in slices]


def _slice(row: asyncpg.Record) -> Slice:
    owner: str | None = row["owner"]
    return Slice(
        number=row["number"],
        kind=row["kind"],
        state=row["state"],
        worker=int(owner.rpartition("-")[2]) if owner else None,
        attempts=row["attempts"],
        failures=row["failures"],
        processed_frames=row["processed_frames"],
        frames=row["end_frame"] - row["start_frame"],
        key=row["part_key"],
        lease_until=row["lease_until"],
        not_before=row["not_before"],
        noted_at=row.get("noted_at"),
    )
