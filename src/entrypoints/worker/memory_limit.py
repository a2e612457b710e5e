"""Memory limit above which a worker accepts no further slice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from framecloak.entrypoints.settings.resources import available_memory, free_memory_share, resident_memory

logger = logging.getLogger(__name__)

DEFAULT_SHARE = 0.8
"""Default limit of a worker, as a share of the available memory."""

MIN_FREE_SHARE = 0.05
"""Share of the machine's memory that must be free, whichever process uses the rest."""

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class MemoryReadings:
    """Sources of memory readings; each returns None if the system does not report the value.

    Attributes:
        resident: resident memory of this process in bytes.
        available: memory that this process may use, in bytes.
        free_share: available share of the machine's memory, 0..1.
    """

    resident: Callable[[], int | None] = resident_memory
    available: Callable[[], int | None] = available_memory
    free_share: Callable[[], float | None] = free_memory_share


class MemoryWatermark:
    """Memory limit that keeps a worker from being killed for memory in the middle of a slice.

    Args:
        limit: limit of the process in bytes; 0 for 80 % of the available memory.
        readings: sources of the memory readings.
    """

    def __init__(self, limit: int = 0, readings: MemoryReadings | None = None) -> None:
        self._readings = readings or MemoryReadings()
        self._limit = limit or int(DEFAULT_SHARE * (self._readings.available() or 0))
        self._had_memory = True

    @property
    def limit(self) -> int:
        """Limit in bytes; 0 if there is none because the available memory is unknown."""
        return self._limit

    def has_memory(self) -> bool:
        """Return True if there is memory for another slice now."""
        return self._shortage() is None

    def check_memory(self) -> bool:
        """Return True if there is memory for another slice, and log each change of this state."""
        shortage = self._shortage()
        if shortage and self._had_memory:
            logger.warning("takes no more work: %s", shortage)
        elif not shortage and not self._had_memory:
            logger.info("takes work again: there is memory")
        self._had_memory = shortage is None
        return self._had_memory

    def _shortage(self) -> str | None:
        held = self._readings.resident()
        if self._limit and held is not None and held >= self._limit:
            return f"this process holds {held // _MIB} MiB of the {self._limit // _MIB} MiB it may hold"
        free = self._readings.free_share()
        if free is not None and free < MIN_FREE_SHARE:
            return f"only {free:.1%} of the machine's memory is free"
        return None
