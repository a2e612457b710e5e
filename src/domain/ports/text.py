"""Ports: patterns that text is searched for."""

from __future__ import annotations

from typing import Protocol


class TextPatterns(Protocol):
    """Regular expressions given by a caller. Thread-safe; no expression and no text makes a search slow."""

    def match(self, text: str) -> bool:
        """Return whether any of the patterns occurs in a text; case does not matter.

        A search that cannot be completed within its bounds counts as an occurrence, because covering text is
        safe and keeping it is not.
        """
        ...
