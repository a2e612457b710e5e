"""Videos of a few kilobytes whose frames would take gigabytes of memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

_PIXEL_FORMATS = {"png": "rgb24", "mjpeg": "yuvj420p"}


def write_still_video(path: Path, size: tuple[int, int], codec: str) -> Path:
    """Write a video of three frames of one colour; ``codec`` is ``png`` or ``mjpeg``."""
    return _write(path, [size] * 3, codec)


def write_growing_video(path: Path, first: tuple[int, int], grown: tuple[int, int], codec: str) -> Path:
    """Write a video of two frames of one size and two of another."""
    return _write(path, [first, first, grown, grown], codec)


def write_growing_alpha(path: Path, codec: str) -> Path:
    """Write a WebM of 64x48 whose second keyframe has a transparency of 16383x16383 pixels beside it.

    Args:
        path: path of the file.
        codec: ``libvpx`` or ``libvpx-vp9``.
    """
    image = np.full((48, 64, 4), 200, np.uint8)
    image[:, :32, 3] = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"auto-alt-ref": "0", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"  # type: ignore[union-attr]
        stream.codec_context.thread_count = 1
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(image, "rgba").reformat(format="yuva420p")
            frame.pts = number
            container.mux(stream.encode(frame))  # type: ignore[union-attr]
        container.mux(stream.encode())  # type: ignore[union-attr]
    data = path.read_bytes()
    vp8 = codec == "libvpx"
    # Each keyframe has a start code in its colours and one in its transparency.
    start = _nth(data, b"\x9d\x01\x2a" if vp8 else b"\x49\x83\x42", 4) + 3
    if vp8:
        changed = b"\xff\x3f\xff\x3f"
    else:
        # Four bits of colour space and range, then width and height less one in 16 bits each.
        bits = int.from_bytes(data[start : start + 5], "big") & ~(0xFFFFFFFF << 4)
        changed = (bits | 0x3FFE3FFE << 4).to_bytes(5, "big")
    path.write_bytes(data[:start] + changed + data[start + len(changed) :])
    return path


def _nth(data: bytes, pattern: bytes, count: int) -> int:
    offset = -1
    for _ in range(count):
        offset = data.index(pattern, offset + 1)
    return offset


def _write(path: Path, sizes: Sequence[tuple[int, int]], codec: str) -> Path:
    images = {size: _image(size, codec) for size in set(sizes)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = sizes[0]  # type: ignore[union-attr]
        stream.pix_fmt = _PIXEL_FORMATS[codec]  # type: ignore[union-attr]
        for number, size in enumerate(sizes):
            packet = av.Packet(images[size])
            packet.stream = stream
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def _image(size: tuple[int, int], codec: str) -> bytes:
    data = io.BytesIO()
    if codec == "png":
        Image.new("1", size).save(data, "PNG")
    else:
        Image.new("L", size).save(data, "JPEG")
    return data.getvalue()
