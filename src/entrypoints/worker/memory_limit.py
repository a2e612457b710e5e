"""Whether there is memory for another slice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from framecloak.entrypoints.runtime.resources import available_memory, free_memory_share, resident_memory

logger = logging.getLogger(__name__)

SHARE = 0.8
"""Of the memory there is, how much a worker may hold unless it is told otherwise."""

LEAST_FREE = 0.05
"""Of the machine's memory, how much must be free, whoever takes the rest."""

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Readings:
    """Where numbers about memory come from; each gives None where the system does not say.

    Attributes:
        resident: bytes that this process holds.
        available: bytes that it may use.
        free_share: of the machine's memory, how much could be had now, in 0..1.
    """

    resident: Callable[[], int | None] = resident_memory
    available: Callable[[], int | None] = available_memory
    free_share: Callable[[], float | None] = free_memory_share


class MemoryWatermark:
    """Turns work away while memory is short, so that a worker is not killed with a slice in its hands.

    Args:
        limit: bytes that the process may hold; 0 for a share of what there is.
        readings: where the numbers come from.
    """

    def __init__(self, limit: int = 0, readings: Readings | None = None) -> None:
        self._readings = readings or Readings()
        self._limit = limit or int(SHARE * (self._readings.available() or 0))
        self._was_roomy = True

    @property
    def limit(self) -> int:
        """Bytes at which no more work is taken; 0 where there is no limit because none is known."""
        return self._limit

    def is_roomy(self) -> bool:
        """Whether there is memory for another slice now."""
        return self._shortage() is None

    def has_room(self) -> bool:
        """As `is_roomy`, for who takes work: says once in the log when it stops, and when it goes on."""
        shortage = self._shortage()
        if shortage and self._was_roomy:
            logger.warning("takes no more work: %s", shortage)
        elif not shortage and not self._was_roomy:
            logger.info("takes work again: there is memory")
        self._was_roomy = shortage is None
        return self._was_roomy

    def _shortage(self) -> str | None:
        held = self._readings.resident()
        if self._limit and held is not None and held >= self._limit:
            return f"this process holds {held // _MIB} MiB of the {self._limit // _MIB} MiB it may hold"
        free = self._readings.free_share()
        if free is not None and free < LEAST_FREE:
            return f"only {free:.1%} of the machine's memory is free"
        return None
