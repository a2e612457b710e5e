"""Speed of the workers of an installation, as they measured it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Self

from framecloak.domain.anonymization.model.options import Level

MODEL_LEVELS = frozenset({Level.FACES, Level.FULL})
"""Levels that need models."""


@dataclass(frozen=True, slots=True)
class WorkerSpeed:
    """Speed that a worker measured on itself.

    Attributes:
        frame_seconds: time of a reference frame, from its speed test; None before the test.
        load_seconds: time to load the models of level `faces`; None before they are loaded.
        loaded: levels whose models it has loaded.
    """

    frame_seconds: float | None = None
    load_seconds: float | None = None
    loaded: frozenset[Level] = frozenset()


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed of an installation, as its workers measured it.

    Attributes:
        workers: number of workers, at least 1.
        frame_seconds: time in which one of them processes a reference frame; None if not measured.
        load_seconds: time in which one of them loads the models of level `faces`; None if not measured.
        loaded: levels whose models one of them has loaded; None if nothing is known.
    """

    workers: int = 1
    frame_seconds: float | None = None
    load_seconds: float | None = None
    loaded: frozenset[Level] | None = field(default=None)

    @classmethod
    def of(cls, speeds: Sequence[WorkerSpeed | None]) -> Self:
        """Return the pace of an installation from the speeds of its workers; None for an unknown speed."""
        known = [each for each in speeds if each is not None]
        rates = [1 / each.frame_seconds for each in known if each.frame_seconds]
        loads = [each.load_seconds for each in known if each.load_seconds is not None]
        return cls(
            workers=max(1, len(speeds)),
            frame_seconds=1 / fmean(rates) if rates else None,
            load_seconds=fmean(loads) if loads else None,
            loaded=frozenset[Level]().union(*(each.loaded for each in known)) if known else None,
        )
