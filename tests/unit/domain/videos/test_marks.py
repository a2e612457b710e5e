"""Segments and regions marked on a video; test_grants.py tests the permissions."""

from __future__ import annotations

import pytest

from framecloak.domain.errors import (
    DomainError,
    InvalidOptionError,
    InvalidRegionError,
    InvalidSegmentError,
    RegionNotFoundError,
    SegmentNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import Video
from framecloak.domain.videos.marks import MAX_LABEL_LENGTH
from support.use_cases import FakeService

FRAMES, WIDTH, HEIGHT = 100, 640, 360


@pytest.fixture
async def video(world: FakeService, anna: Principal) -> Video:
    return await world.video(anna)


async def test_segments_are_listed_in_order_of_time(
    world: FakeService, anna: Principal, video: Video
) -> None:
    late, early = [
        await world.marking.add_segment(anna, video.id, segment, None)
        for segment in (Segment(50, 60), Segment(0, FRAMES))
    ]
    assert await world.marking.segments(anna, video.id) == [early, late]
    assert await world.marking.segment(anna, video.id, late.id) == late


async def test_regions_are_listed_in_the_order_of_marking(
    world: FakeService, anna: Principal, video: Video
) -> None:
    whole = await world.marking.add_region(anna, video.id, Region(0, 0, WIDTH, HEIGHT), "all of it")
    part = await world.marking.add_region(anna, video.id, Region(9, 9, 1, 1, Segment(99, FRAMES)), None)
    assert await world.marking.regions(anna, video.id) == [whole, part]
    await world.marking.remove_region(anna, video.id, whole.id)
    assert await world.marking.regions(anna, video.id) == [part]


async def test_a_segment_beyond_the_end_of_the_video_is_refused(
    world: FakeService, anna: Principal, video: Video
) -> None:
    with pytest.raises(InvalidSegmentError, match="100 frames"):
        await world.marking.add_segment(anna, video.id, Segment(99, FRAMES + 1), None)
    assert await world.marking.segments(anna, video.id) == []


@pytest.mark.parametrize(
    ("region", "refusal"),
    [
        (Region(WIDTH - 40, 0, 41, 10), InvalidRegionError),
        (Region(0, HEIGHT - 10, 10, 11), InvalidRegionError),
        (Region(10**12, 0, 1, 1), InvalidRegionError),
        (Region(0, 0, 9, 9, Segment(0, FRAMES + 1)), InvalidSegmentError),
    ],
)
async def test_a_region_outside_the_video_is_refused(
    world: FakeService, anna: Principal, video: Video, region: Region, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        await world.marking.add_region(anna, video.id, region, None)
    assert await world.marking.regions(anna, video.id) == []


async def test_fields_of_a_segment_change_separately(
    world: FakeService, anna: Principal, video: Video
) -> None:
    segment_id = (await world.marking.add_segment(anna, video.id, Segment(10, 20), "entry")).id
    change = world.marking.change_segment
    changed = await change(anna, video.id, segment_id, end_frame=FRAMES)
    assert (changed.segment, changed.label) == (Segment(10, FRAMES), "entry")
    changed = await change(anna, video.id, segment_id, start_frame=0)
    assert (changed.segment, changed.label) == (Segment(0, FRAMES), "entry")
    changed = await change(anna, video.id, segment_id, label="exit")
    assert (changed.segment, changed.label) == (Segment(0, FRAMES), "exit")
    changed = await change(anna, video.id, segment_id, label="")
    assert changed.label is None
    assert await world.marking.segment(anna, video.id, segment_id) == changed


@pytest.mark.parametrize("limits", [(None, FRAMES + 1), (20, None), (None, 10), (-1, None), (30, 25)])
async def test_an_invalid_change_of_a_segment_changes_nothing(
    world: FakeService, anna: Principal, video: Video, limits: tuple[int | None, int | None]
) -> None:
    marked = await world.marking.add_segment(anna, video.id, Segment(10, 20), None)
    start, end = limits
    with pytest.raises(InvalidSegmentError):
        await world.marking.change_segment(anna, video.id, marked.id, start_frame=start, end_frame=end)
    assert await world.marking.segment(anna, video.id, marked.id) == marked


async def test_labels_have_a_maximum_length(world: FakeService, anna: Principal, video: Video) -> None:
    longest, too_long = "x" * MAX_LABEL_LENGTH, "x" * (MAX_LABEL_LENGTH + 1)
    segment = await world.marking.add_segment(anna, video.id, Segment(0, 1), longest)
    assert segment.label == longest
    with pytest.raises(InvalidOptionError):
        await world.marking.add_segment(anna, video.id, Segment(0, 1), too_long)
    with pytest.raises(InvalidOptionError):
        await world.marking.change_segment(anna, video.id, segment.id, label=too_long)
    with pytest.raises(InvalidOptionError):
        await world.marking.add_region(anna, video.id, Region(0, 0, 4, 4), too_long)
    assert await world.marking.segments(anna, video.id) == [segment]


async def test_a_mark_belongs_to_one_video(world: FakeService, anna: Principal, video: Video) -> None:
    """An editor of one video must not reach the marks of another video by their ids."""
    segment = await world.marking.add_segment(anna, video.id, Segment(0, 1), None)
    region = await world.marking.add_region(anna, video.id, Region(0, 0, 4, 4), None)
    ben = await world.person("ben")
    other = await world.video(ben)
    with pytest.raises(SegmentNotFoundError):
        await world.marking.segment(ben, other.id, segment.id)
    with pytest.raises(SegmentNotFoundError):
        await world.marking.change_segment(ben, other.id, segment.id, label="mine")
    with pytest.raises(SegmentNotFoundError):
        await world.marking.remove_segment(ben, other.id, segment.id)
    with pytest.raises(RegionNotFoundError):
        await world.marking.remove_region(ben, other.id, region.id)
    assert await world.marking.segments(anna, video.id) == [segment]
    assert await world.marking.regions(anna, video.id) == [region]


async def test_removed_marks_are_gone(world: FakeService, anna: Principal, video: Video) -> None:
    segment = await world.marking.add_segment(anna, video.id, Segment(0, 1), None)
    region = await world.marking.add_region(anna, video.id, Region(0, 0, 4, 4), None)
    await world.marking.remove_segment(anna, video.id, segment.id)
    await world.marking.remove_region(anna, video.id, region.id)
    with pytest.raises(SegmentNotFoundError):
        await world.marking.remove_segment(anna, video.id, segment.id)
    with pytest.raises(RegionNotFoundError):
        await world.marking.remove_region(anna, video.id, region.id)
    with pytest.raises(VideoNotFoundError):
        await world.marking.segments(anna, 999)
