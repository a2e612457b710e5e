"""Room for so many at a time, and who enters first."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.worker.gate import PriorityGate


class Crowd:
    """People at a gate; each stays until told to leave."""

    def __init__(self, room: int) -> None:
        self.gate = PriorityGate(room)
        self.inside: list[str] = []
        self.entered: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.leave: dict[str, asyncio.Event] = {}

    async def arrives(self, name: str, urgency: int = 0) -> None:
        self.leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._visit(name, urgency))
        await settle()

    async def leaves(self, name: str) -> None:
        self.leave[name].set()
        await settle()

    async def gives_up(self, name: str) -> None:
        self.tasks[name].cancel()
        await settle()

    async def _visit(self, name: str, urgency: int) -> None:
        async with self.gate.enter(urgency):
            self.inside.append(name)
            self.entered.append(name)
            try:
                await self.leave[name].wait()
            finally:
                self.inside.remove(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_there_is_room_for_are_inside() -> None:
    crowd = Crowd(2)
    for name in "abc":
        await crowd.arrives(name)
    assert crowd.inside == ["a", "b"]
    await crowd.leaves("a")
    assert crowd.inside == ["b", "c"]
    await crowd.leaves("b")
    await crowd.leaves("c")
    assert crowd.inside == []


async def test_the_most_urgent_enter_first_and_equals_in_the_order_they_came() -> None:
    crowd = Crowd(1)
    await crowd.arrives("now")
    await crowd.arrives("normal 1")
    await crowd.arrives("normal 2")
    await crowd.arrives("high 1", urgency=1)
    await crowd.arrives("high 2", urgency=1)
    for name in ("now", "high 1", "high 2", "normal 1", "normal 2"):
        await crowd.leaves(name)
    assert crowd.entered == ["now", "high 1", "high 2", "normal 1", "normal 2"]


async def test_whoever_gives_up_while_waiting_takes_no_room() -> None:
    crowd = Crowd(1)
    for name in "abc":
        await crowd.arrives(name)
    await crowd.gives_up("b")
    await crowd.leaves("a")
    assert crowd.inside == ["c"]


async def test_whoever_gives_up_at_the_moment_of_being_let_in_lets_the_next_in() -> None:
    crowd = Crowd(1)
    for name in "abc":
        await crowd.arrives(name)
    crowd.leave["a"].set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await crowd.gives_up("b")
    assert crowd.inside == ["c"]


async def test_an_error_inside_makes_room() -> None:
    gate = PriorityGate(1)
    with pytest.raises(ZeroDivisionError):
        async with gate.enter(0):
            raise ZeroDivisionError
    async with asyncio.timeout(1), gate.enter(0):
        pass


@given(
    room=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.sampled_from(["arrive", "leave", "give up"]), st.integers(0, 2)), max_size=40
    ),
)
def test_whatever_happens_nobody_waits_while_there_is_room(room: int, steps: list[tuple[str, int]]) -> None:
    async def happen() -> None:
        crowd = Crowd(room)
        for number, (step, choice) in enumerate(steps):
            outside = [name for name, task in crowd.tasks.items() if not task.done()]
            if step == "arrive":
                await crowd.arrives(str(number), urgency=choice)
            elif step == "leave" and crowd.inside:
                await crowd.leaves(crowd.inside[choice % len(crowd.inside)])
            elif step == "give up" and outside:
                await crowd.gives_up(outside[choice % len(outside)])
            present = [name for name, task in crowd.tasks.items() if not task.done()]
            assert len(crowd.inside) == min(room, len(present))
        for name in crowd.tasks:
            await crowd.gives_up(name)

    asyncio.run(happen())
