"""Fit of the time model to the speed test of the workers and to completed requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.estimates import TimeModel
from framecloak.domain.anonymization.model.orders.measured_times import MeasuredTime, measured_times
from framecloak.domain.anonymization.model.orders.pace import MODEL_LEVELS, Pace
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_EFFORTS,
    REFERENCE_PIXELS,
    Efforts,
    RequestDuration,
    Workload,
    searched_frames,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat

Floats: TypeAlias = npt.NDArray[np.float64]

DEFAULT_FRAME_SECONDS = 0.05
"""Assumed time of a reference frame without a speed test and without completed requests."""

STARTUP_FRAMES = 8.0
"""Assumed time of a request that does not depend on its frames, such as packing, in reference frames."""

DEFAULT_LOAD_SECONDS = 1.0
"""Assumed time to load the models of level `faces`."""

LOAD_FACTORS: Mapping[Level, float] = {Level.FACES: 1.0, Level.FULL: 1.6}
"""Time to load the models of a level, relative to those of `faces`."""

TESTED_DEVIATION, ASSUMED_DEVIATION = 0.35, 1.2
"""Standard deviation of the logarithm of an assumed frame time, with and without a speed test."""

STARTUP_DEVIATION = 1.5
EFFORT_DEVIATION = 0.35
SIZE_DEVIATION = 0.1
"""Standard deviations of the logarithms of the startup time and the efforts, and of the size exponent."""

NOISE = 0.25
"""Standard deviation of the logarithm of the time of one request, from what the model says."""

OUTLIER = 1.5
"""Multiple of the noise above which a deviation counts in proportion, not by its square (Huber, 1964)."""

HALF_LIFE_REQUESTS = 6.0
"""Number of requests after which a completed one counts half: the load of machines changes with time."""

ROUNDS = 12
"""Number of steps of the fit."""

MAX_STEP = 1.5
"""Largest change of a logarithm in one step."""

MIN_SPREAD = 1.35
"""Minimum factor between an estimate and each end of its range."""

TESTED_SPREAD, ASSUMED_SPREAD = 2.5, 4.0
"""Factor between an estimate and each end of its range before the first completed request."""

COVERED_QUANTILE = 0.98
"""Quantile of the deviations of completed requests that a range covers at each end."""

_FORMATS = tuple(each for each in OutputFormat if each is not OutputFormat.JPEG)
_KINDS = (*(level for level in Level if level is not Level.MINIMAL), *Verify, *_FORMATS)
_STARTUP, _FRAME, _SIZE, _FIRST_KIND = 0, 1, 2, 3
_PARAMETERS = _FIRST_KIND + len(_KINDS)
_COLUMNS = {kind: _FIRST_KIND + place for place, kind in enumerate(_KINDS)}
_REFERENCE = Workload(Level.FACES, Verify.SAMPLE, OutputFormat.JPG, is_render=False, pixels=REFERENCE_PIXELS)


@dataclass(frozen=True, slots=True)
class _Terms:
    """Parts of the measured times; each is `exp(base + factors @ parameters)` seconds.

    Attributes:
        rows: number of the measured time that a part belongs to, (t,) int.
        base: logarithm of its seconds when all parameters are 0, (t,).
        factors: how it depends on the parameters, (t, p).
    """

    rows: npt.NDArray[np.intp]
    base: Floats
    factors: Floats


def fit_time_model(
    recent: Sequence[RequestDuration],
    pace: Pace = Pace(),  # noqa: B008 -- immutable
    slowdown: float = 1.0,
    slice_frames: int = 250,
) -> TimeModel:
    """Fit the time model to completed requests, starting from what the workers measured on themselves.

    The parameters are logarithms: of the startup time, of the time of a reference frame, and of the efforts
    of levels, checks and formats relative to `DEFAULT_EFFORTS`. Each has a normal prior, and so has the
    logarithm of a measured time, with a robust loss; the most probable parameters are found by Gauss-Newton
    steps. Kinds of requests without any history thus keep their usual ratio to those with one.

    Args:
        recent: completed requests, newest first.
        pace: speed of the workers.
        slowdown: factor by which other work on the machine delays a request; multiplies what is assumed where
            no worker has measured its speed.
        slice_frames: number of frames that one worker processes in one go.
    """
    assumed = pace.frame_seconds or slowdown * DEFAULT_FRAME_SECONDS
    deviations = np.full(_PARAMETERS, EFFORT_DEVIATION)
    deviations[_STARTUP], deviations[_SIZE] = STARTUP_DEVIATION, SIZE_DEVIATION
    deviations[_FRAME] = TESTED_DEVIATION if pace.frame_seconds else ASSUMED_DEVIATION
    times = measured_times(recent)
    counts = np.array([len(each.requests) for each in times], dtype=np.float64)
    weights = 0.5 ** ((np.cumsum(counts) - counts) / HALF_LIFE_REQUESTS)
    logs = np.log(np.array([each.seconds for each in times], dtype=np.float64))
    terms = _terms(times, assumed, pace.workers, slice_frames)
    parameters = _most_probable(terms, logs, weights, deviations)
    efforts = _efforts(parameters)
    unit = efforts.of(_REFERENCE)
    # The startup is scaled with the frame time, as both come from the same machine.
    frame_seconds = assumed * math.exp(parameters[_FRAME])
    startup = STARTUP_FRAMES * frame_seconds * math.exp(parameters[_STARTUP])
    spread = TESTED_SPREAD if pace.frame_seconds else ASSUMED_SPREAD
    least = max(MIN_SPREAD, spread ** (1 / math.sqrt(len(times) + 1)))
    deviated = logs - _predicted(terms, parameters, len(times))[0]
    lower, upper = _range_of(deviated, weights)
    return TimeModel(
        startup,
        frame_seconds * unit,
        min(lower, 1 / least),
        max(upper, least),
        _loading(recent, pace, slowdown),
        _divided(efforts, unit),
        pace.workers,
        slice_frames,
    )


def _loading(recent: Sequence[RequestDuration], pace: Pace, slowdown: float) -> dict[Level, float]:
    """Return the time to load the models of the levels that need it."""
    unit = pace.load_seconds if pace.load_seconds is not None else slowdown * DEFAULT_LOAD_SECONDS
    used = {each.workload.level for each in recent} if pace.loaded is None else pace.loaded
    return {level: LOAD_FACTORS[level] * unit for level in MODEL_LEVELS - used}


def _terms(times: Sequence[MeasuredTime], frame_seconds: float, workers: int, slice_frames: int) -> _Terms:
    """Return the parts of measured times: startup, detection and encoding of each request."""
    rows: list[int] = []
    base: list[float] = []
    factors: list[Floats] = []

    def add(row: int, seconds: float, columns: Mapping[int, float]) -> None:
        if seconds > 0:
            rows.append(row)
            base.append(math.log(seconds))
            factors.append(
                np.array([columns.get(column, 0.0) for column in range(_FIRST_KIND + len(_KINDS))])
            )

    for row, measured in enumerate(times):
        slices = sum(math.ceil(each.frames / slice_frames) for each in measured.requests)
        parallel = max(1, min(workers, slices))
        for each in measured.requests:
            workload, unit = each.workload, each.frames * frame_seconds / parallel
            add(row, STARTUP_FRAMES * frame_seconds / parallel, {_FRAME: 1, _STARTUP: 1})
            searched = unit * searched_frames(workload, each.frames, 1) / each.frames
            add(row, searched * DEFAULT_EFFORTS.searched(workload), _search_columns(workload))
            encoding = {_FRAME: 1.0, _COLUMNS[_own_format(workload.output_format)]: 1.0}
            add(row, unit * DEFAULT_EFFORTS.encoded(workload), encoding)
    shape = (len(rows), _PARAMETERS)
    return _Terms(np.array(rows, dtype=np.intp), np.array(base), np.array(factors).reshape(shape))


def _search_columns(workload: Workload) -> dict[int, float]:
    level = Level.FACES if workload.is_render or workload.level is Level.MINIMAL else workload.level
    size = math.log(workload.pixels / REFERENCE_PIXELS)
    return {_FRAME: 1, _SIZE: size, _COLUMNS[level]: 1, _COLUMNS[workload.verify]: 1}


def _own_format(name: OutputFormat) -> OutputFormat:
    return OutputFormat.JPG if name is OutputFormat.JPEG else name


def _predicted(terms: _Terms, parameters: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the logarithms (n,) of the predicted times and their derivatives (n, p)."""
    seconds = np.exp(terms.base + terms.factors @ parameters)
    total = np.bincount(terms.rows, seconds, count)
    shares = (seconds / total[terms.rows])[:, None] * terms.factors
    derivatives = np.zeros((count, len(parameters)))
    np.add.at(derivatives, terms.rows, shares)
    return np.log(total), derivatives


def _most_probable(terms: _Terms, logs: Floats, weights: Floats, deviations: Floats) -> Floats:
    """Return the most probable parameters (p,) given the logarithms (n,) of the measured times."""
    parameters = np.zeros(len(deviations))
    if not len(logs):
        return parameters
    for _ in range(ROUNDS):
        predicted, derivatives = _predicted(terms, parameters, len(logs))
        residuals = logs - predicted
        robust = np.minimum(1.0, OUTLIER * NOISE / np.maximum(np.abs(residuals), 1e-12))
        scaled = (weights * robust / NOISE**2)[:, None] * derivatives
        curvature = derivatives.T @ scaled + np.diag(deviations**-2)
        slope = scaled.T @ residuals - parameters / deviations**2
        step = np.linalg.solve(curvature, slope)
        parameters = parameters + np.clip(step, -MAX_STEP, MAX_STEP)
    return parameters


def _efforts(parameters: Floats) -> Efforts:
    """Return the efforts that the parameters stand for."""
    factors = {kind: math.exp(parameters[column]) for kind, column in _COLUMNS.items()}
    default = DEFAULT_EFFORTS
    return Efforts(
        level={level: effort * factors.get(level, 1.0) for level, effort in default.level.items()},
        verify={verify: effort * factors[verify] for verify, effort in default.verify.items()},
        megapixel={name: effort * factors[_own_format(name)] for name, effort in default.megapixel.items()},
        size_exponent=default.size_exponent + float(parameters[_SIZE]),
    )


def _divided(efforts: Efforts, unit: float) -> Efforts:
    """Return efforts relative to a frame that takes `unit` of them."""
    return Efforts(
        {level: effort / unit for level, effort in efforts.level.items()},
        efforts.verify,
        {name: effort / unit for name, effort in efforts.megapixel.items()},
        efforts.size_exponent,
    )


def _range_of(deviations: Floats, weights: Floats) -> tuple[float, float]:
    """Return the factors of the range that covers deviations (n,), logarithms, with the given weights."""
    if not len(deviations):
        return 1.0, 1.0
    order = np.argsort(deviations)
    below = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    ends = np.interp([1 - COVERED_QUANTILE, COVERED_QUANTILE], below, deviations[order])
    return math.exp(ends[0]), math.exp(ends[1])
