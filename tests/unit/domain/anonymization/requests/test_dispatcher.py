"""Whose turn it is, and how many workers are called for it."""

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
from support.use_cases import World

NORMAL, HIGH = Priority.NORMAL, Priority.HIGH


def demand(user: int, age: int, ready: int = 10, leased: int = 0, priority: Priority = NORMAL) -> PendingWork:
    return PendingWork(uuid4(), user, priority, NOON - timedelta(seconds=age), ready, leased)


DEMANDS = st.lists(
    st.builds(
        demand,
        st.integers(1, 3),
        st.integers(0, 100),
        st.integers(0, 12),
        st.integers(0, 5),
        st.sampled_from(Priority),
    ),
    max_size=8,
)


def test_the_urgent_come_first_then_whoever_has_least_then_the_oldest() -> None:
    busy, idle_new, idle_old, urgent = (
        demand(1, 100, leased=2),
        demand(2, 10),
        demand(2, 20),
        demand(1, 1, priority=HIGH),
    )
    assert fair_order([busy, idle_new, idle_old, urgent]) == [
        one.request_id for one in (urgent, idle_old, idle_new, busy)
    ]
    assert fair_order([demand(1, 1, ready=0, leased=4)]) == []


def test_people_take_turns_and_each_has_the_oldest_request_done_first() -> None:
    anna_old, anna_new, ben = demand(1, 30, 3), demand(1, 20, 3), demand(2, 10, 3)
    chosen = [one for one, _ in plan_wakeups([anna_new, ben, anna_old], {}, 6)]
    assert chosen == [one.request_id for one in (anna_old, ben, anna_old, ben, anna_old, ben)]


def test_tickets_that_wait_count() -> None:
    anna, ben = demand(1, 30, 3), demand(2, 10, 3)
    assert plan_wakeups([anna, ben], {anna.request_id: 3}, 4) == [(ben.request_id, NORMAL)]
    assert plan_wakeups([anna], {anna.request_id: 3}, 100) == []
    assert plan_wakeups([anna], {uuid4(): 50}, 2) == [(anna.request_id, NORMAL)] * 2


@given(demands=DEMANDS, room=st.integers(0, 9), data=st.data())
def test_nobody_is_called_for_nothing_and_nothing_is_forgotten(
    demands: list[PendingWork], room: int, data: st.DataObject
) -> None:
    waiting: dict[UUID, int] = {
        one.request_id: data.draw(st.integers(0, 4)) for one in demands if data.draw(st.booleans())
    }
    chosen = Counter(plan_wakeups(demands, waiting, room))
    for one in demands:
        written = chosen[one.request_id, one.priority]
        assert written <= max(0, one.ready - waiting.get(one.request_id, 0))
    for priority in Priority:
        mine = [one for one in demands if one.priority is priority]
        written = sum(count for (_, of), count in chosen.items() if of is priority)
        there = sum(waiting.get(one.request_id, 0) for one in mine)
        wanted = sum(max(0, one.ready - waiting.get(one.request_id, 0)) for one in mine)
        assert written == max(0, min(room - there, wanted))
    assert set(fair_order(demands)) == {one.request_id for one in demands if one.ready}


async def test_a_dispatcher_admits_calls_and_says_whose_turn_it_is(world: World) -> None:
    people = [await world.person(f"person-{number}") for number in range(4)]
    requests = [
        (await world.submissions.submit(person, await world.order(person, (0, 40)))).request.id
        for person in people
    ]
    # Three are in work at a time; there is room for four tickets.
    assert await world.dispatcher.run() == requests[:3]
    assert len(world.queue.written) == MIN_WAKEUPS
    await world.anonymization.cancel(people[0], requests[0])
    assert await world.dispatcher.run() == requests[1:]


async def test_more_workers_are_called_when_there_are_more(world: World) -> None:
    world.queue.known_workers = [WorkerInfo(f"{n}", ("anonymization",), NOON) for n in range(5)]
    anna = await world.person("anna")
    world.submissions._slice_frames = 2
    request = (await world.submissions.submit(anna, await world.order(anna, (0, 80)))).request
    assert world.queue.written == [(request.id, NORMAL)] * 10


async def test_without_a_queue_it_still_says_whose_turn_it_is(world: World) -> None:
    anna = await world.person("anna")
    request = (await world.submissions.submit(anna, await world.order(anna, (0, 4)))).request
    world.queue.unavailable = True
    assert await world.dispatcher.run() == [request.id]


async def test_without_a_database_it_can_wait(world: World) -> None:
    world.fake_database.reachable = False
    with pytest.raises(DatabaseUnavailableError):
        await world.dispatcher.run()
    await world.dispatcher.try_run()
