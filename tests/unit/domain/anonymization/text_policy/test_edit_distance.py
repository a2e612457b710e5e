"""Edit distance, and readings that may be of one text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.text_policy.edit_distance import are_alike, is_within

TEXTS = st.text("abc0", max_size=12)


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_the_distance_is_symmetric_and_no_smaller_than_the_difference_in_length(
    first: str, second: str, edits: int
) -> None:
    assert is_within(first, second, edits) == is_within(second, first, edits)
    assert not is_within(first, second, edits) or abs(len(first) - len(second)) <= edits
    assert is_within(first, first, edits)


@given(TEXTS, st.integers(0, 12), st.sampled_from("xyz"))
def test_one_wrong_letter_is_one_edit(text: str, position: int, letter: str) -> None:
    changed = text[:position] + letter + text[position + 1 :]
    assert is_within(text, changed, 1)
    assert text == changed or not is_within(text, changed, 0)


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("frame518", "rrame518", True),
        ("olympus", "clympus", True),
        ("depth0.5cm", "depth0.5om", True),
        ("depth0.5cm", "iepth0.5om", True),
        ("depth0.5cm", "iepth0.7om", False),
        ("5mm", "5mn", False),
        ("5mm", "5mm", True),
        ("", "", True),
        ("12cm", "12.10.1955", False),
    ],
)
def test_readings_are_alike_if_one_of_five_characters_differs(first: str, second: str, alike: bool) -> None:
    assert are_alike(first, second) is alike
    assert are_alike(second, first) is alike
