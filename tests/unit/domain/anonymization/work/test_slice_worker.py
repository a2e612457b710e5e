"""A worker's handling of requests, from the lease of a slice to the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from fakes.media import FakeSource
from fakes.vision import FakeBoxDetector, FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, MAX_ATTEMPTS, MAX_FAILURES
from framecloak.domain.anonymization.work import lease_renewal
from framecloak.domain.anonymization.work.slice_worker import (
    BACKOFF,
    MAX_RETRY_DELAY,
    RETRY_DELAY,
    retry_delay,
)
from framecloak.domain.errors import (
    ModelMissingError,
    StorageFullError,
    StorageUnavailableError,
    UnreadableVideoError,
)
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import Frame, FrameSource
from framecloak.domain.ports.object_store import StoredObject
from support.result_files import unzipped, without_order
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness, frames


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    return WorkerHarness(FakeService(tmp_path))


async def test_a_pending_request_becomes_a_zip_named_by_segments(harness: WorkerHarness) -> None:
    request_id = await harness.submit((10, 14), (12, 16), (90, 91))
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.processed_frames, request.error) == (Status.COMPLETED, 7, None)
    (result,) = harness.results().values()
    assert request.result_bytes == len(result)
    first, second, third = harness.request_spec.segment_ids
    assert list(unzipped(result)) == [
        *(f"frames/segment_{first}/frame_{index:07d}.jpg" for index in range(10, 14)),
        *(f"frames/segment_{second}/frame_{index:07d}.jpg" for index in range(14, 16)),
        f"frames/segment_{third}/frame_0000090.jpg",
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    assert request.result_key in harness.results()
    assert list(harness.world.scratch.iterdir()) == []


async def test_each_slice_is_leased_once(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    first, second = harness.worker("one"), harness.worker("other")
    leases = await asyncio.gather(*(worker.lease(request_id) for worker in (first, second, first, second)))
    assert len([lease for lease in leases if lease]) == 1
    harness.world.clock.advance(timedelta(minutes=1))  # the leases expire
    await asyncio.gather(harness.process(request_id, first), harness.process(request_id, second))
    assert len(harness.results()) == 1
    assert harness.parts() == {}
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_a_cancelled_request_is_not_processed(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.anonymization.cancel(harness.anna, request_id)
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.CANCELLED
    assert harness.results() == {}


async def test_a_request_cancelled_during_processing_leaves_nothing(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 50))
    source = SlowSource(harness.world, harness, request_id)
    harness.open_video = lambda _: source
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.CANCELLED
    assert harness.results() == {}
    assert source.closed == 1
    assert list(harness.world.scratch.iterdir()) == []


async def test_a_worker_keeps_its_decoder_from_slice_to_slice(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 70))
    source = FakeSource("video.mp4", 100)
    harness.open_video = lambda _: source
    worker = harness.worker()
    await harness.process(request_id, worker)
    assert (await harness.request(request_id)).status is Status.COMPLETED
    assert len(harness.stored_parts) > 1
    assert source.closed == 0
    worker.release_resources()
    assert source.closed == 1


class SlowSource(FakeSource):
    """Cancels a request at the first frame, and then delivers frames slowly."""

    def __init__(self, world: FakeService, harness: WorkerHarness, request_id: UUID | None) -> None:
        super().__init__("video.mp4", 100)
        self._loop = asyncio.get_running_loop()
        self._cancel = (lambda: world.anonymization.cancel(harness.anna, request_id)) if request_id else None

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if self._cancel:
            asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(5)
        for frame in super().frames(start, stop):
            time.sleep(0.02)  # all frames together take longer than the worker's renewal interval
            yield frame


async def test_an_impossible_request_fails_with_a_message(harness: WorkerHarness) -> None:
    def refuse(_: Path) -> FrameSource:
        raise UnreadableVideoError("the video is damaged", "upload it again")

    request_id = await harness.submit((0, 5))
    harness.open_video = refuse
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.error) == (Status.FAILED, "the video is damaged: upload it again")
    assert request.error_code == "unreadable_video"
    assert harness.results() == {}


async def test_an_unexpected_failure_is_reported_to_the_operator_and_not_to_the_user(
    harness: WorkerHarness,
) -> None:
    def crash(_: Path) -> FrameSource:
        raise ZeroDivisionError("/secret/path")

    request_id = await harness.submit((0, 5))
    harness.open_video = crash
    for _ in range(MAX_FAILURES):
        with pytest.raises(ZeroDivisionError):
            await harness.process(request_id)
        harness.world.clock.advance(BACKOFF[-1])
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert "secret" not in (request.error or "")
    assert request.error_code == "internal_error"


async def test_details_of_the_installation_are_logged_and_not_shown_to_users(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_without_model(_: Path) -> FrameSource:
        raise ModelMissingError(
            "there is no model file /srv/models/face.onnx", "run `framecloak models pull`"
        )

    request_id = await harness.submit((0, 5))
    harness.open_video = fail_without_model
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("a required model is not installed")
    assert "/srv" not in (request.error or "")
    (message, *_) = [record.message for record in caplog.records]
    assert message == (
        "a slice failed, model_missing: "
        "there is no model file /srv/models/face.onnx: run `framecloak models pull`"
    )


async def test_a_worker_waits_for_a_store_that_is_down(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    for _ in range(2 * MAX_FAILURES):
        harness.world.fake_store.unavailable = True
        with pytest.raises(StorageUnavailableError):
            await harness.process(request_id)
        harness.world.clock.advance(RETRY_DELAY)
    harness.world.fake_store.unavailable = False
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_faces_and_marked_regions_are_redacted(harness: WorkerHarness) -> None:
    regions = [Region(1, 2, 3, 4), Region(50, 50, 4, 4, Segment(1, 9))]
    request_id = await harness.submit((0, 2), regions=regions)
    await harness.process(request_id)
    (result,) = harness.results().values()
    first, second = frames(result).values()
    for image in (first, second):
        assert not image[16:32, 16:32].any()  # the face
        assert not image[2:6, 1:4].any()
        assert (image[0] == 128).all()
    assert (first[50:54, 50:54] == 128).all()
    assert not second[50:54, 50:54].any()


async def test_at_level_minimal_nothing_is_detected(harness: WorkerHarness) -> None:
    harness.level = Level.MINIMAL
    request_id = await harness.submit((0, 1))
    harness.detector = None
    await harness.process(request_id)
    (result,) = harness.results().values()
    assert harness.levels == [Level.MINIMAL]
    assert json.loads(unzipped(result)["manifest.json"])["settings"]["level"] == "minimal"


async def test_a_request_for_videos_gives_one_for_each_range(harness: WorkerHarness) -> None:
    harness.appearance = Appearance(OutputFormat.MP4)
    request_id = await harness.submit((10, 14), (12, 66), (90, 91))
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.processed_frames, request.error) == (Status.COMPLETED, 57, None)
    assert len(harness.stored_parts) == 3  # two groups and one
    (result,) = harness.results().values()
    first, _, third = harness.request_spec.segment_ids
    names = [f"films/segment_{first}.mp4", f"films/segment_{third}.mp4"]
    assert list(unzipped(result)) == [*names, "report.html", "manifest.json", "manifest.sig"]
    manifest = json.loads(unzipped(result)["manifest.json"])
    assert [entry["file"] for entry in manifest["frames"]] == [names[0]] * 56 + [names[1]]


async def test_frames_that_cannot_be_analysed_are_black_and_counted(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 3))
    harness.detector = FakeFaceDetector(broken=True)
    await harness.process(request_id)
    (result,) = harness.results().values()
    request = await harness.request(request_id)
    assert (request.status, request.blanked_frames) == (Status.COMPLETED, 3)
    frames = [data for name, data in unzipped(result).items() if name.startswith("frames/")]
    assert not any(any(data) for data in frames)


async def test_frames_without_text_detection_are_black_and_counted(harness: WorkerHarness) -> None:
    harness.level, harness.text = Level.FULL, FakeBoxDetector(broken=True)
    request_id = await harness.submit((0, 3))
    await harness.process(request_id)
    (result,) = harness.results().values()
    request = await harness.request(request_id)
    assert (request.status, request.blanked_frames) == (Status.COMPLETED, 3)
    contents = unzipped(result)
    frames = [data for name, data in contents.items() if name.startswith("frames/")]
    assert len(frames) == 3
    assert not any(any(data) for data in frames)
    manifest = json.loads(contents["manifest.json"])
    assert (manifest["summary"]["blanked"], manifest["settings"]["level"]) == (3, "full")


async def test_marks_that_change_after_submission_have_no_effect(harness: WorkerHarness) -> None:
    """Otherwise a growing segment could evade the limit, and removing a region would uncover it."""
    harness.level = Level.MINIMAL
    request_id = await harness.submit((0, 2), (10, 12), regions=[Region(1, 2, 3, 4)])
    marking, video_id = harness.world.marking, harness.request_spec.video_id
    grown, removed = harness.request_spec.segment_ids
    await marking.change_segment(harness.anna, video_id, grown, end_frame=100)
    await marking.remove_segment(harness.anna, video_id, removed)
    (region,) = await marking.regions(harness.anna, video_id)
    await marking.remove_region(harness.anna, video_id, region.id)
    await marking.add_region(harness.anna, video_id, Region(50, 50, 4, 4), None)
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED
    (result,) = harness.results().values()
    images = frames(result)
    assert list(images) == [
        *(f"frames/segment_{grown}/frame_{index:07d}.jpg" for index in (0, 1)),
        *(f"frames/segment_{removed}/frame_{index:07d}.jpg" for index in (10, 11)),
    ]
    for image in images.values():
        assert not image[2:6, 1:4].any()
        assert image[50:54, 50:54].all()


async def test_a_missing_video_file_fails_the_request_with_a_message(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.world.fake_store.objects.clear()
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert request.error == "the video's file is gone: upload the video again"


async def test_a_full_disk_is_retried_later(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.max_entries = 3
    with pytest.raises(StorageFullError):
        await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.PROCESSING
    assert list(harness.world.scratch.iterdir()) == []
    assert (await harness.worker().lease(request_id)) is None  # no space has been freed yet
    harness.max_entries = 1_000_000
    harness.world.clock.advance(RETRY_DELAY)
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_a_disk_that_stays_full_fails_no_request(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.max_entries = 3
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(StorageFullError):
            await harness.process(request_id)
        harness.world.clock.advance(MAX_RETRY_DELAY)
    harness.max_entries = 1_000_000
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_a_slice_without_space_is_retried_less_and_less_often(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.max_entries = 3
    for attempt in range(3):
        delay = retry_delay(StorageFullError("the disk is full"), attempt)
        assert delay == RETRY_DELAY * 2**attempt
        with pytest.raises(StorageFullError):
            await harness.process(request_id)
        harness.world.clock.advance(delay - timedelta(seconds=1))
        assert await harness.worker().lease(request_id) is None
        harness.world.clock.advance(timedelta(seconds=1))
    lease = await harness.worker().lease(request_id)
    assert lease is not None
    assert (lease.attempt, lease.postponed) == (1, 3)


def test_a_lost_server_is_tried_again_after_a_constant_delay() -> None:
    error = StorageUnavailableError("no answer")
    assert {retry_delay(error, postponed) for postponed in range(9)} == {RETRY_DELAY}
    assert retry_delay(StorageFullError("full"), 10_000) == MAX_RETRY_DELAY


async def test_a_result_stored_after_cancellation_is_removed(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    put_file = harness.world.store.put_file

    async def cancel_then_put_file(key: str, path: Path) -> StoredObject:
        await harness.world.anonymization.cancel(harness.anna, request_id)
        return await put_file(key, path)

    harness.world.store.put_file = cancel_then_put_file
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.CANCELLED
    assert harness.results() == {}


async def test_progress_is_recorded_during_the_work(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "RENEWAL_INTERVAL", 0.001)
    request_id = await harness.submit((0, 50))
    source = SlowSource(harness.world, harness, None)
    harness.open_video = lambda _: source
    states: list[AnonymizationRequest] = []

    async def poll() -> None:
        while not states or not states[-1].status.is_final:
            states.append(await harness.request(request_id))
            await asyncio.sleep(0.002)

    await asyncio.gather(harness.process(request_id), poll())
    counts = [state.processed_frames for state in states]
    assert counts == sorted(counts)
    assert any(0 < state.processed_frames <= 50 and state.status is Status.PROCESSING for state in states)
    assert states[-1].started_at is not None
    assert harness.world.board.announced.count(request_id) >= 3


async def test_slices_give_the_same_result_as_the_whole(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 80))
    await harness.process(request_id)
    (in_slices,) = harness.results().values()
    assert len({key.rsplit("/")[-1] for key in harness.stored_parts}) == 4
    whole = WorkerHarness(FakeService(harness.world.scratch.parent / "whole"))
    whole.world.scratch.mkdir(parents=True)
    whole.world.submissions._slice_frames = 1000
    await whole.process(await whole.submit((0, 80)))
    (in_one,) = whole.results().values()
    assert without_order(unzipped(in_slices)) == without_order(unzipped(in_one))


async def test_a_slice_of_a_silent_worker_is_taken_over_and_counts_once(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 40))
    await harness.world.dispatcher.run()
    silent = await harness.worker("silent").lease(request_id)
    assert silent
    harness.world.clock.advance(LEASE_DURATION)
    await harness.process(request_id, harness.worker("other"))
    request = await harness.request(request_id)
    assert (request.status, request.processed_frames) == (Status.COMPLETED, 40)


async def test_a_worker_that_resumes_after_its_lease_changes_nothing(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 40))
    await harness.world.dispatcher.run()
    late = harness.worker("late")
    lease = await late.lease(request_id)
    assert lease
    harness.world.clock.advance(LEASE_DURATION)
    second_worker = harness.worker("other")
    taken = await second_worker.lease(request_id)
    assert taken
    assert (taken.number, taken.attempt, taken.recovered) == (lease.number, 2, True)
    await late.process(lease)
    assert await harness.finished_parts(request_id) == []
    await second_worker.process(taken)
    assert await harness.finished_parts(request_id) == [taken.key]
    await harness.process(request_id, second_worker)
    (result,) = harness.results().values()
    assert len(unzipped(result)) == 43


async def test_a_slice_that_kills_every_worker_fails_its_request(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    for _ in range(MAX_ATTEMPTS):
        assert await harness.worker().lease(request_id)
        harness.world.clock.advance(LEASE_DURATION)
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert "no worker survived" in (request.error or "")
    assert request.error_code == "no_worker_survived"


async def test_a_slice_that_takes_too_long_fails_with_processing_timeout(harness: WorkerHarness) -> None:
    harness.time_limit = -1.0
    request_id = await harness.submit((0, 5))
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("Processing timeout")
    assert request.error_code == "processing_timeout"
    assert (harness.results(), harness.parts()) == ({}, {})


async def test_a_missing_part_fails_the_request_without_a_partial_result(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 40))
    await harness.world.dispatcher.run()
    worker = harness.worker()
    for _ in range(2):
        lease = await worker.lease(request_id)
        assert lease
        await worker.process(lease)
    harness.world.fake_store.objects.pop(next(iter(harness.parts())))
    await harness.process(request_id, worker)
    assert (await harness.request(request_id)).status is Status.FAILED
    assert (harness.results(), harness.parts()) == ({}, {})
