"""Videos of a few kilobytes whose frames would take gigabytes of memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

_PIXEL_FORMATS = {"png": "rgb24", "mjpeg": "yuvj420p"}


def write_still_video(path: Path, size: tuple[int, int], codec: str) -> Path:
    """Write a video of three frames of one colour; ``codec`` is ``png`` or ``mjpeg``."""
    return _write(path, [size] * 3, codec)


def write_growing_video(path: Path, first: tuple[int, int], grown: tuple[int, int], codec: str) -> Path:
    """Write a video of two frames of one size and two of another."""
    return _write(path, [first, first, grown, grown], codec)


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
