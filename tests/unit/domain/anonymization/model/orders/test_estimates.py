"""Ranges of time estimates, against simulated runs of orders on installations of different speed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.estimates import (
    DEFAULT_STARTUP_SECONDS,
    DEFAULT_THROUGHPUT,
    MODEL_SECONDS,
    UNMEASURED_SPREAD,
    fit_time_model,
)
from framecloak.domain.anonymization.model.orders.throughput import (
    MAX_RATED_REQUESTS,
    REFERENCE_PIXELS,
    Backlog,
    RequestDuration,
    Workload,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat

USUAL = Workload(Level.FACES, Verify.SAMPLE, OutputFormat.JPG, is_render=False, pixels=REFERENCE_PIXELS)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
ANNA, BEN = 1, 2
WORKLOADS = st.builds(
    Workload,
    st.sampled_from(Level),
    st.sampled_from(Verify),
    st.sampled_from(OutputFormat),
    is_render=st.booleans(),
    pixels=st.integers(100, 10**8),
)


def duration(workload: Workload, frames: int, seconds: float, start: float = 0.0) -> RequestDuration:
    started = NOW + timedelta(seconds=start)
    return RequestDuration(workload, frames, started, started + timedelta(seconds=seconds))


DURATIONS = st.builds(
    duration, WORKLOADS, st.integers(0, 100_000), st.floats(0, 100_000), st.floats(0, 100_000)
)


def simulated_order(rng: np.random.Generator) -> tuple[Workload, int]:
    """Return the kind and the length of a random order."""
    workload = Workload(
        Level(rng.choice([str(level) for level in Level])),
        Verify(rng.choice([str(verify) for verify in Verify])),
        OutputFormat(rng.choice(["jpg", "png", "mp4"])),
        is_render=False,
        pixels=int(rng.choice([640 * 360, 1280 * 720, 1920 * 1080])),
    )
    return workload, int(np.exp(rng.uniform(np.log(30), np.log(20_000))))


class Queue:
    """A worker that serves one order after the other, and starts the next while it packs the result.

    Args:
        rate: reference frames a second.
        startup: seconds of an order beside its frames.
    """

    def __init__(self, rate: float, startup: float) -> None:
        self.recent: list[RequestDuration] = []
        self._rate, self._startup = rate, startup
        self._now = 0.0

    def serve(self, rng: np.random.Generator, orders: list[tuple[Workload, int]]) -> list[float]:
        """Serve orders that came at once; return the seconds until the end of each."""
        began = self._now
        ends = []
        for workload, frames in orders:
            noise = np.exp(rng.normal(0, 0.2, 2))
            start = self._now - 0.1 * self._startup
            self._now += self._startup * noise[0] + frames * workload.effort / self._rate * noise[1]
            self.recent.insert(0, duration(workload, frames, self._now - start, start))
            ends.append(self._now - began)
        self._now += 1000
        return ends


@pytest.mark.parametrize("rate", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("startup", [0.5, 45.0])
@pytest.mark.parametrize("at_once", [1, 4, 10])
def test_nine_of_ten_orders_take_between_half_and_twice_their_estimate(
    rate: float, startup: float, at_once: int
) -> None:
    rng = np.random.default_rng(int(rate * 100 + startup * 10 + at_once))
    queue = Queue(rate, startup)
    ratios, covered = [], []
    for _ in range(240 // at_once):
        orders = [simulated_order(rng) for _ in range(at_once)]
        model = fit_time_model(queue.recent[:MAX_RATED_REQUESTS])
        backlog = [Backlog(ANNA, workload, 1, frames) for workload, frames in orders]
        estimates = [model.estimate(backlog[: place + 1], ANNA) for place in range(at_once)]
        for estimated, actual in zip(estimates, queue.serve(rng, orders), strict=True):
            ratios.append(actual / estimated.seconds)
            covered.append(estimated.shortest <= actual <= estimated.longest)
    assert np.mean([0.5 <= ratio <= 2 for ratio in ratios]) >= 0.9
    assert np.mean(covered) >= 0.8


def test_orders_that_overlap_are_not_counted_twice() -> None:
    """Five orders in progress share one worker, so each takes longer than its own work."""
    together = [duration(USUAL, 100, 10.0 * (place + 1)) for place in range(5)][::-1]
    model = fit_time_model([replace(each, frames=100) for each in together * 10])
    assert model.estimate([Backlog(ANNA, USUAL, 5, 500)], ANNA).seconds < 100


def test_a_changed_load_is_known_after_a_few_orders() -> None:
    quick = [duration(USUAL, frames, frames / 20, start) for start, frames in enumerate(range(100, 500, 10))]
    slow = [duration(USUAL, frames, frames / 5, 10_000 + 100 * frames) for frames in range(600, 1600, 100)]
    model = fit_time_model([*slow[::-1], *quick[::-1]])
    assert 0.5 < model.estimate([Backlog(ANNA, USUAL, 1, 500)], ANNA).seconds / 100 < 2


def test_startup_is_told_from_the_time_of_frames() -> None:
    lengths = [50, 200, 1000, 5000] * 10
    exact = [duration(USUAL, each, 40 + each / 10, 1000.0 * place) for place, each in enumerate(lengths)]
    model = fit_time_model(exact[::-1])
    assert model.startup_seconds == pytest.approx(40, rel=0.05)
    assert 1 / model.frame_seconds == pytest.approx(10 * USUAL.effort, rel=0.05)


def test_without_completed_orders_the_defaults_apply_with_a_wide_range() -> None:
    estimated = fit_time_model([]).estimate([Backlog(ANNA, USUAL, 1, 100)], ANNA)
    busy = DEFAULT_STARTUP_SECONDS + 100 * USUAL.effort / DEFAULT_THROUGHPUT
    expected = busy + MODEL_SECONDS[Level.FACES]
    assert estimated.seconds == pytest.approx(expected)
    assert estimated.longest == pytest.approx(estimated.seconds * UNMEASURED_SPREAD)
    assert estimated.shortest == pytest.approx(estimated.seconds / UNMEASURED_SPREAD)
    delayed = fit_time_model([], slowdown=3).estimate([Backlog(ANNA, USUAL, 1, 100)], ANNA)
    assert delayed.seconds == pytest.approx(3 * expected)


def test_models_are_loaded_once_for_each_level() -> None:
    full = replace(USUAL, level=Level.FULL)
    faces, areas = Backlog(ANNA, USUAL, 1, 100), Backlog(ANNA, full, 1, 100)
    unused = fit_time_model([])
    busy = (faces.work + areas.work) / DEFAULT_THROUGHPUT + 2 * DEFAULT_STARTUP_SECONDS
    loading = MODEL_SECONDS[Level.FACES] + MODEL_SECONDS[Level.FULL]
    assert unused.estimate([faces, areas], ANNA).seconds == pytest.approx(busy + loading)
    assert unused.seconds([faces, areas]) == pytest.approx(busy + loading)
    used = fit_time_model([duration(USUAL, 100, 10), duration(full, 100, 15, 100)])
    assert used.estimate([faces, areas], ANNA).seconds == pytest.approx(
        used.estimate([faces], ANNA).seconds + used.estimate([areas], ANNA).seconds
    )


def test_accounts_take_turns() -> None:
    model = fit_time_model([duration(USUAL, 100, 10)])
    own = Backlog(ANNA, USUAL, 1, 100)
    short, long = Backlog(BEN, USUAL, 1, 10), Backlog(BEN, USUAL, 1, 100_000)
    alone = model.estimate([own], ANNA).seconds
    assert model.estimate([own, long], ANNA).seconds == pytest.approx(2 * alone)
    assert alone < model.estimate([own, short], ANNA).seconds < 2 * alone
    assert model.estimate([long], ANNA).seconds == 0


@given(st.lists(DURATIONS, max_size=20), WORKLOADS, st.integers(1, 10_000), st.floats(1, 100))
def test_every_history_gives_a_range_around_the_estimate(
    recent: list[RequestDuration], workload: Workload, frames: int, slowdown: float
) -> None:
    model = fit_time_model(recent, slowdown)
    estimated = model.estimate([Backlog(ANNA, workload, 1, frames)], ANNA)
    assert 0 < estimated.shortest < estimated.seconds < estimated.longest < float("inf")
    assert model.estimate([Backlog(ANNA, workload, 1, frames * 2)], ANNA).seconds >= estimated.seconds
    assert model.estimate([], ANNA).longest == 0
