"""Search for the names of a list in text that was read with errors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from framecloak.domain.anonymization.text_policy.edit_distance import is_within
from framecloak.domain.anonymization.text_policy.folding import fold, word_forms, words
from framecloak.domain.errors import InvalidOptionError

MAX_NAMES = 200_000
"""Largest number of entries in a list of names."""
MAX_NAME_LENGTH = 200
"""Largest number of characters in an entry."""

_REMEMBERED_TEXTS = 4096
"""Texts whose result is remembered: a video shows the same lines again, and a long list takes time."""
_MIN_LENGTH = 2
"""Shortest name: a single letter would match nearly every line."""
_MIN_JOINED_LENGTH = 5
"""Shortest name that is searched for within longer words: shorter ones are in many of them by chance."""
_LETTER_RUN = re.compile(r"[^\W\d_]{2,}")
_PARTICLES = frozenset(
    fold(particle)
    for particle in [
        "von",
        "vom",
        "van",
        "zu",
        "zum",
        "zur",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "du",
        "la",
        "le",
        "el",
        "al",
        "bin",
        "ibn",
        "ter",
        "ten",
        "dr",
        "prof",
        "med",
        "herr",
        "frau",
        "mr",
        "mrs",
    ]
)
"""Particles and titles, which belong to a name but do not identify anybody alone."""


def max_edits(length: int) -> int:
    """Return the largest edit distance at which words of a length in characters still count as equal."""
    if length <= 3:
        return 0
    return 1 if length <= 6 else 2


class NameIndex:
    """Index of the names of a list, each word for itself: order, initials and separators do not matter.

    Words match if their folded forms or their skeletons are at most ``max_edits`` apart. Candidates are found
    by the pigeonhole principle: of k + 1 parts of a word, k edits leave one unchanged (Li et al., 2011,
    "Pass-Join").

    Args:
        entries: names, one or more words each; empty ones are ignored.

    Raises:
        InvalidOptionError: an entry has one letter only or is too long, or there are too many.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._words: set[str] = set()
        for telling, joined in _checked_names(entries):
            forms = {form for word in (*telling, joined) for form in word_forms(word)}
            self._words.update(form for form in forms if len(form) >= _MIN_LENGTH)
        self._lengths = sorted({len(word) for word in self._words if len(word) >= _MIN_JOINED_LENGTH})
        self._parts: defaultdict[tuple[int, int, str], list[str]] = defaultdict(list)
        for word in self._words:
            for part, (start, stop) in enumerate(_parts(len(word))):
                self._parts[len(word), part, word[start:stop]].append(word)
        self._remembered = lru_cache(_REMEMBERED_TEXTS)(self._search)

    def __len__(self) -> int:
        return len(self._words)

    def matches(self, text: str) -> bool:
        """Return whether a text contains a word of any name."""
        return bool(self._words) and self._remembered(text)

    def matches_exactly(self, text: str) -> bool:
        """Return whether a text contains a word of any name in which no letter is wrong."""
        read = words(text)
        return not self._words.isdisjoint(_compared(read)) or any(
            map(self._contains_name, word_forms("".join(read)))
        )

    def _search(self, text: str) -> bool:
        read = words(text)
        return any(map(self._matches_word, _compared(read))) or any(
            map(self._contains_name, word_forms("".join(read)))
        )

    def _contains_name(self, joined: str) -> bool:
        return any(
            joined[start : start + length] in self._words
            for length in self._lengths
            for start in range(len(joined) - length + 1)
        )

    def _matches_word(self, word: str) -> bool:
        if word in self._words:
            return True
        edits = max_edits(len(word) + 2)
        for length in range(max(_MIN_LENGTH, len(word) - edits), len(word) + edits + 1):
            allowed = max_edits(length)
            if abs(length - len(word)) > allowed:
                continue
            for candidate in self._candidates(word, length, allowed):
                if is_within(word, candidate, allowed):
                    return True
        return False

    def _candidates(self, word: str, length: int, edits: int) -> Iterator[str]:
        seen: set[str] = set()
        for part, (start, stop) in enumerate(_parts(length)):
            for shift in range(-edits, edits + 1):
                key = length, part, word[max(0, start + shift) : max(0, stop + shift)]
                for candidate in self._parts.get(key, ()):
                    if candidate not in seen:
                        seen.add(candidate)
                        yield candidate


def require_usable_names(entries: Iterable[str]) -> None:
    """Raise an error unless a list of names can be searched for; faster than to build its index.

    Raises:
        InvalidOptionError: as for `NameIndex`.
    """
    for _ in _checked_names(entries):
        pass


def _compared(read: Sequence[str]) -> set[str]:
    """Return the forms of the words of a text, of pairs of them, and of runs of letters in them."""
    pairs = [first + second for first, second in pairwise(read)]
    # Digits that run into a name are no part of it: a year, for example.
    letters = [run for word in read for run in _LETTER_RUN.findall(word)]
    return {form for word in (*read, *pairs, *letters) for form in word_forms(word)}


def _checked_names(entries: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each name that identify a person, and all its words joined.

    Raises:
        InvalidOptionError: an entry has no such word or is too long, or there are too many.
    """
    for number, entry in enumerate(entries, 1):
        if number > MAX_NAMES:
            raise InvalidOptionError(
                f"the list of names has more than {MAX_NAMES} entries", "leave out names that cannot occur"
            )
        if not entry.strip():
            continue
        if len(entry) > MAX_NAME_LENGTH:
            raise InvalidOptionError(
                f"name {number} of the list has more than {MAX_NAME_LENGTH} characters",
                "write one name a line",
            )
        found = words(entry)
        long_enough = [word for word in found if len(word) >= _MIN_LENGTH]
        if not long_enough:
            raise InvalidOptionError(
                f"name {number} of the list has a single letter, which would cover nearly every line",
                "write the name in full, or leave it out",
            )
        telling = [word for word in long_enough if fold(word) not in _PARTICLES] or long_enough
        yield telling, "".join(found)


def _parts(length: int) -> list[tuple[int, int]]:
    """Return the half-open ranges of one part more than a word of this length may have edits."""
    count = min(max_edits(length) + 1, length)
    bounds = [length * part // count for part in range(count + 1)]
    return list(pairwise(bounds))
