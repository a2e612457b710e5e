"""Memory shared by concurrent tasks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from framecloak.domain.support.memory_budget import MemoryBudget

LIMIT, SLOTS = 10, 3


@dataclass
class Load:
    """Tasks that hold memory of a budget."""

    budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(LIMIT, SLOTS))
    held: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    worst: int = 0
    most: int = 0

    async def task(self, number: int, size: int) -> None:
        async with self.budget.reserve(size):
            self.started.append(number)
            self.held.append(size)
            self.worst = max(self.worst, sum(min(each, LIMIT) for each in self.held))
            self.most = max(self.most, len(self.held))
            try:
                for _ in range(3):
                    await asyncio.sleep(0)
            finally:
                self.held.remove(size)


@given(st.lists(st.integers(0, 3) | st.integers(0, 2 * LIMIT), max_size=20), st.sets(st.integers(0, 19)))
@example([1] * (SLOTS + 2), {1})
async def test_no_more_is_held_than_the_limit_and_all_start_in_turn(
    sizes: list[int], cancelled: set[int]
) -> None:
    load = Load()
    tasks = [asyncio.create_task(load.task(number, size)) for number, size in enumerate(sizes)]
    await asyncio.sleep(0)
    for number in cancelled & set(range(len(tasks))):
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert load.worst <= LIMIT
    assert load.most <= SLOTS
    assert load.started == sorted(load.started)
    assert {*range(len(sizes))} - {*load.started} <= cancelled
    async with asyncio.timeout(5), load.budget.reserve(LIMIT):
        pass  # nothing is left reserved, also by cancelled tasks


async def test_a_task_larger_than_the_budget_runs_alone() -> None:
    load = Load()
    async with load.budget.reserve(10 * LIMIT):
        small = asyncio.create_task(load.task(1, 1))
        await asyncio.sleep(0)
        assert load.started == []
    await small
