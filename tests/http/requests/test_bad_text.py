"""Bad input of the text policy, from the order over HTTP to the frames in its result."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest

from fakes.media import PROBED_VIDEO, FakeSource
from fakes.vision import FakeBoxDetector, FakeTextReader, paint_line
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.reading.pp_ocr import PpOcrReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.text_policy.line_reading import MAX_LINES
from framecloak.domain.imaging.detections import Image
from support.http.api import Scene
from support.samples import clinic_screen
from support.worker_harness import WorkerHarness

REQUESTS = "/api/frames/anonymize"
LENGTH = 2
BACKGROUND = 90


@dataclass(frozen=True)
class Result:
    """Frames (h, w, 3) BGR of a result, and the decisions on its text by rule."""

    frames: list[Image]
    rules: dict[str, int]
    kept: int


async def redacted(scene: Scene, text: dict[str, Any], image: Image, *, with_models: bool = False) -> Result:
    """Order the redaction of a short video that shows an image, and process it."""
    world, harness = scene.api.world, WorkerHarness(scene.api.world)
    height, width = image.shape[:2]
    world.prober.video = replace(
        PROBED_VIDEO, width=width, height=height, frame_count=LENGTH, duration=LENGTH / 25
    )
    harness.anna, harness.text = scene.owner, FakeBoxDetector()
    if with_models:
        harness.text, harness.reader = models()
    harness.open_video = lambda _: FakeSource("film.mp4", LENGTH, lambda _: image)
    video = (await world.video(scene.owner)).id
    marked = {"start_frame": 0, "end_frame": LENGTH}
    segment = (await scene.ada.post(f"/api/videos/{video}/segments/", json=marked)).json()["id"]
    order = {"video_id": video, "segment_ids": [segment], "anonymization_level": "full", "text": text}
    answer = await scene.ada.post(f"{REQUESTS}/", json=order | {"verify": "none"})
    assert answer.status_code == 202, answer.text
    request = UUID(answer.json()["request_id"])
    await harness.process(request)
    archive = await scene.ada.get(f"{REQUESTS}/download/{request}/", follow_redirects=True)
    with zipfile.ZipFile(BytesIO(archive.content)) as opened:
        names = [name for name in opened.namelist() if name.startswith("frames/")]
        frames = [np.frombuffer(opened.read(name), np.uint8).reshape(image.shape) for name in names]
        decisions = json.loads(opened.read("manifest.json"))["text"]["decisions"]
    assert len(frames) == LENGTH
    rules: dict[str, int] = {}
    for each in decisions:
        rules[each["rule"]] = rules.get(each["rule"], 0) + 1
    return Result(frames, rules, sum(each["kept"] for each in decisions))


@cache
def models() -> tuple[PpOcrText, PpOcrReader]:
    """Return the models that find and read text."""
    return PpOcrText.load(Provider.CPU), PpOcrReader.load(Provider.CPU)


def painted(*lines: str, gap: int = 48) -> Image:
    """Return an image (h, 640, 3) BGR with lines for the fake models."""
    image = np.full((gap * len(lines), 640, 3), BACKGROUND, np.uint8)
    for row, text in enumerate(lines):
        paint_line(image, (16, 8 + gap * row), text, height=24)
    return image[..., ::-1].copy()


def shown(result: Image, original: Image) -> list[bool]:
    """Return which lines of `painted` are as they were."""
    rows = range(0, len(original), 48)
    return [bool((result[y : y + 48] == original[y : y + 48]).all()) for y in rows]


LETTERS = {
    "x": ((0, 0, 4, 6), (4, 0, 0, 6), (2, 0, 2, 6)),
    "w": ((0, 0, 0, 6), (2, 0, 2, 6), (4, 0, 4, 6), (0, 6, 4, 6)),
    "n": ((0, 0, 0, 6), (0, 6, 4, 0), (4, 0, 4, 6)),
    "a": ((1, 0, 3, 0), (1, 0, 0, 6), (3, 0, 4, 6), (-1, 6, 5, 6), (-1, 6, -1, 7), (5, 6, 5, 7)),
    "o": ((0, 0, 0, 6), (0, 3, 2, 3), (2, 0, 4, 0), (4, 0, 4, 6), (4, 6, 2, 6), (2, 6, 2, 0)),
    "r": ((4, 0, 4, 6), (4, 0, 0, 0), (0, 0, 0, 3), (0, 3, 4, 3), (1, 3, 0, 6)),
    "b": ((4, 0, 0, 0), (0, 0, 0, 6), (0, 6, 4, 6), (4, 6, 4, 3), (4, 3, 0, 3)),
    "u": ((0, 0, 0, 6), (0, 6, 5, 6), (4, 0, 4, 6), (5, 6, 5, 7)),
}
"""Strokes of Cyrillic capitals on a grid, as OpenCV has none: x1, y1, x2, y2. The keys only resemble them."""


def write_cyrillic(image: Image, corner: tuple[int, int], text: str, unit: int = 5) -> None:
    """Draw Cyrillic letters into an image (h, w, 3) BGR, in place, given their upper left corner."""
    x, y = corner
    for position, letter in enumerate(text):
        left = x + 7 * unit * position
        for x1, y1, x2, y2 in LETTERS[letter]:
            ends = (left + x1 * unit, y + y1 * unit), (left + x2 * unit, y + y2 * unit)
            cv2.line(image, *ends, (235,) * 3, 4, cv2.LINE_AA)


def is_readable(text: str, image: Image) -> bool:
    """Return whether a line of the drawn screen is unchanged."""
    (x, y), *_ = clinic_screen.LINES[text]
    box = np.s_[y - 20 : y + 4, x : x + 19 * len(text)]
    return np.array_equal(image[box], clinic_screen.screen()[box])


async def test_text_upside_down_is_read(scene: Scene) -> None:
    turned = np.ascontiguousarray(clinic_screen.screen()[::-1, ::-1])
    text = {"mode": "identifying", "names": ["Bergmann, Anna"]}
    result = await redacted(scene, text, turned, with_models=True)
    assert result.rules["name"] == 1
    for frame in result.frames:
        upright = np.ascontiguousarray(frame[::-1, ::-1])
        readable = {line for line in clinic_screen.LINES if is_readable(line, upright)}
        assert readable == {"Depth 12.5 cm", "Gain 52 dB", "OLYMPUS"}


async def test_a_script_that_the_model_does_not_know_is_covered(scene: Scene) -> None:
    image = np.full((320, 640, 3), 20, np.uint8)
    cv2.putText(image, "Depth 12.5 cm", (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (235,) * 3, 2, cv2.LINE_AA)
    rows = (130, 220)
    for y, text in zip(rows, ("xnawor", "boauxnr"), strict=True):
        write_cyrillic(image, (40, y), text)
    result = await redacted(scene, {"mode": "identifying"}, image, with_models=True)
    for frame in result.frames:
        assert np.array_equal(frame[30:70, 40:260], image[30:70, 40:260])
        for y in rows:
            # Nothing but plain pixels is left where the letters were.
            assert frame[y : y + 36, 40:280].max() <= 20
    assert result.kept == 1


def cells() -> Iterator[tuple[int, int]]:
    """Yield the upper left corners of 4,000 small lines."""
    return ((8 + 38 * (number % 50), 6 + 13 * (number // 50)) for number in range(4000))


async def test_of_4000_lines_in_a_frame_only_so_many_are_read_and_all_others_are_covered(
    scene: Scene,
) -> None:
    image = np.full((1080, 1920, 3), BACKGROUND, np.uint8)
    for x, y in cells():
        paint_line(image, (x, y), "5", height=9)
    image = image[..., ::-1].copy()
    result = await redacted(scene, {"mode": "identifying", "names": ["Berger"]}, image)
    frame = result.frames[0]
    readable = sum(bool((frame[y + 4, x : x + 8] == image[y + 4, x : x + 8]).all()) for x, y in cells())
    assert readable <= MAX_LINES
    assert result.rules["unread"] > 0


async def test_the_last_of_100000_names_is_found_and_the_others_cover_nothing_else(scene: Scene) -> None:
    image = painted("Depth 12.5 cm", "Nr. 7 Wernerowski", "80 %")
    names = [*(f"Familie{number}x, Vera" for number in range(99_999)), "Wernerowski"]
    result = await redacted(scene, {"mode": "identifying", "names": names}, image)
    assert result.rules == {"measurement": 2, "name": 1}
    assert [shown(frame, image) for frame in result.frames] == [[True, False, True]] * LENGTH


async def test_patterns_that_explode_elsewhere_are_searched_for(scene: Scene) -> None:
    image = painted("80 %", 60 * "a" + "!", "xxxxxxy")
    patterns = ["(a+)+$", "(x+x+)+y", "(a|aa)+b"]
    result = await redacted(scene, {"mode": "identifying", "patterns": patterns}, image)
    assert result.rules == {"measurement": 1, "unproven": 1, "listed": 1}
    assert [shown(frame, image) for frame in result.frames] == [[True, False, False]] * LENGTH


@pytest.mark.parametrize("blank", ["", " ", "\t \n"])
async def test_blank_entries_of_lists_cover_nothing(scene: Scene, blank: str) -> None:
    image = painted("Depth 12.5 cm", "Berger, Anna", "Frame 77 Zoom x2")
    text = {"mode": "identifying", "names": [blank, "Berger", blank], "patterns": [blank]}
    result = await redacted(scene, text, image)
    assert result.rules == {"measurement": 2, "name": 1}
    items = (await scene.ada.get(f"{REQUESTS}/requests/")).json()["items"]
    assert (items[0]["text"]["names"], items[0]["text"]["patterns"]) == (True, False)


async def test_a_reader_that_fails_blackens_the_frame(scene: Scene) -> None:
    image = painted("Depth 12.5 cm", "80 %")
    harness_reader = FakeTextReader(broken=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("support.worker_harness.FakeTextReader", lambda: harness_reader)
        result = await redacted(scene, {"mode": "identifying"}, image)
    assert all(not frame.any() for frame in result.frames)
    assert result.kept == 0
