"""Text that a model has read in an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Reading:
    """Text of one line, which may identify a person: it is held in memory only, and never written anywhere.

    Attributes:
        text: characters from left to right; excluded from the representation, so that no log contains it.
        scores: score of each character, 0 to 1.
    """

    text: str
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.text) != len(self.scores):
            raise ValueError(f"{len(self.text)} characters have {len(self.scores)} scores")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.text)} characters)"

    @classmethod
    def empty(cls) -> Self:
        """Return the reading of a line in which nothing could be read."""
        return cls("", ())

    @property
    def mean_score(self) -> float:
        """Mean score of the characters; 0 without any."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0

    @property
    def min_score(self) -> float:
        """Lowest score of a character; 0 without any."""
        return min(self.scores, default=0.0)
