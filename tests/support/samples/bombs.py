"""Videos and images of a few kilobytes that would take gigabytes of memory."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

_MP4_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"})
_PNG_HEADER_BYTES = 33
"""Signature and first chunk."""
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


def inflating_png(kind: str, mebibytes: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """Return a small PNG whose text or colour profile, a chunk ``zTXt``, ``iTXt`` or ``iCCP``, is large."""
    data = _image(size, "png")
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"a" * (1 << 20)) for _ in range(mebibytes)) + packer.flush()
    # A keyword, its end, the flags and languages of iTXt, and the method.
    head = b"key\0\1\0\0\0" if kind == "iTXt" else b"key\0\0"
    name, content = kind.encode(), head + packed
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data[:_PNG_HEADER_BYTES] + chunk + data[_PNG_HEADER_BYTES:]


def write_inflating_video(path: Path, kind: str, mebibytes: int) -> Path:
    """Write a video of three such PNG images."""
    return _mux(path, [((160, 120), inflating_png(kind, mebibytes))] * 3, "png")


def write_repeated_samples(path: Path, plain: Path, samples: int) -> Path:
    """Write an MP4 whose table of sample sizes gives one size for so many samples."""
    boxes = _parsed(plain.read_bytes())
    tables = _box(boxes, "moov", "trak", "mdia", "minf", "stbl")
    kept = [box for box in tables if box[0] in {b"stsd", b"stco"}]
    kept += [
        (b"stsz", struct.pack(">III", 0, 1, samples)),
        (b"stts", struct.pack(">IIII", 0, 1, samples, 1)),
        (b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)),
    ]
    tables[:] = kept
    path.write_bytes(_built(boxes))
    return path


def write_repeated_edits(path: Path, plain: Path, edits: int) -> Path:
    """Write an MP4 whose edit list shows the whole video so many times."""
    boxes = _parsed(plain.read_bytes())
    track = _box(boxes, "moov", "trak")
    table = struct.pack(">II", 0, edits) + struct.pack(">IiHH", 480_000, 0, 1, 0) * edits
    track[:] = [box for box in track if box[0] != b"edts"]
    track.insert(1, (b"edts", [(b"elst", table)]))
    path.write_bytes(_built(boxes))
    return path


def write_endless_sound(path: Path, plain: Path, minutes: int) -> Path:
    """Write a Matroska file of a short video with many minutes of silence beside it."""
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        picture = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("flac", rate=192_000, layout="7.1")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8 * 4608), np.int16), "s16", "7.1")
        silence.sample_rate, silence.pts = 192_000, 0
        first, *_ = [*sound.encode(silence), *sound.encode(None)]
        data, length = bytes(first), first.duration
        for moving in source.demux(video=0):
            if moving.size:
                moving.stream = picture
                target.mux(moving)
        for number in range(minutes * 60 * 192_000 // length):
            copy = av.Packet(data)
            copy.stream, copy.time_base = sound, Fraction(1, 192_000)
            copy.pts = copy.dts = number * length
            copy.duration = length
            target.mux(copy)
    return path


Boxes = list[tuple[bytes, "bytes | Boxes"]]


def _parsed(data: bytes) -> Boxes:
    found: Boxes = []
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        content = data[position + 8 : position + size]
        found.append((kind, _parsed(content) if kind in _MP4_CONTAINERS else content))
        position += size
    return found


def _built(boxes: Boxes) -> bytes:
    contents = [(kind, _built(content) if isinstance(content, list) else content) for kind, content in boxes]
    return b"".join(struct.pack(">I4s", len(content) + 8, kind) + content for kind, content in contents)


def _box(boxes: Boxes, *path: str) -> Boxes:
    """Return the boxes in a box."""
    for name in path:
        content = next(content for kind, content in boxes if kind == name.encode())
        assert isinstance(content, list)
        boxes = content
    return boxes


def _write(path: Path, sizes: Sequence[tuple[int, int]], codec: str) -> Path:
    images = {size: _image(size, codec) for size in set(sizes)}
    return _mux(path, [(size, images[size]) for size in sizes], codec)


def _mux(path: Path, images: Sequence[tuple[tuple[int, int], bytes]], codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = images[0][0]  # type: ignore[union-attr]
        stream.pix_fmt = _PIXEL_FORMATS[codec]  # type: ignore[union-attr]
        for number, (_, image) in enumerate(images):
            packet = av.Packet(image)
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
