"""Ranges of sound that may be speech."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.record.speech import (
    MARGIN_SECONDS,
    SPEECH_THRESHOLD,
    speech_ranges,
)

WINDOW = 0.032


def test_speech_is_silent_with_its_margins() -> None:
    probabilities = np.zeros(100)
    probabilities[40:42] = 0.9
    ((start, end),) = speech_ranges(probabilities, WINDOW, 0, 3.2)
    assert start == pytest.approx(40 * WINDOW - MARGIN_SECONDS, abs=0.001)
    assert end == pytest.approx(42 * WINDOW + MARGIN_SECONDS, abs=0.001)


def test_what_is_unsure_counts_as_speech() -> None:
    assert speech_ranges(np.array([SPEECH_THRESHOLD]), WINDOW, 0, 1)
    assert speech_ranges(np.array([np.nan]), WINDOW, 0, 1)
    assert speech_ranges(np.array([0.05]), WINDOW, 0, 1) == ()


@given(st.lists(st.floats(0, 1), max_size=80), st.floats(-1, 0), st.floats(0.5, 5))
def test_every_window_with_speech_is_inside_a_range(
    values: list[float], start: float, duration: float
) -> None:
    ranges = speech_ranges(np.array(values), WINDOW, start, duration)
    assert all(before[1] < after[0] + 0.002 for before, after in pairwise(ranges))
    for number, value in enumerate(values):
        middle = start + (number + 0.5) * WINDOW
        if value >= SPEECH_THRESHOLD and 0 <= middle <= duration:
            assert any(low <= middle <= high for low, high in ranges)
