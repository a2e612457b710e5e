"""Submission of requests for anonymised frames."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.queue import FakeJobQueue
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.orders.fitting import DEFAULT_FRAME_SECONDS, fit_time_model
from framecloak.domain.anonymization.model.orders.throughput import Backlog
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Priority, RequestSpec, Status
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
from support.use_cases import FakeService


async def backlog_of(world: FakeService) -> Sequence[Backlog]:
    async with world.database.unit_of_work() as work:
        return await work.statistics.backlog()


async def test_a_submission_becomes_a_pending_request_and_wakes_workers(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10), (5, 20), (40, 50))
    submitted = await world.submissions.submit(anna, replace(spec, priority=Priority.HIGH))
    request = submitted.request
    assert (request.status, request.total_frames) == (Status.PENDING, 30)
    assert world.queue.written == [(request.id, Priority.HIGH)] * 2  # one slice for each range
    # Thirty frames at the rate expected of a new installation, which has to load its models.
    assert submitted.estimated_seconds == math.ceil(fit_time_model([]).seconds(await backlog_of(world)))
    assert submitted.estimated.shortest < submitted.estimated_seconds < submitted.estimated.longest


async def test_owners_and_editors_submit(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    spec = await world.request_spec(anna, (0, 10))
    with pytest.raises(VideoNotFoundError):
        await world.submissions.submit(ben, spec)
    await world.sharing.grant(anna, spec.video_id, ben.user_id, GrantRole.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.submissions.submit(ben, spec)
    await world.sharing.grant(anna, spec.video_id, ben.user_id, GrantRole.EDITOR)
    assert (await world.submissions.submit(ben, spec)).request.user_id == ben.user_id


async def test_impossible_requests_are_refused(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    foreign = await world.request_spec(anna, (0, 10))
    long = await world.request_spec(anna, (0, 50), (49, 81))
    for segments in ((), foreign.segment_ids, (*spec.segment_ids, 999), spec.segment_ids * 101):
        with pytest.raises(InvalidSegmentsError, match="Invalid segments"):
            await world.submissions.submit(anna, replace(spec, segment_ids=segments))
    with pytest.raises(TooManyFramesError, match="81 frames"):
        await world.submissions.submit(anna, long)
    world.available_levels = {Level.MINIMAL, Level.FACES}
    with pytest.raises(LevelUnavailableError, match="text detector is not installed"):
        await world.submissions.submit(anna, replace(spec, level=Level.FULL))
    assert world.queue.written == []
    assert not world.fake_database.tables.requests


async def test_the_capacity_predicts_the_estimate_and_the_limits(world: FakeService) -> None:
    anna = await world.person("anna")
    new = await world.submissions.capacity()
    assert new.frames_waiting == 0
    assert new.time_model.frame_seconds == pytest.approx(DEFAULT_FRAME_SECONDS, rel=0.01)
    assert new.seconds_waiting == 0
    submitted = await world.submissions.submit(anna, await world.request_spec(anna, (0, 30)))
    world.available_levels = {Level.MINIMAL, Level.FACES}
    busy = await world.submissions.capacity()
    assert busy.frames_waiting == 30
    assert busy.levels == (Level.MINIMAL, Level.FACES)
    # The estimate of a submission is based on the same figures.
    assert submitted.estimated.seconds == pytest.approx(busy.seconds_waiting)
    with pytest.raises(TooManyFramesError, match=f"the maximum of {busy.max_frames}"):
        await world.submissions.submit(anna, await world.request_spec(anna, (0, busy.max_frames + 1)))


async def test_the_same_key_with_the_same_spec_is_the_same_request(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    spec = await world.request_spec(anna, (0, 10))
    first = await world.submissions.submit(anna, spec, "key")
    repeated = await world.submissions.submit(anna, spec, "key")
    assert repeated.request.id == first.request.id
    assert len(world.queue.written) == 1
    with pytest.raises(IdempotencyConflictError):
        await world.submissions.submit(anna, replace(spec, level=Level.MINIMAL), "key")
    spec_of_ben = await world.request_spec(ben, (0, 10))
    assert (await world.submissions.submit(ben, spec_of_ben, "key")).request.id != first.request.id


async def test_a_key_returns_its_request_even_after_marks_or_video_changed(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10), (20, 30))
    first = await world.submissions.submit(anna, spec, "key")
    await world.marking.change_segment(anna, spec.video_id, spec.segment_ids[0], end_frame=100)
    await world.marking.remove_segment(anna, spec.video_id, spec.segment_ids[1])
    assert (await world.submissions.submit(anna, spec, "key")).request == first.request
    await world.complete(first.request.id)
    await world.collection.delete(anna, spec.video_id)
    assert (await world.submissions.submit(anna, spec, "key")).request.id == first.request.id
    for different in (replace(spec, segment_ids=()), replace(spec, level=Level.FULL)):
        with pytest.raises(IdempotencyConflictError):
            await world.submissions.submit(anna, different, "key")
    assert {id_ for id_, _ in world.queue.written} == {first.request.id}


@dataclass
class SlowQueue(FakeJobQueue):
    """Answers a ping only when its gate is open.

    Attributes:
        pinged: set by the first ping.
        gate: opened by the test.
    """

    pinged: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def ping(self) -> None:
        self.pinged.set()
        await self.gate.wait()
        await super().ping()


@pytest.mark.parametrize("unavailable", [False, True])
async def test_a_disconnected_caller_leaves_a_complete_request_or_none(
    tmp_path: Path, unavailable: bool
) -> None:
    queue = SlowQueue(unavailable=unavailable)
    world = FakeService(tmp_path, queue=queue)
    anna = await world.person("anna")
    submitting = asyncio.create_task(world.submissions.submit(anna, await world.request_spec(anna, (0, 10))))
    await queue.pinged.wait()
    submitting.cancel()
    await asyncio.sleep(0)
    queue.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    requests = list(world.fake_database.tables.requests)
    assert requests == [request_id for request_id, _ in queue.written]
    assert len(requests) == (0 if unavailable else 1)


async def test_without_a_queue_nothing_is_stored_and_the_key_is_free(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, spec, "key")
    assert not world.fake_database.tables.requests
    world.queue.unavailable = False
    assert await world.submissions.submit(anna, replace(spec, level=Level.MINIMAL), "key")


async def test_a_submission_is_recorded(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    request_id = (await world.submissions.submit(anna, spec, "key")).request.id
    await world.submissions.submit(anna, spec, "key")
    rows = [row for row in world.fake_database.tables.audit.values() if row.action == "request.submit"]
    (row,) = rows  # the second call submitted nothing
    assert (row.user_id, row.subject) == (anna.user_id, f"request:{request_id}")
    assert row.details == {"video_id": spec.video_id, "level": "faces", "frames": 10}


async def test_limits_are_inclusive_and_a_segment_named_twice_counts_once(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 80))
    submitted = await world.submissions.submit(anna, replace(spec, segment_ids=spec.segment_ids * 100))
    assert submitted.request.total_frames == 80


async def test_a_repeated_submission_is_not_estimated_as_another_one(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 40))
    first = await world.submissions.submit(anna, spec, "key")
    repeated = await world.submissions.submit(anna, spec, "key")
    assert first.estimated_seconds == repeated.estimated_seconds
    await world.complete(first.request.id)
    await world.submissions.submit(anna, spec)
    assert (await world.submissions.submit(anna, spec, "key")).estimated_seconds == 0


async def test_one_of_many_submissions_with_one_key_is_enqueued(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    submitted = await asyncio.gather(*(world.submissions.submit(anna, spec, "key") for _ in range(10)))
    assert {submission.request.id for submission in submitted} == {id_ for id_, _ in world.queue.written}
    assert len(world.queue.written) == 1


CHANGES: dict[str, Callable[[RequestSpec], RequestSpec]] = {
    "format": lambda spec: replace(spec, appearance=Appearance(OutputFormat.PNG)),
    "quality": lambda spec: replace(spec, appearance=Appearance(quality=50)),
    "priority": lambda spec: replace(spec, priority=Priority.HIGH),
    "webhook": lambda spec: replace(spec, webhook_url="https://example.test/"),
    "segments": lambda spec: replace(spec, segment_ids=spec.segment_ids[:1]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_spec_with_any_difference_conflicts_with_the_key(world: FakeService, change: str) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10), (20, 30))
    await world.submissions.submit(anna, spec, "key")
    with pytest.raises(IdempotencyConflictError):
        await world.submissions.submit(anna, CHANGES[change](spec), "key")


async def test_a_queue_that_is_down_does_not_affect_stored_requests(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    kept = (await world.submissions.submit(anna, spec, "one")).request
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, spec, "two")
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, spec, "one")
    world.queue.unavailable = False
    assert (await world.submissions.submit(anna, spec, "one")).request == kept
    assert list(world.fake_database.tables.requests) == [kept.id]
    assert list(world.fake_database.tables.idempotency) == [(anna.user_id, "one")]


async def test_a_queue_that_goes_down_after_the_ping_loses_no_request(tmp_path: Path) -> None:
    class GoneAfterPing(FakeJobQueue):
        async def ping(self) -> None:
            await super().ping()
            self.unavailable = True

    world = FakeService(tmp_path, queue=GoneAfterPing())
    anna = await world.person("anna")
    request = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request
    # Idle workers poll for requests.
    assert await world.dispatcher.run() == [request.id]
