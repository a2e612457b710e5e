"""How fast an installation is, from what it completed last, and how long something else will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.request import Order

RATED_REQUESTS = 50
"""Completed requests that estimates are made from."""

PRIOR_RATE = 20.0
"""Usual frames a second to expect of an installation that has not completed anything yet."""

LEVEL_EFFORTS: Mapping[Level, float] = {Level.MINIMAL: 0.2, Level.FACES: 1.0, Level.FULL: 1.75}
"""What a frame takes at a level, beside one at `faces`."""

VERIFY_EFFORTS: Mapping[Verify, float] = {Verify.NONE: 0.9, Verify.SAMPLE: 1.0, Verify.ALL: 1.8}
"""What a frame takes when so much is searched again, beside `sample`."""

FILM_EFFORT = 0.4
"""What a frame of a film takes more than a picture."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What the time that a frame takes depends on, besides the machine and the video.

    Attributes:
        level: what is redacted.
        verify: which of the redacted frames are searched again.
        is_film: whether films are made instead of pictures.
        is_render: whether boxes are given, so that nothing is looked for.
    """

    level: Level
    verify: Verify
    is_film: bool
    is_render: bool

    @classmethod
    def of(cls, order: Order) -> Self:
        """That of an order."""
        is_film = order.appearance.output_format.is_film
        return cls(order.level, order.verify, is_film, is_render=order.based_on is not None)

    @property
    def effort(self) -> float:
        """What a frame takes, beside a usual one: at level `faces`, a sample of it searched again, a picture.

        The ratios are those measured in BENCHMARKS.md, between the ends of what was seen.
        """
        looking = LEVEL_EFFORTS[Level.MINIMAL]
        if not self.is_render and self.level is not Level.MINIMAL:
            looking = LEVEL_EFFORTS[self.level] * VERIFY_EFFORTS[self.verify]
        return looking + (FILM_EFFORT if self.is_film else 0.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a request took.

    Attributes:
        workload: of its order.
        frames: that were delivered.
        seconds: from its first slice to its end.
    """

    workload: Workload
    frames: int
    seconds: float


def usual_rate(recent: Sequence[Pace]) -> float:
    """Usual frames a second over recent requests, whatever these were."""
    work = sum(one.frames * one.workload.effort for one in recent)
    seconds = sum(one.seconds for one in recent)
    return work / seconds if work and seconds > 0 else PRIOR_RATE


def seconds_for(frames: Mapping[Workload, int], rate: float) -> float:
    """How long frames will take.

    Args:
        frames: to be done, by their workload.
        rate: as `usual_rate` has it.
    """
    return sum(count * workload.effort for workload, count in frames.items()) / rate
