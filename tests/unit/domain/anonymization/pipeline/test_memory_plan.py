"""Bounds on the number of decoded frames, for every frame size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.pipeline.memory_plan import (
    BLOCK_BYTES,
    MAX_BLOCK_FRAMES,
    MAX_LOOK_AHEAD_BYTES,
    MIN_BLOCK_FRAMES,
    MemoryPlan,
)


@given(st.integers(1, 1 << 31), st.integers(0, 500))
def test_kept_frames_never_exceed_the_limit(nbytes: int, margin: int) -> None:
    plan = MemoryPlan.for_frames(nbytes, margin)
    assert MIN_BLOCK_FRAMES <= plan.block <= MAX_BLOCK_FRAMES
    assert plan.decode_twice or (2 * plan.block + margin) * nbytes <= MAX_LOOK_AHEAD_BYTES


@given(st.integers(1, BLOCK_BYTES // MIN_BLOCK_FRAMES), st.integers(0, 500))
def test_a_block_of_more_than_the_minimum_of_frames_stays_within_its_bytes(nbytes: int, margin: int) -> None:
    assert MemoryPlan.for_frames(nbytes, margin).block * nbytes <= BLOCK_BYTES


@pytest.mark.parametrize(
    ("size", "block", "decode_twice"),
    [
        ((640, 360), 96, False),
        ((1280, 720), 24, False),
        ((1920, 1080), 16, False),
        ((3840, 2160), 16, True),
        ((7680, 4320), 16, True),
    ],
)
def test_plans_for_common_frame_sizes(size: tuple[int, int], block: int, decode_twice: bool) -> None:
    width, height = size
    assert MemoryPlan.for_frames(width * height * 3, 25) == MemoryPlan(block, decode_twice)
