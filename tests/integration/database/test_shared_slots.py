"""Slots of requests in Postgres: shared as by comparing all waiting requests, as the fake database does."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest

from fakes.persistence.database import FakeDatabase
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.model.request import Priority, Status
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database
from support.samples.persistence import NOW, add_user, add_video, request_spec_for, work_spec_for

LEASE = timedelta(minutes=5)


class Queue:
    """Requests of some accounts in one of the databases, in the order of submission."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: list[UUID] = []
        self._owners: dict[int, tuple[int, Video]] = {}

    async def submit(self, account: int, priority: Priority) -> None:
        """Submit a request of one slice."""
        if account not in self._owners:
            owner = await add_user(self._database, f"account-{account}")
            self._owners[account] = owner.id, await add_video(self._database, owner)
        user_id, video = self._owners[account]
        async with self._database.unit_of_work() as work:
            spec = request_spec_for(video, priority=priority)
            request, _ = await work.requests.add(user_id, spec, work_spec_for(spec, 10), None)
            await work.slices.add(request.id, [Segment(0, 10)])
            await work.commit()
        self._ids.append(request.id)

    async def admit(self, limit: int) -> list[int]:
        """Share the slots; return the numbers of the requests that have one."""
        async with self._database.unit_of_work() as work:
            await work.slices.start_requests(limit)
            pending = {entry.request_id for entry in await work.slices.pending_work()}
            await work.commit()
        return [number for number, request_id in enumerate(self._ids) if request_id in pending]

    async def begin(self, number: int) -> None:
        """Lease the slice of a request."""
        async with self._database.unit_of_work() as work:
            assert await work.slices.lease(self._ids[number], 0, "worker", LEASE)
            await work.commit()

    async def cancel(self, number: int) -> None:
        """Cancel a request."""
        async with self._database.unit_of_work() as work:
            await work.requests.finish(self._ids[number], Status.CANCELLED, NOW)
            await work.commit()


@pytest.mark.parametrize("seed", range(8))
async def test_slots_are_shared_as_if_all_requests_were_compared(
    seed: int, postgres_database: PostgresDatabase
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- no secret
    real, model = Queue(postgres_database), Queue(FakeDatabase())
    accounts: list[int] = []
    in_work, begun, gone = set[int](), set[int](), set[int]()
    limit = (1, 2, 3, 5, 9, 17, 24, 40)[seed]
    for _ in range(4):
        # A few accounts have most of what waits, as in a real queue.
        fresh = [chance.choice((0, 0, 0, 1, 1, chance.randrange(8))) for _ in range(chance.randrange(3, 12))]
        for account in fresh:
            priority = chance.choice((Priority.NORMAL, Priority.NORMAL, Priority.HIGH))
            for queue in (real, model):
                await queue.submit(account, priority)
        accounts += fresh
        waiting = {*range(len(accounts))} - in_work - gone
        newcomers = {accounts[number] for number in waiting} - {accounts[number] for number in in_work}
        admitted = await real.admit(limit)
        if len(in_work) >= limit and not (newcomers and in_work - begun):
            # Slots stay as they are until one is free, or an account without one waits.
            assert admitted == sorted(in_work)
            return
        assert admitted == await model.admit(limit)
        in_work = {*admitted}
        for number in sorted(in_work - begun)[::2]:
            begun.add(number)
            for queue in (real, model):
                await queue.begin(number)
        for number in chance.sample(admitted, -(-len(admitted) // 4)):
            in_work.discard(number)
            gone.add(number)
            for queue in (real, model):
                await queue.cancel(number)
