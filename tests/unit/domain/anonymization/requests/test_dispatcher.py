"""Fair order of requests, and the number of worker wake-ups for each."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.clock import NOON
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.slices import PendingWork
from framecloak.domain.anonymization.requests.dispatcher import MIN_WAKEUPS, fair_order, plan_wakeups
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.queue import WorkerInfo
from support.use_cases import FakeService

NORMAL, HIGH = Priority.NORMAL, Priority.HIGH


def pending(
    user: int,
    age: int,
    ready: int = 10,
    leased: int = 0,
    priority: Priority = NORMAL,
    charged: int = 0,
    slice_frames: int = 10,
) -> PendingWork:
    created_at = NOON - timedelta(seconds=age)
    return PendingWork(uuid4(), user, priority, created_at, ready, leased, charged, slice_frames)


PENDING_WORK = st.lists(
    st.builds(
        pending,
        st.integers(1, 3),
        st.integers(0, 100),
        st.integers(0, 12),
        st.integers(0, 5),
        st.sampled_from(Priority),
        st.integers(0, 60),
        st.sampled_from((10, 25)),
    ),
    max_size=8,
)


def test_the_account_charged_least_comes_first_then_urgent_requests_then_the_oldest() -> None:
    busy, idle_new, idle_old, urgent = (
        pending(1, 100, charged=20, priority=HIGH),
        pending(2, 10, charged=10),
        pending(2, 20, charged=10),
        pending(2, 1, charged=10, priority=HIGH),
    )
    assert fair_order([busy, idle_new, idle_old, urgent]) == [
        item.request_id for item in (urgent, idle_old, idle_new, busy)
    ]
    assert fair_order([pending(1, 1, ready=0, leased=4)]) == []


def test_wakeups_are_charged_in_frames() -> None:
    anna, ben = pending(1, 30, 9, slice_frames=100), pending(2, 20, 9, charged=150, slice_frames=10)
    chosen = [item for item, _ in plan_wakeups([anna, ben], {}, 8)]
    assert chosen == [item.request_id for item in (anna, anna, ben, ben, ben, ben, ben, anna)]


def test_users_take_turns_with_their_oldest_request_first() -> None:
    anna_old, anna_new, ben = pending(1, 30, 3), pending(1, 20, 3), pending(2, 10, 3)
    chosen = [item for item, _ in plan_wakeups([anna_new, ben, anna_old], {}, 6)]
    assert chosen == [item.request_id for item in (anna_old, ben, anna_old, ben, anna_old, ben)]


def test_pending_wakeups_count() -> None:
    anna, ben = pending(1, 30, 3), pending(2, 10, 3)
    assert plan_wakeups([anna, ben], {anna.request_id: 3}, 4) == [(ben.request_id, NORMAL)]
    assert plan_wakeups([anna], {anna.request_id: 3}, 100) == []
    assert plan_wakeups([anna], {uuid4(): 50}, 2) == [(anna.request_id, NORMAL)] * 2


@given(pending_work=PENDING_WORK, room=st.integers(0, 9), data=st.data())
def test_wakeups_cover_all_ready_slices_and_no_more(
    pending_work: list[PendingWork], room: int, data: st.DataObject
) -> None:
    waiting: dict[UUID, int] = {
        item.request_id: data.draw(st.integers(0, 4)) for item in pending_work if data.draw(st.booleans())
    }
    chosen = Counter(plan_wakeups(pending_work, waiting, room))
    for item in pending_work:
        written = chosen[item.request_id, item.priority]
        assert written <= max(0, item.ready - waiting.get(item.request_id, 0))
    for priority in Priority:
        of_priority = [item for item in pending_work if item.priority is priority]
        written = sum(count for (_, wakeup_priority), count in chosen.items() if wakeup_priority is priority)
        already_waiting = sum(waiting.get(item.request_id, 0) for item in of_priority)
        missing = sum(max(0, item.ready - waiting.get(item.request_id, 0)) for item in of_priority)
        assert written == max(0, min(room - already_waiting, missing))
    assert set(fair_order(pending_work)) == {item.request_id for item in pending_work if item.ready}


@given(pending_work=PENDING_WORK, room=st.integers(0, 30))
def test_each_wakeup_goes_to_the_account_charged_least(pending_work: list[PendingWork], room: int) -> None:
    expected = []
    for priority in (HIGH, NORMAL):
        items = sorted(
            (item for item in pending_work if item.priority is priority), key=lambda item: item.created_at
        )
        left = {item.request_id: item.ready for item in items}
        charged = {item.user_id: item.charged for item in items}
        for _ in range(min(room, sum(left.values()))):
            candidates = [item for item in items if left[item.request_id]]
            # `min` returns the first of equals, which is the oldest.
            item = min(candidates, key=lambda item: charged[item.user_id])
            expected.append((item.request_id, priority))
            left[item.request_id] -= 1
            charged[item.user_id] += item.next_cost
    assert plan_wakeups(pending_work, {}, room) == expected


async def test_a_dispatcher_starts_requests_wakes_workers_and_returns_the_order(world: FakeService) -> None:
    people = [await world.person(f"person-{number}") for number in range(4)]
    requests = [
        (await world.submissions.submit(person, await world.request_spec(person, (0, 40)))).request.id
        for person in people
    ]
    # Three requests run at a time; there is room for four wake-ups.
    assert await world.dispatcher.run() == requests[:3]
    assert len(world.queue.written) == MIN_WAKEUPS
    await world.anonymization.cancel(people[0], requests[0])
    assert await world.dispatcher.run() == requests[1:]


async def test_more_workers_get_more_wakeups(world: FakeService) -> None:
    world.queue.known_workers = [WorkerInfo(f"{n}", ("anonymization",), NOON) for n in range(5)]
    anna = await world.person("anna")
    world.submissions._slice_frames = 2
    request = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 80)))).request
    assert world.queue.written == [(request.id, NORMAL)] * 10


async def test_without_a_queue_the_dispatcher_still_returns_the_order(world: FakeService) -> None:
    anna = await world.person("anna")
    request = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 4)))).request
    world.queue.unavailable = True
    assert await world.dispatcher.run() == [request.id]


async def test_without_a_database_an_optional_run_does_nothing(world: FakeService) -> None:
    world.fake_database.reachable = False
    with pytest.raises(DatabaseUnavailableError):
        await world.dispatcher.run()
    await world.dispatcher.try_run()


async def test_a_full_queue_is_not_read(world: FakeService) -> None:
    anna = await world.person("anna")
    await world.submissions.submit(anna, await world.request_spec(anna, (0, 40)))
    world.queue.written += [(uuid4(), NORMAL)] * (MIN_WAKEUPS - len(world.queue.written))
    before = list(world.queue.written)
    world.queue.wakeups = None  # type: ignore[method-assign, assignment]
    assert await world.dispatcher.run()
    assert world.queue.written == before
