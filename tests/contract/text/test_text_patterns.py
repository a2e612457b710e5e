"""Contract of patterns that text is searched for."""

from __future__ import annotations

import pytest

from framecloak.adapters.text.re2_patterns import MAX_PATTERNS, Re2Patterns
from framecloak.domain.errors import InvalidOptionError


def test_any_pattern_counts_and_case_does_not() -> None:
    patterns = Re2Patterns([r"mrn-\d{4}", "süd"])
    assert patterns.match("xx MRN-4711")
    assert patterns.match("SÜD 3")
    assert not patterns.match("MRN-47")
    assert not Re2Patterns([]).match("anything")


def test_a_pattern_that_explodes_elsewhere_is_searched_for_in_linear_time() -> None:
    assert not Re2Patterns([r"(a+)+$", r"(x+x+)+y"]).match("a" * 20_000 + "b" + "x" * 20_000)


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)", "[", "a{1000}{1000}", "a*", "x" * 1001, "((a{100}){100}){100}"]
)
def test_a_pattern_that_cannot_be_searched_for_is_refused_without_its_text(pattern: str) -> None:
    with pytest.raises(InvalidOptionError, match="text pattern 2") as caught:
        Re2Patterns(["b", pattern])
    assert pattern not in f"{caught.value} {caught.value.hint}" or len(pattern) < 3


def test_there_are_only_so_many_patterns() -> None:
    with pytest.raises(InvalidOptionError, match="more than"):
        Re2Patterns(f"a{number}" for number in range(MAX_PATTERNS + 1))
