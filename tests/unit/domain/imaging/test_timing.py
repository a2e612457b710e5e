"""Presentation times of frames in the time scale of an MP4 track."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.imaging.timing import Timing

BASES = st.sampled_from(
    [Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 12800)]
)


@st.composite
def timings(draw: st.DrawFn, bases: st.SearchStrategy[Fraction], max_gap: int) -> Timing:
    first = draw(st.integers(-(10**6), 10**12))
    gaps = draw(st.lists(st.integers(1, max_gap), min_size=1, max_size=40))
    *starts, end = accumulate(gaps, initial=first)
    return Timing(draw(bases), starts, end)


@given(timings(BASES, 10_000))
def test_common_time_bases_are_kept_exactly(timing: Timing) -> None:
    scale, ticks = timing.mp4_ticks()
    start, _ = timing.interval_seconds
    shown = [Fraction(tick, scale) for tick in ticks]
    assert shown == [tick * timing.base - start for tick in (*timing.starts, timing.end)]


@given(
    timings(st.fractions(Fraction(1, 10**9), Fraction(10)).filter(bool), 10**9),
)
def test_any_time_base_is_converted_to_a_valid_track_time_scale(timing: Timing) -> None:
    scale, ticks = timing.mp4_ticks()
    assert 10_000 <= scale <= 1_000_000
    assert len(ticks) == len(timing.starts) + 1
    assert ticks[0] == 0
    assert all(0 < after - before < 2**31 for before, after in pairwise(ticks))


@given(timings(st.just(Fraction(1, 10**9)), 10**12))
def test_nanoseconds_are_rounded_to_microseconds(timing: Timing) -> None:
    scale, ticks = timing.mp4_ticks()
    start, _ = timing.interval_seconds
    for tick, exact in zip(ticks, (*timing.starts, timing.end), strict=True):
        # A frame that would coincide with the one before it moves by one tick.
        assert abs(Fraction(tick, scale) - (exact * timing.base - start)) <= Fraction(len(ticks), scale)


def test_a_constant_rate_is_kept_exactly() -> None:
    scale, ticks = Timing.constant_rate(Fraction(30000, 1001), 10, 13).mp4_ticks()
    assert [Fraction(tick, scale) for tick in ticks] == [Fraction(1001 * n, 30000) for n in range(4)]
