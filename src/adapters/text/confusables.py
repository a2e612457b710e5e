"""User names that look alike, by the skeletons of Unicode Technical Standard 39."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import normalize

from confusable_homoglyphs.confusables import confusables_data


@lru_cache(maxsize=16384)
def name_skeletons(name: str) -> frozenset[str]:
    """Return the skeletons of a name; names that share one look alike, or differ only in case.

    A name has two, because capitals look like other letters than small ones: I like l, and i like nothing.

    Args:
        name: name of an account.
    """
    composed = normalize("NFKC", name)
    return frozenset({_skeleton(composed), _skeleton(composed.casefold())})


def _skeleton(text: str) -> str:
    mapped = "".join(map(_prototype, normalize("NFD", text)))
    return normalize("NFD", mapped).casefold()


def _prototype(character: str) -> str:
    """Return what a character looks like; itself if it is the one that others look like."""
    alike = confusables_data.get(character, ())
    if len(alike) != 1:
        return character
    # The data lists each pair in both directions, so of two that look like each other, one is chosen.
    other: str = alike[0]["c"]
    back = confusables_data.get(other, ())
    return min(character, other) if len(back) == 1 and back[0]["c"] == character else other
