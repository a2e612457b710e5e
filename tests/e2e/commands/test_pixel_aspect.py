"""``framecloak redact`` on footage whose pixels are not square."""

from __future__ import annotations

import json
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import jsonschema
import numpy as np
import pytest

import framecloak.domain.anonymization.results.manifest
from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.exit_codes import EXIT_CODES
from support.processes import command
from support.samples.images import GROUP_BOXES, group_photo
from support.samples.media import write_video

SIZE = (320, 432)
"""A quarter of the photo's width and half of its height: pixels of 2:1."""

SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)


@pytest.fixture(scope="module")
def narrow() -> Image:
    """Six people, stored at half their width, (432, 320, 3) BGR."""
    photo = cv2.cvtColor(group_photo(), cv2.COLOR_RGB2BGR)
    return np.asarray(cv2.resize(photo, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def video(folder: Path, image: Image, aspect: Fraction | None = None) -> Path:
    return write_video(
        folder / "camera.mp4", size=SIZE, images=(image for _ in range(5)), pixel_aspect=aspect
    )


def uncovered(entry: dict[str, Any]) -> int:
    """Return how many of the six faces have a middle outside of every box of a frame."""
    middles = [((x1 + x2) / 8, (y1 + y2) / 4) for x1, y1, x2, y2 in GROUP_BOXES]
    boxes = [box["xyxy"] for box in entry["boxes"]]
    return sum(not any(x1 < x < x2 and y1 < y < y2 for x1, y1, x2, y2 in boxes) for x, y in middles)


def report(output: command.Output) -> str:
    return zipfile.ZipFile(output.path).read("report.html").decode()


def redacted(path: Path, *options: str | Path) -> tuple[command.Output, command.Result]:
    target = path.parent / "out.zip"
    result = command.run("redact", path, "-o", target, *options)
    assert result.code == 0, result.err
    output = command.Output(target)
    jsonschema.Draft202012Validator(SCHEMA).validate(output.manifest)
    return output, result


@pytest.mark.parametrize(
    ("declared", "options", "origin", "said"),
    [
        (Fraction(2), (), "declared", "2:1 (as declared)"),
        (None, ("--pixel-aspect", "2:1"), "option", "2:1 (as given)"),
        (Fraction(1, 3), ("--pixel-aspect", "4:2"), "option", "2:1 (as given)"),
    ],
)
def test_faces_are_found_in_the_shape_in_which_they_are_displayed(
    narrow: Image,
    tmp_path: Path,
    declared: Fraction | None,
    options: tuple[str, ...],
    origin: str,
    said: str,
) -> None:
    output, result = redacted(video(tmp_path, narrow, declared), *options)
    (source,) = output.manifest["sources"]
    assert (source["width"], source["height"]) == SIZE
    assert (source["pixel_aspect"], source["pixel_aspect_origin"]) == ("2:1", origin)
    assert said in result.out
    assert "2:1" in report(output)
    for entry, image in output.frames():
        assert image.shape == (432, 320, 3)
        assert uncovered(entry) == 0


def test_an_implausible_declaration_is_ignored_with_a_word(narrow: Image, tmp_path: Path) -> None:
    output, result = redacted(video(tmp_path, narrow, Fraction(10)), "--level", "faces")
    (source,) = output.manifest["sources"]
    assert (source["pixel_aspect"], source["pixel_aspect_origin"]) == ("1:1", "implausible")
    assert "what the file declares is implausible" in result.out
    assert "implausible" in report(output)


def test_undeclared_footage_that_seems_squeezed_gets_a_hint(narrow: Image, tmp_path: Path) -> None:
    output, result = redacted(video(tmp_path, narrow))
    (source,) = output.manifest["sources"]
    assert (source["pixel_aspect"], source["pixel_aspect_hint"]) == ("1:1", "2:1")
    assert "--pixel-aspect 2:1" in result.out
    assert "--pixel-aspect" in report(output)
    told, _ = redacted(video(tmp_path, narrow), "--pixel-aspect", "2:1", "--force")
    assert "pixel_aspect_hint" not in told.manifest["sources"][0]


def test_a_video_result_is_shown_in_the_shape_of_its_source(narrow: Image, tmp_path: Path) -> None:
    output, _ = redacted(video(tmp_path, narrow), "--pixel-aspect", "2:1", "--format", "mp4")
    (name,) = (name for name in output.names if name.endswith(".mp4"))
    film = tmp_path / "film.mp4"
    film.write_bytes(zipfile.ZipFile(output.path).read(name))
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (*SIZE, 2)


def test_a_render_keeps_the_given_shape(narrow: Image, tmp_path: Path) -> None:
    path = video(tmp_path, narrow)
    first, _ = redacted(path, "--pixel-aspect", "2:1")
    again = tmp_path / "again.zip"
    result = command.run("render", path, "--manifest", tmp_path / "out.zip", "-o", again)
    assert result.code == 0, result.err
    # Nothing is looked for in a render, so it does not say how closely.
    source = first.manifest["sources"][0] | {"tracking": None}
    expected = {key: value for key, value in source.items() if key not in {"smallest_faces", "weak_evidence"}}
    assert command.Output(again).manifest["sources"] == [expected]


@pytest.mark.parametrize("written", ["0:0", "1:1000", "9:2", "2", "wide"])
def test_an_impossible_aspect_is_refused(narrow: Image, tmp_path: Path, written: str) -> None:
    result = command.run(
        "redact", video(tmp_path, narrow), "-o", tmp_path / "out.zip", "--pixel-aspect", written
    )
    assert result.code == EXIT_CODES["invalid_option"]
    assert "from 1:4 to 4:1" in result.err
    assert not (tmp_path / "out.zip").exists()
