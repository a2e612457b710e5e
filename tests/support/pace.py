"""Speed of this machine, measured once per session, from which time-outs are derived."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from support.patience import patience

_MIN_HANG_SECONDS = 30.0
"""Lower limit of the hang time-out in seconds: servers and workers pause this long between two attempts."""

_HANG_FACTOR = 15
"""Multiple of the measured time after which a wait counts as a hang."""

_USUAL_START_SECONDS = 8.0
"""Seconds that an API and two workers need to start on two otherwise idle cores."""


@dataclass
class Pace:
    """Measured times; until they are measured, typical values for two busy cores.

    Attributes:
        start: seconds until an API and two workers run and have announced themselves.
        request: seconds to anonymise the sample video without disturbance.
    """

    start: float = _USUAL_START_SECONDS
    request: float = 20.0

    @property
    def hang_seconds(self) -> float:
        """Seconds without any change after which a process counts as hung."""
        return patience(_MIN_HANG_SECONDS + _HANG_FACTOR * (self.start + self.request))

    def scaled(self, seconds: float) -> float:
        """Scale a duration from a machine with the usual start time to this one."""
        return patience(seconds * max(1.0, self.start / _USUAL_START_SECONDS))

    def lease(self, seconds: int) -> str:
        """Return a lease duration long enough that a live worker does not lose it on this machine.

        Never longer than the default for operators.
        """
        return str(max(seconds, min(round(self.scaled(seconds)), round(LEASE_DURATION.total_seconds()))))


PACE = Pace()
"""Measurements of this machine."""
