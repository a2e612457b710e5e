"""Simulation of fair scheduling: the wait of an account is bounded, whatever others have queued."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.clock import NOON
from fakes.persistence.database import FakeDatabase
from fakes.queue import FakeJobQueue
from framecloak.domain.anonymization.model.request import Priority, Status, StoredResult
from framecloak.domain.anonymization.model.slices import MAX_DEFICIT_FRAMES, Lease, SliceKind, slice_cost
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video
from support.samples.persistence import add_user, add_video, request_spec_for, work_spec_for

MAX_SLICE, MAX_SLICES = 400, 5
HOPELESS_CHARGE = 20_000
"""Charge above every bound, and below that of a hoard, at which a simulation is given up."""
TTL = timedelta(hours=1)
FEW_EXAMPLES = settings(max_examples=max(10, settings.default.max_examples // 2))

Order = tuple[Priority, list[int]]
"""Priority of a request, and the frames of its slices."""

SLICES = st.lists(st.integers(1, MAX_SLICE), min_size=1, max_size=MAX_SLICES)
ORDERS = st.lists(st.tuples(st.sampled_from(Priority), SLICES), min_size=1, max_size=6)
HOARDS = st.lists(st.integers(200, MAX_SLICE), min_size=2, max_size=MAX_SLICES).map(
    lambda lengths: [(Priority.NORMAL, lengths)] * 100
)
"""Orders of more frames than any bound: an account with fewer is done before it is served too much."""
BACKLOGS = st.tuples(HOARDS, ORDERS | HOARDS) | st.tuples(HOARDS, ORDERS, ORDERS, ORDERS)


class Fleet:
    """Simulated workers on the real scheduler, whose slices end in the order in which they began."""

    def __init__(self, workers: int, slots: int) -> None:
        self.database = FakeDatabase(now=lambda: NOON)
        self.dispatcher = Dispatcher(self.database, FakeJobQueue(), slots)
        self.charged = Counter[int]()
        self._workers = workers
        self._running = deque[Lease]()
        self._videos: dict[int, Video] = {}

    async def account(self, name: str) -> int:
        user = await add_user(self.database, name)
        self._videos[user.id] = await add_video(self.database, user)
        return user.id

    async def submit(self, user_id: int, orders: Sequence[Order]) -> None:
        for priority, lengths in orders:
            segments = [Segment(*bounds) for bounds in pairwise(accumulate(lengths, initial=0))]
            async with self.database.unit_of_work() as work:
                spec = request_spec_for(self._videos[user_id], priority=priority)
                snapshot = work_spec_for(spec, sum(lengths))
                request, _ = await work.requests.add(user_id, spec, snapshot, None)
                await work.slices.add(request.id, segments)
                await work.commit()

    def is_done(self, user_id: int) -> bool:
        requests = self.database.store.tables.requests.values()
        return all(request.status.is_final for request in requests if request.user_id == user_id)

    async def step(self) -> None:
        turns = await self.dispatcher.run() if len(self._running) < self._workers else []
        if turns:
            await self._lease(turns[0])
        elif self._running:
            await self._finish(self._running.popleft())

    async def _lease(self, request_id: UUID) -> None:
        async with self.database.unit_of_work() as work:
            number = (await work.slices.ready_numbers(request_id))[0]
            lease = await work.slices.lease(request_id, number, "worker", TTL)
            await work.commit()
        assert lease is not None
        request = self.database.store.tables.requests[request_id]
        cost = slice_cost(lease.kind, len(lease.segment), request.spec.priority)
        self.charged[request.user_id] += cost
        self._running.append(lease)

    async def _finish(self, lease: Lease) -> None:
        async with self.database.unit_of_work() as work:
            await work.slices.finish(lease, 0)
            if lease.kind is SliceKind.ASSEMBLY:
                await work.requests.finish(
                    lease.request_id, Status.COMPLETED, NOON, result=StoredResult("key", 1)
                )
            await work.commit()


async def _newcomer_waits(
    fleet: Fleet, earlier: Sequence[Sequence[Order]], steps: int, mine: Sequence[Order]
) -> tuple[int, dict[int, int]]:
    """Return what a newcomer was charged for its orders, and what each other account was meanwhile."""
    others = [await fleet.account(f"other-{number}") for number in range(len(earlier))]
    for other, orders in zip(others, earlier, strict=True):
        await fleet.submit(other, orders)
    for _ in range(steps):
        await fleet.step()
    newcomer = await fleet.account("newcomer")
    await fleet.submit(newcomer, mine)
    before = fleet.charged.copy()
    served = dict.fromkeys(others, 0)
    while not fleet.is_done(newcomer) and max(served.values()) <= HOPELESS_CHARGE:
        await fleet.step()
        served = {other: fleet.charged[other] - before[other] for other in others}
    return fleet.charged[newcomer], served


@FEW_EXAMPLES
@given(
    earlier=BACKLOGS,
    mine=ORDERS,
    steps=st.integers(0, 30),
    workers=st.integers(1, 3),
)
def test_no_other_account_is_served_more_than_a_newcomer_and_a_bound(
    earlier: Sequence[list[Order]], mine: list[Order], steps: int, workers: int
) -> None:
    fleet = Fleet(workers, slots=100)
    own, others = asyncio.run(_newcomer_waits(fleet, earlier, steps, mine))
    # A worker that has nothing of the newcomer to do, because its last slices are in work, serves others.
    idle = workers * MAX_SLICE
    assert all(charged <= own + MAX_DEFICIT_FRAMES + 2 * MAX_SLICE + idle for charged in others.values())


@FEW_EXAMPLES
@given(
    earlier=BACKLOGS,
    mine=SLICES,
    steps=st.integers(0, 30),
    slots=st.integers(1, 3),
)
def test_few_slots_delay_an_account_by_at_most_one_more_request_of_each_other(
    earlier: Sequence[list[Order]], mine: list[int], steps: int, slots: int
) -> None:
    fleet = Fleet(1, slots)
    own, others = asyncio.run(_newcomer_waits(fleet, earlier, steps, [(Priority.NORMAL, mine)]))
    request = MAX_SLICE * MAX_SLICES + MAX_SLICE
    assert all(charged <= own + MAX_DEFICIT_FRAMES + 2 * request for charged in others.values())


def test_a_short_order_is_next_however_many_orders_another_account_has_queued() -> None:
    fleet = Fleet(workers=1, slots=5)
    hoard = [[(Priority.NORMAL, [250] * 4)] * 100]
    own, others = asyncio.run(_newcomer_waits(fleet, hoard, 20, [(Priority.NORMAL, [2])]))
    assert own == 3
    # The one slice that was in work, at most.
    assert max(others.values()) <= 250
