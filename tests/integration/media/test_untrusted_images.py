"""Untrusted images: supported formats, and invalid or malicious files."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.domain.errors import ImageTooLargeError, InvalidImageError
from support.samples.media import numbered_frame

RGB = numbered_frame(37, (96, 64))[:, :, ::-1]
ORIENTATION = 0x0112


def encoded(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(RGB).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


def rgb(data: bytes) -> np.ndarray:
    frame = UntrustedImageReader().read(data)
    return frame.rgb(frame.width, frame.height)


def difference(data: bytes, expected: np.ndarray = RGB) -> float:
    return float(np.abs(rgb(data).astype(int) - expected).mean())


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_format_is_read(file_format: str) -> None:
    assert difference(encoded(file_format)) < 6


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("PNG", "P"),
        ("PNG", "L"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("TIFF", "RGBA"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_pixel_format_becomes_rgb(file_format: str, mode: str) -> None:
    expected = np.asarray(PillowImage.fromarray(RGB).convert(mode).convert("RGB"))
    assert difference(encoded(file_format, mode), expected) < 6


def test_16_bits_become_8() -> None:
    grey = np.asarray(PillowImage.fromarray(RGB).convert("L"))
    buffer = io.BytesIO()
    PillowImage.fromarray(grey.astype(np.uint16) * 257).save(buffer, "PNG")
    assert difference(buffer.getvalue(), np.repeat(grey[:, :, None], 3, axis=2)) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[ORIENTATION] = orientation
    data = encoded("JPEG", exif=exif, quality=95)
    with PillowImage.open(io.BytesIO(data)) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    assert difference(data, upright) < 4


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_read(file_format: str) -> None:
    further_frames = [PillowImage.fromarray(np.zeros_like(RGB))] * 2
    assert difference(encoded(file_format, save_all=True, append_images=further_frames, duration=50)) < 6


def test_transparent_pixels_are_black() -> None:
    hidden = np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)])
    buffer = io.BytesIO()
    PillowImage.fromarray(hidden).save(buffer, "PNG")
    assert rgb(buffer.getvalue()).max() == 0


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused(file_format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(noise).save(buffer, file_format)
    data = buffer.getvalue()
    with pytest.raises(InvalidImageError):
        rgb(data[: int(share * len(data))])


@pytest.mark.parametrize(
    "data", [b"", b"x", b"GIF89a", b"\xff\xd8\xff", b"<svg/>", b"%PDF-1.7", b"RIFF....WEBP", b"\x00" * 5000]
)
def test_data_that_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImageError) as refused:
        UntrustedImageReader().read(data)
    assert refused.value.code == "invalid_image"
    assert refused.value.hint


@pytest.mark.parametrize(("brand", "name"), [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")])
def test_phone_image_formats_are_refused_by_name(brand: bytes, name: str) -> None:
    with pytest.raises(InvalidImageError, match=f"{name} images are not supported") as refused:
        UntrustedImageReader().read(b"\0\0\0\x18ftyp" + brand + b"\0" * 64)
    assert "JPEG" in refused.value.hint


def bomb(width: int, height: int) -> bytes:
    """A small PNG whose header claims many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(4097, 16), (16, 4097), (60_000, 60_000)])
def test_too_many_pixels_are_refused_by_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLargeError, match=f"{size[0]}x{size[1]}") as refused:
        UntrustedImageReader().read(bomb(*size))
    assert "4096" in refused.value.hint


def test_the_largest_size_is_read() -> None:
    buffer = io.BytesIO()
    PillowImage.new("RGB", (4096, 4096)).save(buffer, "JPEG")
    assert UntrustedImageReader().read(buffer.getvalue()).width == 4096


@pytest.mark.parametrize("claimed", [(96, 2000), (2000, 64)])
def test_a_jpeg_that_claims_more_than_its_data_has_is_refused(claimed: tuple[int, int]) -> None:
    data = bytearray(encoded("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", claimed[1], claimed[0])
    with pytest.raises(InvalidImageError):
        rgb(bytes(data))


def test_a_jpeg_with_a_second_larger_frame_is_refused() -> None:
    """The first header declares 96 x 64; a complete image of another size follows in the same file."""
    buffer = io.BytesIO()
    PillowImage.new("RGB", (3000, 2000)).save(buffer, "JPEG")
    small = encoded("JPEG")
    head = small[: small.index(b"\xff\xda")]
    with pytest.raises(InvalidImageError):
        rgb(head + buffer.getvalue()[2:])
