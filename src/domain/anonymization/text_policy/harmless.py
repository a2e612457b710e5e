"""Grammar of harmless text: measurements, times and device terms, and nothing else on the line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from framecloak.domain.anonymization.model.text_policy import TextRule
from framecloak.domain.anonymization.text_policy.folding import fold, normalized
from framecloak.domain.anonymization.text_policy.harmless_terms import (
    COUNTERS,
    DEVICE_TERMS,
    ELAPSED,
    LABELS,
    UNITS,
)
from framecloak.domain.anonymization.text_policy.identifiers import without_times
from framecloak.domain.errors import InvalidOptionError

MAX_LINE_LENGTH = 160
"""Longest line in characters that is parsed; longer ones are not what a device shows."""
MAX_DEVICE_TERMS = 1000
"""Largest number of device terms that an installation adds."""

MIN_JOINED_LENGTH = 5
"""Shortest device term that is recognised with spaces in it."""

_NUMBER = r"[+\-±<>≤≥~]?\d{1,5}(?:[.,]\d{1,4})?"
_QUANTITY = rf"{_NUMBER}(?: ?[\-/x*] ?{_NUMBER}){{0,2}}"
_SETTING = r"[+\-±]?\d{1,4}(?:[.,]\d{1,4})?(?: ?/ ?\d{1,4})?"
_SEPARATOR = re.compile(r"[ ,;|/\-]+|$")
_BARE = re.compile(r"[+\-]?(?:0|[1-9]\d{0,2})(?:[.,]\d)?")


def _alternatives(terms: Iterable[str]) -> str:
    return "|".join(re.escape(fold(term)) for term in sorted(terms, key=len, reverse=True))


# Calipers are numbered or marked, on either side of what they measure: 1 Dist 3.67 cm, D2 41.3 mm.
_CALIPER = (
    rf"(?:[1-9+] ?)?(?:(?:{_alternatives(LABELS)})[1-9]?|[dl][1-9]?) ?[:=]? ?"
    rf"{_QUANTITY} ?(?:{_alternatives(UNITS)})(?!\w)"
)
_MEASUREMENT = re.compile(
    rf"(?:(?:{_alternatives(LABELS)}) ?[:=]? ?)?{_QUANTITY} ?(?:{_alternatives(UNITS)})(?!\w)"
    rf"|(?:{_alternatives(LABELS)}) ?[:=]? ?{_SETTING}(?![\w:.,])"
    rf"|(?:{_alternatives(LABELS)}) ?[:=]? ?1 ?: ?\d{{1,5}}(?![\w:.,])"
    rf"|(?:{_alternatives(LABELS)})(?!\w)(?: ?[:=])?"
    rf"|(?:{_alternatives(COUNTERS)}) ?[:=#]? ?\d{{1,8}}(?: ?/ ?\d{{1,8}})?(?![\w:.,])"
    rf"|(?:{_alternatives(ELAPSED)}) ?[:=]? ?\d{{1,3}}(?: ?: ?[0-5]\d){{1,3}}(?:[.,]\d{{1,3}})?(?![\w:.,])"
    rf"|{_CALIPER}"
    r"|(?:(?:zoom|mag) ?[:=]? ?)?x ?\d{1,3}(?:[.,]\d{1,2})?(?![\w:.,])"
)
# Readers leave out the spaces between small settings: MI0.5TI0.2.
_JOINED_SETTINGS = re.compile(rf"(?<=\d[.,]\d)(?=(?:{_alternatives(LABELS)}) ?[:=]? ?\d)")


@dataclass(frozen=True, slots=True)
class HarmlessText:
    """Proof that a line is harmless.

    Attributes:
        rule: class of the line; of several items, the one that a policy is least likely to keep.
        bare: True if the line consists of numbers without units, which are harmless only where no other text
            stands on their line: they may be a part of a longer number.
    """

    rule: TextRule
    bare: bool = False


class HarmlessGrammar:
    """Parser of harmless lines.

    A line is parsed from left to right, without ever going back, so that its cost is linear.

    Args:
        device_terms: terms that an installation adds to the modes and makers of devices.

    Raises:
        InvalidOptionError: there are too many terms, or one has a single character.
    """

    def __init__(self, device_terms: Iterable[str] = ()) -> None:
        added = [fold(normalized(term)) for term in device_terms if term.strip()]
        if len(added) > MAX_DEVICE_TERMS or any(len(term) < 2 for term in added):
            raise InvalidOptionError(
                f"device terms must have two characters or more, and at most {MAX_DEVICE_TERMS} are allowed",
                "leave out single letters, which would keep initials readable",
            )
        self._joined_terms = frozenset(
            fold(term).replace(" ", "") for term in (*DEVICE_TERMS, *added) if len(term) >= MIN_JOINED_LENGTH
        )
        self._device = re.compile(rf"(?:{_alternatives([*DEVICE_TERMS, *added])})(?!\w)")

    def parse(self, text: str) -> HarmlessText | None:
        """Return the proof that a line is harmless; None if there is none."""
        line = normalized(text)
        if not line or len(line) > MAX_LINE_LENGTH:
            return None
        elapsed_or_measured = self._parse_items(fold(line))
        if elapsed_or_measured:
            return elapsed_or_measured
        rest, proven = without_times(line)
        if rest == line or not proven:
            return None
        rest = rest.strip(" -,;|/")
        return HarmlessText(TextRule.TIME) if not rest or self._parse_items(fold(rest)) else None

    def _parse_items(self, line: str) -> HarmlessText | None:
        """Parse a folded line that consists of measurements, device terms and separators."""
        numbers = [match[0] for match in _BARE.finditer(line)]
        if numbers and " ".join(numbers) == line and _is_scale(numbers):
            return HarmlessText(TextRule.MEASUREMENT, bare=True)
        # Readers split wide letters into words.
        if line.replace(" ", "") in self._joined_terms:
            return HarmlessText(TextRule.DEVICE)
        line = _JOINED_SETTINGS.sub(" ", line)
        position, rule = 0, TextRule.MEASUREMENT
        while position < len(line):
            measured, device = _MEASUREMENT.match(line, position), self._device.match(line, position)
            ends = [match.end() for match in (measured, device) if match]
            end = max(ends, default=position)
            separator = _SEPARATOR.match(line, end)
            if end == position or separator is None:
                return None
            if measured is None or measured.end() < end:
                rule = TextRule.DEVICE
            position = separator.end()
        return HarmlessText(rule)


def _is_scale(numbers: list[str]) -> bool:
    """Return whether numbers are one mark of a scale, or its marks in equal steps."""
    values = [float(number.replace(",", ".")) for number in numbers]
    if len(values) == 1:
        return True
    steps = [second - first for first, second in pairwise(values)]
    return len(values) >= 3 and steps[0] != 0 and all(abs(step - steps[0]) < 1e-6 for step in steps)
