"""Clocks of media streams that wrap, jump, repeat and fall."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.stream_clock import PacketClock, rising_stamps

TICK = Fraction(1, 90000)
FRAME = 3600
PACKET = Fraction(1920, 90000)
starts = st.integers(-(2**33), 2**33)


@given(starts, st.integers(2, 60), st.data())
def test_frames_go_on_where_their_clock_jumps(start: int, count: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, count - 1))
    jump = data.draw(st.integers(2**20, 2**33) | st.integers(-(2**33), -(2**18)))
    stamps = [start + FRAME * number + (jump if number >= at else 0) for number in range(count)]
    rising, shifts = rising_stamps(stamps, TICK) or ([], [])
    if count > 2:
        assert [*rising] == [start + FRAME * number for number in range(count)]
        assert [*shifts] == [-jump]
    else:
        assert rising[1] > rising[0]


@given(starts, st.lists(st.integers(-(2**33), 2**33), min_size=1, max_size=50))
def test_any_stamps_rise_afterwards(start: int, moves: list[int]) -> None:
    rising, _ = rising_stamps([start, *moves], TICK) or ([], [])
    assert len(rising) == 1 + len(moves)
    assert all(before < after for before, after in pairwise(rising))


def test_frames_without_stamps_have_no_clock() -> None:
    assert rising_stamps([], TICK) is None
    assert rising_stamps([0, None, 7200], TICK) is None


@given(starts, st.integers(1, 40), st.sampled_from([-1, 1]))
def test_sound_jumps_with_the_frames(start: int, at: int, direction: int) -> None:
    """The sound ends up to half a second before or after the frames, in each of the joined recordings."""
    jump = direction * 2**33 * TICK
    cut = Fraction(direction, 2)
    clock = PacketClock([-jump])
    begin = start * TICK
    times = [
        clock.start(begin + PACKET * number + (jump + cut if number >= at else 0), PACKET)
        for number in range(at + 5)
    ]
    known = [time for time in times if time is not None]
    assert len(known) == len(times)
    assert known[:at] == [begin + PACKET * number for number in range(at)]
    # A gap stays; where recordings overlap, nothing is placed before the end of what precedes it.
    assert known[at] == begin + PACKET * at + max(cut, 0)


@given(starts, st.integers(2**20, 2**33))
def test_a_gap_in_the_sound_of_a_steady_clock_stays(start: int, gap: int) -> None:
    clock = PacketClock()
    assert clock.start(start * TICK, PACKET) == start * TICK
    later = start * TICK + PACKET + gap * TICK
    assert clock.start(later, PACKET) == later


@given(st.lists(st.integers(-(2**33), 2**33) | st.none(), max_size=60))
def test_packets_follow_each_other_whatever_their_stamps(stamps: list[int | None]) -> None:
    clock = PacketClock()
    times = [clock.start(None if stamp is None else stamp * TICK, PACKET) for stamp in stamps]
    known = [time for time in times if time is not None]
    assert all(after - before >= PACKET / 2 for before, after in pairwise(known))
    unstamped = next((index for index, stamp in enumerate(stamps) if stamp is not None), len(stamps))
    assert len(known) == len(stamps) - unstamped


def test_equal_stamps_are_counted_on() -> None:
    clock = PacketClock()
    assert [clock.start(Fraction(5), PACKET) for _ in range(3)] == [5, 5 + PACKET, 5 + 2 * PACKET]


@given(starts, st.integers(2, 60), st.data())
def test_stamps_in_the_order_of_decoding_are_sorted(start: int, count: int, data: st.DataObject) -> None:
    """AVI, ASF and MXF may state when frames are decoded; those that wait for others come too late."""
    regular = [start + FRAME * number for number in range(count)]
    stamps = list(regular)
    for place in data.draw(st.sets(st.integers(0, count - 2))):
        stamps[place : place + 2] = reversed(stamps[place : place + 2])
    rising, shifts = rising_stamps(stamps, TICK) or ([], [0])
    assert ([*rising], [*shifts]) == (regular, [])
