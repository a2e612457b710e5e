"""Circuit breaker: pauses after failures, and trial calls."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import EmotionsUnavailableError, InvalidOptionError
from framecloak.domain.support.circuit_breaker import CircuitBreaker


class Server:
    """Server that answers or fails on command, with a clock that the test moves."""

    def __init__(self, failures: int = 3) -> None:
        self.now = 100.0
        self.error: Exception | None = None
        self.calls = 0
        self.breaker = CircuitBreaker(failures, pause=5, max_pause=15, clock=lambda: self.now)

    async def answer(self) -> str:
        self.calls += 1
        if self.error:
            raise self.error
        return "well"

    async def call(self) -> str:
        return await self.breaker.run(self.answer, EmotionsUnavailableError)

    async def fail(self, times: int = 1) -> None:
        self.error = EmotionsUnavailableError("silence")
        for _ in range(times):
            with pytest.raises(EmotionsUnavailableError):
                await self.call()


async def test_calls_are_passed_on_until_too_many_fail_in_a_row() -> None:
    server = Server()
    await server.fail(2)
    server.error = None
    assert await server.call() == "well"
    await server.fail(2)
    assert not server.breaker.is_open
    await server.fail(1)
    assert server.breaker.is_open
    calls = server.calls
    with pytest.raises(EmotionsUnavailableError, match="not called for a while"):
        await server.call()
    assert server.calls == calls


async def test_one_success_after_the_pause_ends_it() -> None:
    server = Server()
    await server.fail(3)
    server.now += 4.9
    assert server.breaker.is_open
    server.now += 0.1
    server.error = None
    assert await server.call() == "well"
    await server.fail(2)
    assert not server.breaker.is_open


async def test_each_failed_trial_doubles_the_pause_up_to_the_maximum() -> None:
    server = Server()
    await server.fail(3)
    for pause in (5, 10, 15, 15):
        server.now += pause - 0.1
        assert server.breaker.is_open
        server.now += 0.2
        assert not server.breaker.is_open
        await server.fail()
    server.now += 15
    server.error = None
    await server.call()
    await server.fail(3)
    server.now += 5
    assert not server.breaker.is_open


async def test_other_calls_are_refused_during_a_trial() -> None:
    server = Server()
    await server.fail(3)
    server.now += 5
    released = asyncio.Event()

    async def slow() -> str:
        await released.wait()
        return "well"

    trial = asyncio.create_task(server.breaker.run(slow, EmotionsUnavailableError))
    await asyncio.sleep(0)
    assert server.breaker.is_open
    with pytest.raises(EmotionsUnavailableError, match="not called for a while"):
        await server.call()
    released.set()
    assert await trial == "well"
    assert not server.breaker.is_open


async def test_a_cancelled_trial_allows_the_next_one() -> None:
    server = Server()
    await server.fail(3)
    server.now += 5
    trial = asyncio.create_task(server.breaker.run(asyncio.Event().wait, EmotionsUnavailableError))
    await asyncio.sleep(0)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    server.error = None
    assert await server.call() == "well"


async def test_other_errors_do_not_count_as_failures() -> None:
    server = Server()
    await server.fail(2)
    server.error = InvalidOptionError("unknown option")
    with pytest.raises(InvalidOptionError):
        await server.call()
    await server.fail(2)
    assert not server.breaker.is_open


async def test_failures_of_calls_begun_before_the_pause_do_not_prolong_it() -> None:
    server = Server(failures=1)
    released = asyncio.Event()

    async def late() -> str:
        await released.wait()
        raise EmotionsUnavailableError("silence")

    early = asyncio.create_task(server.breaker.run(late, EmotionsUnavailableError))
    await asyncio.sleep(0)
    await server.fail()
    server.now += 4
    released.set()
    with pytest.raises(EmotionsUnavailableError):
        await early
    server.now += 1
    assert not server.breaker.is_open


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4))
def test_there_are_no_calls_during_a_pause(answers: list[bool], failures: int) -> None:
    async def play() -> None:
        server = Server(failures)
        failures_in_a_row = 0
        for succeeds in answers:
            server.error = None if succeeds else EmotionsUnavailableError("silence")
            before = server.calls
            try:
                await server.call()
            except EmotionsUnavailableError:
                failures_in_a_row += server.calls - before
            else:
                failures_in_a_row = 0
            assert failures_in_a_row <= failures
            assert server.breaker.is_open == (failures_in_a_row == failures)

    asyncio.run(play())
