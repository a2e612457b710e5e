"""Requests for anonymised frames: submitted, followed, cancelled, fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.accounts import Role
from domain.anonymization.lifecycle import Order, Priority, Status
from domain.anonymization.request import Appearance, Level, OutputFormat
from domain.errors import (
    AlreadyFinishedError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidSegmentsError,
    LevelUnavailableError,
    NotReadyError,
    QueueUnavailableError,
    RequestNotFoundError,
    StorageUnavailableError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    TooManyFramesError,
    VideoNotFoundError,
)
from domain.library import GrantRole
from domain.ports.persistence import RequestFilter
from world import World, chunks


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def complete(world: World, request_id: UUID) -> None:
    key = f"requests/{request_id}/frames.zip"
    await world.store.put(key, chunks(b"zip"))
    async with world.database.unit_of_work() as work:
        await work.requests.claim(request_id, world.clock.now())
        world.clock.advance(timedelta(seconds=10))
        await work.requests.finish(request_id, Status.COMPLETED, world.clock.now(), result=(key, 3))
        await work.commit()


async def test_an_order_becomes_a_pending_request_that_a_worker_is_told_of(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10), (5, 20), (40, 50))
    submitted = await world.anonymization.submit(anna, replace(order, priority=Priority.HIGH))
    request = submitted.request
    assert (request.status, request.total_frames) == (Status.PENDING, 30)
    assert world.queue.anonymizations == [(request.id, Priority.HIGH)]
    assert submitted.estimated_seconds == 2  # thirty frames at the rate expected of a new installation


async def test_the_estimate_counts_who_waits_and_uses_measured_rates(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 50))
    first = await world.anonymization.submit(anna, order)
    await complete(world, first.request.id)
    second = await world.anonymization.submit(anna, order)
    assert second.estimated_seconds == 10  # fifty frames at five a second
    assert (await world.anonymization.submit(anna, order)).estimated_seconds == 20


async def test_who_may_submit(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    order = await world.order(anna, (0, 10))
    with pytest.raises(VideoNotFoundError):
        await world.anonymization.submit(ben, order)
    await world.collection.share(anna, order.video_id, ben.user_id, GrantRole.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.anonymization.submit(ben, order)
    await world.collection.share(anna, order.video_id, ben.user_id, GrantRole.EDITOR)
    assert (await world.anonymization.submit(ben, order)).request.user_id == ben.user_id


async def test_orders_that_cannot_be_fulfilled_are_refused(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    foreign = await world.order(anna, (0, 10))
    long = await world.order(anna, (0, 50), (49, 81))
    for segments in ((), foreign.segment_ids, (*order.segment_ids, 999), order.segment_ids * 101):
        with pytest.raises(InvalidSegmentsError, match="Invalid segments"):
            await world.anonymization.submit(anna, replace(order, segment_ids=segments))
    with pytest.raises(TooManyFramesError, match="81 frames"):
        await world.anonymization.submit(anna, long)
    with pytest.raises(LevelUnavailableError):
        await world.anonymization.submit(anna, replace(order, level=Level.FULL))
    assert world.queue.anonymizations == []
    assert not world.fake_database.tables.requests


async def test_the_same_key_with_the_same_order_is_the_same_request(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    order = await world.order(anna, (0, 10))
    first = await world.anonymization.submit(anna, order, "key")
    again = await world.anonymization.submit(anna, order, "key")
    assert again.request.id == first.request.id
    assert len(world.queue.anonymizations) == 1
    with pytest.raises(IdempotencyConflictError):
        await world.anonymization.submit(anna, replace(order, level=Level.MINIMAL), "key")
    bens = await world.order(ben, (0, 10))
    assert (await world.anonymization.submit(ben, bens, "key")).request.id != first.request.id


async def test_without_a_queue_nothing_is_stored_and_the_key_is_free(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.anonymization.submit(anna, order, "key")
    assert not world.fake_database.tables.requests
    world.queue.unavailable = False
    assert await world.anonymization.submit(anna, replace(order, level=Level.MINIMAL), "key")


async def test_progress_is_rounded_down_and_time_left_follows_the_pace(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 30)))).request.id
    assert (await world.anonymization.status(anna, request_id)).estimated_seconds == 2
    async with world.database.unit_of_work() as work:
        await work.requests.claim(request_id, world.clock.now())
        await work.requests.advance(request_id, 20)
        await work.commit()
    world.clock.advance(timedelta(seconds=10))
    progress = await world.anonymization.status(anna, request_id)
    assert (progress.request.progress, progress.estimated_seconds) == (66, 5)
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.status(ben, request_id)
    await complete(world, request_id)
    done = await world.anonymization.status(anna, request_id)
    assert (done.request.progress, done.estimated_seconds) == (100, None)


async def test_lists_are_scoped_and_filtered(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    boss = await world.person("boss", Role.ADMIN)
    first = await world.order(anna, (0, 10))
    ids = [(await world.anonymization.submit(anna, first)).request.id for _ in range(3)]
    other = (await world.anonymization.submit(ben, await world.order(ben, (0, 10)))).request.id
    await world.anonymization.cancel(anna, ids[0])
    everything = RequestFilter()
    page = await world.anonymization.list(anna, everything, 2, 0)
    assert ([one.id for one in page.items], page.total) == ([ids[2], ids[1]], 3)
    assert [one.id for one in (await world.anonymization.list(ben, everything, 9, 0)).items] == [other]
    assert (await world.anonymization.list(boss, everything, 9, 0)).total == 4
    cancelled = RequestFilter(video_id=first.video_id, status=Status.CANCELLED)
    assert [one.id for one in (await world.anonymization.list(boss, cancelled, 9, 0)).items] == [ids[0]]


async def test_a_request_is_cancelled_once_and_by_whom_it_belongs_to(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.cancel(ben, request_id)
    await world.anonymization.cancel(anna, request_id)
    with pytest.raises(AlreadyFinishedError, match="cancelled already"):
        await world.anonymization.cancel(anna, request_id)


async def test_a_download_token_is_good_for_one_of_many_at_once(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    with pytest.raises(NotReadyError):
        await world.anonymization.mint_download(anna, request_id)
    await complete(world, request_id)
    token = (await world.anonymization.mint_download(anna, request_id)).token
    assert token not in repr(world.fake_database.tables)
    tries = [world.anonymization.redeem_download(request_id, token) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    addresses = [one for one in results if isinstance(one, str)]
    assert len(addresses) == 1
    assert f"requests/{request_id}/frames.zip" in addresses[0]
    assert sum(isinstance(one, TokenUsedError) for one in results) == 19


async def test_a_token_that_is_late_altered_or_for_another_request_is_refused(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    await complete(world, request_id)
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.mint_download(ben, request_id)
    token = (await world.anonymization.mint_download(anna, request_id)).token
    for wrong in ((request_id, token + "x"), (uuid4(), token)):
        with pytest.raises(TokenNotFoundError):
            await world.anonymization.redeem_download(*wrong)
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(TokenExpiredError):
        await world.anonymization.redeem_download(request_id, token)


async def test_statistics_are_for_administrators(world: World) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 50)))).request.id
    with pytest.raises(ForbiddenError):
        await world.anonymization.statistics(anna)
    assert (await world.anonymization.statistics(boss)).frames_per_second is None
    await complete(world, request_id)
    statistics = await world.anonymization.statistics(boss)
    assert (statistics.frames_per_second, statistics.average_seconds) == (5.0, 10.0)
    assert statistics.requests[Status.COMPLETED] == 1
    assert statistics.requests[Status.FAILED] == 0


async def test_a_submission_is_recorded(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    request_id = (await world.anonymization.submit(anna, order, "key")).request.id
    await world.anonymization.submit(anna, order, "key")
    rows = [row for row in world.fake_database.tables.audit.values() if row.action == "request.submit"]
    (row,) = rows  # the second call submitted nothing
    assert (row.user_id, row.subject) == (anna.user_id, f"request:{request_id}")
    assert row.details == {"video_id": order.video_id, "level": "faces", "frames": 10}


async def test_limits_are_inclusive_and_a_segment_named_twice_counts_once(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 80))
    submitted = await world.anonymization.submit(anna, replace(order, segment_ids=order.segment_ids * 100))
    assert submitted.request.total_frames == 80


async def test_a_repeated_submission_is_not_estimated_as_another_one(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 40))
    first = await world.anonymization.submit(anna, order, "key")
    again = await world.anonymization.submit(anna, order, "key")
    assert (first.estimated_seconds, again.estimated_seconds) == (2, 2)
    await complete(world, first.request.id)
    await world.anonymization.submit(anna, order)
    assert (await world.anonymization.submit(anna, order, "key")).estimated_seconds == 0


async def test_of_many_submissions_with_one_key_one_is_enqueued(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    submitted = await asyncio.gather(*(world.anonymization.submit(anna, order, "key") for _ in range(10)))
    assert {one.request.id for one in submitted} == {id_ for id_, _ in world.queue.anonymizations}
    assert len(world.queue.anonymizations) == 1


CHANGES: dict[str, Callable[[Order], Order]] = {
    "format": lambda order: replace(order, appearance=Appearance(OutputFormat.PNG)),
    "quality": lambda order: replace(order, appearance=Appearance(quality=50)),
    "priority": lambda order: replace(order, priority=Priority.HIGH),
    "webhook": lambda order: replace(order, webhook_url="https://example.test/"),
    "segments": lambda order: replace(order, segment_ids=order.segment_ids[:1]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_order_that_differs_in_anything_is_a_different_order(world: World, change: str) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10), (20, 30))
    await world.anonymization.submit(anna, order, "key")
    with pytest.raises(IdempotencyConflictError):
        await world.anonymization.submit(anna, CHANGES[change](order), "key")


async def test_a_queue_that_fails_takes_back_only_what_it_was_not_told_of(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    kept = (await world.anonymization.submit(anna, order, "one")).request
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.anonymization.submit(anna, order, "two")
    assert (await world.anonymization.submit(anna, order, "one")).request == kept
    assert list(world.fake_database.tables.requests) == [kept.id]
    assert list(world.fake_database.tables.idempotency) == [(anna.user_id, "one")]


async def test_a_clock_that_is_behind_the_workers_makes_no_negative_estimate(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 30)))).request.id
    async with world.database.unit_of_work() as work:
        await work.requests.claim(request_id, world.clock.now() + timedelta(seconds=5))
        await work.requests.advance(request_id, 10)
        await work.commit()
    assert (await world.anonymization.status(anna, request_id)).estimated_seconds == 0


async def test_cancelling_removes_what_was_made_and_nothing_of_others(world: World) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    order = await world.order(anna, (0, 10))
    doomed, other = [(await world.anonymization.submit(anna, order)).request.id for _ in range(2)]
    for request_id in (doomed, other):
        await world.store.put(f"requests/{request_id}/part", chunks(b"part"))
    await world.anonymization.cancel(boss, doomed)
    assert [key for key in world.store.objects if key.startswith("requests/")] == [f"requests/{other}/part"]
    assert (await world.anonymization.status(anna, doomed)).request.status is Status.CANCELLED


async def test_a_request_that_ends_while_it_is_cancelled_keeps_its_result(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    key = f"requests/{request_id}/frames.zip"
    await world.store.put(key, chunks(b"zip"))
    async with world.database.unit_of_work() as work:
        await work.requests.finish(request_id, Status.COMPLETED, world.clock.now(), result=(key, 3))
        cancelling = asyncio.create_task(world.anonymization.cancel(anna, request_id))
        await asyncio.sleep(0.01)  # it has read that the request is pending, and waits for this writer
        await work.commit()
    with pytest.raises(AlreadyFinishedError, match="completed already"):
        await cancelling
    assert world.store.objects[key] == b"zip"
    assert (await world.anonymization.status(anna, request_id)).request.status is Status.COMPLETED


async def test_a_request_is_cancelled_even_when_its_parts_cannot_be_deleted(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    world.store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.anonymization.cancel(anna, request_id)
    assert (await world.anonymization.status(anna, request_id)).request.status is Status.CANCELLED


async def test_a_token_survives_a_store_that_is_down(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    await complete(world, request_id)
    token = (await world.anonymization.mint_download(anna, request_id)).token
    world.store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.anonymization.redeem_download(request_id, token)
    world.store.unavailable = False
    assert await world.anonymization.redeem_download(request_id, token)


async def test_a_result_that_was_deleted_is_neither_promised_nor_fetched(world: World) -> None:
    anna = await world.person("anna")
    request_id = (await world.anonymization.submit(anna, await world.order(anna, (0, 10)))).request.id
    await complete(world, request_id)
    token = (await world.anonymization.mint_download(anna, request_id)).token
    async with world.database.unit_of_work() as work:
        await work.requests.forget_result(request_id)
        await work.commit()
    with pytest.raises(NotReadyError, match="deleted: submit the order again"):
        await world.anonymization.redeem_download(request_id, token)
    with pytest.raises(NotReadyError, match="deleted: submit the order again"):
        await world.anonymization.mint_download(anna, request_id)
