"""Image headers that are crafted to keep a reader busy."""

from __future__ import annotations

import io
import struct

import pytest

from framecloak.adapters.media.pictures.header import UnknownImageError, read_header

MIB = 1024**2
FRAME = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, 480, 640)
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 64, 64, 8, 2, 0, 0, 0, 0)
WEBP = b"RIFF\0\0\0\0WEBP"
EXIF = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 5000) + struct.pack(">HHIHH", 274, 3, 1, 6, 0) * 5000


class CountingFile(io.BytesIO):
    """Counts the calls of ``read`` and the bytes that they return."""

    reads = 0
    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        block = super().read(size)
        self.taken += len(block)
        return block


def app1(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 2 + len(content)) + content


def test_a_jpeg_may_have_any_number_of_fill_bytes() -> None:
    for fill in (1, 2, 4094, 4095, 4096, 4097, 3 * MIB):
        file = CountingFile(b"\xff\xd8" + b"\xff" * fill + app1(b"") + b"\xff" * fill + FRAME)
        header = read_header(file)
        assert (header.codec, header.width, header.height) == ("mjpeg", 640, 480)
        assert file.reads < 20 + 2 * fill / 4000


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\xff" * (4 * MIB),
        b"\xff\xd8\xff\x01" + b"\xff\x01" * (2 * MIB),
        b"\xff\xd8" + b"\xff\xff\x01" * MIB,
        b"\xff\xd8" + b"\xff\xe1\x00\x00" * MIB,
        b"\xff\xd8" + app1(b"") * MIB,
        PNG + struct.pack(">I4sI", 0, b"tEXt", 0) * (MIB // 3),
        WEBP + b"JUNK\0\0\0\0" * (MIB // 2),
    ],
    ids=[
        "fill",
        "markers",
        "fill and markers",
        "lengths of 0",
        "segments",
        "chunks of PNG",
        "chunks of WebP",
    ],
)
def test_a_file_without_an_end_of_its_header_is_refused(data: bytes) -> None:
    file = CountingFile(data)
    with pytest.raises(UnknownImageError):
        read_header(file)
    assert file.reads < 50_000
    assert file.taken < 20 * len(data)


def test_the_first_of_many_exif_blocks_counts_and_the_others_are_skipped() -> None:
    other = EXIF.replace(struct.pack(">HHIHH", 274, 3, 1, 6, 0), struct.pack(">HHIHH", 274, 3, 1, 3, 0))
    file = CountingFile(b"\xff\xd8" + app1(EXIF) + app1(other) * 60 + FRAME)
    assert read_header(file).orientation.degrees == 90
    assert file.taken < 2 * len(EXIF)
