"""Servers that fail while they are needed, and come back with or without their data."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.processes import available_port
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.redis.job_queue import ArqJobQueue
from support.http.client import LEASE_SECONDS, Request, wait_until
from support.pace import PACE
from support.servers import cluster as clusters
from support.servers.cluster import Cluster
from support.servers.s3_server import running_s3

DOWN_LEASES = 3
"""Duration of the object store's outage in leases, all of which have to be renewed."""

_DISPATCHING = 7_203_518_264
"""The advisory lock of the dispatcher."""


pytestmark = pytest.mark.faults


HEALTH = "/api/frames/anonymize/health/"


@dataclass
class OwnPostgres:
    """A Postgres that a test may stop, on a fixed port."""

    folder: Path
    port: int = field(default_factory=lambda: available_port(None))

    def start(self) -> str:
        self.server = EmbeddedPostgres(self.folder, self.port, durable=False)
        return asyncio.run(self.server.start())

    def crash(self) -> None:
        """Stop it as ``pg_ctl stop -m immediate`` does."""
        pid = int((self.folder / "cluster" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        self.stop()

    def stop(self) -> None:
        asyncio.run(self.server.stop())


@dataclass
class OwnRedis:
    """A Redis that a test may kill, on a fixed port."""

    folder: Path
    port: int = field(default_factory=lambda: available_port(None))

    def start(self) -> str:
        self.server = EmbeddedRedis(self.folder, self.port)
        self.url = asyncio.run(self.server.start())
        return self.url

    def kill(self) -> None:
        """Kill it at once, and delete its data."""
        os.kill(int(asyncio.run(self._info())["process_id"]), signal.SIGKILL)
        self.stop()
        # A file or, from version 7 on, a folder.
        (kept,) = self.folder.glob("appendonly*")
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()

    def stop(self) -> None:
        asyncio.run(self.server.stop())

    async def _info(self) -> dict[str, int]:
        async with Redis.from_url(self.url) as client:
            answer: dict[str, int] = await client.info("server")
            return answer


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[OwnPostgres]:
    server = OwnPostgres(tmp_path / "postgres")
    asyncio.run(Schema(server.start()).upgrade())
    yield server
    server.stop()


def test_redis_is_killed_and_comes_back_empty(
    database_url: str, own_redis: OwnRedis, tmp_path: Path, video_file: Path
) -> None:
    more = {"LEASE_SECONDS": PACE.lease(LEASE_SECONDS)}
    with clusters.running(database_url, own_redis.url, tmp_path / "data", **more) as cluster:
        order = cluster.repeatable_request(video_file)
        requests = [order.submit(), order.submit()]
        with requests[0].held(2):
            own_redis.kill()
        wait_until(lambda: unhealthy(cluster), "the API has noticed")
        own_redis.start()
        for request in requests:
            request.require_complete_result()
            assert {request.finished(one).attempts for one in range(4)} == {1}
        wait_until(lambda: cluster.health()["workers"] == 2, "workers have announced themselves again")


def test_postgres_crashes_and_comes_back(
    own_postgres: OwnPostgres, redis_url: str, tmp_path: Path, video_file: Path
) -> None:
    url = own_postgres.server.url
    with clusters.running(url, redis_url, tmp_path / "data") as cluster:
        request = cluster.repeatable_request(video_file).submit()
        with request.held(2):
            pass
        over, paths = Event(), [f"/api/frames/anonymize/status/{request.id}/", HEALTH, "/api/videos/"]
        answered: dict[str, set[int]] = {path: set() for path in paths}
        with ThreadPoolExecutor(3) as threads:
            asking = [threads.submit(ask, cluster, path, answered[path], over) for path in paths]
            try:
                own_postgres.crash()
                wait_until(lambda: all(503 in one for one in answered.values()), "all of the API has noticed")
                own_postgres.start()
                wait_until(lambda: not unhealthy(cluster), "the API has noticed that it is back")
                request.wait()
            finally:
                over.set()
            for one in asking:
                one.result()
        assert all(one <= {200, 503} for one in answered.values()), answered
        request.require_complete_result()


def unhealthy(cluster: Cluster) -> bool:
    """Return whether the API reports a problem."""
    return cluster.http.get(HEALTH).status_code == 503


def ask(cluster: Cluster, path: str, answered: set[int], over: Event) -> None:
    """Record the status codes of a path until an event is set."""
    with httpx.Client(base_url=cluster.http.base_url, headers=cluster.http.headers, timeout=60) as http:
        while not over.wait(0.1):
            answered.add(http.get(path).status_code)


@pytest.fixture
def s3_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "s3"
    folder.mkdir()
    return folder


def test_object_store_outage(
    database_url: str, redis_url: str, tmp_path: Path, s3_folder: Path, video_file: Path
) -> None:
    with ExitStack() as first, ExitStack() as second:
        server = first.enter_context(running_s3(s3_folder))
        more = {**server.environment, "LEASE_SECONDS": PACE.lease(LEASE_SECONDS)}
        cluster = second.enter_context(clusters.running(database_url, redis_url, tmp_path / "data", **more))
        request = cluster.repeatable_request(video_file).submit()
        with request.held(2):
            first.close()
        wait_until(lambda: all_redacted(request), "nothing is left to do without the store")
        wait_until(lambda: unhealthy(cluster), "the API has noticed")
        assert not Event().wait(DOWN_LEASES * int(more["LEASE_SECONDS"]))
        assert all_redacted(request)
        first.enter_context(running_s3(s3_folder, int(server.endpoint.rpartition(":")[2])))
        request.require_complete_result()
        # What was redacted is not lost.
        assert {request.finished(one).attempts for one in range(4)} == {1}


def test_worker_killed_while_storing_a_part(
    database_url: str, redis_url: str, tmp_path: Path, s3_folder: Path, video_file: Path
) -> None:
    with running_s3(s3_folder) as server:
        more = {**server.environment, "LEASE_SECONDS": PACE.lease(LEASE_SECONDS)}
        with clusters.running(database_url, redis_url, tmp_path / "data", **more) as cluster:
            request = cluster.repeatable_request(video_file).submit()
            with request.held(2) as (victim, _):
                os.kill(server.pid, signal.SIGSTOP)
            try:
                wait_until(lambda: all_redacted(request), "both workers store what they have")
                cluster.kill(victim.worker)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            request.require_complete_result()
            assert request.finished(victim.number).attempts == 2


def all_redacted(request: Request) -> bool:
    """Return whether two workers have redacted their slices and cannot store them."""
    held = [one for one in request.slices() if one.state == "leased"]
    return len(held) == 2 and all(one.processed_frames == one.frames and one.attempts == 1 for one in held)


def test_api_killed_between_commit_and_enqueue(cluster: Cluster, video_file: Path) -> None:
    order = cluster.repeatable_request(video_file)
    submitted = "SELECT id::text FROM requests WHERE admitted_at IS NULL AND completed_at IS NULL"
    with ThreadPoolExecutor(1) as threads:
        # The API needs this lock to wake workers.
        cluster.query("SELECT pg_advisory_lock($1)", _DISPATCHING)
        answer = threads.submit(order.submit)
        wait_until(lambda: cluster.query(submitted), "the request is stored")
        cluster.api.process.kill()
        cluster.api.process.wait()
        assert isinstance(answer.exception(), httpx.HTTPError)
    ((request_id,),) = cluster.query(submitted)
    assert UUID(request_id) not in asyncio.run(tickets(cluster.environment["REDIS_URL"]))
    cluster.query("SELECT pg_advisory_unlock($1)", _DISPATCHING)
    cluster.start_api()
    Request(order, request_id).require_complete_result()


async def tickets(redis_url: str) -> Mapping[UUID, int]:
    """Return the number of queued wake-ups by request."""
    async with ArqJobQueue(redis_url) as queue:
        return await queue.wakeups()
