"""Image files with several images: animations, views of a camera and pages of a scanner."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.probing import OpenVideoCache, PyAvProber
from framecloak.domain.errors import (
    ImageTooLargeError,
    InvalidSegmentError,
    UnreadableVideoError,
)
from support.samples.media import numbered_frame, read_number, truncate

COUNT = 7
DURATIONS = [40, 50, 40, 120, 30, 1000, 70]
ANIMATIONS: dict[str, dict[str, Any]] = {
    "animated.png": {"duration": DURATIONS},
    "animated.apng": {"format": "PNG", "duration": DURATIONS},
    "animated.webp": {"duration": DURATIONS, "lossless": True},
    "animated.avif": {"duration": DURATIONS, "quality": 95},
}
PAGED: dict[str, dict[str, Any]] = {
    "views.mpo": {"format": "MPO", "quality": 95},
    "views.jpg": {"format": "MPO", "quality": 95},
    "pages.tiff": {},
    "pages.tif": {"compression": "jpeg", "quality": 95},
}


def write_images(path: Path, images: list[PillowImage.Image], **options: object) -> Path:
    images[0].save(path, save_all=True, append_images=images[1:], **options)
    return path


def numbered(count: int = COUNT) -> list[PillowImage.Image]:
    return [PillowImage.fromarray(numbered_frame(number)[:, :, ::-1]) for number in range(count)]


@pytest.mark.parametrize(("name", "options"), [*ANIMATIONS.items(), *PAGED.items()])
def test_every_image_is_a_frame(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    # Pillow states wrong offsets from the fourth view on.
    count = 3 if options.get("format") == "MPO" else COUNT
    source = open_image(write_images(tmp_path / name, numbered(count), **options))
    info = source.info
    assert (info.width, info.height, info.frame_count, info.readable_frames) == (128, 96, count, count)
    assert info.continuous
    for start in range(count):
        frames = list(source.frames(start, count))
        assert [frame.index for frame in frames] == list(range(start, count))
        assert [read_number(frame.bgr()) for frame in frames] == list(range(start, count))
    with pytest.raises(InvalidSegmentError):
        source.frames(0, count + 1)


@pytest.mark.parametrize(("name", "options"), ANIMATIONS.items())
def test_an_animation_keeps_its_times(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    source = open_image(write_images(tmp_path / name, numbered(), **options))
    timing = source.timing(0, COUNT)
    ends = [*timing.starts[1:], timing.end]
    shown = [(end - start) * timing.base * 1000 for start, end in zip(timing.starts, ends, strict=True)]
    assert shown == DURATIONS
    assert source.timing(2, 4).interval_seconds == (Fraction(90, 1000), Fraction(250, 1000))
    assert source.info.duration == pytest.approx(sum(DURATIONS) / 1000)


def test_pages_are_shown_for_a_second(tmp_path: Path) -> None:
    source = open_image(write_images(tmp_path / "pages.tiff", numbered(3)))
    assert source.timing(0, 3).interval_seconds == (0, 3)


def test_an_untimed_animation_is_played_like_in_browsers(tmp_path: Path) -> None:
    source = open_image(write_images(tmp_path / "a.png", numbered(3), duration=0))
    assert source.timing(0, 3).interval_seconds == (0, Fraction(3, 10))


def test_an_image_for_programs_that_do_not_play_is_no_frame(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.png", numbered(4), default_image=True, duration=[40, 40, 40])
    numbers = [read_number(frame.bgr()) for frame in open_image(path).frames(0, 3)]
    assert numbers == [1, 2, 3]


def test_pages_of_several_sizes_are_shown_whole(tmp_path: Path) -> None:
    white = [PillowImage.new("RGB", size, "white") for size in ((40, 30), (20, 50), (40, 30))]
    source = open_image(write_images(tmp_path / "pages.tiff", white))
    assert (source.info.width, source.info.height) == (40, 50)
    sums = [int(frame.bgr()[:, :, 0].astype(int).sum()) // 255 for frame in source.frames(0, 3)]
    assert sums == [1200, 1000, 1200]


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_what_is_transparent_is_black(name: str, tmp_path: Path) -> None:
    image = np.full((32, 32, 4), 200, np.uint8)
    image[:, :, 3] = np.where(np.arange(32) < 16, 0, 255)[:, None]
    darker = image.copy()
    darker[16:, :, :3] -= 10
    images = [PillowImage.fromarray(image), PillowImage.fromarray(darker)]
    for frame in open_image(write_images(tmp_path / name, images, duration=40)).frames(0, 2):
        assert frame.bgr()[:16].max() == 0
        assert frame.bgr()[16:].min() > 180


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_photographs_are_turned(orientation: int, tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.avif"
    numbered(1)[0].save(path, exif=exif, quality=95)
    source = open_image(path)
    assert (source.info.frame_count, source.info.continuous, source.info.duration) == (1, False, 0.0)
    with PillowImage.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))[:, :, ::-1]
    (frame,) = source.frames(0, 1)
    assert np.array_equal(frame.bgr(), upright)
    assert (source.info.width, source.info.height) == upright.shape[1::-1]


def _cut(path: Path) -> None:
    truncate(path, 0.6)


def _garbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_cut, _garbled])
@pytest.mark.parametrize(("name", "options"), [*ANIMATIONS.items(), *PAGED.items()])
def test_a_damaged_file_is_refused_rather_than_shortened(
    name: str, options: dict[str, Any], damage: Callable[[Path], None], tmp_path: Path
) -> None:
    path = write_images(tmp_path / name, numbered(), **options)
    damage(path)
    with pytest.raises(UnreadableVideoError):
        list(open_image(path).frames(0, 1))


@pytest.mark.parametrize(("name", "options"), [*ANIMATIONS.items(), *PAGED.items()])
def test_any_mutation_is_read_or_refused(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = write_images(tmp_path / name, numbered(), **options)
    data = path.read_bytes()
    refused = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mutated = bytearray(data[: rng.integers(1, len(data)) if seed % 10 == 0 else None])
        for _ in range(rng.integers(1, 8)):
            mutated[rng.integers(0, len(mutated) if rng.random() < 0.5 else min(300, len(mutated)))] ^= 0x55
        path.write_bytes(mutated)
        try:
            source = open_image(path)
            for frame in source.frames(0, source.info.frame_count):
                assert frame.bgr().shape == (source.info.height, source.info.width, 3)
        except (UnreadableVideoError, ImageTooLargeError):
            refused += 1
    assert 5 < refused < 60


def test_a_photograph_stays_one_image(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.webp", "a.tiff"):
        numbered(1)[0].save(tmp_path / name)
        info = open_image(tmp_path / name).info
        assert (info.frame_count, info.continuous) == (1, False)


@pytest.mark.parametrize(("name", "options"), [*ANIMATIONS.items(), ("pages.tiff", {})])
def test_the_service_takes_them_as_videos(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = write_images(tmp_path / name, numbered(), **options).rename(tmp_path / "upload")
    probed = PyAvProber().probe(path)
    assert (probed.width, probed.height, probed.frame_count) == (128, 96, COUNT)
    assert probed.frame_rate > 0
    assert probed.frame_index == b""
    source = OpenVideoCache().open(path)
    assert [read_number(frame.bgr()) for frame in source.frames(2, 4)] == [2, 3]
    assert PyAvProber().frame_jpeg(path, COUNT - 1, None).startswith(b"\xff\xd8")
