"""Concurrent callers share model calls; a scripted model says when each call ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.metrics import FakeModelMeter
from framecloak.domain.errors import OverloadedError
from framecloak.domain.reid.batching import Batcher
from framecloak.domain.reid.thread_lanes import ThreadLanes

FOREVER = 3600.0


class Gate:
    """A model that doubles numbers when it is let; negative ones it refuses."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.calls: list[list[int]] = []
        self._allowed = threading.Semaphore(1_000_000 if is_open else 0)

    def work(self, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        assert self._allowed.acquire(timeout=30)
        for item in items:
            if item < 0:
                raise ValueError(f"refused {item}")
        return [2 * item for item in items]

    def let(self, calls: int = 1) -> None:
        self._allowed.release(calls)


_open: list[ThreadLanes] = []


def new_lanes(count: int) -> ThreadLanes:
    """Make lanes whose threads end with the test."""
    _open.append(ThreadLanes(count, "test"))
    return _open[-1]


@pytest.fixture(autouse=True)
async def gate() -> AsyncIterator[Gate]:
    made = Gate()
    yield made
    made.let(1000)
    while _open:
        _open.pop().close()


def batcher(gate: Gate, *, lanes: int = 1, **options: float) -> Batcher[int, int]:
    chosen = {"max_batch": 4, "max_waiting": 100, "max_batch_delay": 0.0} | options
    return Batcher(gate.work, lanes=new_lanes(lanes), **chosen)


async def started(batch: Batcher[int, int], waiting: int) -> None:
    """Until so many items wait and everything else has begun."""
    while batch.waiting != waiting:  # noqa: ASYNC110 - the batcher rings no bell
        await asyncio.sleep(0)


async def called(gate: Gate, times: int) -> None:
    while len(gate.calls) < times:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.001)


async def test_an_idle_model_is_called_at_once(gate: Gate) -> None:
    shared = batcher(gate, max_batch_delay=FOREVER)
    gate.let()
    assert await shared.run(21) == 42
    assert gate.calls == [[21]]


async def test_callers_that_come_while_it_is_busy_share_the_next_call(gate: Gate) -> None:
    shared = batcher(gate, max_batch_delay=FOREVER)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    others = [asyncio.create_task(shared.run(number)) for number in (2, 3, 4)]
    await started(shared, 3)
    gate.let(2)
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
    assert gate.calls == [[1], [2, 3, 4]]


async def test_no_call_is_larger_than_it_may_be(gate: Gate) -> None:
    shared = batcher(gate)
    first = asyncio.create_task(shared.run(0))
    await called(gate, 1)
    rest = asyncio.create_task(shared.run_all(range(1, 11)))
    await started(shared, 10)
    gate.let(100)
    assert await rest == [2 * number for number in range(1, 11)]
    assert await first == 0
    assert gate.calls == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


async def test_a_single_caller_gets_all_lanes(gate: Gate) -> None:
    shared = batcher(gate, lanes=3, max_batch_delay=FOREVER)
    task = asyncio.create_task(shared.run_all(range(6)))
    await called(gate, 3)
    gate.let(3)
    assert await task == [0, 2, 4, 6, 8, 10]
    assert sorted(gate.calls) == [[0, 1], [2, 3], [4, 5]]


async def test_a_free_lane_waits_for_company_while_another_is_busy(gate: Gate) -> None:
    shared = batcher(gate, lanes=2, max_batch_delay=FOREVER)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    others = [asyncio.create_task(shared.run(number)) for number in (2, 3)]
    await started(shared, 2)
    others += [asyncio.create_task(shared.run(number)) for number in (4, 5)]
    await called(gate, 2)
    assert gate.calls == [[1], [2, 3, 4, 5]]
    gate.let(2)
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]


async def test_it_does_not_wait_longer_than_it_should(gate: Gate) -> None:
    shared = batcher(gate, lanes=2, max_batch_delay=0.001)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    second = asyncio.create_task(shared.run(2))
    await called(gate, 2)
    gate.let(2)
    assert await asyncio.gather(first, second) == [2, 4]


async def test_a_failure_reaches_only_the_caller_it_belongs_to(gate: Gate) -> None:
    shared = batcher(gate)
    gate.let(100)
    tasks = [asyncio.create_task(shared.run(number)) for number in (1, 2, -3, 4, 5)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [2, 4, 8, 10]
    assert str(answers[2]) == "refused -3"


async def test_failures_can_be_had_in_the_place_of_results(gate: Gate) -> None:
    gate.let(100)
    first, second, third = await batcher(gate).outcomes([1, -2, 3])
    assert (first, str(second), third) == (2, "refused -2", 6)


async def test_the_work_of_a_cancelled_caller_is_dropped_before_it_runs(gate: Gate) -> None:
    shared = batcher(gate)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    gone = asyncio.create_task(shared.run_all([2, 3]))
    stays = asyncio.create_task(shared.run(4))
    await started(shared, 3)
    gone.cancel()
    await started(shared, 1)
    gate.let(2)
    assert await asyncio.gather(first, stays) == [2, 8]
    assert gone.cancelled()
    assert gate.calls == [[1], [4]]


async def test_a_caller_that_goes_away_during_the_call_takes_nobody_with_it(gate: Gate) -> None:
    shared = batcher(gate, lanes=1)
    gone = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    gone.cancel()
    stays = asyncio.create_task(shared.run(2))
    await started(shared, 1)
    gate.let(2)
    assert await stays == 4
    assert gone.cancelled()


async def test_too_much_work_is_refused_and_none_of_it_begun(gate: Gate) -> None:
    shared = batcher(gate, max_waiting=3)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    waiting = asyncio.create_task(shared.run_all([2, 3]))
    await started(shared, 2)
    with pytest.raises(OverloadedError) as refused:
        await shared.run_all([4, 5])
    assert refused.value.code == "overloaded"
    assert refused.value.retry_after >= 1
    gate.let(10)
    assert await first == 2
    assert await waiting == [4, 6]
    assert [number for call in gate.calls for number in call] == [1, 2, 3]
    assert await shared.run(6) == 12


async def test_what_finds_nobody_waiting_is_taken_however_much_it_is(gate: Gate) -> None:
    shared = batcher(gate, max_waiting=3)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    many = asyncio.create_task(shared.run_all(range(10)))
    await started(shared, 10)
    with pytest.raises(OverloadedError):
        await shared.run(2)
    gate.let(10)
    assert await first == 2
    assert await many == [2 * number for number in range(10)]


async def test_nothing_at_all_is_no_work(gate: Gate) -> None:
    assert await batcher(gate).run_all([]) == []
    assert gate.calls == []


async def test_a_model_that_loses_answers_fails_instead_of_hanging() -> None:
    short = Batcher[int, int](lambda _: [], max_batch=2, lanes=new_lanes(1), max_waiting=2)
    with pytest.raises(ValueError, match="0 results for 1 items"):
        await short.run(1)


async def test_closing_cancels_what_waits(gate: Gate) -> None:
    shared = batcher(gate)
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    second = asyncio.create_task(shared.run(2))
    await started(shared, 1)
    gate.let()
    shared.close()
    await asyncio.wait([first, second])
    assert second.cancelled()
    assert gate.calls == [[1]]


@given(
    groups=st.lists(st.lists(st.integers(-5, 50), max_size=9), max_size=9),
    max_batch=st.integers(1, 5),
    lanes=st.integers(1, 3),
)
def test_everybody_gets_their_own_results_in_order(
    groups: list[list[int]], max_batch: int, lanes: int
) -> None:
    gate = Gate(is_open=True)

    async def run() -> list[list[int | BaseException]]:
        shared = batcher(gate, max_batch=max_batch, lanes=lanes, max_waiting=1000)
        try:
            return await asyncio.gather(*(shared.outcomes(group) for group in groups))
        finally:
            shared.close()

    answers = asyncio.run(run())
    expected = [[2 * item if item >= 0 else f"refused {item}" for item in group] for group in groups]
    assert [[one if isinstance(one, int) else str(one) for one in group] for group in answers] == expected
    assert all(len(call) <= max_batch for call in gate.calls)


async def test_what_waits_and_every_call_is_told(gate: Gate) -> None:
    meter = FakeModelMeter()
    shared: Batcher[int, int] = Batcher(
        gate.work, max_batch=2, lanes=new_lanes(1), max_waiting=9, meter=meter
    )
    first = asyncio.create_task(shared.run(1))
    await called(gate, 1)
    assert meter.queue[-1] == 0
    others = asyncio.create_task(shared.run_all([2, 3, -4]))
    gone = asyncio.create_task(shared.run_all([5, 6]))
    await started(shared, 5)
    assert meter.queue[-1] == 5
    gone.cancel()
    await asyncio.wait([gone])
    assert meter.queue[-1] == 3
    gate.let(10)
    assert await first == 2
    with pytest.raises(ValueError, match="refused"):
        await others
    assert meter.queue[-1] == 0
    assert meter.sizes == [1, 2, 1]
    assert all(seconds >= 0 for _, seconds in meter.calls)


def two_steps(gate: Gate, patience: float) -> tuple[ThreadLanes, Batcher[int, int], Batcher[int, int]]:
    """Work on single items, and work that likes company, on one lane."""
    lanes = new_lanes(1)
    second: Batcher[int, int] = Batcher(
        gate.work, max_batch=3, lanes=lanes, max_waiting=100, urgent_after=patience
    )
    return lanes, Batcher(gate.work, max_batch=1, lanes=lanes, max_waiting=100), second


async def test_what_likes_company_waits_while_its_lane_is_wanted(gate: Gate) -> None:
    lanes, first, second = two_steps(gate, FOREVER)
    begun = asyncio.create_task(first.run_all([1, 2]))
    await called(gate, 1)
    later = asyncio.create_task(second.run_all([10, 20]))
    await started(second, 2)
    gate.let(3)
    assert await asyncio.gather(begun, later) == [[2, 4], [20, 40]]
    # One lane: never two calls at a time.
    assert gate.calls == [[1], [2], [10, 20]]
    assert lanes.free == 1


async def test_a_full_batch_and_one_that_has_waited_go_first(gate: Gate) -> None:
    for patience, items in ((FOREVER, [10, 20, 30]), (0.0, [10])):
        gate.calls.clear()
        _, first, second = two_steps(gate, patience)
        begun = asyncio.create_task(first.run_all([1, 2]))
        await called(gate, 1)
        later = asyncio.create_task(second.run_all(items))
        await started(second, len(items))
        gate.let(3)
        await asyncio.gather(begun, later)
        assert gate.calls == [[1], items, [2]]
