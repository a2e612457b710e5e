"""Transparency that a container stores beside the frames: what is hidden stays hidden."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from framecloak.adapters.media.video.source import open_video

COUNT, KEYFRAME_DISTANCE = 12, 4


def write_half_transparent(path: Path, codec: str) -> Path:
    """Write bright frames of 64x48 whose left half is transparent."""
    image = np.full((48, 64, 4), 200, np.uint8)
    image[:, :, 3] = np.where(np.arange(64) < 32, 0, 255)
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0", "g": str(KEYFRAME_DISTANCE)}
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.codec_context.thread_count = 1
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(image, "rgba").reformat(format="yuva420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_what_is_transparent_in_vp8_and_vp9_is_black(codec: str, suffix: str, tmp_path: Path) -> None:
    source = open_video(write_half_transparent(tmp_path / f"alpha{suffix}", codec))
    assert source.info.frame_count == COUNT
    for start in range(COUNT):
        frames = list(source.frames(start, COUNT))
        assert [frame.index for frame in frames] == list(range(start, COUNT))
        for frame in frames:
            for shown in (frame.bgr(), frame.rgb(64, 48)):
                assert shown[:, :28].max() <= 3
                assert shown[:, 36:].min() >= 190
