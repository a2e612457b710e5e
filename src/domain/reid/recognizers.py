"""Recognisers that have been evaluated, by name."""

from __future__ import annotations

from enum import Enum, auto


class Family(Enum):
    """Recognisers whose cosines mean the same."""

    ARCFACE = auto()
    DLIB = auto()


FAMILIES = {
    "antelopev2": Family.ARCFACE,
    "buffalo_l": Family.ARCFACE,
    "buffalo_s": Family.ARCFACE,
    "dlib-resnet": Family.DLIB,
}
"""Family of each evaluated recogniser, by its name in analyses and embedding spaces."""
