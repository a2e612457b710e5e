"""How fast this machine is just now: measured once for each session, for time-outs to be multiples of."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from support.patience import patience

_LEAST = 30.0
"""Seconds that nothing is a hang before: servers pause for as long between two tries, and so do workers."""

_TIMES = 15
"""How often what was measured has to fit into a wait, before that counts as a hang."""

_USUAL = 8.0
"""Seconds that an API and two workers take to start on two plain cores with little else to do."""


@dataclass
class Pace:
    """What was measured; before that, what two plain cores need that have much else to do.

    Attributes:
        start: seconds until an API and two workers run, and have announced themselves.
        order: seconds that the film takes when nothing happens to it.
    """

    start: float = _USUAL
    order: float = 20.0

    @property
    def hang(self) -> float:
        """Seconds without any change after which something hangs."""
        return patience(_LEAST + _TIMES * (self.start + self.order))

    def slowed(self, seconds: float) -> float:
        """What takes so long where processes start as usual, on this machine."""
        return patience(seconds * max(1.0, self.start / _USUAL))

    def lease(self, seconds: int) -> str:
        """A lease that no worker loses here which is alive, where one of so many seconds does elsewhere.

        Never longer than what operators are given.
        """
        return str(max(seconds, min(round(self.slowed(seconds)), round(LEASE_DURATION.total_seconds()))))


PACE = Pace()
"""Of this machine."""
