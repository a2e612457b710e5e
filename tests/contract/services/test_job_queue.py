"""What a queue of jobs promises; the fake promises the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from fakes.queue import FakeJobQueue
from framecloak.adapters.redis import job_queue
from framecloak.adapters.redis.job_queue import NORMAL_QUEUE, ArqJobQueue
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.errors import InvalidSettingError, QueueUnavailableError
from framecloak.domain.ports.queue import JobQueue

NOBODY_THERE = "redis://:hunter2@127.0.0.1:1/0"


@pytest.fixture(params=["fake", "arq"])
async def queue(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[JobQueue]:
    if request.param == "fake":
        yield FakeJobQueue()
        return
    async with ArqJobQueue(redis_url) as made:
        yield made


@pytest.fixture(params=["fake", "arq"])
async def queue_that_is_down(request: pytest.FixtureRequest) -> AsyncIterator[JobQueue]:
    if request.param == "fake":
        yield FakeJobQueue(unavailable=True)
        return
    async with ArqJobQueue(NOBODY_THERE) as made:
        yield made


async def test_a_new_queue_is_empty(queue: JobQueue) -> None:
    await queue.ping()
    assert dict(await queue.wakeups()) == {}
    assert list(await queue.workers()) == []


async def test_tickets_of_both_priorities_are_counted_by_request(queue: JobQueue) -> None:
    one, other = uuid4(), uuid4()
    for request_id, priority in ((one, Priority.NORMAL), (one, Priority.HIGH), (other, Priority.NORMAL)):
        await queue.wake_workers(request_id, priority)
    assert dict(await queue.wakeups()) == {one: 2, other: 1}


async def test_a_clean_up_is_no_ticket(queue: JobQueue) -> None:
    await queue.request_cleanup()
    assert dict(await queue.wakeups()) == {}


@pytest.mark.parametrize("call", ["wake_workers", "request_cleanup", "workers", "wakeups", "ping"])
async def test_every_call_says_when_the_queue_is_down(queue_that_is_down: JobQueue, call: str) -> None:
    arguments = (uuid4(), Priority.NORMAL) if call == "wake_workers" else ()
    with pytest.raises(QueueUnavailableError) as caught:
        await getattr(queue_that_is_down, call)(*arguments)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_tickets_that_nobody_took_in_time_and_what_is_none_are_thrown_away(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.redis.zadd(NORMAL_QUEUE, {"garbage": 1, f"{uuid4()}.x.y": 2})
        await queue.wake_workers(uuid4(), Priority.NORMAL)
        monkeypatch.setattr(job_queue, "WAKEUP_TTL", -timedelta(seconds=1))
        assert dict(await queue.wakeups()) == {}
        assert await queue.redis.zcard(NORMAL_QUEUE) == 0


async def test_nothing_of_a_ticket_outlives_it(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ArqJobQueue(redis_url) as queue:
        for priority in Priority:
            for _ in range(3):
                await queue.wake_workers(uuid4(), priority)
        names = await queue.redis.zrange(NORMAL_QUEUE, 0, -1)
        # As ARQ leaves it when a worker is killed with a ticket in its hands.
        await queue.redis.set(b"arq:retry:" + names[0], 1)
        assert len([key async for key in queue.redis.scan_iter("arq:job:*")]) == 6
        await queue.wakeups()
        assert len([key async for key in queue.redis.scan_iter("arq:job:*")]) == 6
        monkeypatch.setattr(job_queue, "WAKEUP_TTL", -timedelta(seconds=1))
        await queue.wakeups()
        assert [key async for key in queue.redis.scan_iter("*")] == []


async def test_what_a_ticket_says_goes_by_itself_where_nobody_looks(redis_url: str) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.wake_workers(uuid4(), Priority.NORMAL)
        (key,) = [key async for key in queue.redis.scan_iter("arq:job:*")]
        assert timedelta() < timedelta(milliseconds=await queue.redis.pttl(key)) <= timedelta(minutes=10)


async def test_workers_are_known_while_they_give_signs_of_life(redis_url: str) -> None:
    async with ArqJobQueue(redis_url) as queue:
        await queue.announce("host:1", ["anonymization"])
        await queue.announce("host:2", ["cleanup", "anonymization"])
        known = await queue.workers()
        assert [(worker.name, worker.queues) for worker in known] == [
            ("host:1", ("anonymization",)),
            ("host:2", ("cleanup", "anonymization")),
        ]
        await queue.retire("host:1")
        assert [worker.name for worker in await queue.workers()] == ["host:2"]
        # Whoever is killed cannot retire; the sign goes by itself.
        left = await queue.redis.pttl("framecloak:workers:host:2")
        assert 0 < left <= 10_000


def test_an_address_that_is_none_is_refused_without_being_repeated() -> None:
    with pytest.raises(InvalidSettingError) as caught:
        ArqJobQueue("http://:hunter2@127.0.0.1")
    assert "REDIS_URL" in caught.value.message
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
