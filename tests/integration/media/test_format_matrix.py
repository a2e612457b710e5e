"""Matrix of containers, codecs and quirks: frames, times, colours and sound, compared with FFmpeg's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.domain.errors import DomainError
from framecloak.domain.imaging.detections import Image
from support.formats.codecs import VIDEO_CODECS
from support.formats.containers import CONTAINERS, Container
from support.formats.ffmpeg import needs_ffmpeg, shown_by_ffmpeg
from support.formats.images import IMAGES, ImageFormat, write_image_format
from support.formats.quirks import COUNT as QUIRK_COUNT
from support.formats.quirks import QUIRKS, TESTED_ELSEWHERE, Quirk, TestedElsewhere
from support.formats.refused import REFUSED, Refused
from support.formats.writing import COUNT, coloured_frame, patch_colours, write_frames
from support.samples.media import read_number, truncate, write_empty_mp4, write_sound, write_video

MAX_DIFFERENCE = 3
"""Largest difference of a flat colour from FFmpeg's, in levels of 255."""

FRAMES = [
    pytest.param(
        container, codec, id=f"{container.suffix}-{codec}", marks=[pytest.mark.formats] if place else []
    )
    for container in CONTAINERS
    for place, codec in enumerate(container.video)
]


def written(folder: Path, container: Container, codec: str) -> VideoSource:
    path = folder / f"a.{container.suffix}"
    return open_video(write_frames(path, VIDEO_CODECS[codec], container.format))


def times(source: VideoSource) -> list[float]:
    """Return when each frame is shown, in seconds from the first."""
    timing = source.timing(0, source.info.frame_count)
    return [float((start - timing.starts[0]) * timing.base) for start in timing.starts]


def clock_error(source: VideoSource, container: Container, codec: str) -> float:
    """Return half a tick of a source's clock in seconds, or two frames where the file has no better times."""
    return 2 / 25 + 1e-6 if codec in container.decoding_times else float(source.timing(0, 1).base) / 2 + 1e-6


@pytest.mark.parametrize(("container", "codec"), FRAMES)
def test_frames_are_those_that_were_written(tmp_path: Path, container: Container, codec: str) -> None:
    source = written(tmp_path, container, codec)
    images = [frame.bgr() for frame in source.frames(0, source.info.frame_count)]
    assert [read_number(image) for image in images] == list(range(COUNT))
    expected = patch_colours(coloured_frame(0, VIDEO_CODECS[codec].size)[:, :, ::-1])
    for image in images:
        assert np.abs(patch_colours(image) - expected).max() <= VIDEO_CODECS[codec].tolerance
    # The muxer rounds each time to a tick, and so does the first.
    error = 2 * clock_error(source, container, codec)
    assert times(source) == pytest.approx([number / 25 for number in range(COUNT)], abs=error)
    part = [frame.bgr() for frame in source.frames(COUNT - 5, COUNT)]
    assert all(np.array_equal(image, same) for image, same in zip(part, images[-5:], strict=True))


@needs_ffmpeg
@pytest.mark.parametrize(("container", "codec"), FRAMES)
def test_frames_are_those_of_ffmpeg(tmp_path: Path, container: Container, codec: str) -> None:
    source = written(tmp_path, container, codec)
    reference = shown_by_ffmpeg(tmp_path / f"a.{container.suffix}", tmp_path)
    assert source.info.frame_count == len(reference.frames)
    assert times(source) == pytest.approx(reference.times, abs=clock_error(source, container, codec))
    for frame, shown in zip(source.frames(0, source.info.frame_count), reference.frames, strict=True):
        assert np.abs(patch_colours(frame.bgr()) - patch_colours(shown)).max() <= MAX_DIFFERENCE


QUIRK_FILES = [pytest.param(quirk, id=quirk.name) for quirk in QUIRKS]


def quirky(folder: Path, quirk: Quirk) -> VideoSource:
    arguments: dict[str, Any] = {"count": QUIRK_COUNT, **quirk.written}
    return open_video(write_video(folder / quirk.name, **arguments))


def averaged(image: Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the means of 8x8 pixels of an image."""
    height, width = (side // 8 * 8 for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // 8, 8, width // 8, 8, 3)
    return blocks.astype(np.float64).mean((1, 3))


@pytest.mark.parametrize("quirk", QUIRK_FILES)
def test_unusual_files_give_every_frame(tmp_path: Path, quirk: Quirk) -> None:
    source = quirky(tmp_path, quirk)
    count = source.info.frame_count
    images = [frame.bgr() for frame in source.frames(0, count)]
    if not {"rotation", "mirrored"} & set(quirk.written):
        assert [read_number(image) for image in images] == list(range(QUIRK_COUNT))[-count:]
    for start in (count // 3, count - 3):
        part = [frame.bgr() for frame in source.frames(start, count)]
        assert all(np.array_equal(image, same) for image, same in zip(part, images[start:], strict=True))


@needs_ffmpeg
@pytest.mark.parametrize("quirk", QUIRK_FILES)
def test_unusual_files_are_shown_as_by_ffmpeg(tmp_path: Path, quirk: Quirk) -> None:
    source = quirky(tmp_path, quirk)
    reference = shown_by_ffmpeg(tmp_path / quirk.name, tmp_path)
    assert source.info.frame_count == len(reference.frames)
    assert times(source) == pytest.approx(reference.times, abs=float(source.timing(0, 1).base) / 2 + 1e-6)
    for frame, shown in zip(source.frames(0, source.info.frame_count), reference.frames, strict=True):
        assert frame.bgr().shape == shown.shape
        assert np.abs(averaged(frame.bgr()) - averaged(shown)).max() <= MAX_DIFFERENCE


@pytest.mark.parametrize("image", [pytest.param(image, id=image.title) for image in IMAGES])
def test_images_give_every_view_and_page(tmp_path: Path, image: ImageFormat) -> None:
    source = open_image(write_image_format(tmp_path / image.name, image))
    count = image.frames
    assert source.info.frame_count == count
    assert source.info.continuous == (count > 1)
    assert [read_number(frame.bgr()) for frame in source.frames(0, count)] == list(range(count))
    timing = source.timing(0, count)
    assert [float(start * timing.base) for start in timing.starts] == pytest.approx(image.times)


@pytest.mark.parametrize("row", TESTED_ELSEWHERE, ids=lambda row: row.goes_in)
def test_other_rows_name_their_tests(row: TestedElsewhere) -> None:
    assert (Path(__file__).parents[2] / row.test).is_file()


def write_refused(path: Path, row: Refused) -> Path:
    if row.content is not None:
        path.write_bytes(row.content)
    elif row.code == "no_video_stream":
        write_sound(path.with_suffix(".mp4"), "aac").rename(path)
    elif row.code == "no_frames":
        write_empty_mp4(path)
    else:
        truncate(write_video(path, 10), 0.5)
    return path


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.goes_in)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, row: Refused) -> None:
    with pytest.raises(DomainError) as caught:
        open_video(write_refused(tmp_path / row.name, row))
    assert caught.value.code == row.code
    assert row.name in caught.value.message
    assert caught.value.hint
