"""Contract of job queues: the fake and ARQ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from fakes.queue import FakeJobQueue
from framecloak.adapters.redis import job_queue
from framecloak.adapters.redis.job_queue import NORMAL_QUEUE, WORKER_TTL, ArqJobQueue
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.errors import InvalidSettingError, QueueUnavailableError
from framecloak.domain.ports.queue import JobQueue

UNREACHABLE_URL = "redis://:hunter2@127.0.0.1:1/0"


@pytest.fixture(params=["fake", "arq"])
async def queue(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[JobQueue]:
    if request.param == "fake":
        yield FakeJobQueue()
        return
    async with ArqJobQueue(redis_url) as opened:
        yield opened


@pytest.fixture(params=["fake", "arq"])
async def unavailable_queue(request: pytest.FixtureRequest) -> AsyncIterator[JobQueue]:
    if request.param == "fake":
        yield FakeJobQueue(unavailable=True)
        return
    async with ArqJobQueue(UNREACHABLE_URL) as opened:
        yield opened


async def test_a_new_queue_is_empty(queue: JobQueue) -> None:
    await queue.ping()
    assert dict(await queue.wakeups()) == {}
    assert list(await queue.workers()) == []


async def test_wakeups_of_both_priorities_are_counted_per_request(queue: JobQueue) -> None:
    first, second = uuid4(), uuid4()
    for request_id, priority in ((first, Priority.NORMAL), (first, Priority.HIGH), (second, Priority.NORMAL)):
        await queue.wake_workers(request_id, priority)
    assert dict(await queue.wakeups()) == {first: 2, second: 1}
    assert dict(await queue.wakeup_counts()) == {Priority.NORMAL: 2, Priority.HIGH: 1}


async def test_a_cleanup_is_not_counted_as_a_wakeup(queue: JobQueue) -> None:
    await queue.request_cleanup()
    assert dict(await queue.wakeups()) == {}


@pytest.mark.parametrize(
    "call",
    ["wake_workers", "request_cleanup", "worker_count", "workers", "wakeups", "wakeup_counts", "ping"],
)
async def test_every_call_reports_an_unavailable_queue(unavailable_queue: JobQueue, call: str) -> None:
    arguments = (uuid4(), Priority.NORMAL) if call == "wake_workers" else ()
    with pytest.raises(QueueUnavailableError) as caught:
        await getattr(unavailable_queue, call)(*arguments)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_a_wrong_password_and_a_closed_port_are_named(redis_url: str) -> None:
    user, _, server = redis_url.partition("://")[2].rpartition("@")
    assert user
    for url, reason in (
        (
            f"redis://:hunter2@{server}",
            r"Redis on 127\.0\.0\.1:\d+, database \d+ .*invalid username-password",
        ),
        (UNREACHABLE_URL, r"Redis on 127\.0\.0\.1:1, database 0 .*Connect"),
    ):
        async with ArqJobQueue(url) as queue:
            with pytest.raises(QueueUnavailableError, match=reason) as caught:
                await queue.ping()
        assert "hunter2" not in str(caught.value)


async def test_expired_and_malformed_wakeups_are_removed(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.redis.zadd(NORMAL_QUEUE, {"garbage": 1, f"{uuid4()}.x.y": 2})
        await queue.wake_workers(uuid4(), Priority.NORMAL)
        monkeypatch.setattr(job_queue, "WAKEUP_TTL", -timedelta(seconds=1))
        assert set((await queue.wakeup_counts()).values()) == {0}
        assert dict(await queue.wakeups()) == {}
        assert await queue.redis.zcard(NORMAL_QUEUE) == 0


async def test_an_expired_wakeup_leaves_no_keys(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ArqJobQueue(redis_url) as queue:
        for priority in Priority:
            for _ in range(3):
                await queue.wake_workers(uuid4(), priority)
        names = await queue.redis.zrange(NORMAL_QUEUE, 0, -1)
        # ARQ leaves this key when a worker is killed while it handles a wakeup.
        await queue.redis.set(b"arq:retry:" + names[0], 1)
        assert len([key async for key in queue.redis.scan_iter("arq:job:*")]) == 6
        await queue.wakeups()
        assert len([key async for key in queue.redis.scan_iter("arq:job:*")]) == 6
        monkeypatch.setattr(job_queue, "WAKEUP_TTL", -timedelta(seconds=1))
        await queue.wakeups()
        assert [key async for key in queue.redis.scan_iter("*")] == []


async def test_the_payload_of_a_wakeup_expires(redis_url: str) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.wake_workers(uuid4(), Priority.NORMAL)
        (key,) = [key async for key in queue.redis.scan_iter("arq:job:*")]
        assert timedelta() < timedelta(milliseconds=await queue.redis.pttl(key)) <= timedelta(minutes=10)


async def test_workers_are_listed_while_their_heartbeats_last(redis_url: str) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.announce("host:1", ["anonymization"])
        await queue.announce("host:2", ["cleanup", "anonymization"])
        workers = await queue.workers()
        assert [(worker.name, worker.queues) for worker in workers] == [
            ("host:1", ("anonymization",)),
            ("host:2", ("cleanup", "anonymization")),
        ]
        await queue.retire("host:1")
        assert [worker.name for worker in await queue.workers()] == ["host:2"]
        assert await queue.worker_count() == 1
        # A worker that is killed cannot retire; its heartbeat expires.
        ttl = await queue.redis.pttl("framecloak:workers:host:2")
        assert 0 < ttl <= 10_000
        await queue.redis.delete("framecloak:workers:host:2")
        assert await queue.workers() == []


async def test_killed_workers_are_neither_counted_nor_remembered(redis_url: str) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.announce("host:1", ["anonymization"])
        await queue.announce("host:2", ["anonymization"])
        assert await queue.worker_count() == 2
        long_ago = (datetime.now(UTC) - WORKER_TTL).timestamp() - 1
        await queue.redis.zadd("framecloak:workers", {"host:1": long_ago})
        assert await queue.worker_count() == 1
        await queue.announce("host:2", ["anonymization"])
        assert await queue.redis.zrange("framecloak:workers", 0, -1) == [b"host:2"]


async def test_counting_and_listing_workers_do_not_search_all_keys(redis_url: str) -> None:
    """A search reads every key of the server; a dispatcher of each of many workers counts often."""
    async with ArqJobQueue(redis_url) as queue:
        for number in range(30):
            await queue.announce(f"host:{number}", ["anonymization"])
        await queue.redis.config_resetstat()
        assert await queue.worker_count() == len(await queue.workers()) == 30
        calls = await queue.redis.info("commandstats")
    counted = {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in calls.items()}
    assert (counted["zcount"], counted["zrange"], counted["mget"]) == (1, 1, 1)
    assert not counted.keys() & {"scan", "keys", "get"}


async def test_the_speed_of_workers_is_announced(redis_url: str) -> None:
    speed = WorkerSpeed(0.04, 0.7, frozenset({Level.FACES, Level.FULL}))
    async with ArqJobQueue(redis_url) as queue:
        await queue.announce("host:1", ["anonymization"], speed)
        await queue.announce("host:2", ["anonymization"], WorkerSpeed())
        await queue.announce("host:3", ["anonymization"])
        assert [worker.speed for worker in await queue.workers()] == [speed, WorkerSpeed(), None]


async def test_heartbeats_of_other_versions_are_read(redis_url: str) -> None:
    earlier = {"queues": ["anonymization"], "seen_at": 1.0}
    levels = {"frame_seconds": 0.1, "load_seconds": None, "loaded": ["everything", "faces"]}
    async with ArqJobQueue(redis_url) as queue:
        for name, heartbeat in {"a": earlier, "b": {**earlier, "speed": levels, "more": 1}}.items():
            await queue.announce(name, ["anonymization"])
            await queue.redis.set(f"framecloak:workers:{name}", msgspec.msgpack.encode(heartbeat))
        found = [worker.speed for worker in await queue.workers()]
    assert found == [None, WorkerSpeed(0.1, None, frozenset({Level.FACES}))]


def test_an_invalid_address_is_refused_without_being_quoted() -> None:
    with pytest.raises(InvalidSettingError) as caught:
        ArqJobQueue("http://:hunter2@127.0.0.1")
    assert "REDIS_URL" in caught.value.message
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
