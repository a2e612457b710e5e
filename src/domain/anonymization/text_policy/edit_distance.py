"""Edit distance of texts, bounded."""

from __future__ import annotations

MIN_ALIKE_LENGTH = 5
"""Shortest text in characters that another one with one more edit may still be the same text as."""


def is_within(first: str, second: str, edits: int) -> bool:
    """Return whether the edit distance of two words is at most ``edits``; a swap is one edit."""
    rows = [list(range(len(second) + 1))]
    for i, character in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (character != other))
            if i > 1 and j > 1 and character == second[j - 2] and first[i - 2] == other:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        if min(row) > edits and min(rows[-1]) > edits:
            return False
        rows.append(row)
    return rows[-1][-1] <= edits


def are_alike(first: str, second: str) -> bool:
    """Return whether two readings may be of one text: at most one of five characters differs."""
    longer = max(len(first), len(second))
    edits = longer // MIN_ALIKE_LENGTH
    return first == second if edits == 0 else is_within(first, second, edits)
