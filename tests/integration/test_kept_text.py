"""Text that is to stay, in frames as they are delivered: it can be read there, and no other can."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import command
import pictures
from adapters.vision.onnx import Provider
from adapters.vision.text import PpOcrText
from domain.detection import Image
from entrypoints.cli.main import main
from media_samples import write_picture, write_video

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
    scene = np.asarray(cv2.cvtColor(pictures.group_photograph(), cv2.COLOR_RGB2BGR), np.uint8).copy()
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
    return write_video(folder / "scan.mp4", size=(1280, 864), pictures=(scene() for _ in range(12)))


def middles(detector: PpOcrText, picture: Image) -> list[tuple[float, float]]:
    """Where lines of text are found in a BGR picture."""
    height, width = (side // detector.stride * detector.stride for side in picture.shape[:2])
    found = detector.detect(np.ascontiguousarray(picture[:height, :width, ::-1]), 0.5)
    return [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in found.boxes.tolist()]


@pytest.mark.parametrize("kind", ["picture", "film"])
def test_kept_text_can_be_read_and_nothing_else(tmp_path: Path, kind: str) -> None:
    source, output = written(tmp_path, kind), tmp_path / "out.zip"
    keep = ",".join(map(str, KEPT))
    options = ["--level", "full", "--keep-text", keep, "--format", "png", "--quiet"]
    assert main(["redact", str(source), "-o", str(output), *options]) == 0
    result, before = command.Output(output), scene()
    detector = PpOcrText.load(Provider.CPU)
    shipped = [frame for _, frame in result.frames()]
    assert len(shipped) == (1 if kind == "picture" else 12)
    for frame in shipped:
        found = middles(detector, frame)
        for (x1, y1, x2, y2), stays in LINES.values():
            there = [(x, y) for x, y in found if x1 <= x <= x2 and y1 <= y <= y2]
            assert bool(there) is stays
            shown, original = frame[y1:y2, x1:x2].astype(int), before[y1:y2, x1:x2]
            if stays:
                assert np.abs(shown - original).mean() < (1 if kind == "picture" else 6)
            else:
                assert not (shown.min(axis=2) > 150).any()
        for x1, y1, x2, y2 in pictures.GROUP_BOXES.astype(int):
            assert (frame[y1:y2, x1:x2].max(axis=2) == 0).mean() > 0.95
    kinds = {(box["kind"], box.get("basis")) for entry in result.manifest["frames"] for box in entry["boxes"]}
    assert kinds == {("face", None), ("text", None), ("plate", "shape")}
    assert result.manifest["sources"][0]["keep_text"] == [
        {"xyxy": [KEPT[0], KEPT[1], KEPT[0] + KEPT[2], KEPT[1] + KEPT[3]], "segment": None}
    ]
