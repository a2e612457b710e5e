"""API and workers as processes of their own, to be hurt one after the other while they work."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

import command
import service_process
from orders import LEASE_SECONDS, SLICE_FRAMES, Order, Request, until
from service_process import PASSWORD, ServiceProcess

_HISTORY = """
    CREATE TABLE history (LIKE slices);
    ALTER TABLE history ADD COLUMN noted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp();
    CREATE FUNCTION remember() RETURNS trigger AS
        'BEGIN INSERT INTO history SELECT NEW.*; RETURN NULL; END' LANGUAGE plpgsql;
    CREATE TRIGGER remember AFTER UPDATE ON slices FOR EACH ROW EXECUTE FUNCTION remember();
"""
"""Slices are forgotten when their request is over, and the tests want to know how it went."""


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
        try:
            rows: list[asyncpg.Record] = self._runner.run(self._connection.fetch(statement, *values))
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
            # A connection notices that its server has gone when it is used.
            self._connection.terminate()
            return self.ask(statement, *values)
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
