"""Titles of videos in results."""

from __future__ import annotations

import pytest

from framecloak.domain.anonymization.model.record.policy import ResultPolicy, TitlesInResults

CODES = ResultPolicy(titles=TitlesInResults.CODES, reference_pattern="[A-Z]+-[0-9]+( [0-9/-]+)?")


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("OR-2", "OR-2"),
        ("Erika Mustermann", None),
        ("OR-2 12/03/1961", None),
        ("OR-2 " + "1" * 90, None),
        ("", None),
        (None, None),
    ],
)
def test_only_codes_are_named(title: str | None, named: str | None) -> None:
    assert CODES.title_of(title) == named
    assert ResultPolicy(titles=TitlesInResults.CODES).title_of(title) == named
    assert ResultPolicy().title_of(title) is None
