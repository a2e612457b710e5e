"""What workers are there for: one may do everything, or leave a part to others."""

from __future__ import annotations

from enum import StrEnum


class Duty(StrEnum):
    """What one worker does."""

    ALL = "all"
    SLICES = "slices"
    UPKEEP = "upkeep"

    @property
    def has_slices(self) -> bool:
        """Whether it examines and redacts frames, for which it needs models."""
        return self is not Duty.UPKEEP

    @property
    def has_upkeep(self) -> bool:
        """Whether it removes what expired, calls webhooks and indexes large galleries."""
        return self is not Duty.SLICES
