"""``framecloak redact`` on a photograph of a crowd: all faces are covered, and the photograph is not black.

Between two black boxes a detector sees faces that are none. The residual check must not blank the photograph
for its own boxes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from support.processes import command

CITY = Path(__file__).parents[4] / "shared" / "data" / "sight" / "city.jpg"

FACES = np.array(
    [
        (222, 108, 253, 147),
        (478, 158, 502, 191),
        (57, 130, 89, 172),
        (762, 114, 794, 156),
        (182, 115, 210, 153),
        (605, 157, 638, 199),
        (326, 127, 349, 159),
        (100, 133, 119, 159),
        (534, 135, 552, 160),
        (428, 141, 442, 159),
        (634, 158, 657, 190),
        (368, 134, 389, 158),
        (654, 135, 671, 157),
        (587, 110, 608, 136),
        (675, 146, 687, 163),
        (311, 148, 326, 169),
        (570, 171, 594, 201),
        (511, 140, 524, 157),
        (600, 131, 620, 155),
        (475, 143, 489, 160),
        (717, 145, 726, 157),
    ]
)
"""Tight boxes of the 21 faces, (21, 4) pixels; each was looked at."""

MIN_COVERED_SHARE = 0.95


@pytest.mark.skipif(not CITY.is_file(), reason="needs ../shared/data/sight/city.jpg")
def test_every_photograph_of_a_folder_is_checked(tmp_path: Path) -> None:
    copies = [shutil.copy(CITY, tmp_path / f"{number}.jpg") for number in range(3)]
    result = command.run("redact", *copies, "-o", tmp_path / "out.zip", "--detector", "centerface")
    assert (result.code, result.err) == (0, "")
    manifest = command.Output(tmp_path / "out.zip").manifest
    assert manifest["proof"]["frames"] == 3
    first, *others = [entry["boxes"] for entry in manifest["frames"]]
    for boxes in others:
        assert [box["xyxy"] for box in boxes] == [box["xyxy"] for box in first]


@pytest.mark.skipif(not CITY.is_file(), reason="needs ../shared/data/sight/city.jpg")
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize(
    ("redaction", "image_format"), [("solid", "jpg"), ("solid", "webp"), ("pixelate", "webp")]
)
def test_a_crowd_is_covered_and_not_blanked(
    tmp_path: Path, precision: str, redaction: str, image_format: str
) -> None:
    options = (
        "--detector",
        "centerface",
        "--precision",
        precision,
        "--redaction",
        redaction,
        "--format",
        image_format,
    )
    result = command.run("redact", CITY, "-o", tmp_path / "out.zip", *options)
    assert (result.code, result.err) == (0, "")
    output = command.Output(tmp_path / "out.zip")
    (entry,) = output.manifest["frames"]
    assert not entry["blanked"]
    redacted = np.zeros((564, 800), bool)
    for x1, y1, x2, y2 in (box["xyxy"] for box in entry["boxes"]):
        redacted[y1:y2, x1:x2] = True
    for x1, y1, x2, y2 in FACES.tolist():
        assert redacted[y1:y2, x1:x2].mean() >= MIN_COVERED_SHARE, (x1, y1, x2, y2)
    # Away from the faces most of the photograph remains.
    assert redacted.mean() < 0.15
