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
from pathlib import Path
from typing import Any

import asyncpg
import httpx

import command
import service_process
from service_process import PASSWORD, ServiceProcess

LEASE_SECONDS = 4
"""Short, so that the tests need not wait for what operators wait for."""

HEALED_SECONDS = LEASE_SECONDS + 30
"""How long anything may take to be as if nothing had happened, once the fault is over."""


def until(true: Callable[[], object], what: str, seconds: float = HEALED_SECONDS) -> None:
    """Look again and again, and closely, until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.005)


_HISTORY = """
    CREATE TABLE history (LIKE slices);
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

    def start_workers(self, count: int = 2) -> list[ServiceProcess]:
        """Start some more, and wait until they have announced themselves."""
        started = [self._start("worker") for _ in range(count)]
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
        return [path.name for path in (self.folder / "scratch").glob("slice-*")]

    def _start(self, *arguments: str) -> ServiceProcess:
        service = service_process.started(*arguments, environment=self.environment)
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
        statement = "SELECT * FROM history WHERE request_id = $1 AND number = $2"
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

        until(caught, f"{count} slices are in work")
        return found

    def objects(self) -> list[str]:
        """What lies in the object store, which is a folder, for it."""
        root = self.cluster.folder / "objects" / "requests" / self.id
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def wait(self, status: str = "completed", seconds: float = HEALED_SECONDS) -> dict[str, Any]:
        """Wait until it is over; returns its last state."""
        state: dict[str, Any] = {}

        def over() -> bool:
            state.update(self.status())
            time.sleep(0.05)  # the status has other readers too
            return state["status"] in {"completed", "failed", "cancelled"}

        until(over, f"{status}, and not {self.slices()}", seconds)
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
        undisturbed = self.order.submit()
        undisturbed.wait()
        assert result == undisturbed.download()


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
        "LOG_LEVEL": "warning",
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
            _wake(cluster)
            cluster.close()


def _wake(cluster: Cluster) -> None:
    """Have whoever is still paused able to end."""
    for one in cluster.workers:
        if one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGCONT)
