"""What a worker does with a request, from claiming it to its end."""

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
from fakes.vision import FakeAreaDetector, FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level, OutputFormat
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, MAX_ATTEMPTS, MAX_FAILURES
from framecloak.domain.anonymization.work import active_lease
from framecloak.domain.anonymization.work.slice_worker import BACKOFF, RETRY_DELAY
from framecloak.domain.errors import (
    ModelMissingError,
    StorageFullError,
    StorageUnavailableError,
    UnreadableVideoError,
)
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import Frame, FrameSource
from framecloak.domain.ports.object_store import StoredObject
from support.use_cases import World
from support.worker_harness import Desk, frames, unzipped


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(World(tmp_path))


async def test_a_pending_request_becomes_a_zip_named_by_segments(desk: Desk) -> None:
    request_id = await desk.submit((10, 14), (12, 16), (90, 91))
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.processed_frames, request.error) == (Status.COMPLETED, 7, None)
    (result,) = desk.results().values()
    assert request.result_bytes == len(result)
    first, second, third = desk.order.segment_ids
    assert list(unzipped(result)) == [
        *(f"frames/segment_{first}/frame_{index:07d}.jpg" for index in range(10, 14)),
        *(f"frames/segment_{second}/frame_{index:07d}.jpg" for index in range(14, 16)),
        f"frames/segment_{third}/frame_0000090.jpg",
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    assert request.result_key in desk.results()
    assert list(desk.world.scratch.iterdir()) == []


async def test_a_request_is_worked_on_once(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.dispatcher.run()
    one, other = desk.worker("one"), desk.worker("other")
    leases = await asyncio.gather(*(worker.lease(request_id) for worker in (one, other, one, other)))
    assert len([lease for lease in leases if lease]) == 1
    desk.world.clock.advance(timedelta(minutes=1))  # none of them does it
    await asyncio.gather(desk.process(request_id, one), desk.process(request_id, other))
    assert len(desk.results()) == 1
    assert desk.parts() == {}
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_what_was_cancelled_before_is_left_alone(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.anonymization.cancel(desk.anna, request_id)
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.CANCELLED
    assert desk.results() == {}


async def test_what_is_cancelled_meanwhile_stops_and_leaves_nothing(desk: Desk) -> None:
    request_id = await desk.submit((0, 50))
    source = SlowSource(desk.world, desk, request_id)
    desk.open_video = lambda _: source
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.CANCELLED
    assert desk.results() == {}
    assert source.delivered < 100
    assert source.closed == 1
    assert list(desk.world.scratch.iterdir()) == []


async def test_slice_after_slice_one_decoder_reads_on_until_the_worker_rests(desk: Desk) -> None:
    request_id = await desk.submit((0, 70))
    source = FakeSource("film.mp4", 100)
    desk.open_video = lambda _: source
    worker = desk.worker()
    await desk.process(request_id, worker)
    assert (await desk.request(request_id)).status is Status.COMPLETED
    assert len(desk.stored_parts) > 1
    assert source.closed == 0
    worker.release_resources()
    assert source.closed == 1


class SlowSource(FakeSource):
    """Has a request cancelled once the first frame was asked for, and then takes its time."""

    def __init__(self, world: World, desk: Desk, request_id: UUID | None) -> None:
        super().__init__("film.mp4", 100)
        self.delivered = 0
        self._loop = asyncio.get_running_loop()
        self._cancel = (lambda: world.anonymization.cancel(desk.anna, request_id)) if request_id else None

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if self._cancel:
            asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(5)
        for frame in super().frames(start, stop):
            self.delivered += 1
            time.sleep(0.02)  # all frames together take longer than the worker's heartbeat
            yield frame


async def test_a_request_that_cannot_be_done_fails_in_words(desk: Desk) -> None:
    def refuse(_: Path) -> FrameSource:
        raise UnreadableVideoError("the video is damaged", "upload it again")

    request_id = await desk.submit((0, 5))
    desk.open_video = refuse
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.error) == (Status.FAILED, "the video is damaged: upload it again")
    assert request.error_code == "unreadable_video"
    assert desk.results() == {}


async def test_an_unforeseen_failure_is_reported_to_the_operator_and_not_to_the_user(desk: Desk) -> None:
    def crash(_: Path) -> FrameSource:
        raise ZeroDivisionError("/secret/path")

    request_id = await desk.submit((0, 5))
    desk.open_video = crash
    for _ in range(MAX_FAILURES):
        with pytest.raises(ZeroDivisionError):
            await desk.process(request_id)
        desk.world.clock.advance(BACKOFF[-1])
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert "secret" not in (request.error or "")
    assert request.error_code == "internal_error"


async def test_what_is_about_the_installation_is_for_its_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def lack(_: Path) -> FrameSource:
        raise ModelMissingError(
            "there is no model file /srv/models/face.onnx", "run `framecloak models pull`"
        )

    request_id = await desk.submit((0, 5))
    desk.open_video = lack
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("a required model is not installed")
    assert "/srv" not in (request.error or "")
    (told, *_) = [record.message for record in caplog.records]
    assert told == (
        "a slice failed, model_missing: "
        "there is no model file /srv/models/face.onnx: run `framecloak models pull`"
    )


async def test_a_store_that_is_down_is_waited_for(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    for _ in range(2 * MAX_FAILURES):
        desk.world.fake_store.unavailable = True
        with pytest.raises(StorageUnavailableError):
            await desk.process(request_id)
        desk.world.clock.advance(RETRY_DELAY)
    desk.world.fake_store.unavailable = False
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_faces_and_marked_regions_are_redacted(desk: Desk) -> None:
    request_id = await desk.submit((0, 2), regions=[Region(1, 2, 3, 4), Region(50, 50, 4, 4, Segment(1, 9))])
    await desk.process(request_id)
    (result,) = desk.results().values()
    first, second = frames(result).values()
    for picture in (first, second):
        assert not picture[16:32, 16:32].any()  # the face
        assert not picture[2:6, 1:4].any()
        assert (picture[0] == 128).all()
    assert (first[50:54, 50:54] == 128).all()
    assert not second[50:54, 50:54].any()


async def test_at_level_minimal_nothing_is_looked_for(desk: Desk) -> None:
    desk.level = Level.MINIMAL
    request_id = await desk.submit((0, 1))
    desk.detector = None
    await desk.process(request_id)
    (result,) = desk.results().values()
    assert desk.levels == [Level.MINIMAL]
    assert json.loads(unzipped(result)["manifest.json"])["settings"]["level"] == "minimal"


async def test_a_request_for_films_becomes_one_for_each_stretch(desk: Desk) -> None:
    desk.appearance = Appearance(OutputFormat.MP4)
    request_id = await desk.submit((10, 14), (12, 66), (90, 91))
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.processed_frames, request.error) == (Status.COMPLETED, 57, None)
    assert len(desk.stored_parts) == 3  # two groups and one
    (result,) = desk.results().values()
    first, _, third = desk.order.segment_ids
    names = [f"films/segment_{first}.mp4", f"films/segment_{third}.mp4"]
    assert list(unzipped(result)) == [*names, "report.html", "manifest.json", "manifest.sig"]
    manifest = json.loads(unzipped(result)["manifest.json"])
    assert [entry["file"] for entry in manifest["frames"]] == [names[0]] * 56 + [names[1]]


async def test_frames_that_cannot_be_examined_are_black_and_counted(desk: Desk) -> None:
    request_id = await desk.submit((0, 3))
    desk.detector = FakeFaceDetector(broken=True)
    await desk.process(request_id)
    (result,) = desk.results().values()
    request = await desk.request(request_id)
    assert (request.status, request.blanked_frames) == (Status.COMPLETED, 3)
    frames = [data for name, data in unzipped(result).items() if name.startswith("frames/")]
    assert not any(any(data) for data in frames)


async def test_where_text_cannot_be_looked_for_frames_are_black_and_the_request_says_so(desk: Desk) -> None:
    desk.level, desk.text = Level.FULL, FakeAreaDetector(broken=True)
    request_id = await desk.submit((0, 3))
    await desk.process(request_id)
    (result,) = desk.results().values()
    request = await desk.request(request_id)
    assert (request.status, request.blanked_frames) == (Status.COMPLETED, 3)
    contents = unzipped(result)
    frames = [data for name, data in contents.items() if name.startswith("frames/")]
    assert len(frames) == 3
    assert not any(any(data) for data in frames)
    manifest = json.loads(contents["manifest.json"])
    assert (manifest["summary"]["blanked"], manifest["settings"]["level"]) == (3, "full")


async def test_marks_that_change_after_the_submission_change_nothing(desk: Desk) -> None:
    """Else a segment that grows gets round the limit, and a region that goes uncovers what was promised."""
    desk.level = Level.MINIMAL
    request_id = await desk.submit((0, 2), (10, 12), regions=[Region(1, 2, 3, 4)])
    marking, video_id = desk.world.marking, desk.order.video_id
    grown, removed = desk.order.segment_ids
    await marking.change_segment(desk.anna, video_id, grown, end_frame=100)
    await marking.remove_segment(desk.anna, video_id, removed)
    (region,) = await marking.regions(desk.anna, video_id)
    await marking.remove_region(desk.anna, video_id, region.id)
    await marking.add_region(desk.anna, video_id, Region(50, 50, 4, 4), None)
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED
    (result,) = desk.results().values()
    pictures = frames(result)
    assert list(pictures) == [
        *(f"frames/segment_{grown}/frame_{index:07d}.jpg" for index in (0, 1)),
        *(f"frames/segment_{removed}/frame_{index:07d}.jpg" for index in (10, 11)),
    ]
    for picture in pictures.values():
        assert not picture[2:6, 1:4].any()
        assert picture[50:54, 50:54].all()


async def test_a_video_whose_file_is_gone_fails_the_request_in_words(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.world.fake_store.objects.clear()
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert request.error == "the video's file is gone: upload the video again"


async def test_a_full_disk_is_tried_again_later(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.room = 3
    with pytest.raises(StorageFullError):
        await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.PROCESSING
    assert list(desk.world.scratch.iterdir()) == []
    assert (await desk.worker().lease(request_id)) is None  # not at once: nobody has made room yet
    desk.room = 1_000_000
    desk.world.clock.advance(RETRY_DELAY)
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_a_disk_that_stays_full_fails_nothing(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.room = 3
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(StorageFullError):
            await desk.process(request_id)
        desk.world.clock.advance(RETRY_DELAY)
    desk.room = 1_000_000
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_a_result_that_comes_after_the_cancellation_is_removed(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    put_file = desk.world.store.put_file

    async def cancel_then_put_file(key: str, path: Path) -> StoredObject:
        await desk.world.anonymization.cancel(desk.anna, request_id)
        return await put_file(key, path)

    desk.world.store.put_file = cancel_then_put_file
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.CANCELLED
    assert desk.results() == {}


async def test_progress_is_noted_while_the_work_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_lease, "RENEWAL_INTERVAL", 0.001)
    request_id = await desk.submit((0, 50))
    source = SlowSource(desk.world, desk, None)
    desk.open_video = lambda _: source
    looked: list[AnonymizationRequest] = []

    async def look() -> None:
        while not looked or not looked[-1].status.is_final:
            looked.append(await desk.request(request_id))
            await asyncio.sleep(0.002)

    await asyncio.gather(desk.process(request_id), look())
    done = [one.processed_frames for one in looked]
    assert done == sorted(done)
    assert any(0 < one.processed_frames <= 50 and one.status is Status.PROCESSING for one in looked)
    assert looked[-1].started_at is not None
    assert desk.world.board.announced.count(request_id) >= 3


async def test_a_request_in_slices_is_the_request_in_one(desk: Desk) -> None:
    request_id = await desk.submit((0, 80))
    await desk.process(request_id)
    (in_slices,) = desk.results().values()
    assert len({key.rsplit("/")[-1] for key in desk.stored_parts}) == 4
    whole = Desk(World(desk.world.scratch.parent / "whole"))
    whole.world.scratch.mkdir(parents=True)
    whole.world.submissions._slice_frames = 1000
    await whole.process(await whole.submit((0, 80)))
    (in_one,) = whole.results().values()
    assert unzipped(in_slices) == unzipped(in_one)


async def test_a_slice_whose_worker_is_silent_is_done_by_another_and_counts_once(desk: Desk) -> None:
    request_id = await desk.submit((0, 40))
    await desk.world.dispatcher.run()
    silent = await desk.worker("silent").lease(request_id)
    assert silent
    desk.world.clock.advance(LEASE_DURATION)
    await desk.process(request_id, desk.worker("other"))
    request = await desk.request(request_id)
    assert (request.status, request.processed_frames) == (Status.COMPLETED, 40)


async def test_a_worker_that_wakes_up_late_changes_nothing(desk: Desk) -> None:
    request_id = await desk.submit((0, 40))
    await desk.world.dispatcher.run()
    late = desk.worker("late")
    lease = await late.lease(request_id)
    assert lease
    desk.world.clock.advance(LEASE_DURATION)
    other = desk.worker("other")
    taken = await other.lease(request_id)
    assert taken
    assert (taken.number, taken.attempt, taken.recovered) == (lease.number, 2, True)
    await late.process(lease)
    assert await desk.finished_parts(request_id) == []
    await other.process(taken)
    assert await desk.finished_parts(request_id) == [taken.key]
    await desk.process(request_id, other)
    (result,) = desk.results().values()
    assert len(unzipped(result)) == 43


async def test_a_slice_that_takes_every_worker_down_ends_its_request(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.dispatcher.run()
    for _ in range(MAX_ATTEMPTS):
        assert await desk.worker().lease(request_id)
        desk.world.clock.advance(LEASE_DURATION)
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert "no worker survived" in (request.error or "")
    assert request.error_code == "no_worker_survived"


async def test_a_slice_that_takes_too_long_fails_with_processing_timeout(desk: Desk) -> None:
    desk.time_limit = -1.0
    request_id = await desk.submit((0, 5))
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("Processing timeout")
    assert request.error_code == "processing_timeout"
    assert (desk.results(), desk.parts()) == ({}, {})


async def test_a_part_that_is_gone_fails_the_request_and_leaves_no_partial_result(desk: Desk) -> None:
    request_id = await desk.submit((0, 40))
    await desk.world.dispatcher.run()
    worker = desk.worker()
    for _ in range(2):
        lease = await worker.lease(request_id)
        assert lease
        await worker.process(lease)
    desk.world.fake_store.objects.pop(next(iter(desk.parts())))
    await desk.process(request_id, worker)
    assert (await desk.request(request_id)).status is Status.FAILED
    assert (desk.results(), desk.parts()) == ({}, {})
