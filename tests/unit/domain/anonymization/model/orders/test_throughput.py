"""Duration estimates from the throughput of completed requests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_THROUGHPUT,
    RequestDuration,
    Workload,
    estimate_seconds,
    throughput,
)

USUAL = Workload(Level.FACES, Verify.SAMPLE, is_video=False, is_render=False)
WORKLOADS = st.builds(
    Workload,
    st.sampled_from(Level),
    st.sampled_from(Verify),
    is_video=st.booleans(),
    is_render=st.booleans(),
)


@given(st.lists(st.tuples(WORKLOADS, st.integers(1, 10_000)), min_size=1), st.floats(0.1, 1000))
def test_completed_work_is_estimated_at_its_own_rate(
    completed: list[tuple[Workload, int]], rate: float
) -> None:
    durations = [RequestDuration(kind, frames, frames * kind.effort / rate) for kind, frames in completed]
    assert throughput(durations) == pytest.approx(rate)
    for duration in durations:
        assert estimate_seconds({duration.workload: duration.frames}, rate) == pytest.approx(duration.seconds)


def test_without_completed_work_the_default_throughput_applies() -> None:
    assert throughput([]) == throughput([RequestDuration(USUAL, 5, 0.0)]) == DEFAULT_THROUGHPUT
    assert estimate_seconds({}, DEFAULT_THROUGHPUT) == 0


def test_more_work_takes_longer() -> None:
    full = replace(USUAL, level=Level.FULL)
    assert replace(USUAL, level=Level.MINIMAL).effort < USUAL.effort == 1 < full.effort
    assert replace(full, verify=Verify.NONE).effort < full.effort < replace(full, verify=Verify.ALL).effort
    assert replace(full, is_video=True).effort > full.effort


@given(WORKLOADS)
def test_rerendering_costs_the_same_at_every_level_but_for_the_check(workload: Workload) -> None:
    rendered = replace(workload, is_render=True)
    unchecked = replace(rendered, level=Level.MINIMAL, verify=Verify.NONE)
    assert replace(rendered, verify=Verify.NONE).effort == unchecked.effort
    checked = rendered.level is not Level.MINIMAL and rendered.verify is not Verify.NONE
    assert (rendered.effort > unchecked.effort) is checked
    assert rendered.effort <= workload.effort
