"""Frames that decoders conceal: grey and smeared pixels are not delivered as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame
from support.samples.media import write_video

COUNT = 24
OPTIONS = {
    "ffv1": {"level": "3"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx265": {"x265-params": "log-level=none:pools=1:keyint=6:min-keyint=6:bframes=2:open-gop=1"},
}


def textured_frames() -> list[Image]:
    """Return frames (h, w, 3) BGR with detail everywhere, so that every byte of the stream shows."""
    noise = np.random.default_rng(1).integers(30, 225, (120, 160, 3), np.uint8)
    return [np.roll(noise, 3 * number, axis=1) for number in range(COUNT)]


def pixels(frames: Iterator[Frame]) -> list[Image | None]:
    """Return the pixels of each frame; None where it has none."""
    images: list[Image | None] = []
    for frame in frames:
        try:
            images.append(frame.bgr())
        except FrameAnalysisError:
            images.append(None)
    return images


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("divx3.avi", "msmpeg4"),
        ("mpeg4.avi", "mpeg4"),
        ("mpeg2.ts", "mpeg2video"),
        ("ffv1.avi", "ffv1"),
        ("ffv1.mkv", "ffv1"),
        ("vp9.webm", "libvpx-vp9"),
        ("hevc.mp4", "libx265"),
        ("hevc.ts", "libx265"),
    ],
)
def test_no_concealed_frame_is_shown(name: str, codec: str, tmp_path: Path) -> None:
    path = write_video(
        tmp_path / name,
        size=(160, 120),
        codec=codec,
        images=textured_frames(),
        options={"g": "6", "b": "3M"} | OPTIONS.get(codec, {}),
    )
    intact = pixels(open_video(path).frames(0, COUNT))
    data = path.read_bytes()
    damaged = tmp_path / f"damaged_{name}"
    missing = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        copy = bytearray(data)
        for start in rng.integers(len(data) // 5, len(data) * 4 // 5, 3):
            copy[start : start + 40] = rng.bytes(40)
        damaged.write_bytes(copy)
        source = open_video(damaged)
        for shown, original in zip(pixels(source.frames(0, COUNT)), intact, strict=True):
            missing += shown is None
            assert original is not None
            assert shown is None or np.abs(shown.astype(int) - original).mean() < 12
    assert 6 <= missing < 6 * COUNT


@pytest.mark.parametrize("level", ["1", "3"])
@pytest.mark.parametrize("checksums", ["0", "1"])
def test_intact_ffv1_is_shown(level: str, checksums: str, tmp_path: Path) -> None:
    options = {"level": level} if level == "1" else {"level": level, "slicecrc": checksums}
    path = write_video(tmp_path / "a.mkv", 8, codec="ffv1", options=options)
    assert all(image is not None for image in pixels(open_video(path).frames(0, 8)))
