"""What counting attempts promises; the fake promises the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from fakes.clock import FakeClock
from fakes.queue import FakeAttemptLimiter
from framecloak.adapters.redis.attempt_limiter import RedisAttemptLimiter
from framecloak.domain.errors import QueueUnavailableError
from framecloak.domain.ports.limits import AttemptLimiter

WINDOW = timedelta(minutes=1)


@pytest.fixture(params=["fake", "redis"])
async def limiter(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[AttemptLimiter]:
    if request.param == "fake":
        yield FakeAttemptLimiter()
        return
    async with RedisAttemptLimiter(redis_url) as made:
        yield made


async def test_the_first_ones_pass_and_the_next_is_told_to_wait(limiter: AttemptLimiter) -> None:
    assert [await limiter.hit("anna", 3, WINDOW) for _ in range(3)] == [0, 0, 0]
    wait = await limiter.hit("anna", 3, WINDOW)
    assert 1 <= wait <= 60


async def test_keys_do_not_share_their_attempts(limiter: AttemptLimiter) -> None:
    assert await limiter.hit("anna", 1, WINDOW) == 0
    assert await limiter.hit("anna", 1, WINDOW) > 0
    assert await limiter.hit("anna ", 1, WINDOW) == 0
    assert await limiter.hit("\ud83d", 1, WINDOW) == 0


async def test_forgetting_opens_the_door_again(limiter: AttemptLimiter) -> None:
    for _ in range(3):
        await limiter.hit("anna", 1, WINDOW)
    await limiter.reset("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    await limiter.reset("somebody else")


async def test_what_is_given_back_may_be_used_again(limiter: AttemptLimiter) -> None:
    assert [await limiter.hit("anna", 2, WINDOW) for _ in range(2)] == [0, 0]
    # Those that were refused did not count, so that one given back is room for one.
    assert [await limiter.hit("anna", 2, WINDOW) > 0 for _ in range(3)] == [True] * 3
    await limiter.give_back("anna")
    assert await limiter.hit("anna", 2, WINDOW) == 0
    assert await limiter.hit("anna", 2, WINDOW) > 0


async def test_nothing_is_given_back_that_was_not_used(limiter: AttemptLimiter) -> None:
    for _ in range(3):
        await limiter.give_back("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    for _ in range(3):
        await limiter.give_back("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    assert 1 <= await limiter.hit("anna", 1, WINDOW) <= 60


async def test_of_many_at_once_exactly_as_many_pass_as_may(limiter: AttemptLimiter) -> None:
    waits = await asyncio.gather(*(limiter.hit("anna", 5, WINDOW) for _ in range(50)))
    assert waits.count(0) == 5


async def test_a_limit_of_none_lets_nobody_pass(limiter: AttemptLimiter) -> None:
    assert await limiter.hit("anna", 0, WINDOW) > 0


@pytest.mark.parametrize("kind", ["fake", "redis"])
async def test_it_says_when_it_cannot_count(kind: str) -> None:
    async with RedisAttemptLimiter("redis://:hunter2@127.0.0.1:1/0") as real:
        limiter: AttemptLimiter = FakeAttemptLimiter(unavailable=True) if kind == "fake" else real
        for call in (limiter.hit("anna", 1, WINDOW), limiter.give_back("anna"), limiter.reset("anna")):
            with pytest.raises(QueueUnavailableError) as caught:
                await call
            assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_the_door_opens_when_the_window_is_over(redis_url: str) -> None:
    short = timedelta(milliseconds=400)
    async with RedisAttemptLimiter(redis_url) as limiter:
        assert await limiter.hit("anna", 1, short) == 0
        # Hammering at it must not keep it shut.
        for _ in range(3):
            await limiter.hit("anna", 1, short)
        async with asyncio.timeout(10):
            while wait := await limiter.hit("anna", 1, short):
                assert wait == 1
                await asyncio.sleep(0.05)
    clock = FakeClock()
    fake = FakeAttemptLimiter(clock)
    assert [await fake.hit("anna", 1, WINDOW) > 0 for _ in range(2)] == [False, True]
    clock.advance(WINDOW)
    assert await fake.hit("anna", 1, WINDOW) == 0


async def test_redis_learns_no_names_and_a_key_without_an_end_gets_one(redis_url: str) -> None:
    async with RedisAttemptLimiter(redis_url) as limiter, Redis.from_url(redis_url) as redis:
        await limiter.hit("anna", 1, WINDOW)
        (key,) = await redis.keys()
        assert b"anna" not in key
        # As a restored backup may have it.
        await redis.persist(key)
        assert 1 <= await limiter.hit("anna", 1, WINDOW) <= 60
        assert 0 < await redis.pttl(key) <= 60_000
