"""Requests for anonymised frames: status, lists, cancellation, download tokens and statistics."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.fitting import DEFAULT_FRAME_SECONDS
from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from framecloak.domain.anonymization.requests.estimates import PACE_TTL
from framecloak.domain.anonymization.work import result_deletion
from framecloak.domain.errors import (
    AlreadyFinishedError,
    ForbiddenError,
    NotReadyError,
    RequestNotFoundError,
    StorageUnavailableError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
)
from framecloak.domain.model.accounts import Role
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.ports.queue import WorkerInfo
from support.use_cases import FakeService, chunks


async def test_the_estimate_counts_waiting_requests_and_uses_measured_rates(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 50))
    first = await world.submissions.submit(anna, spec)
    await world.complete(first.request.id)
    second = await world.submissions.submit(anna, spec)
    assert 9 <= second.estimated_seconds <= 11  # fifty frames at five a second
    world.clock.advance(timedelta(seconds=1))
    third = await world.submissions.submit(anna, spec)
    assert third.estimated.seconds == pytest.approx(2 * second.estimated.seconds)
    # An order that came later does not delay an earlier one.
    waiting = await world.anonymization.status(anna, second.request.id)
    assert waiting.estimated_seconds == second.estimated_seconds


async def test_the_speed_that_workers_announce_counts(world: FakeService) -> None:
    anna = await world.person("anna")
    request = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 50)))).request
    assumed = (await world.anonymization.status(anna, request.id)).estimated_seconds
    assert assumed is not None
    speed = WorkerSpeed(4 * DEFAULT_FRAME_SECONDS, 1.0, frozenset({Level.FACES}))
    world.queue.known_workers = [WorkerInfo("here:1", ("anonymization",), world.clock.now(), speed)]
    world.clock.advance(PACE_TTL)
    measured = (await world.anonymization.status(anna, request.id)).estimated_seconds
    assert measured is not None
    assert measured > 2 * assumed
    # Without the queue, what the workers said last still holds.
    world.queue.unavailable = True
    world.clock.advance(PACE_TTL)
    assert (await world.anonymization.status(anna, request.id)).estimated_seconds == measured


async def test_progress_is_rounded_down_and_time_left_follows_the_pace(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 30)))).request.id
    # Thirty frames and those around them at twenty a second, after the models were loaded.
    assert (await world.anonymization.status(anna, request_id)).estimated_seconds == 5
    async with world.database.unit_of_work() as work:
        lease = await work.slices.lease(request_id, 0, "worker", LEASE_DURATION)
        assert lease
        await work.slices.renew(lease, LEASE_DURATION, 20)
        await work.commit()
    world.clock.advance(timedelta(seconds=100))
    progress = await world.anonymization.status(anna, request_id)
    # The time so far was mostly that of the frames around: ten of 170 are left, and not a third of all.
    assert (progress.request.progress, progress.estimated_seconds) == (66, 8)
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.status(ben, request_id)
    await world.complete(request_id)
    done = await world.anonymization.status(anna, request_id)
    assert (done.request.progress, done.estimated_seconds) == (100, None)


async def test_lists_are_scoped_and_filtered(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    boss = await world.person("boss", Role.ADMIN)
    first = await world.request_spec(anna, (0, 10))
    ids = [(await world.submissions.submit(anna, first)).request.id for _ in range(3)]
    other = (await world.submissions.submit(ben, await world.request_spec(ben, (0, 10)))).request.id
    await world.anonymization.cancel(anna, ids[0])
    everything = RequestFilter()
    page = await world.anonymization.list(anna, everything, 2, 0)
    assert ([item.id for item in page.items], page.total) == ([ids[2], ids[1]], 3)
    assert [item.id for item in (await world.anonymization.list(ben, everything, 9, 0)).items] == [other]
    assert (await world.anonymization.list(boss, everything, 9, 0)).total == 4
    cancelled = RequestFilter(video_id=first.video_id, status=Status.CANCELLED)
    assert [item.id for item in (await world.anonymization.list(boss, cancelled, 9, 0)).items] == [ids[0]]


async def test_a_request_is_cancelled_once_and_by_its_owner(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.cancel(ben, request_id)
    await world.anonymization.cancel(anna, request_id)
    with pytest.raises(AlreadyFinishedError, match="ended already; its status is cancelled"):
        await world.anonymization.cancel(anna, request_id)


async def test_a_download_token_is_good_for_one_of_many_concurrent_downloads(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    with pytest.raises(NotReadyError):
        await world.anonymization.issue_download_token(anna, request_id)
    await world.complete(request_id)
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    assert token not in repr(world.fake_database.tables)
    tries = [world.anonymization.redeem_download_token(request_id, token) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    addresses = [item for item in results if isinstance(item, str)]
    assert len(addresses) == 1
    assert f"requests/{request_id}/frames.zip" in addresses[0]
    assert sum(isinstance(item, TokenUsedError) for item in results) == 19


async def test_expired_altered_and_mismatched_tokens_are_refused(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    await world.complete(request_id)
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.issue_download_token(ben, request_id)
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    for wrong in ((request_id, token + "x"), (uuid4(), token)):
        with pytest.raises(TokenNotFoundError):
            await world.anonymization.redeem_download_token(*wrong)
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(TokenExpiredError):
        await world.anonymization.redeem_download_token(request_id, token)


async def test_statistics_are_for_administrators(world: FakeService) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 50)))).request.id
    with pytest.raises(ForbiddenError):
        await world.anonymization.statistics(anna)
    assert (await world.anonymization.statistics(boss)).frames_per_second is None
    await world.complete(request_id)
    statistics = await world.anonymization.statistics(boss)
    assert (statistics.frames_per_second, statistics.average_seconds) == (5.0, 10.0)
    assert statistics.requests[Status.COMPLETED] == 1
    assert statistics.requests[Status.FAILED] == 0


async def test_a_clock_behind_that_of_the_workers_gives_no_negative_estimate(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 30)))).request.id
    async with world.database.unit_of_work() as work:
        lease = await work.slices.lease(request_id, 0, "worker", LEASE_DURATION)
        assert lease
        await work.slices.renew(lease, LEASE_DURATION, 10)
        await work.commit()
    world.clock.advance(-timedelta(seconds=5))
    assert (await world.anonymization.status(anna, request_id)).estimated_seconds == 0


async def test_cancelling_removes_the_parts_of_the_request_alone(world: FakeService) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    spec = await world.request_spec(anna, (0, 10))
    doomed, other = [(await world.submissions.submit(anna, spec)).request.id for _ in range(2)]
    for request_id in (doomed, other):
        await world.store.put(f"requests/{request_id}/part", chunks(b"part"))
    await world.anonymization.cancel(boss, doomed)
    assert [key for key in world.fake_store.objects if key.startswith("requests/")] == [
        f"requests/{other}/part"
    ]
    assert (await world.anonymization.status(anna, doomed)).request.status is Status.CANCELLED


async def test_a_request_that_ends_while_it_is_cancelled_keeps_its_result(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    key = f"requests/{request_id}/frames.zip"
    await world.store.put(key, chunks(b"zip"))
    async with world.database.unit_of_work() as work:
        await work.requests.finish(
            request_id, Status.COMPLETED, world.clock.now(), result=StoredResult(key, 3)
        )
        cancelling = asyncio.create_task(world.anonymization.cancel(anna, request_id))
        await asyncio.sleep(0.01)  # it has read that the request is pending, and waits for this writer
        await work.commit()
    with pytest.raises(AlreadyFinishedError, match="ended already; its status is completed"):
        await cancelling
    assert world.fake_store.objects[key] == b"zip"
    assert (await world.anonymization.status(anna, request_id)).request.status is Status.COMPLETED


async def test_cancelling_does_not_wait_for_a_store_that_hangs(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: str) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(result_deletion, "MAX_DELETION_SECONDS", 0.05)
    monkeypatch.setattr(world.fake_store, "remove_prefix", hang)
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    with pytest.raises(StorageUnavailableError, match="the request is over"):
        await world.anonymization.cancel(anna, request_id)
    assert (await world.anonymization.status(anna, request_id)).request.status is Status.CANCELLED


async def test_a_request_is_cancelled_even_when_its_parts_cannot_be_deleted(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.anonymization.cancel(anna, request_id)
    assert (await world.anonymization.status(anna, request_id)).request.status is Status.CANCELLED


async def test_a_token_survives_a_store_that_is_down(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    await world.complete(request_id)
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.anonymization.redeem_download_token(request_id, token)
    world.fake_store.unavailable = False
    assert await world.anonymization.redeem_download_token(request_id, token)


async def test_a_deleted_result_has_no_download(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    await world.complete(request_id)
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    async with world.database.unit_of_work() as work:
        await work.requests.clear_result(request_id)
        await work.commit()
    with pytest.raises(NotReadyError, match="deleted: submit the request again"):
        await world.anonymization.redeem_download_token(request_id, token)
    with pytest.raises(NotReadyError, match="deleted: submit the request again"):
        await world.anonymization.issue_download_token(anna, request_id)
