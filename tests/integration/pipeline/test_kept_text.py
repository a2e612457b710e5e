"""Text that is to stay, in frames as they are delivered: it can be read there, and no other can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.main import main
from support.processes import command
from support.samples import images
from support.samples.media import write_picture, write_video

LENGTH = 7
"""Frames of the film; text is looked for in the first and in the last."""

KEPT = (0, 0, 440, 420)
"""The area, x, y, width and height; two of the six people are in it."""

Box = tuple[int, int, int, int]
LINES: dict[str, tuple[Box, bool]] = {
    "PATIENT 4711": ((20, 20, 420, 80), True),
    "OR 3": ((20, 90, 150, 140), True),
    "JANE DOE 1961": ((760, 790, 1240, 850), False),
    "B-XY 47": ((480, 20, 700, 80), False),
}
"""What is written where, and whether that lies in the area; some of it has the shape of a plate."""


def scene() -> Image:
    """Six people, (864, 1280, 3) BGR, with lines on dark bars over them."""
    scene = np.asarray(cv2.cvtColor(images.group_photograph(), cv2.COLOR_RGB2BGR), np.uint8).copy()
    for words, ((x1, y1, x2, y2), _) in LINES.items():
        scene[y1:y2, x1:x2] = 30
        height = y2 - y1
        cv2.putText(
            scene, words, (x1 + 10, y2 - height // 4), cv2.FONT_HERSHEY_SIMPLEX, height / 40, (240,) * 3, 2
        )
    return scene


def written(folder: Path, kind: str) -> Path:
    if kind == "picture":
        return write_picture(folder / "scan.png", scene())
    return write_video(folder / "scan.mp4", size=(1280, 864), pictures=(scene() for _ in range(LENGTH)))


def middles(detector: PpOcrText, picture: Image) -> list[tuple[float, float]]:
    """Where lines of text are found in a BGR picture."""
    height, width = (side // detector.stride * detector.stride for side in picture.shape[:2])
    found = detector.detect(np.ascontiguousarray(picture[:height, :width, ::-1]), 0.5)
    return [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in found.boxes.tolist()]


def originals(path: Path, kind: str) -> list[Image]:
    """Every frame of the source as it is decoded."""
    source = open_image(path) if kind == "picture" else open_video(path)
    return [frame.bgr() for frame in source.frames(0, source.info.frame_count)]


def beside_faces(entry: dict[str, Any]) -> NDArray[np.bool_]:
    """(864, 1280) where a frame's manifest has no face; faces are redacted whatever is written there."""
    free = np.ones((864, 1280), np.bool_)
    for box in entry["boxes"]:
        if box["kind"] == "face":
            x1, y1, x2, y2 = box["xyxy"]
            free[y1:y2, x1:x2] = False
    return free


@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("picture", "int8"),
        ("picture", "fp32"),
        ("film", "int8"),
        pytest.param("film", "fp32", marks=pytest.mark.nightly),
    ],
)
def test_kept_text_can_be_read_and_nothing_else(
    tmp_path: Path, kind: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says it of pictures in both precisions; the long form adds a film in the one that no CPU chooses."""
    monkeypatch.setenv("FRAMECLOAK_PRECISION", precision)
    source, output = written(tmp_path, kind), tmp_path / "out.zip"
    keep = ",".join(map(str, KEPT))
    options = ["--level", "full", "--keep-text", keep, "--format", "png", "--quiet"]
    assert main(["redact", str(source), "-o", str(output), *options]) == 0
    result, before = command.Output(output), originals(source, kind)
    detector = PpOcrText.load(Provider.CPU)
    shipped = list(result.frames())
    assert len(shipped) == len(before) == (1 if kind == "picture" else LENGTH)
    for (entry, frame), original in zip(shipped, before, strict=True):
        found, free = middles(detector, frame), beside_faces(entry)
        for (x1, y1, x2, y2), stays in LINES.values():
            there = [(x, y) for x, y in found if x1 <= x <= x2 and y1 <= y <= y2]
            assert bool(there) is stays
            shown = frame[y1:y2, x1:x2]
            if stays:
                uncovered = free[y1:y2, x1:x2]
                assert np.array_equal(shown[uncovered], original[y1:y2, x1:x2][uncovered])
            else:
                assert not (shown.min(axis=2) > 150).any()
        for x1, y1, x2, y2 in images.GROUP_BOXES.astype(int):
            assert (frame[y1:y2, x1:x2].max(axis=2) == 0).mean() > 0.95
    kinds = {(box["kind"], box.get("basis")) for entry in result.manifest["frames"] for box in entry["boxes"]}
    assert kinds == {("face", None), ("text", None), ("plate", "shape")}
    assert result.manifest["sources"][0]["keep_text"] == [
        {"xyxy": [KEPT[0], KEPT[1], KEPT[0] + KEPT[2], KEPT[1] + KEPT[3]], "segment": None}
    ]
