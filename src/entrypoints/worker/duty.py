"""Duties of a worker: slices, upkeep, or both."""

from __future__ import annotations

from enum import StrEnum


class Duty(StrEnum):
    """Duty of a worker process."""

    ALL = "all"
    SLICES = "slices"
    UPKEEP = "upkeep"

    @property
    def has_slices(self) -> bool:
        """True if the worker processes frames, for which it needs models."""
        return self is not Duty.UPKEEP

    @property
    def has_upkeep(self) -> bool:
        """True if the worker deletes expired data, calls webhooks and indexes large galleries."""
        return self is not Duty.SLICES
