"""Time estimates of requests as ranges, from the durations of completed requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_THROUGHPUT,
    RequestDuration,
    Workload,
)

DEFAULT_STARTUP_SECONDS = 20.0
"""Assumed time of a request that does not depend on its frames: loading of models, packing of the result."""

PRIOR_FRAMES = (20.0, 20_000.0)
"""Reference frames of two assumed requests, which keep the fit stable while few requests are completed."""

PRIOR_WEIGHT = 0.02
"""Weight of each assumed request, relative to a completed one."""

MIN_SPREAD = 1.25
"""Minimum factor between an estimate and each end of its range."""

UNMEASURED_SPREAD = 4.0
"""Factor between an estimate and each end of its range before the first completed request."""

MIN_SECONDS = 0.01
"""Shortest duration of a request that says something about the speed of the installation."""

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
    """

    startup_seconds: float
    frame_seconds: float
    lower_factor: float
    upper_factor: float

    def estimate(self, frames: Mapping[Workload, int]) -> EstimatedTime:
        """Return the estimated time of unprocessed frames.

        Args:
            frames: number of frames by workload, of the request and of those queued before it.
        """
        work = sum(count * workload.effort for workload, count in frames.items())
        seconds = self.startup_seconds + work * self.frame_seconds if work else 0.0
        return EstimatedTime(seconds * self.lower_factor, seconds, seconds * self.upper_factor)


def fit_time_model(recent: Sequence[RequestDuration]) -> TimeModel:
    """Fit startup and frame time to completed requests by least squares of relative deviations.

    Without completed requests the defaults apply, with a wide range.
    """
    measured = [request for request in recent if request.frames > 0 and request.seconds >= MIN_SECONDS]
    work = np.array([request.frames * request.workload.effort for request in measured])
    seconds = np.array([request.seconds for request in measured])
    default_frame_seconds = 1 / DEFAULT_THROUGHPUT
    prior_work = np.array(PRIOR_FRAMES)
    prior_seconds = DEFAULT_STARTUP_SECONDS + prior_work * default_frame_seconds
    weights = np.concatenate([np.ones(len(measured)), np.full(len(prior_work), math.sqrt(PRIOR_WEIGHT))])
    all_seconds = np.concatenate([seconds, prior_seconds])
    columns = np.stack([np.ones(len(all_seconds)), np.concatenate([work, prior_work])], axis=1)
    scaled = columns * (weights / all_seconds)[:, None]
    startup, frame = np.linalg.lstsq(scaled, weights, rcond=None)[0].tolist()
    if startup < 0:
        startup, frame = 0.0, float(scaled[:, 1] @ weights / (scaled[:, 1] @ scaled[:, 1]))
    elif frame <= 0:
        # Long requests took no longer than short ones: only the time before the first frame is known.
        frame = default_frame_seconds
        startup = float(np.median(np.maximum(0.0, all_seconds - columns[:, 1] * frame)))
    # Relative deviations are limited below and unlimited above, which pulls the fit down.
    ratios = np.sort(seconds / (startup + work * frame))
    centre = float(np.median(ratios)) if measured else 1.0
    least = max(MIN_SPREAD, UNMEASURED_SPREAD ** (1 / math.sqrt(len(measured) + 1)))
    upper = float(np.quantile(ratios, COVERED_QUANTILE)) / centre if measured else least
    lower = float(np.quantile(ratios, 1 - COVERED_QUANTILE)) / centre if measured else 1 / least
    return TimeModel(startup * centre, frame * centre, min(lower, 1 / least), max(upper, least))
