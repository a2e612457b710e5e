"""Files of the format matrix: frames with their number and four flat colours."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from framecloak.domain.imaging.detections import Image
from support.formats.codecs import VideoCodec
from support.samples.media import BITS

COUNT = 18
COLOURS = ((180, 70, 60), (70, 160, 80), (60, 80, 180), (150, 150, 70))
"""RGB of the patches in the lower half of each frame; modest, so that every range and matrix has them."""


def coloured_frame(number: int, size: tuple[int, int]) -> Image:
    """Return a frame (h, w, 3) RGB: its number as bars in the upper half, four flat patches below."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 2, left:right] = 220 if number >> bit & 1 else 30
    for patch, colour in enumerate(COLOURS):
        image[height // 2 :, patch * width // 4 : (patch + 1) * width // 4] = colour
    return image


def patch_colours(image: Image) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the colours (4, 3) at the centres of the patches of a frame."""
    height, width = image.shape[:2]
    rows = slice(height * 5 // 8, height * 7 // 8)
    margin = width // 12
    return np.array(
        [
            image[rows, patch * width // 4 + margin : (patch + 1) * width // 4 - margin].mean((0, 1))
            for patch in range(len(COLOURS))
        ]
    )


def write_frames(path: Path, codec: VideoCodec, format_name: str | None, count: int = COUNT) -> Path:
    """Write numbered frames at 25 a second.

    Args:
        path: file to write.
        codec: codec of the frames.
        format_name: muxer; None to choose it by the suffix.
        count: number of frames.
    """
    with av.open(str(path), "w", format=format_name) as container:
        stream = container.add_stream(codec.encoder, rate=25, options={"strict": "-2", **codec.options})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = codec.size
        stream.pix_fmt = codec.pix_fmt
        stream.codec_context.bit_rate = codec.bit_rate
        # Threads of libvpx wait for each other in busy loops, and starve on few processors.
        stream.codec_context.thread_count = 1
        # Players assume BT.709 for HD that states no matrix, FFmpeg's command line BT.601.
        matrix = 1 if codec.size[1] >= 720 else None
        if matrix:
            stream.codec_context.colorspace = matrix
        full_range = codec.pix_fmt.startswith("yuvj")
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(coloured_frame(number, codec.size), "rgb24").reformat(
                format=codec.pix_fmt, dst_colorspace=matrix, dst_color_range=2 if full_range else None
            )
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
