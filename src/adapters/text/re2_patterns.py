"""Regular expressions of callers, searched by RE2 in linear time.

RE2 never goes back, so no expression makes a search slow, and the same text always gives the same answer: a
time limit would let the load of the machine decide what is covered.
"""

from __future__ import annotations

from collections.abc import Iterable

import re2

from framecloak.domain.errors import InvalidOptionError

MAX_PATTERNS = 1000
MAX_PATTERN_LENGTH = 1000
"""Largest number of characters in a pattern."""
_MAX_PROGRAM_BYTES = 8 << 20
"""Memory of a compiled pattern and of its search."""


class Re2Patterns:
    """Patterns that text is searched for. It is thread-safe.

    Args:
        patterns: expressions in the syntax of RE2: without backreferences and without looking around; blank
            ones are ignored.

    Raises:
        InvalidOptionError: a pattern is not an expression, is too large or matches everything, or there are
            too many; the message has its number, not its text, which may name a person.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = _MAX_PROGRAM_BYTES
        self._patterns = []
        for number, pattern in enumerate(patterns, 1):
            if number > MAX_PATTERNS:
                raise InvalidOptionError(
                    f"more than {MAX_PATTERNS} text patterns", "join some of them with |"
                )
            if len(pattern) > MAX_PATTERN_LENGTH:
                raise InvalidOptionError(
                    f"text pattern {number} has more than {MAX_PATTERN_LENGTH} characters", "divide it"
                )
            if not pattern.strip():
                continue
            try:
                compiled = re2.compile(pattern, options)
            except re2.error:
                raise InvalidOptionError(
                    f"text pattern {number} is not an expression that RE2 can search for",
                    "see https://github.com/google/re2/wiki/Syntax; it has no backreferences",
                ) from None
            if compiled.search(""):
                raise InvalidOptionError(
                    f"text pattern {number} occurs in every text, even in an empty one",
                    "use --text all to cover all text, or let the pattern need at least one character",
                )
            self._patterns.append(compiled)

    def match(self, text: str) -> bool:
        """Return whether any of the patterns occurs in a text; case does not matter."""
        try:
            return any(pattern.search(text) for pattern in self._patterns)
        except re2.error:
            return True
