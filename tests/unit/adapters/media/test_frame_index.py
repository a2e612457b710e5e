"""Index of the frames of a video, and its memory."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.stream_clock import rising_stamps
from framecloak.adapters.media.video.frame_index import FrameIndex, PacketTable

FRAMES = 300_000


@pytest.mark.parametrize("keyframes", [1, 12])
def test_an_index_takes_a_few_bytes_for_each_frame(keyframes: int) -> None:
    pts = np.arange(FRAMES, dtype=np.int64) ^ 1
    flags = np.zeros(FRAMES, np.bool_)
    flags[::keyframes] = True
    packets = PacketTable(pts, pts, flags, np.ones(FRAMES, np.bool_))
    tracemalloc.start()
    try:
        index = FrameIndex(packets)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == FRAMES
    assert kept < 36 * FRAMES
    assert peak < 60 * FRAMES


@pytest.mark.parametrize("jumping", [False, True])
def test_a_clock_takes_a_few_bytes_for_each_frame(*, jumping: bool) -> None:
    steps = np.full(FRAMES, 3600, np.int64)
    if jumping:
        steps[::3] = 1 << 30
    stamps = np.cumsum(steps)
    tracemalloc.start()
    try:
        rising, shifts = rising_stamps(stamps, Fraction(1, 90_000)) or ((), ())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rising) == FRAMES
    assert bool(shifts) == jumping
    assert peak < 80 * FRAMES


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.booleans(), st.booleans()), max_size=40))
def test_frames_are_numbered_in_the_order_of_their_times(packets: list[tuple[int, bool, bool]]) -> None:
    unique = list({stamp: (stamp, key, shown) for stamp, key, shown in packets}.values())
    columns = np.array(unique, np.int64).reshape(len(unique), 3).T
    index = FrameIndex(PacketTable(columns[0], columns[0], columns[1] > 0, columns[2] > 0))
    shown = sorted(stamp for stamp, _, is_shown in unique if is_shown)
    assert index.timestamps(0, len(index)) == index.stamps.tolist() == shown
    assert [index.frame_number(stamp) for stamp in shown] == list(range(len(shown)))
    assert index.span == (shown[-1] - shown[0] if shown else 0)
    for number, stamp in enumerate(shown):
        first = min(place for place, (other, _, _) in enumerate(unique) if other >= stamp)
        usable = [place for place in range(first + 1) if unique[place][1] and unique[place][0] <= stamp]
        assert index.entry_packet(number) == max(usable, default=0)
