"""Contract of the slice repository: leases, their expiry, and progress that counts every frame once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest

from fakes.persistence.database import FakeDatabase
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Priority, Status
from framecloak.domain.anonymization.model.slices import Lease, LeaseState, SliceKind
from framecloak.domain.anonymization.requests.dispatcher import fair_order
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database
from support.samples.persistence import (
    NOW,
    add_user,
    add_video,
    concurrently,
    request_spec_for,
    work_spec_for,
)

LONG, SHORT = timedelta(minutes=5), timedelta(milliseconds=150)
NOTHING = timedelta()
ADMIN = Principal(0, "admin", Role.ADMIN, Means.COMMAND)
_names = count()
Pass = Callable[[], Awaitable[None]]


@pytest.fixture
def time_passes(database: Database) -> Pass:
    """Return a function that lets more than ``SHORT`` pass."""

    async def wait() -> None:
        if isinstance(database, FakeDatabase):
            earlier = database.store.now()
            database.store.now = lambda: earlier + 2 * SHORT
        else:
            await asyncio.sleep(2 * SHORT.total_seconds())

    return wait


async def submitted(
    database: Database, *slices: tuple[int, int], user: str = "", priority: Priority = Priority.NORMAL
) -> AnonymizationRequest:
    """Submit a request, as a new user unless a name is given."""
    owner = await add_user(database, user or f"user-{next(_names)}")
    return await another(database, owner.id, await add_video(database, owner), slices, priority)


async def another(
    database: Database,
    user_id: int,
    video: Video,
    slices: tuple[tuple[int, int], ...],
    priority: Priority = Priority.NORMAL,
) -> AnonymizationRequest:
    segments = [Segment(*bounds) for bounds in slices or ((0, 10),)]
    async with database.unit_of_work() as work:
        spec = request_spec_for(video, priority=priority)
        snapshot = work_spec_for(spec, segments[-1].end_frame)
        request, _ = await work.requests.add(user_id, spec, snapshot, None)
        await work.slices.add(request.id, segments)
        await work.commit()
    return request


async def admit(database: Database, limit: int = 100) -> None:
    async with database.unit_of_work() as work:
        await work.slices.start_requests(limit)
        await work.commit()


async def ready(database: Database, request_id: UUID) -> list[int]:
    async with database.unit_of_work() as work:
        return list(await work.slices.ready_numbers(request_id))


async def leased(
    database: Database, request_id: UUID, number: int, owner: str = "worker", duration: timedelta = LONG
) -> Lease:
    async with database.unit_of_work() as work:
        lease = await work.slices.lease(request_id, number, owner, duration)
        await work.commit()
    assert lease
    return lease


async def finish(database: Database, lease: Lease, blanked: int = 0) -> LeaseState:
    async with database.unit_of_work() as work:
        state = await work.slices.finish(lease, blanked)
        await work.commit()
    return state


async def reloaded(database: Database, request: AnonymizationRequest) -> AnonymizationRequest:
    async with database.unit_of_work() as work:
        return await work.requests.get(request.id, ADMIN)


async def test_no_slice_is_ready_before_its_request_is_started(database: Database) -> None:
    request = await submitted(database, (0, 10), (10, 20))
    assert await ready(database, request.id) == []
    async with database.unit_of_work() as work:
        assert await work.slices.lease(request.id, 0, "worker", LONG) is None
    await admit(database)
    assert await ready(database, request.id) == [0, 1]
    assert (await reloaded(database, request)).status is Status.PENDING


async def test_a_lease_describes_its_slice_and_starts_the_request(database: Database) -> None:
    request = await submitted(database, (5, 15), (20, 30))
    await admit(database)
    lease = await leased(database, request.id, 1, "me")
    assert lease == Lease(request.id, 1, SliceKind.FRAMES, Segment(20, 30), "me", 1, 0, False)
    now = await reloaded(database, request)
    assert (now.status, now.started_at is not None) == (Status.PROCESSING, True)
    assert await ready(database, request.id) == [0]
    async with database.unit_of_work() as work:
        assert await work.slices.lease(request.id, 1, "other", LONG) is None
        assert await work.slices.lease(request.id, 7, "other", LONG) is None
        assert await work.slices.lease(uuid4(), 0, "other", LONG) is None


async def test_only_one_of_many_workers_gets_a_slice(database: Database) -> None:
    request = await submitted(database)
    await admit(database)
    leases = await concurrently(database, lambda work: work.slices.lease(request.id, 0, "worker", LONG))
    assert sum(lease is not None for lease in leases) == 1


async def test_the_assembly_is_ready_when_everything_else_is_done(database: Database) -> None:
    request = await submitted(database, (0, 10), (10, 20))
    await admit(database)
    first, second = [await leased(database, request.id, number) for number in (0, 1)]
    assert await finish(database, second, 3) is LeaseState.HELD
    assert await ready(database, request.id) == []
    assert await finish(database, first) is LeaseState.HELD
    assert await ready(database, request.id) == [2]
    assembly = await leased(database, request.id, 2)
    assert (assembly.kind, assembly.segment) == (SliceKind.ASSEMBLY, Segment(0, 20))
    async with database.unit_of_work() as work:
        parts = await work.slices.parts(request.id)
    assert [(part.number, part.key) for part in parts] == [(0, first.key), (1, second.key)]


async def test_finishing_the_last_slices_concurrently_makes_the_assembly_ready(database: Database) -> None:
    request = await submitted(database, *((10 * n, 10 * n + 10) for n in range(8)))
    await admit(database)
    leases = [await leased(database, request.id, number) for number in range(8)]
    states = await asyncio.gather(*(finish(database, lease) for lease in leases))
    assert states == [LeaseState.HELD] * 8
    assert await ready(database, request.id) == [8]
    assert (await reloaded(database, request)).processed_frames == 80


async def test_a_lease_that_expired_is_lost(database: Database, time_passes: Pass) -> None:
    request = await submitted(database)
    await admit(database)
    late = await leased(database, request.id, 0, "late")
    async with database.unit_of_work() as work:
        assert await work.slices.renew(late, LONG, 3) is LeaseState.HELD
        await work.commit()
    assert await ready(database, request.id) == []
    async with database.unit_of_work() as work:
        assert await work.slices.renew(late, SHORT, 4) is LeaseState.HELD
        await work.commit()
    await time_passes()
    async with database.unit_of_work() as work:
        assert await work.slices.renew(late, LONG, 5) is LeaseState.LOST
        assert await work.slices.finish(late, 0) is LeaseState.LOST
        assert await work.slices.fail(late, NOTHING) is None
        await work.slices.release(late, NOTHING)
        await work.commit()
    taken = await leased(database, request.id, 0, "late")
    assert (taken.attempt, taken.recovered, taken.failures) == (2, True, 0)
    # The same worker holds it again, but its earlier lease no longer counts.
    assert await finish(database, late) is LeaseState.LOST
    assert await finish(database, taken) is LeaseState.HELD
    assert await finish(database, late) is LeaseState.LOST


async def test_finishing_a_slice_twice_counts_once(database: Database) -> None:
    request = await submitted(database)
    await admit(database)
    lease = await leased(database, request.id, 0)
    assert await finish(database, lease, 2) is LeaseState.HELD
    assert await finish(database, lease, 2) is LeaseState.HELD
    assert (await reloaded(database, request)).processed_frames == 10


async def test_progress_adds_up_over_slices_and_never_decreases(
    database: Database, time_passes: Pass
) -> None:
    request = await submitted(database, (0, 10), (10, 20))
    await admit(database)
    first, second = await leased(database, request.id, 0), await leased(database, request.id, 1)
    async with database.unit_of_work() as work:
        # Only now, so that it cannot expire before it is renewed, however slow the machine is.
        await work.slices.renew(first, SHORT, 4)
        await work.slices.renew(second, LONG, 5)
        await work.commit()
    assert (await reloaded(database, request)).processed_frames == 9
    await time_passes()
    again = await leased(database, request.id, 0)
    async with database.unit_of_work() as work:
        await work.slices.renew(again, LONG, 1)
        await work.commit()
    assert (await reloaded(database, request)).processed_frames == 9
    await finish(database, again)
    assert (await reloaded(database, request)).processed_frames == 15


async def test_a_failed_slice_is_delayed_and_keeps_its_failure_count(
    database: Database, time_passes: Pass
) -> None:
    request = await submitted(database)
    await admit(database)
    async with database.unit_of_work() as work:
        assert await work.slices.fail(await leased(database, request.id, 0), SHORT) == 1
        await work.commit()
    assert await ready(database, request.id) == []
    await time_passes()
    again = await leased(database, request.id, 0)
    assert (again.failures, again.attempt, again.recovered) == (1, 2, False)
    async with database.unit_of_work() as work:
        await work.slices.release(again, NOTHING)
        await work.commit()
    assert (await leased(database, request.id, 0)).failures == 1


async def test_postponements_are_counted_apart_from_failures(database: Database, time_passes: Pass) -> None:
    request = await submitted(database)
    await admit(database)
    async with database.unit_of_work() as work:
        await work.slices.postpone(await leased(database, request.id, 0), SHORT)
        await work.commit()
    assert await ready(database, request.id) == []
    await time_passes()
    again = await leased(database, request.id, 0)
    assert (again.attempt, again.failures, again.postponed) == (1, 0, 1)


async def test_a_finished_request_grants_no_leases(database: Database) -> None:
    for status in (Status.CANCELLED, Status.FAILED, Status.COMPLETED):
        request = await submitted(database, (0, 10), (10, 20))
        await admit(database)
        lease = await leased(database, request.id, 0)
        async with database.unit_of_work() as work:
            assert await work.requests.finish(request.id, status, NOW)
            await work.commit()
        async with database.unit_of_work() as work:
            assert await work.slices.renew(lease, LONG, 1) is LeaseState.CANCELLED
            assert await work.slices.finish(lease, 0) is LeaseState.CANCELLED
            assert await work.slices.fail(lease, NOTHING) is None
            await work.slices.release(lease, NOTHING)
            assert await work.slices.lease(request.id, 1, "worker", LONG) is None
            assert await work.slices.pending_work() == []
        assert await ready(database, request.id) == []


async def test_no_more_requests_are_started_than_the_limit(database: Database) -> None:
    requests = [await submitted(database) for _ in range(4)]
    await admit(database, 2)
    await admit(database, 2)
    assert [bool(await ready(database, request.id)) for request in requests] == [True, True, False, False]
    async with database.unit_of_work() as work:
        await work.requests.finish(requests[0].id, Status.CANCELLED, NOW)
        await work.commit()
    await asyncio.gather(*(admit(database, 2) for _ in range(5)))
    assert [bool(await ready(database, request.id)) for request in requests] == [False, True, True, False]


async def test_urgent_requests_start_first_and_no_user_takes_every_place(database: Database) -> None:
    anna = await add_user(database, "anna")
    video = await add_video(database, anna)
    normal, urgent = Priority.NORMAL, Priority.HIGH
    annas = [await another(database, anna.id, video, (), priority) for priority in (normal, normal, urgent)]
    bens = await submitted(database)
    await admit(database, 3)
    in_work = [bool(await ready(database, request.id)) for request in (*annas, bens)]
    assert in_work == [True, False, True, True]


async def test_pending_work_lists_ready_and_leased_slices(database: Database) -> None:
    normal, urgent = (
        await submitted(database, (0, 10), (10, 20)),
        await submitted(database, priority=Priority.HIGH),
    )
    await submitted(database)
    await admit(database, 2)
    async with database.unit_of_work() as work:
        first, second = await work.slices.pending_work()
    assert {first.request_id, second.request_id} >= {urgent.id}
    await leased(database, urgent.id, 0)
    async with database.unit_of_work() as work:
        pending = {work_item.request_id: work_item for work_item in await work.slices.pending_work()}
    assert (pending[urgent.id].ready, pending[urgent.id].leased) == (0, 1)
    assert pending[urgent.id].priority is Priority.HIGH
    assert (pending[normal.id].ready, pending[normal.id].user_id) == (2, normal.user_id)


async def order(database: Database) -> list[UUID]:
    async with database.unit_of_work() as work:
        return fair_order(await work.slices.pending_work())


async def serve(database: Database) -> UUID:
    """Lease and finish the slice that is due, as one busy worker does; return its request."""
    for request_id in await order(database):
        lease = await leased(database, request_id, (await ready(database, request_id))[0])
        async with database.unit_of_work() as work:
            await work.slices.finish(lease, 0)
            await work.commit()
        return request_id
    raise AssertionError("no slice is ready")


async def test_one_busy_worker_serves_accounts_in_turn_however_much_one_has_queued(
    database: Database,
) -> None:
    anna = await add_user(database, "anna")
    video = await add_video(database, anna)
    annas = [(await another(database, anna.id, video, ((0, 250), (250, 500)))).id for _ in range(8)]
    await admit(database, 5)
    assert {await serve(database) for _ in range(3)} <= set(annas)
    ben = await submitted(database, (0, 2))
    await admit(database, 5)
    assert await serve(database) == ben.id


async def test_accounts_are_charged_in_frames_and_not_in_slices(database: Database) -> None:
    long = await submitted(database, *((number * 200, number * 200 + 200) for number in range(10)))
    short = await submitted(database, *((number * 10, number * 10 + 10) for number in range(40)))
    await admit(database)
    served = [await serve(database) for _ in range(24)]
    assert served.count(long.id) * 200 <= served.count(short.id) * 10 + 200
    assert served.count(short.id) >= 20


async def test_a_high_priority_weighs_more_and_does_not_starve_others(database: Database) -> None:
    urgent = await submitted(database, *((n * 100, n * 100 + 100) for n in range(30)), priority=Priority.HIGH)
    normal = await submitted(database, *((n * 100, n * 100 + 100) for n in range(30)))
    await admit(database)
    served = [await serve(database) for _ in range(20)]
    assert (served.count(urgent.id), served.count(normal.id)) == (16, 4)


async def test_a_started_request_keeps_its_slot_and_others_share_the_rest(database: Database) -> None:
    anna = await add_user(database, "anna")
    video = await add_video(database, anna)
    annas = [await another(database, anna.id, video, ()) for _ in range(4)]
    await admit(database, 4)
    await leased(database, annas[0].id, 0)
    others = [await submitted(database) for _ in range(3)]
    await admit(database, 4)
    in_work = [bool(await ready(database, request.id)) for request in (*annas[1:], *others)]
    assert in_work == [False] * 3 + [True] * 3


async def test_what_an_idle_account_did_not_use_is_bounded(database: Database) -> None:
    busy = await submitted(database, *((n * 500, n * 500 + 500) for n in range(40)))
    await admit(database)
    for _ in range(20):
        await serve(database)
    idle = await submitted(database, *((n * 500, n * 500 + 500) for n in range(20)))
    await admit(database)
    served = [await serve(database) for _ in range(8)]
    assert served[:5] == [idle.id] * 5
    assert served.count(busy.id) >= 1


async def test_a_worker_need_not_wait_for_others_that_lease_slices_of_a_request(database: Database) -> None:
    request = await submitted(database, (0, 10), (10, 20))
    await admit(database)

    async def try_lease() -> Lease | None:
        async with database.unit_of_work() as work:
            return await work.slices.lease(request.id, 1, "second", LONG, wait=False)

    async with database.unit_of_work() as work:
        assert await work.slices.lease(request.id, 0, "first", LONG)
        assert await asyncio.create_task(try_lease()) is None
        await work.commit()
    assert await try_lease() is not None
