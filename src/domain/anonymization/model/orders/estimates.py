"""Time estimates of requests as ranges, from the durations of completed requests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.throughput import Backlog, RequestDuration

Floats: TypeAlias = npt.NDArray[np.float64]

DEFAULT_STARTUP_SECONDS = 1.0
"""Assumed time of a request that does not depend on its frames, such as packing of the result."""

MODEL_SECONDS: Mapping[Level, float] = {Level.MINIMAL: 0.0, Level.FACES: 5.0, Level.FULL: 8.0}
"""Assumed time to load the models of a level, in the first request of that level."""

DEFAULT_THROUGHPUT = 20.0
"""Assumed throughput of an idle installation without completed requests, in reference frames per second."""

PRIOR_FRAMES = (20.0, 20_000.0)
"""Reference frames of two assumed requests, which keep the fit stable while few requests are completed."""

PRIOR_WEIGHT = 0.0002
"""Weight of each assumed request, relative to the latest completed one."""

HALF_LIFE_REQUESTS = 10.0
"""Number of requests after which a completed one counts half: the load of machines changes with time."""

MAX_MERGED_REQUESTS = 4
"""Number of requests with overlapping times that are measured together, as one."""

MIN_SPREAD = 1.25
"""Minimum factor between an estimate and each end of its range."""

UNMEASURED_SPREAD = 4.0
"""Factor between an estimate and each end of its range before the first completed request."""

MIN_SECONDS = 0.01
"""Shortest measured time that says something about the speed of the installation."""

COVERED_QUANTILE = 0.98
"""Quantile of the deviations of completed requests that the upper end of a range covers."""


@dataclass(frozen=True, slots=True)
class EstimatedTime:
    """Estimated processing time with its range, in seconds.

    Attributes:
        shortest: lower end of the range.
        seconds: estimate.
        longest: upper end of the range.
    """

    shortest: float
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Linear model of processing times on an installation, with the spread of its deviations.

    Attributes:
        startup_seconds: time of a request that does not depend on its frames.
        frame_seconds: time of a reference frame.
        lower_factor: lower end of a range, relative to the estimate; in (0, 1).
        upper_factor: upper end of a range, relative to the estimate; above 1.
        model_seconds: time to load the models of levels that no completed request had.
    """

    startup_seconds: float
    frame_seconds: float
    lower_factor: float
    upper_factor: float
    model_seconds: Mapping[Level, float] = field(default_factory=dict)

    def seconds(self, backlog: Sequence[Backlog]) -> float:
        """Return the estimated seconds that workers need for unfinished requests."""
        levels = {each.workload.level for each in backlog}
        return self._busy_seconds(backlog) + sum(self.model_seconds.get(level, 0.0) for level in levels)

    def _busy_seconds(self, backlog: Iterable[Backlog]) -> float:
        return sum(each.requests * self.startup_seconds + each.work * self.frame_seconds for each in backlog)

    def estimate(self, backlog: Sequence[Backlog], user_id: int) -> EstimatedTime:
        """Return the estimated time until the requests of an account are completed.

        Workers serve accounts in turn, so another account delays it by no more than its own requests take.

        Args:
            backlog: unfinished requests of all accounts, of this account those up to the one in question.
            user_id: id of the account.
        """
        by_account: dict[int, float] = {}
        for each in backlog:
            by_account[each.user_id] = by_account.get(each.user_id, 0.0) + self._busy_seconds([each])
        own = by_account.get(user_id, 0.0)
        levels = {each.workload.level for each in backlog if each.user_id == user_id}
        loading = sum(self.model_seconds.get(level, 0.0) for level in levels)
        seconds = loading + sum(min(own, of_account) for of_account in by_account.values())
        return EstimatedTime(seconds * self.lower_factor, seconds, seconds * self.upper_factor)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Requests that were processed one after the other or together: their number, work and time."""

    requests: int
    work: float
    seconds: float


def fit_time_model(recent: Sequence[RequestDuration], slowdown: float = 1.0) -> TimeModel:
    """Fit startup and frame time to completed requests by weighted least squares of relative deviations.

    Recent requests count more than earlier ones. Without completed requests the defaults apply, with a wide
    range.

    Args:
        recent: completed requests, newest first.
        slowdown: factor by which other work on the machine delays a request; multiplies what is assumed.
    """
    measured = _measured(recent)
    requests = np.array([each.requests for each in measured], dtype=np.float64)
    work = np.array([each.work for each in measured])
    seconds = np.array([each.seconds for each in measured])
    weights = 0.5 ** ((np.cumsum(requests) - requests) / HALF_LIFE_REQUESTS)
    default_frame_seconds = slowdown / DEFAULT_THROUGHPUT
    prior_work = np.array(PRIOR_FRAMES)
    prior_seconds = slowdown * DEFAULT_STARTUP_SECONDS + prior_work * default_frame_seconds
    all_work, all_seconds = np.concatenate([work, prior_work]), np.concatenate([seconds, prior_seconds])
    all_requests = np.concatenate([requests, np.ones(len(prior_work))])
    factors = np.sqrt(np.concatenate([weights, np.full(len(prior_work), PRIOR_WEIGHT)]))
    scaled = np.stack([all_requests, all_work], axis=1) * (factors / all_seconds)[:, None]
    startup, frame = np.linalg.lstsq(scaled, factors, rcond=None)[0].tolist()
    if startup < 0:
        startup, frame = 0.0, float(scaled[:, 1] @ factors / (scaled[:, 1] @ scaled[:, 1]))
    elif frame <= 0:
        # Long requests took no longer than short ones: only the time before the first frame is known.
        frame = default_frame_seconds
        startup = float(np.median(np.maximum(0.0, all_seconds - all_work * frame) / all_requests))
    least = max(MIN_SPREAD, UNMEASURED_SPREAD ** (1 / math.sqrt(len(measured) + 1)))
    used = {each.workload.level for each in recent}
    loading = {level: slowdown * seconds for level, seconds in MODEL_SECONDS.items() if level not in used}
    if not measured:
        return TimeModel(startup, frame, 1 / least, least, loading)
    # Relative deviations are limited below and unlimited above, which pulls the fit down.
    ratios = seconds / (requests * startup + work * frame)
    centre = _weighted_median(ratios, weights)
    upper = float(np.quantile(ratios, COVERED_QUANTILE)) / centre
    lower = float(np.quantile(ratios, 1 - COVERED_QUANTILE)) / centre
    return TimeModel(startup * centre, frame * centre, min(lower, 1 / least), max(upper, least), loading)


def _measured(recent: Sequence[RequestDuration]) -> list[_Measured]:
    """Return the measured times of completed requests, newest first, without counting any time twice.

    Several requests are in progress at once, so their own durations overlap. The time of a request begins
    with the end of the one before it. Requests that mostly overlap were processed in parallel, and are
    measured together: whose time it was is not known.
    """
    ordered = sorted((each for each in recent if each.frames > 0), key=lambda each: each.completed_at)
    found: list[_Measured] = []
    requests, work, seconds = 0, 0.0, 0.0
    for index, each in enumerate(ordered):
        begin = max(each.started_at, ordered[index - 1].completed_at) if index else each.started_at
        requests += 1
        work += each.work
        seconds += max(0.0, (each.completed_at - begin).total_seconds())
        is_together = index + 1 < len(ordered) and _is_parallel(each, ordered[index + 1])
        if seconds >= MIN_SECONDS and not (is_together and requests < MAX_MERGED_REQUESTS):
            found.append(_Measured(requests, work, seconds))
            requests, work, seconds = 0, 0.0, 0.0
    return found[::-1]


def _is_parallel(earlier: RequestDuration, later: RequestDuration) -> bool:
    """Return True if most of the time of a request belongs to another one that ended before it, too."""
    return 2 * (earlier.completed_at - later.started_at).total_seconds() > later.seconds


def _weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value with half of the weights on each side."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, below, values[order]))
