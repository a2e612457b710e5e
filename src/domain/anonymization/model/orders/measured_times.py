"""Times of completed requests, without counting any time twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framecloak.domain.anonymization.model.orders.throughput import RequestDuration

MAX_MERGED_REQUESTS = 4
"""Number of requests with overlapping times that are measured together, as one."""

MIN_SECONDS = 0.01
"""Shortest measured time that says something about the speed of the installation."""


@dataclass(frozen=True, slots=True)
class MeasuredTime:
    """Requests that were processed one after the other or together, and their time.

    Attributes:
        requests: the requests, at least one, each with at least one frame.
        seconds: time that all of them took.
    """

    requests: tuple[RequestDuration, ...]
    seconds: float


def measured_times(recent: Sequence[RequestDuration]) -> list[MeasuredTime]:
    """Return the measured times of completed requests, newest first.

    Several requests are in progress at once, so their own durations overlap. The time of a request begins
    with the end of the one before it. Requests that mostly overlap were processed in parallel, and are
    measured together: whose time it was is not known.

    Args:
        recent: completed requests in any order.
    """
    ordered = sorted((each for each in recent if each.frames > 0), key=lambda each: each.completed_at)
    found: list[MeasuredTime] = []
    together: list[RequestDuration] = []
    seconds = 0.0
    for index, each in enumerate(ordered):
        begin = max(each.started_at, ordered[index - 1].completed_at) if index else each.started_at
        together.append(each)
        seconds += max(0.0, (each.completed_at - begin).total_seconds())
        is_together = index + 1 < len(ordered) and _is_parallel(each, ordered[index + 1])
        if seconds >= MIN_SECONDS and not (is_together and len(together) < MAX_MERGED_REQUESTS):
            found.append(MeasuredTime(tuple(together), seconds))
            together, seconds = [], 0.0
    return found[::-1]


def _is_parallel(earlier: RequestDuration, later: RequestDuration) -> bool:
    """Return True if most of the time of a request belongs to another one that ended before it, too."""
    return 2 * (earlier.completed_at - later.started_at).total_seconds() > later.seconds
