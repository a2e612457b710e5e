"""Work of requests in comparable units."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_EFFORTS,
    MARGIN_FRAMES,
    REFERENCE_PIXELS,
    Backlog,
    RequestDuration,
    Workload,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat

USUAL = Workload(Level.FACES, Verify.SAMPLE, OutputFormat.JPG, is_render=False, pixels=REFERENCE_PIXELS)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
WORKLOADS = st.builds(
    Workload,
    st.sampled_from(Level),
    st.sampled_from(Verify),
    st.sampled_from(OutputFormat),
    is_render=st.booleans(),
    pixels=st.integers(1, 10**8),
)


def test_more_work_takes_longer() -> None:
    full = replace(USUAL, level=Level.FULL)
    assert replace(USUAL, level=Level.MINIMAL).effort < USUAL.effort < full.effort
    assert replace(full, verify=Verify.NONE).effort < full.effort < replace(full, verify=Verify.ALL).effort
    assert replace(full, output_format=OutputFormat.MP4).effort > full.effort
    assert replace(full, output_format=OutputFormat.JPEG).effort == full.effort


def test_the_reference_frame_is_the_unit() -> None:
    assert USUAL.effort == pytest.approx(1, rel=0.05)
    searched = DEFAULT_EFFORTS.searched(USUAL)
    two = 300 * USUAL.effort + 2 * MARGIN_FRAMES * searched
    assert Backlog(1, USUAL, 2, 300).work == pytest.approx(two)
    one = 300 * USUAL.effort + MARGIN_FRAMES * searched
    assert RequestDuration(USUAL, 300, NOW, NOW + timedelta(seconds=9)).work == pytest.approx(one)
    render = replace(USUAL, is_render=True)
    assert Backlog(1, render, 2, 300).work == pytest.approx(300 * render.effort)
    assert RequestDuration(USUAL, 300, NOW, NOW + timedelta(seconds=9)).seconds == 9


@given(WORKLOADS, st.integers(2, 9))
def test_larger_frames_take_longer_but_not_more_than_in_proportion(workload: Workload, times: int) -> None:
    larger = replace(workload, pixels=workload.pixels * times)
    assert workload.effort < larger.effort <= workload.effort * times * (1 + 1e-9)


@given(WORKLOADS)
def test_rerendering_costs_the_same_at_every_level_but_for_the_check(workload: Workload) -> None:
    rendered = replace(workload, is_render=True)
    unchecked = replace(rendered, level=Level.MINIMAL, verify=Verify.NONE)
    assert replace(rendered, verify=Verify.NONE).effort == unchecked.effort
    checked = rendered.level is not Level.MINIMAL and rendered.verify is not Verify.NONE
    assert (rendered.effort > unchecked.effort) is checked
    assert rendered.effort <= workload.effort
