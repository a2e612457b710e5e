"""API and workers as separate processes, for tests that pause and kill them."""

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
from support.http.client import LEASE_SECONDS, SLICE_FRAMES, RepeatableRequest, Request, wait_until
from support.listing import files_below, folders_below
from support.processes import command, service_process
from support.processes.fork_server import HALTS
from support.processes.pausing import open_files, pause
from support.processes.service_process import PASSWORD, ServiceProcess

_RESULTS_LOCK = 7_303_014
"""Id of an advisory lock: while a test holds it, no result is committed."""

_HISTORY = (
    "CREATE TABLE history (LIKE slices)",
    "ALTER TABLE history ADD COLUMN noted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp()",
    f"""
    CREATE FUNCTION remember() RETURNS trigger AS
        'BEGIN
            IF NEW.kind = ''assembly'' AND NEW.state = ''completed'' THEN
                PERFORM pg_advisory_xact_lock_shared({_RESULTS_LOCK});
            END IF;
            INSERT INTO history SELECT NEW.*;
            RETURN NULL;
        END' LANGUAGE plpgsql
    """,
    "CREATE TRIGGER remember AFTER UPDATE ON slices FOR EACH ROW EXECUTE FUNCTION remember()",
)
"""Slices are deleted when their request ends, and the tests need their history."""


@dataclass
class Cluster:
    """One installation.

    Attributes:
        environment: environment of all its processes.
        folder: value of DATA_DIR.
        http: an administrator's client.
        api: process of the API.
        workers: workers that were neither stopped nor killed.
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
    _requests: dict[tuple[Path, int, int | None], RepeatableRequest] = field(default_factory=dict)
    _log_offsets: dict[Path, int] = field(default_factory=dict)
    _processes: list[ServiceProcess] = field(default_factory=list)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _connection: asyncpg.Connection[asyncpg.Record] | None = None

    def __post_init__(self) -> None:
        self._logs.mkdir(parents=True)
        self.halts.mkdir()

    def start_api(self) -> None:
        """Start an API; the client uses it from now on."""
        self.api = self._start("api", "--port", "0")
        address = self.api.wait_for("listening on ")
        self.http = self.resources.enter_context(service_process.signed_in(address))

    def start_workers(self, count: int = 2, **more: str) -> list[ServiceProcess]:
        """Start more workers, with additional environment, and wait until they have announced themselves."""
        started = [self._start("worker", **more) for _ in range(count)]
        self.workers += started
        pids = {worker.process.pid for worker in started}
        if more:
            self._special |= pids
        wait_until(lambda: pids <= self._runner.run(self._announced()), "workers are there", pause=0.05)
        return started

    def worker(self, pid: int | None) -> ServiceProcess:
        """Return the worker with that process id."""
        return next(process for process in self.workers if process.process.pid == pid)

    def kill(self, pid: int | None) -> None:
        """Kill a worker at once, whatever it is doing."""
        process = self.worker(pid).process
        process.kill()
        process.wait()

    def pause(self, pid: int | None) -> None:
        """Suspend a worker until it is resumed, or the test ends."""
        worker = self.worker(pid)
        self._paused.add(worker.process.pid)
        worker.process.send_signal(signal.SIGSTOP)

    def resume(self, pid: int | None) -> None:
        """Resume a paused worker."""
        worker = self.worker(pid)
        self._paused.discard(worker.process.pid)
        worker.process.send_signal(signal.SIGCONT)

    def is_suspended(self, pid: int | None) -> bool:
        """Return whether a worker is paused or held."""
        return pid in self._paused | self._held

    @contextmanager
    def suspended(self, pid: int | None) -> Iterator[None]:
        """Suspend a worker while the block lasts, outside of any transaction."""
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
    def replacement_workers(self, count: int, **more: str) -> Iterator[list[ServiceProcess]]:
        """Start other workers, with additional environment, while the present ones are suspended."""
        with ExitStack() as resumed:
            for worker in self.workers:
                resumed.enter_context(self.suspended(worker.process.pid))
            yield self.start_workers(count, **more)

    @contextmanager
    def results_withheld(self) -> Iterator[None]:
        """Let no result be committed while the block lasts: workers that have one wait."""
        self.query("SELECT pg_advisory_lock($1)", _RESULTS_LOCK)
        try:
            yield
        finally:
            self.query("SELECT pg_advisory_unlock($1)", _RESULTS_LOCK)

    def health(self) -> dict[str, Any]:
        """Return the health report of the service."""
        report: dict[str, Any] = self.http.get("/api/frames/anonymize/health/").raise_for_status().json()
        return report

    def repeatable_request(self, video: Path, start: int = 0, end: int | None = None) -> RepeatableRequest:
        """Upload a video and mark a range of it; once each, so that results can be compared."""
        if (video, start, end) not in self._requests:
            if video not in self._videos:
                self._videos[video] = service_process.upload(self.http, video)
            facts = self._videos[video]
            last = facts["frame_count"] if end is None else end
            segment = service_process.mark(self.http, facts["id"], start, last)
            self._requests[video, start, end] = RepeatableRequest(self, facts["id"], segment, start, last)
        return self._requests[video, start, end]

    def query(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Return rows of the database."""
        if self._connection is None or self._connection.is_closed():
            address = self.environment["DATABASE_URL"]
            self._connection = self._runner.run(asyncpg.connect(address))
        try:
            rows: list[asyncpg.Record] = self._runner.run(self._connection.fetch(statement, *values))
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
            # A connection notices a restarted server only when it is used.
            self._connection.terminate()
            return self.query(statement, *values)
        return rows

    def record_history(self) -> None:
        """Have the database record every change of slices."""
        for statement in _HISTORY:
            self.query(statement)

    def stop(self) -> None:
        """Stop all processes in parallel, and close the database connection."""
        self.resume_all()
        for service in self._processes:
            if service.process.poll() is None:
                service.process.terminate()
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()

    def scratch(self) -> list[str]:
        """Return the folders of slices in work, or left by killed workers."""
        return [path.name for path in self._slice_folders()]

    def objects(self) -> list[str]:
        """Return all keys in the object store, which is a folder."""
        return files_below(self.folder / "objects")

    def log(self) -> list[dict[str, Any]]:
        """Return the log lines of all processes since the test began, process by process."""
        texts = [path.read_bytes()[self._log_offsets.get(path, 0) :] for path in sorted(self._logs.iterdir())]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.endswith(b"}")]

    def print_warnings(self) -> None:
        """Print warnings and errors of the processes; pytest shows them when the test has failed."""
        for line in self.log():
            if line["level"] != "info":
                print(line)  # noqa: T201 -- as it says

    def resume_all(self) -> None:
        """Resume all paused workers, so that they can end."""
        self._paused.clear()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)

    def make_ready(self, workers: int = 2) -> None:
        """Prepare the cluster for the next test: an API, the given number of workers, no old log lines."""
        self._log_offsets = {path: path.stat().st_size for path in self._logs.iterdir()}
        self.workers = [one for one in self.workers if one.process.poll() is None]
        if missing := workers - len(self.workers):
            self.start_workers(missing)

    def clean_up(self) -> None:
        """Stop workers with special environment, cancel unfinished requests, and remove leftovers."""
        self.resume_all()
        for worker in self.workers:
            if worker.process.pid in self._special and worker.process.poll() is None:
                worker.stop(signal.SIGTERM)
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        for (request,) in self.query("SELECT id::text FROM requests WHERE completed_at IS NULL"):
            self.http.delete(f"/api/frames/anonymize/{request}/")
        wait_until(lambda: not self._working(), "workers have let go")
        for left in self._slice_folders():
            shutil.rmtree(left, ignore_errors=True)

    def _slice_folders(self) -> list[Path]:
        return folders_below(self.folder / "scratch", "process-*", "slice-*")

    @property
    def halts(self) -> Path:
        """Folder in which workers check for tokens that stop their slices; see ``halting.py``."""
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
        """Return whether a worker has a file of a slice open."""
        return any("/slice-" in file for worker in self.workers for file in open_files(worker.process.pid))

    async def _announced(self) -> set[int]:
        """Return the process ids of the workers that have sent a heartbeat."""
        async with ArqJobQueue(self.environment["REDIS_URL"]) as queue:
            return {int(worker.name.rpartition("-")[2]) for worker in await queue.workers()}

    def _in_transaction(self) -> set[int]:
        """Return the ports of database clients that are in a transaction."""
        statement = (
            "SELECT client_port FROM pg_stat_activity "
            "WHERE xact_start IS NOT NULL AND client_port > 0 AND pid <> pg_backend_pid()"
        )
        return {row["client_port"] for row in self.query(statement)}


@contextmanager
def locked(request: Request) -> Iterator[None]:
    """Lock the row of a request, so that any change to it or its slices waits."""
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
    """Run an installation with an API and some workers.

    Args:
        database_url: address of a migrated database without rows.
        redis_url: address of an empty Redis.
        folder: folder for all its data.
        workers: initial number of workers.
        **more: additional environment.
    """
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "one secret for all the processes",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SLICE_FRAMES": str(SLICE_FRAMES),
        "LOG_FORMAT": "json",
        # As several workers on one machine are configured.
        "FRAMECLOAK_THREADS": "1",
        **more,
    }
    arguments = ("users", "create", "admin", "--admin", "--password-stdin")
    created = command.run(*arguments, environment=environment, stdin=f"{PASSWORD}\n")
    assert (created.code, created.err) == (0, "")
    with ExitStack() as resources:
        cluster = Cluster(environment, folder, resources)
        try:
            cluster.record_history()
            cluster.start_api()
            cluster.start_workers(workers)
            yield cluster
        finally:
            cluster.print_warnings()
            cluster.stop()
