"""Orders for anonymised frames, on their way in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.queue import FakeJobQueue
from framecloak.domain.anonymization.model.options import Appearance, Level, OutputFormat
from framecloak.domain.anonymization.model.request import Priority, RequestSpec, Status
from framecloak.domain.anonymization.model.throughput import DEFAULT_THROUGHPUT
from framecloak.domain.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InvalidSegmentsError,
    LevelUnavailableError,
    QueueUnavailableError,
    TooManyFramesError,
    VideoNotFoundError,
)
from framecloak.domain.model.videos import GrantRole
from support.use_cases import World


async def test_an_order_becomes_a_pending_request_that_a_worker_is_told_of(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10), (5, 20), (40, 50))
    submitted = await world.submissions.submit(anna, replace(order, priority=Priority.HIGH))
    request = submitted.request
    assert (request.status, request.total_frames) == (Status.PENDING, 30)
    assert world.queue.written == [(request.id, Priority.HIGH)] * 2  # a slice for each stretch
    assert submitted.estimated_seconds == 2  # thirty frames at the rate expected of a new installation


async def test_who_may_submit(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    order = await world.order(anna, (0, 10))
    with pytest.raises(VideoNotFoundError):
        await world.submissions.submit(ben, order)
    await world.sharing.share(anna, order.video_id, ben.user_id, GrantRole.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.submissions.submit(ben, order)
    await world.sharing.share(anna, order.video_id, ben.user_id, GrantRole.EDITOR)
    assert (await world.submissions.submit(ben, order)).request.user_id == ben.user_id


async def test_orders_that_cannot_be_fulfilled_are_refused(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    foreign = await world.order(anna, (0, 10))
    long = await world.order(anna, (0, 50), (49, 81))
    for segments in ((), foreign.segment_ids, (*order.segment_ids, 999), order.segment_ids * 101):
        with pytest.raises(InvalidSegmentsError, match="Invalid segments"):
            await world.submissions.submit(anna, replace(order, segment_ids=segments))
    with pytest.raises(TooManyFramesError, match="81 frames"):
        await world.submissions.submit(anna, long)
    world.available_levels = {Level.MINIMAL, Level.FACES}
    with pytest.raises(LevelUnavailableError, match="text detector is not installed"):
        await world.submissions.submit(anna, replace(order, level=Level.FULL))
    assert world.queue.written == []
    assert not world.fake_database.tables.requests


async def test_whoever_is_about_to_submit_is_told_what_to_expect(world: World) -> None:
    anna = await world.person("anna")
    new = await world.submissions.capacity()
    assert (new.frames_per_second, new.frames_waiting) == (DEFAULT_THROUGHPUT, 0)
    submitted = await world.submissions.submit(anna, await world.order(anna, (0, 30)))
    world.available_levels = {Level.MINIMAL, Level.FACES}
    busy = await world.submissions.capacity()
    assert busy.frames_waiting == 30
    assert busy.levels == (Level.MINIMAL, Level.FACES)
    # The estimate that comes with an order is made from the same figures.
    assert submitted.estimated_seconds == math.ceil(busy.frames_waiting / busy.frames_per_second)
    with pytest.raises(TooManyFramesError, match=f"the maximum of {busy.max_frames}"):
        await world.submissions.submit(anna, await world.order(anna, (0, busy.max_frames + 1)))


async def test_the_same_key_with_the_same_order_is_the_same_request(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    order = await world.order(anna, (0, 10))
    first = await world.submissions.submit(anna, order, "key")
    again = await world.submissions.submit(anna, order, "key")
    assert again.request.id == first.request.id
    assert len(world.queue.written) == 1
    with pytest.raises(IdempotencyConflictError):
        await world.submissions.submit(anna, replace(order, level=Level.MINIMAL), "key")
    bens = await world.order(ben, (0, 10))
    assert (await world.submissions.submit(ben, bens, "key")).request.id != first.request.id


async def test_a_key_answers_with_its_request_whatever_has_become_of_the_order(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10), (20, 30))
    first = await world.submissions.submit(anna, order, "key")
    await world.marking.change_segment(anna, order.video_id, order.segment_ids[0], end_frame=100)
    await world.marking.remove_segment(anna, order.video_id, order.segment_ids[1])
    assert (await world.submissions.submit(anna, order, "key")).request == first.request
    await world.complete(first.request.id)
    await world.collection.delete(anna, order.video_id)
    assert (await world.submissions.submit(anna, order, "key")).request.id == first.request.id
    for different in (replace(order, segment_ids=()), replace(order, level=Level.FULL)):
        with pytest.raises(IdempotencyConflictError):
            await world.submissions.submit(anna, different, "key")
    assert {id_ for id_, _ in world.queue.written} == {first.request.id}


@dataclass
class SlowQueue(FakeJobQueue):
    """Takes its time with every job.

    Attributes:
        asked: whether there is one.
        gate: it is taken, or refused, when this is open.
    """

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def ping(self) -> None:
        self.asked.set()
        await self.gate.wait()
        await super().ping()


@pytest.mark.parametrize("unavailable", [False, True])
async def test_a_caller_that_goes_away_leaves_a_whole_request_or_none(
    tmp_path: Path, unavailable: bool
) -> None:
    queue = SlowQueue(unavailable=unavailable)
    world = World(tmp_path, queue=queue)
    anna = await world.person("anna")
    submitting = asyncio.create_task(world.submissions.submit(anna, await world.order(anna, (0, 10))))
    await queue.asked.wait()
    submitting.cancel()
    await asyncio.sleep(0)
    queue.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    requests = list(world.fake_database.tables.requests)
    assert requests == [request_id for request_id, _ in queue.written]
    assert len(requests) == (0 if unavailable else 1)


async def test_without_a_queue_nothing_is_stored_and_the_key_is_free(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, order, "key")
    assert not world.fake_database.tables.requests
    world.queue.unavailable = False
    assert await world.submissions.submit(anna, replace(order, level=Level.MINIMAL), "key")


async def test_a_submission_is_recorded(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    request_id = (await world.submissions.submit(anna, order, "key")).request.id
    await world.submissions.submit(anna, order, "key")
    rows = [row for row in world.fake_database.tables.audit.values() if row.action == "request.submit"]
    (row,) = rows  # the second call submitted nothing
    assert (row.user_id, row.subject) == (anna.user_id, f"request:{request_id}")
    assert row.details == {"video_id": order.video_id, "level": "faces", "frames": 10}


async def test_limits_are_inclusive_and_a_segment_named_twice_counts_once(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 80))
    submitted = await world.submissions.submit(anna, replace(order, segment_ids=order.segment_ids * 100))
    assert submitted.request.total_frames == 80


async def test_a_repeated_submission_is_not_estimated_as_another_one(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 40))
    first = await world.submissions.submit(anna, order, "key")
    again = await world.submissions.submit(anna, order, "key")
    assert (first.estimated_seconds, again.estimated_seconds) == (2, 2)
    await world.complete(first.request.id)
    await world.submissions.submit(anna, order)
    assert (await world.submissions.submit(anna, order, "key")).estimated_seconds == 0


async def test_of_many_submissions_with_one_key_one_is_enqueued(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    submitted = await asyncio.gather(*(world.submissions.submit(anna, order, "key") for _ in range(10)))
    assert {one.request.id for one in submitted} == {id_ for id_, _ in world.queue.written}
    assert len(world.queue.written) == 1


CHANGES: dict[str, Callable[[RequestSpec], RequestSpec]] = {
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
    await world.submissions.submit(anna, order, "key")
    with pytest.raises(IdempotencyConflictError):
        await world.submissions.submit(anna, CHANGES[change](order), "key")


async def test_a_queue_that_is_down_takes_nothing_back(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    kept = (await world.submissions.submit(anna, order, "one")).request
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, order, "two")
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, order, "one")
    world.queue.unavailable = False
    assert (await world.submissions.submit(anna, order, "one")).request == kept
    assert list(world.fake_database.tables.requests) == [kept.id]
    assert list(world.fake_database.tables.idempotency) == [(anna.user_id, "one")]


async def test_a_queue_that_goes_away_behind_the_question_costs_no_request(tmp_path: Path) -> None:
    class GoneAfterPing(FakeJobQueue):
        async def ping(self) -> None:
            await super().ping()
            self.unavailable = True

    world = World(tmp_path, queue=GoneAfterPing())
    anna = await world.person("anna")
    request = (await world.submissions.submit(anna, await world.order(anna, (0, 10)))).request
    # Workers that have nothing to do look by themselves.
    assert await world.dispatcher.run() == [request.id]
