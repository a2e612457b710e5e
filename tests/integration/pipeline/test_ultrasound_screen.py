"""Screens of ultrasound devices under policy ``identifying``, on real models."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.main import main
from support.samples.media import write_image, write_video
from support.samples.ultrasound import LINES, PROBE, SIZE, letters, ultrasound_screen

LENGTH = 8


def redacted(folder: Path, source: Path) -> list[Image]:
    """Return the frames (h, w, 3) BGR of a redacted file."""
    names, terms, output = folder / "names.txt", folder / "terms.txt", folder / "out.zip"
    names.write_text("Nowak, Zofia\n", "utf-8")
    terms.write_text(f"{PROBE}\n", "utf-8")
    policy = ("--text", "identifying", "--names", names, "--device-terms", terms)
    fixed = ("--level", "full", "--format", "png", "--verify", "none", "--quiet")
    assert main(["redact", *map(str, (source, "-o", output, *fixed, *policy))]) == 0
    with zipfile.ZipFile(output) as archive:
        frames = [archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".png")]
    return [
        np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8) for data in frames
    ]


def bright_share(text: str, image: Image) -> float:
    """Return how many of the bright pixels of a line's letters are still bright in a redacted image."""
    x1, y1, x2, y2 = letters(text)
    before, after = (each[y1:y2, x1:x2].min(axis=2) > 150 for each in (ultrasound_screen(), image))
    return float(after[before].mean())


@pytest.mark.parametrize("kind", ["image", "video", "blurred"])
def test_settings_scale_and_calipers_stay_and_the_patient_does_not(tmp_path: Path, kind: str) -> None:
    if kind == "image":
        source = write_image(tmp_path / "scan.png", ultrasound_screen())
    else:
        images = (ultrasound_screen(frame) for frame in range(LENGTH))
        options = {"crf": "40" if kind == "blurred" else "18"}
        source = write_video(tmp_path / "scan.mp4", size=SIZE, options=options, images=images)
    frames = redacted(tmp_path, source)
    assert len(frames) == (1 if kind == "image" else LENGTH)
    for frame in frames:
        for text, (_, kept) in LINES.items():
            share = bright_share(text, frame)
            assert share > 0.5 if kept else share < 0.01, text
