"""Kept text in delivered frames: it stays readable, and all other text is redacted."""

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
from support.samples.media import write_image, write_video

LENGTH = 7
"""Frames of the video; text is detected in the first and in the last."""

KEPT = (0, 0, 440, 420)
"""The kept area: x, y, width and height; two of the six people are in it."""

Box = tuple[int, int, int, int]
LINES: dict[str, tuple[Box, bool]] = {
    "PATIENT 4711": ((20, 20, 420, 80), True),
    "OR 3": ((20, 90, 150, 140), True),
    "JANE DOE 1961": ((760, 790, 1240, 850), False),
    "B-XY 47": ((480, 20, 700, 80), False),
}
"""Lines of text with their box and whether they are in the kept area; some have the shape of a plate."""


def image_with_text() -> Image:
    """Return an image (864, 1280, 3) BGR of six people with lines of text on dark bars."""
    image = np.asarray(cv2.cvtColor(images.group_photo(), cv2.COLOR_RGB2BGR), np.uint8).copy()
    for words, ((x1, y1, x2, y2), _) in LINES.items():
        image[y1:y2, x1:x2] = 30
        height = y2 - y1
        cv2.putText(
            image, words, (x1 + 10, y2 - height // 4), cv2.FONT_HERSHEY_SIMPLEX, height / 40, (240,) * 3, 2
        )
    return image


def write_source(folder: Path, kind: str) -> Path:
    if kind == "image":
        return write_image(folder / "scan.png", image_with_text())
    return write_video(
        folder / "scan.mp4", size=(1280, 864), images=(image_with_text() for _ in range(LENGTH))
    )


def text_centres(detector: PpOcrText, image: Image) -> list[tuple[float, float]]:
    """Return the centres of the lines of text detected in a BGR image."""
    height, width = (side // detector.stride * detector.stride for side in image.shape[:2])
    detections = detector.detect(np.ascontiguousarray(image[:height, :width, ::-1]), 0.5)
    return [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in detections.boxes.tolist()]


def original_frames(path: Path, kind: str) -> list[Image]:
    """Every frame of the source as it is decoded."""
    source = open_image(path) if kind == "image" else open_video(path)
    return [frame.bgr() for frame in source.frames(0, source.info.frame_count)]


def outside_faces(entry: dict[str, Any]) -> NDArray[np.bool_]:
    """Return a mask (864, 1280) of the pixels without a face; faces are redacted even in kept text."""
    free = np.ones((864, 1280), np.bool_)
    for box in entry["boxes"]:
        if box["kind"] == "face":
            x1, y1, x2, y2 = box["xyxy"]
            free[y1:y2, x1:x2] = False
    return free


@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("image", "int8"),
        ("image", "fp32"),
        ("video", "int8"),
        pytest.param("video", "fp32", marks=pytest.mark.nightly),
    ],
)
def test_only_kept_text_stays_readable(
    tmp_path: Path, kind: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images in both precisions, a video in int8; the nightly form adds a video in fp32."""
    monkeypatch.setenv("FRAMECLOAK_PRECISION", precision)
    source, output = write_source(tmp_path, kind), tmp_path / "out.zip"
    keep = ",".join(map(str, KEPT))
    options = ["--level", "full", "--keep-text", keep, "--format", "png", "--quiet"]
    assert main(["redact", str(source), "-o", str(output), *options]) == 0
    result, originals = command.Output(output), original_frames(source, kind)
    detector = PpOcrText.load(Provider.CPU)
    delivered = list(result.frames())
    assert len(delivered) == len(originals) == (1 if kind == "image" else LENGTH)
    for (entry, frame), original in zip(delivered, originals, strict=True):
        centres, free = text_centres(detector, frame), outside_faces(entry)
        for (x1, y1, x2, y2), is_kept in LINES.values():
            inside = [(x, y) for x, y in centres if x1 <= x <= x2 and y1 <= y <= y2]
            assert bool(inside) is is_kept
            area = frame[y1:y2, x1:x2]
            if is_kept:
                uncovered = free[y1:y2, x1:x2]
                assert np.array_equal(area[uncovered], original[y1:y2, x1:x2][uncovered])
            else:
                assert not (area.min(axis=2) > 150).any()
        for x1, y1, x2, y2 in images.GROUP_BOXES.astype(int):
            assert (frame[y1:y2, x1:x2].max(axis=2) == 0).mean() > 0.95
    kinds = {(box["kind"], box.get("basis")) for entry in result.manifest["frames"] for box in entry["boxes"]}
    assert kinds == {("face", None), ("text", None), ("plate", "shape")}
    assert result.manifest["sources"][0]["keep_text"] == [
        {"xyxy": [KEPT[0], KEPT[1], KEPT[0] + KEPT[2], KEPT[1] + KEPT[3]], "segment": None}
    ]
