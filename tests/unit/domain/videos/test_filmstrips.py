"""Thumbnails of whole videos."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import VideoNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.videos.filmstrips import (
    MAX_CACHED_FILMSTRIPS,
    MAX_DECODED_FRAMES,
    MAX_THUMBNAILS,
    thumbnail_frames,
)
from support.use_cases import FakeService, chunks


@given(st.integers(1, 10_000), st.integers(1, MAX_THUMBNAILS), st.sets(st.integers(0, 9_999), max_size=40))
def test_each_part_of_a_video_has_one_frame(count: int, parts: int, numbers: set[int]) -> None:
    keyframes = sorted(number for number in numbers if number < count)
    frames = thumbnail_frames(count, parts, keyframes)
    assert len(frames) == min(parts, count)
    decoded = 0
    for part, frame in enumerate(frames):
        first, end = part * count // len(frames), (part + 1) * count // len(frames)
        middle = (first + end - 1) // 2
        if inside := [key for key in keyframes if first <= key < end]:
            assert frame in inside
            assert all(abs(frame - middle) <= abs(key - middle) for key in inside)
            continue
        # Decoding continues after the frame before, or begins at a later keyframe.
        begin = max([0, *frames[:part], *(key for key in keyframes if key <= middle)])
        is_near = decoded + middle - begin <= MAX_DECODED_FRAMES
        assert frame == (middle if is_near else begin)
        decoded += frame - begin


def test_without_keyframes_the_middle_of_each_part_is_shown() -> None:
    assert thumbnail_frames(100, 4, []) == [12, 37, 62, 87]
    assert thumbnail_frames(100, 4, [0, 20, 50, 60]) == [20, 37, 60, 87]
    assert thumbnail_frames(3, 16, []) == [0, 1, 2]


def test_far_from_a_keyframe_the_last_one_is_repeated() -> None:
    assert thumbnail_frames(4000, 8, [0, 2000]) == [0, 0, 0, 0, 2000, 2000, 2000, 2000]
    assert thumbnail_frames(800, 8, []) == [49, 149, 249, 249, 249, 249, 249, 249]


async def test_a_filmstrip_is_made_once_and_each_view_recorded(world: FakeService, anna: Principal) -> None:
    video = await world.video(anna)
    filmstrips = world.use_cases.filmstrips
    strips = await asyncio.gather(*(filmstrips.filmstrip(anna, video.id, 4) for _ in range(3)))
    assert {*strips} == {b"\xff\xd812,37,62,87@72\xff\xd9"}
    assert world.prober.filmstrips == 1
    views = [entry for entry in world.fake_database.tables.audit.values() if entry.action == "frame.view"]
    assert [entry.details for entry in views] == 3 * [{"indices": [12, 37, 62, 87]}]


async def test_the_number_of_kept_filmstrips_is_bounded(world: FakeService, anna: Principal) -> None:
    filmstrips = world.use_cases.filmstrips
    first = await world.uploads.upload(anna, "first.mp4", chunks(b"first"))
    await filmstrips.filmstrip(anna, first.id, 1)
    others = []
    for number in range(MAX_CACHED_FILMSTRIPS):
        other = await world.uploads.upload(anna, "film.mp4", chunks(b"%d" % number))
        others.append(other.id)
        await filmstrips.filmstrip(anna, first.id, 1)
        await filmstrips.filmstrip(anna, other.id, 1)
    # The first one was shown again before each other one, so that the second one has made room.
    assert world.prober.filmstrips == MAX_CACHED_FILMSTRIPS + 1
    await filmstrips.filmstrip(anna, first.id, 1)
    assert world.prober.filmstrips == MAX_CACHED_FILMSTRIPS + 1
    await filmstrips.filmstrip(anna, others[0], 1)
    assert world.prober.filmstrips == MAX_CACHED_FILMSTRIPS + 2


async def test_a_video_without_its_file_has_no_filmstrip(world: FakeService, anna: Principal) -> None:
    video = await world.video(anna)
    await world.store.remove(video.object_key)
    with pytest.raises(VideoNotFoundError, match="gone"):
        await world.use_cases.filmstrips.filmstrip(anna, video.id, 4)
