"""Matrix of containers, codecs and quirks: frames, times, colours and sound, compared with FFmpeg's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framecloak.adapters.media.video.source import VideoSource, open_video
from support.formats.codecs import VIDEO_CODECS
from support.formats.containers import CONTAINERS, Container
from support.formats.ffmpeg import needs_ffmpeg, shown_by_ffmpeg
from support.formats.writing import COUNT, coloured_frame, patch_colours, write_frames
from support.samples.media import read_number

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
    """Return half a tick of a source's clock, in seconds, or two frames where the file has no better times."""
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
