"""Contract of readers of text lines: the fake and the real one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from fakes.vision import LINE_CELL_PX, FakeTextReader, paint_line
from framecloak.adapters.vision.reading.pp_ocr import PpOcrReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.models import TextReader

TEXTS = ("PATIENT 4711", "Depth 12.5 cm", "MI 0.8", "M\u00fcller, Anna")


@dataclass(frozen=True)
class Case:
    """A reader, and the function that draws a line for it."""

    reader: TextReader
    draw: Callable[[str], Image]


def draw_cells(text: str) -> Image:
    image = np.full((24, LINE_CELL_PX * (len(text) + 3), 3), 90, np.uint8)
    paint_line(image, (LINE_CELL_PX, 4), text)
    return image


def draw_letters(text: str) -> Image:
    # OpenCV's font has no umlauts: a dieresis is two dots above the letter.
    plain = text.replace("\u00fc", "u")
    (width, height), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    image = np.full((height + 24, width + 20, 3), 30, np.uint8)
    cv2.putText(image, plain, (10, height + 10), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255,) * 3, 2, cv2.LINE_AA)
    if position := text.find("\u00fc") + 1:
        (left, _), _ = cv2.getTextSize(text[: position - 1], cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
        for x in (left + 16, left + 26):
            cv2.circle(image, (x, 8), 2, (255,) * 3, -1, cv2.LINE_AA)
    return image


@pytest.fixture(scope="module", params=["fake", "pp_ocr"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "fake":
        return Case(FakeTextReader(), draw_cells)
    return Case(PpOcrReader.load(Provider.CPU), draw_letters)


def test_nothing_is_read_where_there_is_no_line(case: Case) -> None:
    assert case.reader.read([]) == []
    (reading,) = case.reader.read([np.full((20, 80, 3), 90, np.uint8)])
    assert reading.text == ""


def test_lines_are_read_in_their_order(case: Case) -> None:
    readings = case.reader.read([case.draw(text) for text in TEXTS[:3]])
    assert [reading.text for reading in readings] == list(TEXTS[:3])


def test_letters_with_diacritics_are_read(case: Case) -> None:
    (reading,) = case.reader.read([case.draw(TEXTS[3])])
    assert reading.text.replace(" ", "") == TEXTS[3].replace(" ", "")


def test_every_character_is_of_the_alphabet_and_has_a_score(case: Case) -> None:
    for reading in case.reader.read([case.draw(text) for text in TEXTS]):
        assert set(reading.text) <= case.reader.alphabet
        assert len(reading.scores) == len(reading.text)
        assert all(0 <= score <= 1 for score in reading.scores)
        assert reading.min_score <= reading.mean_score


def test_the_alphabet_has_letters_digits_and_the_space(case: Case) -> None:
    assert set("AZaz09 .,:/%-\u00e4\u00f6\u00fc\u00df\u00e9") <= case.reader.alphabet
    assert "" not in case.reader.alphabet
    assert "\u0416" not in case.reader.alphabet


def test_a_line_is_read_alone_as_among_others(case: Case) -> None:
    lines = [case.draw(text) for text in TEXTS] * 3
    together = case.reader.read(lines)
    alone = [case.reader.read([line])[0] for line in lines]
    assert [reading.text for reading in together] == [reading.text for reading in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_an_image_without_pixels_or_of_another_type_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="is not"):
        case.reader.read([np.zeros((0, 10, 3), np.uint8)])
    with pytest.raises(ValueError, match="is not"):
        case.reader.read([np.zeros((8, 10, 3), np.float32)])  # type: ignore[list-item]


def test_extreme_shapes_are_read_or_left_empty(case: Case) -> None:
    shapes = [(1, 1), (1, 4000), (400, 3), (48, 6000)]
    readings = case.reader.read([np.full((*shape, 3), 90, np.uint8) for shape in shapes])
    assert len(readings) == len(shapes)


def test_threads_can_share_a_reader_and_the_input_is_unchanged(case: Case) -> None:
    lines = [case.draw(text) for text in TEXTS]
    before = [line.copy() for line in lines]
    expected = case.reader.read(lines)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: case.reader.read(lines), range(8)))
    assert all(answer == expected for answer in answers)
    assert all((line == copy).all() for line, copy in zip(lines, before, strict=True))


def test_a_reading_does_not_show_its_text(case: Case) -> None:
    (reading,) = case.reader.read([case.draw("PATIENT 4711")])
    assert "4711" not in f"{reading} {reading!r}"


def test_the_card_names_the_model(case: Case) -> None:
    card = case.reader.card
    assert card.name
    assert len(card.sha256) == 64
    assert card.provider == "CPU"
