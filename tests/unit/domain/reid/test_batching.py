"""Batching of model calls of concurrent callers, with a model whose calls end on command."""

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


class GatedModel:
    """Model that doubles numbers when a test lets it, and refuses negative ones."""

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

    def allow(self, calls: int = 1) -> None:
        self._allowed.release(calls)


_open: list[ThreadLanes] = []


def new_lanes(count: int) -> ThreadLanes:
    """Create thread lanes that end with the test."""
    _open.append(ThreadLanes(count, "test"))
    return _open[-1]


@pytest.fixture(autouse=True)
async def model() -> AsyncIterator[GatedModel]:
    gated = GatedModel()
    yield gated
    gated.allow(1000)
    while _open:
        _open.pop().close()


def batcher(model: GatedModel, *, lanes: int = 1, **options: float) -> Batcher[int, int]:
    chosen = {"max_batch": 4, "max_waiting": 100, "max_batch_delay": 0.0} | options
    return Batcher(model.work, lanes=new_lanes(lanes), **chosen)


async def wait_for_waiting(batch: Batcher[int, int], waiting: int) -> None:
    """Wait until a number of items wait and all others have begun."""
    while batch.waiting != waiting:  # noqa: ASYNC110 - the batcher has no event for it
        await asyncio.sleep(0)


async def wait_for_calls(model: GatedModel, times: int) -> None:
    while len(model.calls) < times:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.001)


async def test_an_idle_model_is_called_immediately(model: GatedModel) -> None:
    shared = batcher(model, max_batch_delay=FOREVER)
    model.allow()
    assert await shared.run(21) == 42
    assert model.calls == [[21]]


async def test_callers_during_a_call_share_the_next_one(model: GatedModel) -> None:
    shared = batcher(model, max_batch_delay=FOREVER)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    others = [asyncio.create_task(shared.run(number)) for number in (2, 3, 4)]
    await wait_for_waiting(shared, 3)
    model.allow(2)
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
    assert model.calls == [[1], [2, 3, 4]]


async def test_no_call_is_larger_than_the_maximum(model: GatedModel) -> None:
    shared = batcher(model)
    first = asyncio.create_task(shared.run(0))
    await wait_for_calls(model, 1)
    rest = asyncio.create_task(shared.run_all(range(1, 11)))
    await wait_for_waiting(shared, 10)
    model.allow(100)
    assert await rest == [2 * number for number in range(1, 11)]
    assert await first == 0
    assert model.calls == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


async def test_a_single_caller_gets_all_lanes(model: GatedModel) -> None:
    shared = batcher(model, lanes=3, max_batch_delay=FOREVER)
    task = asyncio.create_task(shared.run_all(range(6)))
    await wait_for_calls(model, 3)
    model.allow(3)
    assert await task == [0, 2, 4, 6, 8, 10]
    assert sorted(model.calls) == [[0, 1], [2, 3], [4, 5]]


async def test_a_free_lane_waits_for_a_full_batch_while_another_is_busy(model: GatedModel) -> None:
    shared = batcher(model, lanes=2, max_batch_delay=FOREVER)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    others = [asyncio.create_task(shared.run(number)) for number in (2, 3)]
    await wait_for_waiting(shared, 2)
    others += [asyncio.create_task(shared.run(number)) for number in (4, 5)]
    await wait_for_calls(model, 2)
    assert model.calls == [[1], [2, 3, 4, 5]]
    model.allow(2)
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]


async def test_a_lane_does_not_wait_longer_than_the_maximum(model: GatedModel) -> None:
    shared = batcher(model, lanes=2, max_batch_delay=0.001)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    second = asyncio.create_task(shared.run(2))
    await wait_for_calls(model, 2)
    model.allow(2)
    assert await asyncio.gather(first, second) == [2, 4]


async def test_a_failure_reaches_only_its_caller(model: GatedModel) -> None:
    shared = batcher(model)
    model.allow(100)
    tasks = [asyncio.create_task(shared.run(number)) for number in (1, 2, -3, 4, 5)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [2, 4, 8, 10]
    assert str(answers[2]) == "refused -3"


async def test_outcomes_contain_failures_in_place_of_results(model: GatedModel) -> None:
    model.allow(100)
    first, second, third = await batcher(model).outcomes([1, -2, 3])
    assert (first, str(second), third) == (2, "refused -2", 6)


async def test_the_work_of_a_cancelled_caller_is_dropped_before_it_runs(model: GatedModel) -> None:
    shared = batcher(model)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    gone = asyncio.create_task(shared.run_all([2, 3]))
    stays = asyncio.create_task(shared.run(4))
    await wait_for_waiting(shared, 3)
    gone.cancel()
    await wait_for_waiting(shared, 1)
    model.allow(2)
    assert await asyncio.gather(first, stays) == [2, 8]
    assert gone.cancelled()
    assert model.calls == [[1], [4]]


async def test_a_caller_cancelled_during_a_call_does_not_affect_others(model: GatedModel) -> None:
    shared = batcher(model, lanes=1)
    gone = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    gone.cancel()
    stays = asyncio.create_task(shared.run(2))
    await wait_for_waiting(shared, 1)
    model.allow(2)
    assert await stays == 4
    assert gone.cancelled()


async def test_excess_work_is_refused_without_beginning_any_of_it(model: GatedModel) -> None:
    shared = batcher(model, max_waiting=3)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    waiting = asyncio.create_task(shared.run_all([2, 3]))
    await wait_for_waiting(shared, 2)
    with pytest.raises(OverloadedError) as refused:
        await shared.run_all([4, 5])
    assert refused.value.code == "overloaded"
    assert refused.value.retry_after >= 1
    model.allow(10)
    assert await first == 2
    assert await waiting == [4, 6]
    assert [number for call in model.calls for number in call] == [1, 2, 3]
    assert await shared.run(6) == 12


async def test_an_empty_queue_accepts_any_amount_of_work(model: GatedModel) -> None:
    shared = batcher(model, max_waiting=3)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    many = asyncio.create_task(shared.run_all(range(10)))
    await wait_for_waiting(shared, 10)
    with pytest.raises(OverloadedError):
        await shared.run(2)
    model.allow(10)
    assert await first == 2
    assert await many == [2 * number for number in range(10)]


async def test_no_items_cause_no_call(model: GatedModel) -> None:
    assert await batcher(model).run_all([]) == []
    assert model.calls == []


async def test_a_model_that_loses_answers_fails_instead_of_hanging() -> None:
    short = Batcher[int, int](lambda _: [], max_batch=2, lanes=new_lanes(1), max_waiting=2)
    with pytest.raises(ValueError, match="0 results for 1 items"):
        await short.run(1)


async def test_closing_cancels_waiting_work(model: GatedModel) -> None:
    shared = batcher(model)
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    second = asyncio.create_task(shared.run(2))
    await wait_for_waiting(shared, 1)
    model.allow()
    shared.close()
    await asyncio.wait([first, second])
    assert second.cancelled()
    assert model.calls == [[1]]


@given(
    groups=st.lists(st.lists(st.integers(-5, 50), max_size=9), max_size=9),
    max_batch=st.integers(1, 5),
    lanes=st.integers(1, 3),
)
def test_callers_get_their_own_results_in_order(groups: list[list[int]], max_batch: int, lanes: int) -> None:
    model = GatedModel(is_open=True)

    async def run() -> list[list[int | BaseException]]:
        shared = batcher(model, max_batch=max_batch, lanes=lanes, max_waiting=1000)
        try:
            return await asyncio.gather(*(shared.outcomes(group) for group in groups))
        finally:
            shared.close()

    answers = asyncio.run(run())
    expected = [[2 * item if item >= 0 else f"refused {item}" for item in group] for group in groups]
    assert [
        [outcome if isinstance(outcome, int) else str(outcome) for outcome in group] for group in answers
    ] == expected
    assert all(len(call) <= max_batch for call in model.calls)


async def test_the_meter_records_the_queue_and_every_call(model: GatedModel) -> None:
    meter = FakeModelMeter()
    shared: Batcher[int, int] = Batcher(
        model.work, max_batch=2, lanes=new_lanes(1), max_waiting=9, meter=meter
    )
    first = asyncio.create_task(shared.run(1))
    await wait_for_calls(model, 1)
    assert meter.queue[-1] == 0
    others = asyncio.create_task(shared.run_all([2, 3, -4]))
    gone = asyncio.create_task(shared.run_all([5, 6]))
    await wait_for_waiting(shared, 5)
    assert meter.queue[-1] == 5
    gone.cancel()
    await asyncio.wait([gone])
    assert meter.queue[-1] == 3
    model.allow(10)
    assert await first == 2
    with pytest.raises(ValueError, match="refused"):
        await others
    assert meter.queue[-1] == 0
    assert meter.sizes == [1, 2, 1]
    assert all(seconds >= 0 for _, seconds in meter.calls)


def two_steps(
    model: GatedModel, urgent_after: float
) -> tuple[ThreadLanes, Batcher[int, int], Batcher[int, int]]:
    """Create two batchers on one lane: one for single items, one for batches."""
    lanes = new_lanes(1)
    second: Batcher[int, int] = Batcher(
        model.work, max_batch=3, lanes=lanes, max_waiting=100, urgent_after=urgent_after
    )
    return lanes, Batcher(model.work, max_batch=1, lanes=lanes, max_waiting=100), second


async def test_batched_work_waits_while_single_items_need_the_lane(model: GatedModel) -> None:
    lanes, first, second = two_steps(model, FOREVER)
    singles = asyncio.create_task(first.run_all([1, 2]))
    await wait_for_calls(model, 1)
    batched = asyncio.create_task(second.run_all([10, 20]))
    await wait_for_waiting(second, 2)
    model.allow(3)
    assert await asyncio.gather(singles, batched) == [[2, 4], [20, 40]]
    # On one lane there are never two calls at the same time.
    assert model.calls == [[1], [2], [10, 20]]
    assert lanes.free == 1


async def test_full_batches_and_batches_that_have_waited_go_first(model: GatedModel) -> None:
    for urgent_after, items in ((FOREVER, [10, 20, 30]), (0.0, [10])):
        model.calls.clear()
        _, first, second = two_steps(model, urgent_after)
        singles = asyncio.create_task(first.run_all([1, 2]))
        await wait_for_calls(model, 1)
        batched = asyncio.create_task(second.run_all(items))
        await wait_for_waiting(second, len(items))
        model.allow(3)
        await asyncio.gather(singles, batched)
        assert model.calls == [[1], items, [2]]
