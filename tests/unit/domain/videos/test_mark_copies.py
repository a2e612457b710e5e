"""Marks copied from one video to another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.errors import (
    ForbiddenError,
    MarksTooLateError,
    OtherFrameShapeError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole, Video, VideoFacts
from framecloak.domain.videos.mark_fitting import MarkFitting
from support.samples.persistence import facts
from support.use_cases import FakeService

RATES = st.sampled_from([10.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0])


def video_of(seconds: float, rate: float = 25.0, *, height: int = 360) -> VideoFacts:
    return facts(frame_rate=rate, frame_count=round(seconds * rate), width=height * 16 // 9, height=height)


@given(RATES, RATES, st.integers(0, 90), st.integers(1, 90))
def test_segments_keep_their_time_and_lose_none_of_it(
    source: float, target: float, start: int, length: int
) -> None:
    one, other = video_of(20, source), video_of(20, target)
    found = MarkFitting(one, other).segment(Segment(start, start + length))
    assert found.start_frame / target <= start / source + 1e-6 < (found.start_frame + 1) / target + 2e-6
    assert found.end_frame / target >= (start + length) / source - 1e-6
    assert found.end_frame <= other.frame_count
    if source == target:
        assert found == Segment(start, start + length)


def test_what_reaches_to_the_end_reaches_to_the_other_end() -> None:
    fitting = MarkFitting(video_of(10), video_of(6))
    assert fitting.segment(Segment(0, 250)) == Segment(0, 150)
    assert fitting.segment(Segment(75, 250)) == Segment(75, 150)
    assert MarkFitting(video_of(10), video_of(60)).segment(Segment(75, 250)) == Segment(75, 1500)


def test_videos_without_a_frame_rate_keep_frame_numbers() -> None:
    assert MarkFitting(facts(frame_rate=0.0), facts()).segment(Segment(3, 5)) == Segment(3, 5)


@pytest.mark.parametrize("segment", [Segment(0, 151), Segment(149, 200), Segment(150, 250)])
def test_what_ends_after_the_video_is_refused(segment: Segment) -> None:
    fitting = MarkFitting(video_of(10), video_of(6))
    area = Region(0, 0, 9, 9, segment)
    with pytest.raises(MarksTooLateError, match="150 frames"):
        fitting.segment(segment)
    for convert in (fitting.region, fitting.kept_region):
        with pytest.raises(MarksTooLateError, match="150 frames"):
            convert(area)


@given(st.integers(0, 600), st.integers(0, 300), st.integers(1, 40), st.integers(1, 40), RATES)
def test_regions_cover_more_and_kept_text_less(x: int, y: int, w: int, h: int, rate: float) -> None:
    fitting = MarkFitting(video_of(10), video_of(10, rate, height=1080))
    region = Region(x, y, w, h, Segment(3, 71))
    grown, kept = fitting.region(region), fitting.kept_region(region)
    assert kept is not None
    for scaled, sign in ((grown, 1), (kept, -1)):
        assert scaled.segment is not None
        assert sign * (x * 3 - scaled.x) >= 0
        assert sign * (scaled.x + scaled.width - (x + w) * 3) >= 0
        assert sign * (y * 3 - scaled.y) >= 0
        assert sign * (scaled.y + scaled.height - (y + h) * 3) >= 0
        assert sign * (3 / 25 - scaled.segment.start_frame / rate) >= -1e-6
        assert sign * (scaled.segment.end_frame / rate - 71 / 25) >= -1e-6
    grown.require_within(1920, 1080)


def test_kept_text_that_vanishes_is_left_out() -> None:
    smaller = MarkFitting(video_of(10, height=1080), video_of(10))
    assert smaller.kept_region(Region(1, 1, 2, 2)) is None
    slower = MarkFitting(video_of(10, 60.0), video_of(10, 10.0))
    assert slower.kept_region(Region(0, 0, 9, 9, Segment(1, 3))) is None


def test_regions_of_another_shape_are_refused() -> None:
    fitting = MarkFitting(video_of(10), facts(width=640, height=480))
    for convert in (fitting.region, fitting.kept_region):
        with pytest.raises(OtherFrameShapeError, match="640x360"):
            convert(Region(0, 0, 9, 9))


async def _video(world: FakeService, owner: Principal, **changes: object) -> Video:
    usual = world.prober.video
    world.prober.video = replace(usual, **changes)  # type: ignore[arg-type]
    try:
        return await world.video(owner)
    finally:
        world.prober.video = usual


async def test_marks_are_copied_once_with_their_labels(world: FakeService, anna: Principal) -> None:
    source, target = await world.video(anna), await world.video(anna)
    marking = world.marking
    await marking.add_segment(anna, source.id, Segment(10, 20), "talk")
    await marking.add_region(anna, source.id, Region(0, 0, 9, 9, Segment(1, 5)), "badge")
    await marking.add_segment(anna, target.id, Segment(0, 5), None)
    copied = await marking.copy(anna, target.id, source.id)
    assert [(each.segment, each.label) for each in copied.segments] == [(Segment(10, 20), "talk")]
    badge = Region(0, 0, 9, 9, Segment(1, 5))
    assert [(each.region, each.label) for each in copied.regions] == [(badge, "badge")]
    present = await marking.segments(anna, target.id)
    assert [each.segment for each in present] == [Segment(0, 5), Segment(10, 20)]
    again = await marking.copy(anna, target.id, source.id)
    assert (again.segments, again.regions) == ([], [])
    assert len(await marking.regions(anna, target.id)) == 1
    (first, _) = [
        entry for entry in world.fake_database.tables.audit.values() if entry.action == "marks.copy"
    ]
    assert first.subject == f"video:{target.id}"
    assert first.details == {"from_video": source.id, "segments": 1, "regions": 1}


async def test_only_what_was_asked_for_is_copied(world: FakeService, anna: Principal) -> None:
    source, target = await world.video(anna), await _video(world, anna, width=480)
    await world.marking.add_segment(anna, source.id, Segment(10, 20), None)
    await world.marking.add_region(anna, source.id, Region(0, 0, 9, 9), None)
    with pytest.raises(OtherFrameShapeError):
        await world.marking.copy(anna, target.id, source.id)
    assert await world.marking.segments(anna, target.id) == []
    copied = await world.marking.copy(anna, target.id, source.id, regions=False)
    assert (len(copied.segments), copied.regions) == (1, [])
    same_size = await world.video(anna)
    copied = await world.marking.copy(anna, same_size.id, source.id, segments=False)
    assert (copied.segments, len(copied.regions)) == ([], 1)


async def test_kept_text_comes_from_the_latest_request(world: FakeService, anna: Principal) -> None:
    spec = await world.request_spec(anna, (0, 10))
    for area in (Region(9, 9, 9, 9), Region(5, 5, 50, 20)):
        await world.submissions.submit(anna, replace(spec, level=Level.FULL, keep_text=(area,)))
        world.clock.advance(timedelta(seconds=1))
    target = await _video(world, anna, width=320, height=180)
    copied = await world.marking.copy(anna, target.id, spec.video_id)
    assert copied.kept_text == [Region(3, 3, 24, 9)]


async def test_copying_needs_a_view_of_one_video_and_an_editor_of_the_other(
    world: FakeService, anna: Principal
) -> None:
    ben = await world.person("ben")
    hers, his = await world.video(anna), await world.video(ben)
    await world.marking.add_segment(anna, hers.id, Segment(0, 5), None)
    with pytest.raises(VideoNotFoundError):
        await world.marking.copy(ben, his.id, hers.id)
    await world.sharing.grant(anna, hers.id, ben.user_id, GrantRole.VIEWER)
    assert len((await world.marking.copy(ben, his.id, hers.id)).segments) == 1
    with pytest.raises(ForbiddenError):
        await world.marking.copy(ben, hers.id, his.id)
