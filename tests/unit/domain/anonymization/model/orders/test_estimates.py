"""Ranges of time estimates, against simulated runs of orders on installations of different speed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.fitting import (
    ASSUMED_SPREAD,
    DEFAULT_FRAME_SECONDS,
    DEFAULT_LOAD_SECONDS,
    LOAD_FACTORS,
    STARTUP_FRAMES,
    TESTED_SPREAD,
    fit_time_model,
)
from framecloak.domain.anonymization.model.orders.pace import Pace, WorkerSpeed
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_EFFORTS,
    MARGIN_FRAMES,
    MAX_RATED_REQUESTS,
    REFERENCE_PIXELS,
    Backlog,
    Efforts,
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
        efforts: times of frames on the machine of the worker, in reference frames.
    """

    def __init__(self, rate: float, startup: float, efforts: Efforts = DEFAULT_EFFORTS) -> None:
        self.recent: list[RequestDuration] = []
        self._rate, self._startup, self._efforts = rate, startup, efforts
        self._now = 0.0

    def serve(self, rng: np.random.Generator, orders: list[tuple[Workload, int]]) -> list[float]:
        """Serve orders that came at once; return the seconds until the end of each."""
        began = self._now
        ends = []
        for workload, frames in orders:
            noise = np.exp(rng.normal(0, 0.2, 2))
            start = self._now - 0.1 * self._startup
            work = self._efforts.total(workload, frames, 1)
            self._now += self._startup * noise[0] + work / self._rate * noise[1]
            self.recent.insert(0, duration(workload, frames, self._now - start, start))
            ends.append(self._now - began)
        self._now += 1000
        return ends


def shares_held(queue: Queue, pace: Pace, at_once: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the shares of 240 orders within a factor of two of their estimates, and within the ranges."""
    ratios, covered = [], []
    for _ in range(240 // at_once):
        orders = [simulated_order(rng) for _ in range(at_once)]
        model = fit_time_model(queue.recent[:MAX_RATED_REQUESTS], pace)
        backlog = [Backlog(ANNA, workload, 1, frames) for workload, frames in orders]
        estimates = [model.estimate(backlog[: place + 1], ANNA) for place in range(at_once)]
        for estimated, actual in zip(estimates, queue.serve(rng, orders), strict=True):
            ratios.append(actual / estimated.seconds)
            covered.append(estimated.shortest <= actual <= estimated.longest)
    return float(np.mean([0.5 <= ratio <= 2 for ratio in ratios])), float(np.mean(covered))


@pytest.mark.parametrize("rate", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("startup", [0.5, 45.0])
@pytest.mark.parametrize("at_once", [1, 4, 10])
def test_nine_of_ten_orders_take_between_half_and_twice_their_estimate(
    rate: float, startup: float, at_once: int
) -> None:
    rng = np.random.default_rng(int(rate * 100 + startup * 10 + at_once))
    held, covered = shares_held(Queue(rate, startup), Pace(), at_once, rng)
    assert held >= 0.9
    assert covered >= 0.8


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_machine_on_which_other_parts_are_slow_is_learned(at_once: int) -> None:
    rng = np.random.default_rng(at_once)
    levels = {Level.MINIMAL: 0.0, Level.FACES: 0.5, Level.FULL: 3.0}
    megapixel = {name: 2 * effort for name, effort in DEFAULT_EFFORTS.megapixel.items()}
    queue = Queue(20, 2, replace(DEFAULT_EFFORTS, level=levels, megapixel=megapixel))
    held, covered = shares_held(queue, Pace(frame_seconds=0.05), at_once, rng)
    assert held >= 0.9
    assert covered >= 0.8


@pytest.mark.parametrize("rate", [0.5, 20.0, 800.0])
def test_the_first_orders_are_estimated_from_the_speed_test(rate: float) -> None:
    """What was assumed of another machine was three times too slow on a quick one."""
    rng = np.random.default_rng(int(rate * 10))
    pace = Pace.of([WorkerSpeed(1 / rate, 0.0, frozenset({Level.FACES, Level.FULL}))])
    ratios = []
    for _ in range(50):
        workload, frames = simulated_order(rng)
        queue = Queue(rate, STARTUP_FRAMES / rate)
        estimated = fit_time_model([], pace).estimate([Backlog(ANNA, workload, 1, frames)], ANNA)
        ratios += [seconds / estimated.seconds for seconds in queue.serve(rng, [(workload, frames)])]
    assert np.mean([0.5 <= ratio <= 2 for ratio in ratios]) >= 0.95
    assert estimated.longest == pytest.approx(TESTED_SPREAD * estimated.seconds)


def test_one_outlier_does_not_change_the_estimate_much() -> None:
    usual = [duration(USUAL, 500, 40, 100.0 * place) for place in range(10)]
    stuck = duration(USUAL, 500, 4000, 10_000)
    order = [Backlog(ANNA, USUAL, 1, 500)]
    before = fit_time_model(usual[::-1]).estimate(order, ANNA).seconds
    assert fit_time_model([stuck, *usual[::-1]]).estimate(order, ANNA).seconds < 2 * before


def test_what_is_learned_of_one_level_scales_the_others() -> None:
    slow = [duration(USUAL, 500, 400, 1000.0 * place) for place in range(10)][::-1]
    full = replace(USUAL, level=Level.FULL, output_format=OutputFormat.PNG)
    model = fit_time_model(slow, Pace(frame_seconds=0.05))
    usual = fit_time_model([], Pace(frame_seconds=0.05))
    for workload in (USUAL, full):
        order = [Backlog(ANNA, workload, 1, 500)]
        assert model.estimate(order, ANNA).seconds > 4 * usual.estimate(order, ANNA).seconds


def test_a_short_order_takes_the_time_of_its_margins() -> None:
    """An order of 35 frames took seven times its estimate: the frames around it are searched, too."""
    model = fit_time_model([], Pace(frame_seconds=0.05, loaded=frozenset(Level)))
    full = replace(USUAL, level=Level.FULL)
    short, long = (
        model.estimate([Backlog(ANNA, full, 1, frames)], ANNA).seconds for frames in (35, 35 + MARGIN_FRAMES)
    )
    assert long < 2.2 * short
    minimal = replace(USUAL, level=Level.MINIMAL)
    assert model.estimate([Backlog(ANNA, minimal, 1, 35)], ANNA).seconds < short / 5


def test_workers_share_orders_of_several_slices() -> None:
    one, three = (
        fit_time_model([], Pace(workers, 0.05, loaded=frozenset(Level)), slice_frames=250)
        for workers in (1, 3)
    )
    short, long = [Backlog(ANNA, USUAL, 1, 200)], [Backlog(ANNA, USUAL, 1, 2000)]
    assert three.estimate(short, ANNA) == one.estimate(short, ANNA)
    assert 3 * three.estimate(long, ANNA).seconds == pytest.approx(one.estimate(long, ANNA).seconds)
    assert 3 * three.seconds(long) == pytest.approx(one.seconds(long))


def test_the_pace_is_that_of_all_workers() -> None:
    assert Pace.of([]) == Pace()
    assert Pace.of([None, None]) == Pace(workers=2)
    fast = WorkerSpeed(0.1, 2.0, frozenset({Level.FACES}))
    slow = WorkerSpeed(0.3, 4.0, frozenset({Level.FULL}))
    pace = Pace.of([fast, slow, WorkerSpeed()])
    assert pace.workers == 3
    assert pace.frame_seconds == pytest.approx(0.15)
    assert pace.load_seconds == pytest.approx(3)
    assert pace.loaded == {Level.FACES, Level.FULL}


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
    for frames in (50, 5000):
        estimated = model.estimate([Backlog(ANNA, USUAL, 1, frames)], ANNA)
        assert estimated.seconds == pytest.approx(40 + frames / 10, rel=0.15)


def test_without_completed_orders_the_defaults_apply_with_a_wide_range() -> None:
    order = Backlog(ANNA, USUAL, 1, 100)
    estimated = fit_time_model([]).estimate([order], ANNA)
    expected = (STARTUP_FRAMES + order.work) * DEFAULT_FRAME_SECONDS + DEFAULT_LOAD_SECONDS
    assert estimated.seconds == pytest.approx(expected)
    assert estimated.longest == pytest.approx(estimated.seconds * ASSUMED_SPREAD)
    assert estimated.shortest == pytest.approx(estimated.seconds / ASSUMED_SPREAD)
    delayed = fit_time_model([], slowdown=3).estimate([order], ANNA)
    assert delayed.seconds == pytest.approx(3 * expected)
    tested = fit_time_model([], Pace(frame_seconds=DEFAULT_FRAME_SECONDS), slowdown=3)
    assert tested.frame_seconds == pytest.approx(DEFAULT_FRAME_SECONDS, rel=0.02)


def test_models_are_loaded_once_for_each_level() -> None:
    full = replace(USUAL, level=Level.FULL)
    faces, areas = Backlog(ANNA, USUAL, 1, 100), Backlog(ANNA, full, 1, 100)
    unused = fit_time_model([])
    busy = (faces.work + areas.work + 2 * STARTUP_FRAMES) * DEFAULT_FRAME_SECONDS
    loading = DEFAULT_LOAD_SECONDS * (LOAD_FACTORS[Level.FACES] + LOAD_FACTORS[Level.FULL])
    assert unused.estimate([faces, areas], ANNA).seconds == pytest.approx(busy + loading)
    assert unused.seconds([faces, areas]) == pytest.approx(busy + loading)
    used = fit_time_model([duration(USUAL, 100, 10), duration(full, 100, 15, 100)])
    assert not used.model_seconds


def test_a_worker_that_was_restarted_loads_its_models_again() -> None:
    history = [duration(replace(USUAL, level=Level.FULL), 100, 15)]
    restarted = Pace.of([WorkerSpeed(0.05, 3.0, frozenset({Level.FACES}))])
    assert fit_time_model(history, restarted).model_seconds == {Level.FULL: 3 * LOAD_FACTORS[Level.FULL]}
    warm = Pace.of([WorkerSpeed(0.05, 3.0, frozenset({Level.FACES, Level.FULL}))])
    assert not fit_time_model(history, warm).model_seconds


def test_accounts_take_turns() -> None:
    model = fit_time_model([duration(USUAL, 100, 10)])
    own = Backlog(ANNA, USUAL, 1, 100)
    short, long = Backlog(BEN, USUAL, 1, 10), Backlog(BEN, USUAL, 1, 100_000)
    alone = model.estimate([own], ANNA).seconds
    assert model.estimate([own, long], ANNA).seconds == pytest.approx(2 * alone)
    assert alone < model.estimate([own, short], ANNA).seconds < 2 * alone
    assert model.estimate([long], ANNA).seconds == 0


PACES = st.builds(
    Pace,
    st.integers(1, 50),
    st.none() | st.floats(1e-4, 100),
    st.none() | st.floats(0, 100),
    st.none() | st.frozensets(st.sampled_from(Level)),
)


@given(st.lists(DURATIONS, max_size=20), PACES, WORKLOADS, st.integers(1, 10_000), st.floats(1, 100))
def test_every_history_gives_a_range_around_the_estimate(
    recent: list[RequestDuration], pace: Pace, workload: Workload, frames: int, slowdown: float
) -> None:
    model = fit_time_model(recent, pace, slowdown)
    estimated = model.estimate([Backlog(ANNA, workload, 1, frames)], ANNA)
    assert 0 < estimated.shortest < estimated.seconds < estimated.longest < float("inf")
    assert model.estimate([], ANNA).longest == 0
    alone = replace(model, workers=1)
    half, whole = (
        alone.estimate([Backlog(ANNA, workload, 1, count)], ANNA).seconds for count in (frames, 2 * frames)
    )
    assert half <= whole
