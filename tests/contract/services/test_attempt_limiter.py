"""Contract of attempt limiters: the fake and Redis."""

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
    async with RedisAttemptLimiter(redis_url) as opened:
        yield opened


async def test_attempts_beyond_the_limit_must_wait(limiter: AttemptLimiter) -> None:
    assert [await limiter.hit("anna", 3, WINDOW) for _ in range(3)] == [0, 0, 0]
    wait = await limiter.hit("anna", 3, WINDOW)
    assert 1 <= wait <= 60


async def test_attempts_are_counted_per_key(limiter: AttemptLimiter) -> None:
    assert await limiter.hit("anna", 1, WINDOW) == 0
    assert await limiter.hit("anna", 1, WINDOW) > 0
    assert await limiter.hit("anna ", 1, WINDOW) == 0
    assert await limiter.hit("\ud83d", 1, WINDOW) == 0


async def test_a_reset_allows_attempts_again(limiter: AttemptLimiter) -> None:
    for _ in range(3):
        await limiter.hit("anna", 1, WINDOW)
    await limiter.reset("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    await limiter.reset("another")


async def test_an_attempt_given_back_can_be_used_again(limiter: AttemptLimiter) -> None:
    assert [await limiter.hit("anna", 2, WINDOW) for _ in range(2)] == [0, 0]
    # Refused attempts are not counted, so giving one back makes room for one.
    assert [await limiter.hit("anna", 2, WINDOW) > 0 for _ in range(3)] == [True] * 3
    await limiter.give_back("anna")
    assert await limiter.hit("anna", 2, WINDOW) == 0
    assert await limiter.hit("anna", 2, WINDOW) > 0


async def test_giving_back_unused_attempts_has_no_effect(limiter: AttemptLimiter) -> None:
    for _ in range(3):
        await limiter.give_back("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    for _ in range(3):
        await limiter.give_back("anna")
    assert await limiter.hit("anna", 1, WINDOW) == 0
    assert 1 <= await limiter.hit("anna", 1, WINDOW) <= 60


async def test_concurrent_attempts_never_exceed_the_limit(limiter: AttemptLimiter) -> None:
    waits = await asyncio.gather(*(limiter.hit("anna", 5, WINDOW) for _ in range(50)))
    assert waits.count(0) == 5


async def test_a_limit_of_zero_refuses_every_attempt(limiter: AttemptLimiter) -> None:
    assert await limiter.hit("anna", 0, WINDOW) > 0


@pytest.mark.parametrize("kind", ["fake", "redis"])
async def test_a_failure_to_count_is_reported(kind: str) -> None:
    async with RedisAttemptLimiter("redis://:hunter2@127.0.0.1:1/0") as real:
        limiter: AttemptLimiter = FakeAttemptLimiter(unavailable=True) if kind == "fake" else real
        for call in (limiter.hit("anna", 1, WINDOW), limiter.give_back("anna"), limiter.reset("anna")):
            with pytest.raises(QueueUnavailableError) as caught:
                await call
            assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_attempts_are_allowed_again_after_the_window(redis_url: str) -> None:
    short = timedelta(milliseconds=400)
    async with RedisAttemptLimiter(redis_url) as limiter:
        assert await limiter.hit("anna", 1, short) == 0
        # Refused attempts must not extend the window.
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


async def test_redis_stores_no_names_and_a_key_without_expiry_gets_one(redis_url: str) -> None:
    async with RedisAttemptLimiter(redis_url) as limiter, Redis.from_url(redis_url) as redis:
        await limiter.hit("anna", 1, WINDOW)
        (key,) = await redis.keys()
        assert b"anna" not in key
        # A restored backup may contain such a key.
        await redis.persist(key)
        assert 1 <= await limiter.hit("anna", 1, WINDOW) <= 60
        assert 0 < await redis.pttl(key) <= 60_000
