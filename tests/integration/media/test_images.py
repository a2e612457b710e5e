"""Still images: formats, bit depths, orientations and damage."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from framecloak.adapters.media.pictures.source import image_files_in, is_image_file, open_image
from framecloak.domain.errors import (
    EmptyFileError,
    ImageTooLargeError,
    InputNotFoundError,
    UnreadableVideoError,
)
from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.redact.people import reference_photos
from support.samples.media import numbered_frame, read_number, truncate, write_image

NUMBER = 37
STORED = numbered_frame(NUMBER, (96, 64))
ORIENTATION = 0x0112


def pillow_image(image: Image = STORED) -> PillowImage.Image:
    return PillowImage.fromarray(image[:, :, ::-1])


def pixels(path: Path) -> Image:
    (frame,) = open_image(path).frames(0, 1)
    return frame.bgr()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
def test_every_format_is_read(suffix: str, tmp_path: Path) -> None:
    path = write_image(tmp_path / f"photo{suffix}", STORED)
    info = open_image(path).info
    assert (info.width, info.height, info.frame_count) == (96, 64, 1)
    assert (info.name, info.continuous, info.rotation) == (path.name, False, 0)
    difference = np.abs(pixels(path).astype(int) - STORED)
    assert difference.mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_exif_orientation_is_applied(suffix: str, orientation: int, tmp_path: Path) -> None:
    path = tmp_path / f"turned{suffix}"
    exif = PillowImage.Exif()
    exif[ORIENTATION] = orientation
    pillow_image().save(path, exif=exif, **({} if suffix in {".png", ".tiff"} else {"quality": 95}))
    with PillowImage.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))[:, :, ::-1]
    source = open_image(path)
    assert (source.info.height, source.info.width) == upright.shape[:2]
    (frame,) = source.frames(0, 1)
    assert np.abs(frame.bgr().astype(int) - upright).mean() < 4
    assert frame.rgb(48, 40).shape == (40, 48, 3)


def test_exif_of_a_big_endian_camera_is_read(tmp_path: Path) -> None:
    block = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, 6, 0, 0)
    plain = io.BytesIO()
    pillow_image().save(plain, "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block
    path = tmp_path / "camera.jpg"
    path.write_bytes(plain.getvalue()[:2] + segment + plain.getvalue()[2:])
    assert open_image(path).info.rotation == 90


def test_16_bit_images_become_8_bit(tmp_path: Path) -> None:
    deep = STORED.astype(np.uint16) * 257
    for name in ("deep.png", "deep.tiff"):
        assert cv2.imwrite(str(tmp_path / name), deep)
        assert np.abs(pixels(tmp_path / name).astype(int) - STORED).max() <= 2


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "I;16"])
def test_other_modes_become_bgr(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "mode.png"
    pillow_image().convert("L" if mode == "I;16" else mode).convert(mode).save(path)
    if mode != "I;16":
        assert read_number(pixels(path)) == NUMBER
    assert pixels(path).shape == STORED.shape


def test_cmyk_is_read(tmp_path: Path) -> None:
    pillow_image().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert np.abs(pixels(tmp_path / "print.jpg").astype(int) - STORED).mean() < 5


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    transparent = np.dstack([STORED, np.full(STORED.shape[:2], 255, np.uint8)])
    transparent[10:30, 20:60, 3] = 0
    transparent[40:50, 20:60, 3] = 128
    for name in ("hidden.png", "hidden.webp"):
        assert cv2.imwrite(str(tmp_path / name), transparent, [cv2.IMWRITE_WEBP_QUALITY, 101])
        decoded = pixels(tmp_path / name)
        assert not decoded[10:30, 20:60].any()
        assert np.abs(decoded[40:50, 20:60].astype(int) - STORED[40:50, 20:60] / 2).max() <= 2
        assert (decoded[50:] == STORED[50:]).all()
        (frame,) = open_image(tmp_path / name).frames(0, 1)
        assert not frame.rgb(96, 64)[11:29, 21:59].any()


def _png_header(width: int, height: int) -> bytes:
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return b"\x89PNG\r\n\x1a\n" + chunk


def test_a_png_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_header(16384, 16384))
    with pytest.raises(ImageTooLargeError, match=r"16384x16384 pixels \(268 megapixels\)"):
        open_image(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_the_limit_holds_for_every_format(suffix: str, tmp_path: Path) -> None:
    size = (16000, 6300) if suffix == ".webp" else (20000, 5040)
    path = tmp_path / f"large{suffix}"
    # The default encoding of WebP takes many seconds for as many pixels.
    quick = {"lossless": True, "quality": 0, "method": 0} if suffix == ".webp" else {}
    PillowImage.new("L" if suffix != ".webp" else "RGB", size).save(path, **quick)
    with pytest.raises(ImageTooLargeError, match=f"{size[0]}x{size[1]} pixels"):
        open_image(path)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_a_truncated_image_is_refused(
    suffix: str, share: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_image(tmp_path / f"cut{suffix}", numbered_frame(5, (640, 480)))
    truncate(path, share)
    with pytest.raises(UnreadableVideoError, match="image"):
        open_image(path).frames(0, 1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "content",
    [b"Dear diary\n" * 9, b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP"],
    ids=["text", "jpeg", "png", "bmp", "tiff", "webp"],
)
def test_a_file_that_is_not_an_image_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideoError, match="is not an image that can be read"):
        open_image(path)


def test_a_tiff_that_wraps_a_jpeg_is_refused(tmp_path: Path) -> None:
    pillow_image().save(tmp_path / "wrapped.tiff", compression="jpeg")
    with pytest.raises(UnreadableVideoError, match="is not an image that can be read"):
        open_image(tmp_path / "wrapped.tiff")


def test_the_format_is_detected_from_the_bytes(tmp_path: Path) -> None:
    path = write_image(tmp_path / "photo.png", STORED).rename(tmp_path / "photo.jpg")
    assert np.array_equal(pixels(path), STORED)


def test_missing_and_empty_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        open_image(tmp_path / "missing.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(EmptyFileError):
        open_image(tmp_path / "empty.jpg")


def test_images_of_a_folder_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.txt", ".hidden.png", "10.webp", "9.tiff"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in image_files_in(tmp_path)] == ["10.webp", "9.tiff", "a.jpg", "b.PNG"]
    with pytest.raises(InputNotFoundError):
        image_files_in(tmp_path / "missing")


def test_hidden_files_are_not_reference_photos(tmp_path: Path) -> None:
    for name in ("ada.jpg", "._ada.jpg"):  # the second is how other systems show macOS metadata of the first
        (tmp_path / name).write_bytes(b"x")
    people = reference_photos(tmp_path, None, None, None)
    assert people is not None
    assert people.image_paths() == [tmp_path / "ada.jpg"]


def test_image_files_are_recognized_by_their_suffix() -> None:
    assert is_image_file(Path("a/B.JPEG"))
    assert not is_image_file(Path("a/b.mp4"))
    assert not is_image_file(Path("png"))
