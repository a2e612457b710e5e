"""References of orders, such as study codes; they must not identify a person."""

from __future__ import annotations

import re
from datetime import date

from framecloak.domain.errors import InvalidReferenceError

MAX_REFERENCE_LENGTH = 80
DEFAULT_REFERENCE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9 ._/#+-]*"
"""Pattern of references where the installation sets none: no letters beyond ASCII, and no commas, as in names
written with the family name first."""

_GAP = r"[\W_]{1,3}"
_GAP_OR_NONE = r"[\W_]{0,3}"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_MONTH = (
    "(?:jan(?:uary?)?|j[äa]e?n(?:ner)?|feb(?:ruary?)?|m(?:ar|är|aer|r)(?:z|ch)?|apr(?:il)?|ma[iy]|jun[ie]?"
    "|jul[iy]?|aug(?:ust)?|sept?(?:ember)?|o[kc]t(?:ober)?|nov(?:ember)?|de[zc](?:ember)?)"
)
"""Names of months in English and German, and their abbreviations."""
_YEAR = r"(?:\d{4}|\d{2})(?!\d)"

# Lookaheads, so that a number before a date does not hide it.
_DAY_FIRST = re.compile(rf"(?<!\d)(?=(\d{{1,2}}){_GAP}(\d{{1,2}}){_GAP}({_YEAR}))")
_YEAR_FIRST = re.compile(rf"(?<!\d)(?=(\d{{4}}){_GAP}(\d{{1,2}}){_GAP}(\d{{1,2}})(?!\d))")
_WRITTEN = re.compile(
    rf"(?<!\d){_DAY}{_GAP_OR_NONE}{_MONTH}{_GAP_OR_NONE}{_YEAR}"
    rf"|(?<!\d)\d{{4}}{_GAP_OR_NONE}{_MONTH}{_GAP_OR_NONE}{_DAY}(?!\d)"
    rf"|(?<![^\W\d_]){_MONTH}{_GAP_OR_NONE}{_DAY}{_GAP}{_YEAR}",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?<!\d)\d{8}(?!\d)")
_FIRST_YEAR = 1900
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def parse_reference(text: str, pattern: str = DEFAULT_REFERENCE_PATTERN) -> str | None:
    """Return a reference without surrounding blanks; None for a blank one.

    Args:
        text: reference as the caller gave it.
        pattern: regular expression that the whole reference must match.

    Raises:
        InvalidReferenceError: it is too long, does not match the pattern, or looks like a date of birth.
    """
    reference = " ".join(text.split())
    if not reference:
        return None
    if len(reference) > MAX_REFERENCE_LENGTH:
        raise InvalidReferenceError(
            f"the reference has more than {MAX_REFERENCE_LENGTH} characters", "shorten it"
        )
    if contains_date(reference):
        raise InvalidReferenceError(
            "the reference contains what may be a date of birth", "use a code without dates"
        )
    if re.fullmatch(pattern, reference) is None:
        raise InvalidReferenceError(
            "the reference does not have the form that this installation requires",
            f"use a code that matches {pattern}, and no name of a person",
        )
    return reference


def contains_date(text: str) -> bool:
    """Return whether a text contains a calendar date in a usual notation, with a year from 1900 on.

    Six digits in a row are no date: too many codes consist of them.
    """
    if _WRITTEN.search(text):
        return True
    dates = [(int(year), int(month), int(day)) for year, month, day in _YEAR_FIRST.findall(text)]
    for first, second, year in _DAY_FIRST.findall(text):
        for century in ("",) if len(year) == 4 else ("19", "20"):
            dates += [
                (int(century + year), int(second), int(first)),
                (int(century + year), int(first), int(second)),
            ]
    for digits in _COMPACT.findall(text):
        dates += [
            (int(digits[:4]), int(digits[4:6]), int(digits[6:])),
            (int(digits[4:]), int(digits[2:4]), int(digits[:2])),
            (int(digits[4:]), int(digits[:2]), int(digits[2:4])),
        ]
    return any(_is_date(*each) for each in dates)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day).year >= _FIRST_YEAR
    except ValueError:
        return False


def archive_name(
    reference: str | None, request_id: str, level: str, day: date, *, is_corrected: bool = False
) -> str:
    """Return the file name of a result: ``REFERENCE_level_2026-11-29.zip``.

    Args:
        reference: reference of the order, or title of its video; the id of the order takes the place of a
            missing one.
        request_id: id of the order.
        level: level of the order.
        day: day on which it was completed.
        is_corrected: True for a result that was made from another one, whose reference it has.
    """
    stem = _UNSAFE.sub("-", reference).strip(".-") if reference else ""
    ending = "_corrected" if is_corrected else ""
    return f"{stem or request_id}_{level}_{day.isoformat()}{ending}.zip"
