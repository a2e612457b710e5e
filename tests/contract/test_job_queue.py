"""What a queue of jobs promises; the fake promises the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from adapters.queue.arq import ArqJobQueue
from domain.anonymization.lifecycle import Priority
from domain.errors import InvalidSettingError, QueueUnavailableError
from domain.ports.services import JobQueue
from fakes_services import FakeJobQueue

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
    assert await queue.depth() == 0
    assert list(await queue.workers()) == []


async def test_jobs_of_both_priorities_count(queue: JobQueue) -> None:
    await queue.anonymize(uuid4(), Priority.NORMAL)
    await queue.anonymize(uuid4(), Priority.NORMAL)
    await queue.anonymize(uuid4(), Priority.HIGH)
    assert await queue.depth() == 3


async def test_a_clean_up_is_no_request_that_waits(queue: JobQueue) -> None:
    await queue.clean_up()
    assert await queue.depth() == 0


@pytest.mark.parametrize("call", ["anonymize", "clean_up", "workers", "depth", "ping"])
async def test_every_call_says_when_the_queue_is_down(queue_that_is_down: JobQueue, call: str) -> None:
    arguments = (uuid4(), Priority.NORMAL) if call == "anonymize" else ()
    with pytest.raises(QueueUnavailableError) as caught:
        await getattr(queue_that_is_down, call)(*arguments)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


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
