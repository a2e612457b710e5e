"""References of orders: codes pass, names and dates of birth do not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.record.reference import (
    archive_name,
    contains_date,
    parse_reference,
)
from framecloak.domain.errors import InvalidReferenceError


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("STUDY-7", "STUDY-7"),
        ("  STUDY-7   B12 ", "STUDY-7 B12"),
        ("A" * 80, "A" * 80),
        ("2026/0815-3", "2026/0815-3"),
        ("20261399", "20261399"),
        ("S-120380", "S-120380"),
        ("MARS-12 2026", "MARS-12 2026"),
        ("2026 MAR 99", "2026 MAR 99"),
        ("DEC 7", "DEC 7"),
        ("  ", None),
    ],
)
def test_codes_are_references(text: str, reference: str | None) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "12.03.1956",
        "S7 12.3.56",
        "1956-03-12",
        "S-1956_3_12-B",
        "19560312",
        "12031956",
        "03/31/1956",
        "12. 3. 1956",
        "12+03+1956",
        "12#3#56",
        "12 - 03 - 1956",
        "12...3...1956",
        "S 99 12.03.1956",
        "2026 99 1956-03-12",
        "12 Mar 1956",
        "12MAR1956",
        "S7-12-mar-56",
        "12. März 1956",
        "Mar 12th, 1956",
        "March-12-1956",
        "1956 Mar 12",
        "1. Jänner 1956",
    ],
)
def test_dates_are_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="date of birth"):
        parse_reference(text, ".*")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Müller, Anna", None),
        ("A" * 81, None),
        ("-7", None),
        ("S7", "[A-Z]{3}-[0-9]+"),
        ("ABC-7\nX", "[A-Z]{3}-[0-9]+"),
    ],
)
def test_other_references_are_refused(text: str, pattern: str | None) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_reference(text, *([pattern] if pattern else []))


@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%Y%m%d", "%d.%m.%y", "%d %b %Y", "%B %d, %Y", "%Y%b%d"]),
)
def test_every_date_is_recognised(day: date, notation: str) -> None:
    assert contains_date(f"B {day.strftime(notation)} C")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("STUDY-7", "STUDY-7_faces_2026-11-29.zip"),
        ("STUDY/7 #3", "STUDY-7-3_faces_2026-11-29.zip"),
        ("../..", "id_faces_2026-11-29.zip"),
        (None, "id_faces_2026-11-29.zip"),
    ],
)
def test_results_are_named_by_reference_level_and_day(reference: str | None, name: str) -> None:
    assert archive_name(reference, "id", "faces", date(2026, 11, 29)) == name


def test_a_corrected_result_is_told_from_the_first_one_by_its_name() -> None:
    day = date(2026, 11, 29)
    name = archive_name("STUDY-7", "id", "faces", day, is_corrected=True)
    assert name == "STUDY-7_faces_2026-11-29_corrected.zip"
