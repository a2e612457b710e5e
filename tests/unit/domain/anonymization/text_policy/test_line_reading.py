"""Lines in one frame: read upright, compared with their neighbours and with earlier frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeFrame
from fakes.vision import LINE_CELL_PX, FakeTextReader, paint_line
from framecloak.domain.anonymization.model.analysis import FrameAnalysis, PropagatedBoxes
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import TEXT_MARGIN
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions, TextRule
from framecloak.domain.anonymization.text_policy.line_pixels import is_unchanged
from framecloak.domain.anonymization.text_policy.line_reading import MAX_LINES, LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.imaging.readings import Reading

HEIGHT = 16
SHAPE = (400, 640, 3)


def rules(
    lines: Iterable[tuple[str, tuple[int, int]]],
    turns: int = 0,
    reader: FakeTextReader | None = None,
    missed: int = 0,
) -> list[TextRule]:
    """Return the rules of lines that are painted at their corners in an image that is then turned.

    Their last characters are missed by the detector.
    """
    image: Image = np.full(SHAPE, 90, np.uint8)
    boxes = []
    for text, (x, y) in lines:
        paint_line(image, (x, y), text, HEIGHT)
        box = (x, y, x + LINE_CELL_PX * (len(text) + 1 - missed), y + HEIGHT)
        width, height = SHAPE[1], SHAPE[0]
        for _ in range(turns):
            box, (width, height) = (box[1], width - box[2], box[3], width - box[0]), (height, width)
        boxes.append(box)
    corners = np.array(boxes, float).reshape(-1, 4)
    padded = box_geometry.pad(corners, TEXT_MARGIN * box_geometry.sides(corners).min(axis=1))
    detections = FrameDetections(padded, np.ones(len(boxes)))
    analysis = FrameAnalysis(0, FrameDetections.empty(), None, text_and_plates={TargetKind.TEXT: detections})
    frame = FakeFrame(0, np.ascontiguousarray(np.rot90(image, turns)[..., ::-1]))
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING))
    read = LineReader(reader or FakeTextReader(), policy).with_lines(analysis, frame)
    return [line.decision.rule for line in read.lines]


@pytest.mark.parametrize("turns", range(4))
def test_a_line_is_read_in_each_direction(turns: int) -> None:
    assert rules([("Depth 12.5 cm", (80, 80))], turns) == [TextRule.MEASUREMENT]


def test_a_number_without_unit_stays_only_where_it_stands_alone() -> None:
    assert rules([("15", (80, 80))]) == [TextRule.MEASUREMENT]
    assert rules([("15", (80, 80)), ("20", (80, 160))]) == [TextRule.MEASUREMENT] * 2
    assert rules([("15", (80, 80)), ("20", (80 + 4 * LINE_CELL_PX, 80))]) == [TextRule.UNPROVEN] * 2


def test_a_number_that_two_scales_have_found_stands_alone() -> None:
    assert rules([("15", (80, 80)), ("15", (80, 80))]) == [TextRule.MEASUREMENT] * 2
    assert boxed((0, 3), (0, 2), text="15") == [TextRule.UNPROVEN] * 2


def test_a_line_that_other_text_touches_is_covered() -> None:
    text = "Depth 12.5 cm"
    beside = 80 + LINE_CELL_PX * (len(text) + 1)
    assert rules([(text, (80, 80)), ("Anna", (beside, 80))])[0] is TextRule.PARTLY_VISIBLE
    assert rules([(text, (80, 80)), ("Anna", (beside + 4 * HEIGHT, 80))])[0] is TextRule.MEASUREMENT
    assert rules([(text, (80, 80)), ("80 %", (beside, 80))]) == [TextRule.MEASUREMENT] * 2


class WordReader(FakeTextReader):
    """Reads words from the middle of a line as well, which lack the cell that marks its start."""

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        return super().read([_with_start(line) for line in lines])


def _with_start(line: Image) -> Image:
    row = line[line.shape[0] // 2].astype(int)
    columns = np.flatnonzero((row[:, :2] > 150).all(axis=1))
    if not len(columns):
        return line
    mark: Image = np.full((line.shape[0], LINE_CELL_PX, 3), (205, 205, 0), np.uint8)
    if (row[columns[0]] == mark[0, 0]).all():
        return line
    return np.concatenate([line[:, : columns[0]], mark, line[:, columns[0] :]], axis=1)


def boxed(*found: tuple[int, int], text: str, reader: FakeTextReader | None = None) -> list[TextRule]:
    """Return the rules of boxes between two characters of one line, as several scales may detect it."""
    image: Image = np.full(SHAPE, 90, np.uint8)
    paint_line(image, (80, 80), text, HEIGHT)
    corners = np.array(
        [(80 + LINE_CELL_PX * first, 80, 80 + LINE_CELL_PX * last, 80 + HEIGHT) for first, last in found],
        float,
    )
    padded = box_geometry.pad(corners, TEXT_MARGIN * box_geometry.sides(corners).min(axis=1))
    detections = FrameDetections(padded, np.ones(len(found)))
    analysis = FrameAnalysis(0, FrameDetections.empty(), None, text_and_plates={TargetKind.TEXT: detections})
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), NameIndex(["Berger"]))
    frame = FakeFrame(0, np.ascontiguousarray(image[..., ::-1]))
    return [
        line.decision.rule
        for line in LineReader(reader or FakeTextReader(), policy).with_lines(analysis, frame).lines
    ]


def test_a_part_of_a_line_that_is_harmless_as_a_whole_stays() -> None:
    assert boxed((0, 6), text="Frame 777") == [TextRule.UNPROVEN]
    assert boxed((0, 10), (0, 6), text="Frame 777") == [TextRule.MEASUREMENT] * 2


def test_a_part_of_a_line_that_is_covered_is_covered() -> None:
    text = "Frame 777 Berger"
    assert boxed((0, 17), (0, 6), text=text) == [TextRule.NAME, TextRule.UNPROVEN]
    # The harmless part touches the name, and the word within it is decided with it.
    assert boxed((0, 10), (0, 6), (10, 17), text=text)[:2] == [TextRule.PARTLY_VISIBLE] * 2


def test_a_number_that_goes_on_beyond_its_box_is_covered() -> None:
    assert rules([("12", (80, 80))]) == [TextRule.MEASUREMENT]
    assert rules([("12-10-1955", (80, 80))], missed=8) == [TextRule.PARTLY_VISIBLE]
    assert rules([("12 cm", (80, 80))], missed=3) == [TextRule.MEASUREMENT]


def test_only_so_many_lines_are_read_and_the_rest_is_covered() -> None:
    lines = [("5 mm", (50 * column + 4, 18 * row + 1)) for row in range(21) for column in range(12)] * 16
    reader = FakeTextReader()
    decided = rules(lines, reader=reader)
    assert len(decided) == len(lines) > 4000
    assert reader.lines_read == MAX_LINES
    assert decided.count(TextRule.UNREAD) >= len(lines) - MAX_LINES


@given(st.integers(0, 39), st.integers(0, 119), st.integers(0, 2**32 - 1))
def test_noise_is_no_change_and_a_letter_is_one(row: int, column: int, seed: int) -> None:
    noise = np.random.default_rng(seed)
    before = noise.integers(20, 230, (40, 120)).astype(np.uint8)
    noisy = (before + noise.integers(-8, 9, before.shape)).astype(np.uint8)
    assert is_unchanged(before, noisy)
    changed = noisy.copy()
    changed[max(0, row - 5) : row + 6, max(0, column - 5) : column + 6] ^= 0x80
    assert not is_unchanged(before, changed)


def test_boxes_of_other_sizes_or_without_pixels_have_changed() -> None:
    assert not is_unchanged(np.zeros((8, 9), np.uint8), np.zeros((8, 8), np.uint8))
    assert not is_unchanged(np.empty((0, 0), np.uint8), np.empty((0, 0), np.uint8))


def words(text: str) -> list[TextRule]:
    """Return the rules of a line of which each word is found apart."""
    places = [(match.start() + 1, match.end() + 1) for match in re.finditer(r"\S+", text)]
    return boxed(*places, text=text, reader=WordReader())


def test_words_of_a_harmless_line_that_were_found_apart_are_read_together() -> None:
    assert words("Depth 12.5 cm") == [TextRule.MEASUREMENT] * 3
    assert words("120/80 mmHg") == [TextRule.MEASUREMENT] * 2


@pytest.mark.parametrize("text", ["Depth 12.5 xy", "12 10 1955", "Depth 12 Berger", "ID 5 4711"])
def test_words_of_other_lines_are_not(text: str) -> None:
    assert TextRule.MEASUREMENT not in words(text)[1:], "a label alone is harmless"


def test_words_of_a_line_that_goes_on_are_covered() -> None:
    # The detector has missed the last word.
    assert boxed((1, 6), (7, 9), text="Depth 12b1955", reader=WordReader())[1] is TextRule.PARTLY_VISIBLE
    assert boxed((1, 6), (7, 9), text="Depth 12 ", reader=WordReader())[1] is TextRule.MEASUREMENT


def with_seen(
    lines: Sequence[str], located: bool, after: tuple[int, int] = (80, 80)
) -> dict[tuple[int, int], TextRule]:
    """Return what is decided in the second of three frames on a line that the two others have found."""
    corners = [(80, 80), (80, 80), after]
    analyses, frames = [], []
    for index, (text, (x, y)) in enumerate(zip(lines, corners, strict=True)):
        image: Image = np.full(SHAPE, 90, np.uint8)
        paint_line(image, (x, y), text, HEIGHT)
        frames.append(FakeFrame(index, np.ascontiguousarray(image[..., ::-1])))
        box = np.array([[x, y, x + LINE_CELL_PX * (len(text) + 1), y + HEIGHT]], float)
        detections = FrameDetections(box_geometry.pad(box, TEXT_MARGIN * HEIGHT), np.ones(1))
        analyses.append(
            FrameAnalysis(index, FrameDetections.empty(), None, text_and_plates={TargetKind.TEXT: detections})
        )
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), NameIndex(["Berger"]))
    reader = LineReader(FakeTextReader(), policy)
    first, last = (reader.with_lines(analyses[each], frames[each]) for each in (0, 2))
    places = first.detections(TargetKind.TEXT).boxes
    boxes = places if located else np.full((1, 4), np.nan)
    propagated = PropagatedBoxes(np.array([0]), np.array([0]), boxes)
    between = replace(analyses[1], text_and_plates={}, propagated={TargetKind.TEXT: propagated})
    seen = reader.with_seen_lines(between, frames[1], first, last).seen_lines
    return {key: decision.rule for key, decision in seen.items()}


@pytest.mark.parametrize("located", [True, False])
def test_a_line_is_read_between_two_passes_that_have_found_it_at_one_place(located: bool) -> None:
    measured = {(0, 0): TextRule.MEASUREMENT}
    assert with_seen(["Depth 12.5 cm"] * 3, located) == measured
    assert with_seen(["Depth 12.5 cm", "Depth 13.5 cm", "Depth 12.5 cm"], located) == measured
    assert with_seen(["Depth 12.5 cm", "Depth 12.5 cn", "Depth 12.5 cm"], located) == measured
    assert with_seen(["Depth 12.5 cm", "Berger, Anna.", "Depth 12.5 cm"], located) == {(0, 0): TextRule.NAME}
    assert with_seen(["Depth 12.5 cm", "Gastro, Anna.", "Depth 12.5 cm"], located) == {
        (0, 0): TextRule.UNPROVEN
    }


def test_a_line_that_may_be_misread_is_decided_as_in_its_pass_while_it_has_its_pixels() -> None:
    misread = "Depth 12.5 cn"
    assert with_seen([misread] * 3, located=True) == {(0, 0): TextRule.UNPROVEN}
    assert with_seen([misread, "Berger, Anna.", misread], located=True) == {}
    assert with_seen(["Berger, Anna."] * 3, located=True) == {}


def test_a_line_that_moved_and_was_not_located_is_not_decided_on() -> None:
    assert with_seen(["Depth 12.5 cm"] * 3, located=False, after=(80, 200)) == {}
