"""Pixel aspects: what they are written as, and the sizes of frames that they make."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.imaging.pixel_aspect import (
    MAX_ASPECT,
    ShapeEvidence,
    display_size,
    format_aspect,
    is_plausible,
    parse_aspect,
)

aspects = st.fractions(1 / MAX_ASPECT, MAX_ASPECT, max_denominator=999)


@pytest.mark.parametrize(
    ("size", "aspect", "displayed"),
    [
        ((352, 576), Fraction(24, 11), (768, 576)),
        ((960, 270), Fraction(1, 2), (960, 540)),
        ((960, 540), Fraction(1), (960, 540)),
        ((720, 576), Fraction(16, 15), (768, 576)),
    ],
)
def test_the_squeezed_axis_is_enlarged(
    size: tuple[int, int], aspect: Fraction, displayed: tuple[int, int]
) -> None:
    assert display_size(size, aspect) == displayed


@given(st.integers(1, 8000), st.integers(1, 8000), aspects)
def test_no_stored_pixel_is_lost(width: int, height: int, aspect: Fraction) -> None:
    displayed = display_size((width, height), aspect)
    assert displayed[0] >= width
    assert displayed[1] >= height
    assert width in displayed or height in displayed


@given(aspects)
def test_what_is_written_is_read_again(aspect: Fraction) -> None:
    assert parse_aspect(format_aspect(aspect)) == aspect


@pytest.mark.parametrize("text", ["2:1", " 2:1 ", "02:01", "48:24"])
def test_an_aspect_need_not_be_in_lowest_terms(text: str) -> None:
    assert parse_aspect(text) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0:0",
        "0:1",
        "1:0",
        "1:1000",
        "1:5",
        "5:1",
        "-1:2",
        "2",
        "2:1:1",
        "1.5:1",
        "a:b",
        "16/9",
        "\u0661:\u0662",
    ],
)
def test_an_impossible_aspect_is_one_clear_error(text: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        parse_aspect(text)
    assert "from 1:4 to 4:1" in str(caught.value.hint)


def test_the_limits_themselves_are_plausible() -> None:
    assert is_plausible(Fraction(4))
    assert is_plausible(Fraction(1, 4))
    assert not is_plausible(Fraction(401, 100))
    assert not is_plausible(Fraction(99, 400))


@pytest.mark.parametrize(
    ("square", "wide", "tall", "hint"),
    [
        (2200, 7800, 0, Fraction(2)),
        (10200, 11200, 0, Fraction(2)),
        (2900, 0, 6200, Fraction(1, 2)),
        (0, 2000, 0, Fraction(2)),
        (0, 1999, 0, None),
        (27300, 11000, 24800, None),
        (10000, 10400, 0, None),
        (3000, 5000, 4000, None),
        (0, 0, 0, None),
    ],
)
def test_a_hint_needs_faces_that_are_clearly_easier_to_find(
    square: int, wide: int, tall: int, hint: Fraction | None
) -> None:
    assert ShapeEvidence(square, wide, tall).hint() == hint


def test_evidence_of_slices_adds_up() -> None:
    assert ShapeEvidence(1, 2, 3) + ShapeEvidence(10, 20, 30) == ShapeEvidence(11, 22, 33)
