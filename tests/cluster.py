"""API and workers as processes of their own, to be hurt one after the other while they work."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import httpx

import command
import service_process
from service_process import PASSWORD, ServiceProcess

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


_HISTORY = """
    CREATE TABLE history (LIKE slices);
    ALTER TABLE history ADD COLUMN noted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp();
    CREATE FUNCTION remember() RETURNS trigger AS
        'BEGIN INSERT INTO history SELECT NEW.*; RETURN NULL; END' LANGUAGE plpgsql;
    CREATE TRIGGER remember AFTER UPDATE ON slices FOR EACH ROW EXECUTE FUNCTION remember();
"""
"""Slices are forgotten when their request is over, and the tests want to know how it went."""


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


@dataclass
class Cluster:
    """One installation.

    Attributes:
        environment: of all its processes.
        folder: what DATA_DIR is.
        http: an administrator's client.
    """

    environment: dict[str, str]
    folder: Path
    resources: ExitStack
    http: httpx.Client = field(init=False)
    api: ServiceProcess = field(init=False)
    workers: list[ServiceProcess] = field(default_factory=list)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _connection: asyncpg.Connection[asyncpg.Record] | None = None

    def start_api(self) -> None:
        """Start one; the client talks to it from now on."""
        self.api = self._start("api", "--port", "0")
        address = self.api.wait_for("listening on ")
        self.http = self.resources.enter_context(service_process.signed_in(address))

    def start_workers(self, count: int = 2, **more: str) -> list[ServiceProcess]:
        """Start some more, with more environment, and wait until they have announced themselves."""
        started = [self._start("worker", **more) for _ in range(count)]
        self.workers += started
        until(lambda: self.health()["workers"] >= len(self.workers), "workers are there", 90)
        return started

    def worker(self, pid: int | None) -> ServiceProcess:
        """The one with that process id."""
        return next(one for one in self.workers if one.process.pid == pid)

    def health(self) -> dict[str, Any]:
        """What the service says of itself."""
        report: dict[str, Any] = self.http.get("/api/frames/anonymize/health/").raise_for_status().json()
        return report

    def order(self, video: Path, start: int = 0, end: int | None = None) -> Order:
        """Upload a video, and choose frames of it."""
        facts = service_process.upload(self.http, video)
        end = facts["frame_count"] if end is None else end
        segment = service_process.mark(self.http, facts["id"], start, end)
        return Order(self, facts["id"], segment, start, end)

    def ask(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Rows of the database."""
        if self._connection is None or self._connection.is_closed():
            address = self.environment["DATABASE_URL"]
            self._connection = self._runner.run(asyncpg.connect(address))
        rows: list[asyncpg.Record] = self._runner.run(self._connection.fetch(statement, *values))
        return rows

    def remember(self) -> None:
        """Have the database write down what becomes of slices."""
        for statement in _HISTORY.split(";\n"):
            self.ask(statement)

    def close(self) -> None:
        """Let the database go, which the test may want to stop or drop."""
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()

    def scratch(self) -> list[str]:
        """Folders of slices that somebody works on, or died over."""
        return [path.name for path in (self.folder / "scratch").glob("process-*/slice-*")]

    def objects(self) -> list[str]:
        """Keys of everything in the object store, which is a folder."""
        root = self.folder / "objects"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def log(self) -> list[dict[str, Any]]:
        """Lines of all processes, one process after the other."""
        texts = [path.read_text() for path in sorted(self._logs.iterdir())]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.endswith("}")]

    @property
    def _logs(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-logs")

    def _start(self, *arguments: str, **more: str) -> ServiceProcess:
        self._logs.mkdir(exist_ok=True)
        errors = self._logs / f"{len(list(self._logs.iterdir())):02d}-{arguments[0]}"
        service = service_process.started(*arguments, environment=self.environment | more, errors=errors)
        return self.resources.enter_context(service)


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
        assert names == [*frames, "manifest.json"]
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


@contextmanager
def locked(request: Request) -> Iterator[None]:
    """Hold the row of a request, so that whatever is done to it or its slices waits."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(request.cluster.environment["DATABASE_URL"]))
        try:
            runner.run(connection.execute("BEGIN"))
            runner.run(connection.execute("SELECT FROM requests WHERE id = $1 FOR UPDATE", request.id))
            yield
        finally:
            runner.run(connection.close())


@contextmanager
def running(
    database_url: str, redis_url: str, folder: Path, workers: int = 2, **more: str
) -> Iterator[Cluster]:
    """An installation with an API and some workers.

    Args:
        database_url: of a migrated database without rows.
        redis_url: of an empty Redis.
        folder: for everything it keeps.
        workers: how many to begin with.
        **more: environment.
    """
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "one secret for all the processes",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SLICE_FRAMES": str(SLICE_FRAMES),
        "LOG_FORMAT": "json",
        # As several workers on one machine are set up.
        "FRAMECLOAK_THREADS": "1",
        **more,
    }
    arguments = ("users", "create", "admin", "--admin", "--password-stdin")
    created = command.run(*arguments, environment=environment, stdin=f"{PASSWORD}\n")
    assert (created.code, created.err) == (0, "")
    with ExitStack() as resources:
        cluster = Cluster(environment, folder, resources)
        try:
            cluster.remember()
            cluster.start_api()
            cluster.start_workers(workers)
            yield cluster
        finally:
            for line in cluster.log():
                if line["level"] != "info":
                    print(line)  # noqa: T201 -- pytest shows it when the test has failed
            _wake(cluster)
            cluster.close()


def _wake(cluster: Cluster) -> None:
    """Have whoever is still paused able to end."""
    for one in cluster.workers:
        if one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGCONT)
