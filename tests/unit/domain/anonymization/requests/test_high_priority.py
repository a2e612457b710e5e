"""Permission to use high priority, and its quota."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from framecloak.domain.anonymization.model.request import HighPriorityUsers, Priority
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.model.accounts import Principal, Role
from support.use_cases import FakeService


async def granted(world: FakeService, principal: Principal, frames: int = 10) -> Priority:
    """Submit a request with high priority, and return the priority that it gets."""
    spec = replace(await world.request_spec(principal, (0, frames)), priority=Priority.HIGH)
    return (await world.submissions.submit(principal, spec)).request.spec.priority


async def test_only_administrators_may_use_high_priority_by_default(tmp_path: Path) -> None:
    world = FakeService(tmp_path, high_priority=HighPriorityPolicy())
    assert await granted(world, await world.person("anna")) is Priority.NORMAL
    assert await granted(world, await world.person("root", Role.ADMIN)) is Priority.HIGH


async def test_the_quota_counts_the_frames_of_each_account_in_a_day(tmp_path: Path) -> None:
    policy = HighPriorityPolicy(HighPriorityUsers.EVERYONE, daily_frames=30)
    world = FakeService(tmp_path, high_priority=policy)
    anna, ben = await world.person("anna"), await world.person("ben")
    assert [await granted(world, anna, 20) for _ in range(2)] == [Priority.HIGH, Priority.NORMAL]
    assert await granted(world, anna, 10) is Priority.HIGH
    assert await granted(world, ben, 31) is Priority.NORMAL
    assert await granted(world, ben, 30) is Priority.HIGH
    world.clock.advance(timedelta(days=1, seconds=1))
    assert await granted(world, anna, 20) is Priority.HIGH


async def test_repeating_an_order_returns_it_whatever_priority_it_got(tmp_path: Path) -> None:
    world = FakeService(tmp_path, high_priority=HighPriorityPolicy())
    anna = await world.person("anna")
    spec = replace(await world.request_spec(anna, (0, 10)), priority=Priority.HIGH)
    first, again = [(await world.submissions.submit(anna, spec, "key")).request for _ in range(2)]
    assert (first.id, again.spec.priority) == (again.id, Priority.NORMAL)
