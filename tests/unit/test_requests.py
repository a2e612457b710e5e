"""Requests for anonymised frames: submitted, followed, cancelled, fetched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from domain.accounts import Role
from domain.anonymization.cleaning import Cleaner
from domain.anonymization.health import Condition, Health
from domain.anonymization.lifecycle import Priority, Status
from domain.anonymization.request import Level
from domain.errors import (
    AlreadyFinishedError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidSegmentsError,
    LevelUnavailableError,
    NotReadyError,
    QueueUnavailableError,
    RequestNotFoundError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    TooManyFramesError,
    VideoNotFoundError,
)
from domain.library import GrantRole
from domain.ports.persistence import RequestFilter
from domain.ports.services import WorkerInfo
from world import World, chunks


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def complete(world: World, request_id: object, frames: int = 0) -> None:
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


async def test_cleaning_removes_what_is_due_and_nothing_else(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    ids = [(await world.anonymization.submit(anna, order)).request.id for _ in range(2)]
    await complete(world, ids[0])
    await world.anonymization.mint_download(anna, ids[0])
    await world.collection.begin_upload(anna, "a.mp4")
    world.clock.advance(timedelta(hours=3))
    await complete(world, ids[1])
    cleaner = Cleaner(world.database, world.store, world.clock, timedelta(hours=2))
    report = await cleaner.run()
    assert (report.tokens, report.results, report.uploads) == (1, 1, 1)
    with pytest.raises(NotReadyError):
        await world.anonymization.mint_download(anna, ids[0])
    assert await world.anonymization.mint_download(anna, ids[1])
    assert (await cleaner.run()).results == 0


async def models_are_there() -> bool:
    return True


async def test_health_in_one_word(world: World) -> None:
    health = Health(world.database, world.store, world.queue, models_are_there)
    assert (await health.check()).condition is Condition.DEGRADED
    world.queue.known_workers = [WorkerInfo("here:1", ("anonymization",), world.clock.now())]
    report = await health.check()
    assert (report.condition, report.workers, report.pending_requests) == (Condition.HEALTHY, 1, 0)
    for part, name in ((world.queue, "redis"), (world.store, "storage")):
        part.unavailable = True
        report = await health.check()
        assert (report.condition, report.checks[name]) == (Condition.UNHEALTHY, "failed")
        part.unavailable = False
    world.fake_database.reachable = False
    report = await health.check()
    assert (report.condition, report.checks["database"]) == (Condition.UNHEALTHY, "failed")
    assert report.pending_requests is None


async def test_a_check_that_hangs_counts_as_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> bool:
        await asyncio.sleep(60)
        return True

    monkeypatch.setattr("domain.anonymization.health.PATIENCE", 0.05)
    world.queue.known_workers = [WorkerInfo("here:1", ("anonymization",), world.clock.now())]
    report = await Health(world.database, world.store, world.queue, hangs).check()
    assert (report.condition, report.checks["models"]) == (Condition.DEGRADED, "failed")
