"""Contract of call limiters: the fake and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from fakes.clock import FakeClock
from fakes.queue import FakeCallLimiter
from framecloak.adapters.redis.call_limiter import RedisCallLimiter
from framecloak.domain.errors import QueueUnavailableError
from framecloak.domain.ports.limits import CallLimiter

WINDOW = timedelta(minutes=1)


@pytest.fixture(params=["fake", "redis"])
async def limiter(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[CallLimiter]:
    if request.param == "fake":
        yield FakeCallLimiter()
        return
    async with RedisCallLimiter(redis_url) as opened:
        yield opened


async def test_calls_beyond_the_limit_must_wait(limiter: CallLimiter) -> None:
    assert [await limiter.admit("anna", 3, WINDOW) for _ in range(3)] == [0, 0, 0]
    assert 1 <= await limiter.admit("anna", 3, WINDOW) <= 60


async def test_calls_are_counted_per_key(limiter: CallLimiter) -> None:
    assert await limiter.admit("anna", 1, WINDOW) == 0
    assert await limiter.admit("anna", 1, WINDOW) > 0
    assert await limiter.admit("anna ", 1, WINDOW) == 0
    assert await limiter.admit("\ud83d", 1, WINDOW) == 0


async def test_concurrent_calls_never_exceed_the_limit(limiter: CallLimiter) -> None:
    waits = await asyncio.gather(*(limiter.admit("anna", 5, WINDOW) for _ in range(50)))
    assert waits.count(0) == 5


async def test_a_limit_of_zero_refuses_every_call(limiter: CallLimiter) -> None:
    assert await limiter.admit("anna", 0, WINDOW) > 0


@pytest.mark.parametrize("kind", ["fake", "redis"])
async def test_a_failure_to_count_is_reported(kind: str) -> None:
    async with RedisCallLimiter("redis://:hunter2@127.0.0.1:1/0") as real:
        limiter: CallLimiter = FakeCallLimiter(unavailable=True) if kind == "fake" else real
        with pytest.raises(QueueUnavailableError) as caught:
            await limiter.admit("anna", 1, WINDOW)
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_calls_are_allowed_again_after_the_window_despite_refused_calls(redis_url: str) -> None:
    second = timedelta(seconds=1)
    async with RedisCallLimiter(redis_url) as limiter:
        assert [await limiter.admit("anna", 2, second) for _ in range(2)] == [0, 0]
        async with asyncio.timeout(10):
            while wait := await limiter.admit("anna", 2, second):
                assert wait == 1
                await asyncio.sleep(0.02)
    clock = FakeClock()
    fake = FakeCallLimiter(clock)
    assert [await fake.admit("anna", 1, WINDOW) > 0 for _ in range(2)] == [False, True]
    clock.advance(WINDOW)
    assert await fake.admit("anna", 1, WINDOW) == 0


async def test_redis_stores_no_names_and_every_key_expires(redis_url: str) -> None:
    async with RedisCallLimiter(redis_url) as limiter, Redis.from_url(redis_url) as redis:
        await limiter.admit("anna", 1, WINDOW)
        keys = await redis.keys()
        assert keys
        for key in keys:
            assert b"anna" not in key
            assert 0 < await redis.pttl(key) <= 2 * 60_000
