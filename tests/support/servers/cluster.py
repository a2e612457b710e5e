"""API and workers as processes of their own, to be hurt one after the other while they work."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from framecloak.adapters.redis.job_queue import ArqJobQueue
from support.http.client import LEASE_SECONDS, SLICE_FRAMES, Order, Request, until
from support.listing import files_below, folders_below
from support.processes import command, service_process
from support.processes.fork_server import HALTS
from support.processes.pausing import open_files, pause
from support.processes.service_process import PASSWORD, ServiceProcess

_RESULTS = 7_303_014
"""An advisory lock: while a test has it, no result counts."""

_HISTORY = (
    "CREATE TABLE history (LIKE slices)",
    "ALTER TABLE history ADD COLUMN noted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp()",
    f"""
    CREATE FUNCTION remember() RETURNS trigger AS
        'BEGIN
            IF NEW.kind = ''assembly'' AND NEW.state = ''completed'' THEN
                PERFORM pg_advisory_xact_lock_shared({_RESULTS});
            END IF;
            INSERT INTO history SELECT NEW.*;
            RETURN NULL;
        END' LANGUAGE plpgsql
    """,
    "CREATE TRIGGER remember AFTER UPDATE ON slices FOR EACH ROW EXECUTE FUNCTION remember()",
)
"""Slices are forgotten when their request is over, and the tests want to know how it went."""


@dataclass
class Cluster:
    """One installation.

    Attributes:
        environment: of all its processes.
        folder: what DATA_DIR is.
        http: an administrator's client.
        api: its process.
        workers: those that nobody has stopped or killed.
    """

    environment: dict[str, str]
    folder: Path
    resources: ExitStack
    http: httpx.Client = field(init=False)
    api: ServiceProcess = field(init=False)
    workers: list[ServiceProcess] = field(default_factory=list)
    _paused: set[int] = field(default_factory=set)
    _held: set[int] = field(default_factory=set)
    _special: set[int] = field(default_factory=set)
    _videos: dict[Path, dict[str, Any]] = field(default_factory=dict)
    _orders: dict[tuple[Path, int, int | None], Order] = field(default_factory=dict)
    _told: dict[Path, int] = field(default_factory=dict)
    _processes: list[ServiceProcess] = field(default_factory=list)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _connection: asyncpg.Connection[asyncpg.Record] | None = None

    def __post_init__(self) -> None:
        self._logs.mkdir(parents=True)
        self.halts.mkdir()

    def start_api(self) -> None:
        """Start one; the client talks to it from now on."""
        self.api = self._start("api", "--port", "0")
        address = self.api.wait_for("listening on ")
        self.http = self.resources.enter_context(service_process.signed_in(address))

    def start_workers(self, count: int = 2, **more: str) -> list[ServiceProcess]:
        """Start some more, with more environment, and wait until they have announced themselves."""
        started = [self._start("worker", **more) for _ in range(count)]
        self.workers += started
        pids = {one.process.pid for one in started}
        if more:
            self._special |= pids
        until(lambda: pids <= self._runner.run(self._announced()), "workers are there", pause=0.05)
        return started

    def worker(self, pid: int | None) -> ServiceProcess:
        """The one with that process id."""
        return next(one for one in self.workers if one.process.pid == pid)

    def kill(self, pid: int | None) -> None:
        """End a worker at once, whatever it is doing."""
        process = self.worker(pid).process
        process.kill()
        process.wait()

    def pause(self, pid: int | None) -> None:
        """Have a worker stand still until it is resumed, or the test is over."""
        worker = self.worker(pid)
        self._paused.add(worker.process.pid)
        worker.process.send_signal(signal.SIGSTOP)

    def resume(self, pid: int | None) -> None:
        """Have a worker that was paused go on."""
        worker = self.worker(pid)
        self._paused.discard(worker.process.pid)
        worker.process.send_signal(signal.SIGCONT)

    def stands_still(self, pid: int | None) -> bool:
        """Whether a worker is paused or held."""
        return pid in self._paused | self._held

    @contextmanager
    def standing_still(self, pid: int | None) -> Iterator[None]:
        """Have a worker stand still, at a moment when it keeps no other one waiting."""
        worker = self.worker(pid)
        own = worker.process.pid
        pause(own, urlsplit(self.environment["DATABASE_URL"]).port or 5432, self._in_transaction)
        self._held.add(own)
        try:
            yield
        finally:
            self._held.discard(own)
            # The test may have killed it meanwhile, or paused it for longer.
            if own not in self._paused:
                worker.process.send_signal(signal.SIGCONT)

    @contextmanager
    def replaced(self, count: int, **more: str) -> Iterator[list[ServiceProcess]]:
        """Have other workers, with more environment, while those that are there stand still."""
        with ExitStack() as resumed:
            for one in self.workers:
                resumed.enter_context(self.standing_still(one.process.pid))
            yield self.start_workers(count, **more)

    @contextmanager
    def results_withheld(self) -> Iterator[None]:
        """Have no result count while the block lasts: whoever has made one waits with it in its hands."""
        self.ask("SELECT pg_advisory_lock($1)", _RESULTS)
        try:
            yield
        finally:
            self.ask("SELECT pg_advisory_unlock($1)", _RESULTS)

    def health(self) -> dict[str, Any]:
        """What the service says of itself."""
        report: dict[str, Any] = self.http.get("/api/frames/anonymize/health/").raise_for_status().json()
        return report

    def order(self, video: Path, start: int = 0, end: int | None = None) -> Order:
        """Upload a video, and choose frames of it; once each, so that results can be compared."""
        if (video, start, end) not in self._orders:
            if video not in self._videos:
                self._videos[video] = service_process.upload(self.http, video)
            facts = self._videos[video]
            last = facts["frame_count"] if end is None else end
            segment = service_process.mark(self.http, facts["id"], start, last)
            self._orders[video, start, end] = Order(self, facts["id"], segment, start, last)
        return self._orders[video, start, end]

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
        for statement in _HISTORY:
            self.ask(statement)

    def end(self) -> None:
        """Tell all processes to stop, which they do side by side, and let the database go."""
        self.wake()
        for one in self._processes:
            if one.process.poll() is None:
                one.process.terminate()
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()

    def scratch(self) -> list[str]:
        """Folders of slices that somebody works on, or died over."""
        return [path.name for path in self._slice_folders()]

    def objects(self) -> list[str]:
        """Keys of everything in the object store, which is a folder."""
        return files_below(self.folder / "objects")

    def log(self) -> list[dict[str, Any]]:
        """Lines of all processes since the test began, one process after the other."""
        texts = [path.read_bytes()[self._told.get(path, 0) :] for path in sorted(self._logs.iterdir())]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.endswith(b"}")]

    def print_troubles(self) -> None:
        """Print what processes complained about; pytest shows it when the test has failed."""
        for line in self.log():
            if line["level"] != "info":
                print(line)  # noqa: T201 -- as it says

    def wake(self) -> None:
        """Have whoever is still paused able to end."""
        self._paused.clear()
        for one in self.workers:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGCONT)

    def make_ready(self, workers: int = 2) -> None:
        """Prepare what other tests have used: an API, so many workers, and nothing left over."""
        self._told = {path: path.stat().st_size for path in self._logs.iterdir()}
        self.workers = [one for one in self.workers if one.process.poll() is None]
        if missing := workers - len(self.workers):
            self.start_workers(missing)

    def clear_up(self) -> None:
        """Stop workers of other kinds, cancel what is unfinished, and remove what the killed left behind."""
        self.wake()
        for one in self.workers:
            if one.process.pid in self._special and one.process.poll() is None:
                one.stop(signal.SIGTERM)
        self.workers = [one for one in self.workers if one.process.poll() is None]
        for (request,) in self.ask("SELECT id::text FROM requests WHERE completed_at IS NULL"):
            self.http.delete(f"/api/frames/anonymize/{request}/")
        until(lambda: not self._working(), "workers have let go")
        for left in self._slice_folders():
            shutil.rmtree(left, ignore_errors=True)

    def _slice_folders(self) -> list[Path]:
        return folders_below(self.folder / "scratch", "process-*", "slice-*")

    @property
    def halts(self) -> Path:
        """Where workers look for tokens that stop their slices; see ``halting.py``."""
        return self.folder.with_name(f"{self.folder.name}-halts")

    @property
    def _logs(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-logs")

    def _start(self, *arguments: str, **more: str) -> ServiceProcess:
        errors = self._logs / f"{len(list(self._logs.iterdir())):02d}-{arguments[0]}"
        variables = {HALTS: str(self.halts), **self.environment, **more}
        service = service_process.started(*arguments, environment=variables, errors=errors)
        self._processes.append(self.resources.enter_context(service))
        return self._processes[-1]

    def _working(self) -> bool:
        """Whether a worker has a file of a slice open."""
        return any("/slice-" in file for one in self.workers for file in open_files(one.process.pid))

    async def _announced(self) -> set[int]:
        """Process ids of the workers that have given a sign of life."""
        async with ArqJobQueue(self.environment["REDIS_URL"]) as queue:
            return {int(worker.name.rpartition("-")[2]) for worker in await queue.workers()}

    def _in_transaction(self) -> set[int]:
        """Ports of clients of the database that are in the middle of a transaction."""
        statement = (
            "SELECT client_port FROM pg_stat_activity "
            "WHERE xact_start IS NOT NULL AND client_port > 0 AND pid <> pg_backend_pid()"
        )
        return {row["client_port"] for row in self.ask(statement)}


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
            cluster.print_troubles()
            cluster.end()
