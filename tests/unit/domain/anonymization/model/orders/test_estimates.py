"""Ranges of time estimates, against simulated runs of orders on installations of different speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.estimates import (
    DEFAULT_STARTUP_SECONDS,
    UNMEASURED_SPREAD,
    fit_time_model,
)
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_THROUGHPUT,
    MAX_RATED_REQUESTS,
    RequestDuration,
    Workload,
)

USUAL = Workload(Level.FACES, Verify.SAMPLE, is_video=False, is_render=False)
WORKLOADS = st.builds(
    Workload,
    st.sampled_from(Level),
    st.sampled_from(Verify),
    is_video=st.booleans(),
    is_render=st.booleans(),
)
DURATIONS = st.builds(RequestDuration, WORKLOADS, st.integers(0, 100_000), st.floats(0, 100_000))


@pytest.mark.parametrize("rate", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("startup", [0.5, 45.0])
@pytest.mark.parametrize("queued", [0, 3])
def test_nine_of_ten_orders_take_between_half_and_twice_their_estimate(
    rate: float, startup: float, queued: int
) -> None:
    rng = np.random.default_rng(int(rate * 100 + startup * 10 + queued))
    recent: list[RequestDuration] = []
    ratios, covered = [], []
    for _ in range(200):
        orders = [simulated_order(rng, rate, startup) for _ in range(1 + queued)]
        frames: dict[Workload, int] = {}
        for order in orders:
            frames[order.workload] = frames.get(order.workload, 0) + order.frames
        estimated = fit_time_model(recent[:MAX_RATED_REQUESTS]).estimate(frames)
        # The models of a worker that stays busy are loaded already.
        actual = sum(order.seconds for order in orders) - queued * startup
        ratios.append(actual / estimated.seconds)
        covered.append(estimated.shortest <= actual <= estimated.longest)
        recent = [*orders, *recent]
    assert np.mean([0.5 <= ratio <= 2 for ratio in ratios]) >= 0.9
    assert np.mean(covered) >= 0.8


def simulated_order(rng: np.random.Generator, rate: float, startup: float) -> RequestDuration:
    """Return an order of random length and kind, whose parts take up to a third longer or shorter."""
    workload = Workload(
        Level(rng.choice([str(level) for level in Level])),
        Verify(rng.choice([str(verify) for verify in Verify])),
        is_video=bool(rng.integers(2)),
        is_render=False,
    )
    frames = int(np.exp(rng.uniform(np.log(30), np.log(20_000))))
    noise = np.exp(rng.normal(0, 0.2, 2))
    seconds = startup * noise[0] + frames * workload.effort / rate * noise[1]
    return RequestDuration(workload, frames, float(seconds))


def test_startup_is_told_from_the_time_of_frames() -> None:
    exact = [RequestDuration(USUAL, frames, 40 + frames / 10) for frames in (50, 200, 1000, 5000)] * 10
    model = fit_time_model(exact)
    assert model.startup_seconds == pytest.approx(40, rel=0.05)
    assert 1 / model.frame_seconds == pytest.approx(10, rel=0.05)


def test_without_completed_orders_the_defaults_apply_with_a_wide_range() -> None:
    estimated = fit_time_model([]).estimate({USUAL: 100})
    assert estimated.seconds == pytest.approx(DEFAULT_STARTUP_SECONDS + 100 / DEFAULT_THROUGHPUT)
    assert estimated.longest == pytest.approx(estimated.seconds * UNMEASURED_SPREAD)
    assert estimated.shortest == pytest.approx(estimated.seconds / UNMEASURED_SPREAD)


@given(st.lists(DURATIONS, max_size=20), WORKLOADS, st.integers(1, 10_000))
def test_every_history_gives_a_range_around_the_estimate(
    recent: list[RequestDuration], workload: Workload, frames: int
) -> None:
    model = fit_time_model(recent)
    estimated = model.estimate({workload: frames})
    assert 0 < estimated.shortest < estimated.seconds < estimated.longest < float("inf")
    assert model.estimate({workload: frames * 2}).seconds >= estimated.seconds
    assert model.estimate({}).longest == 0
