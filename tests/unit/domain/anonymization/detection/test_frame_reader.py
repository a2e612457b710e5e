"""Frames are decoded once, also where two consecutive reads overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.frame_reader import SequentialFrameReader
from framecloak.domain.errors import TruncatedVideoError
from framecloak.domain.ports.metrics import NULL_METER
from support.samples.scripted_video import ScriptedSource

LENGTH = 60


@given(
    ends=st.sets(st.integers(1, LENGTH), min_size=1).map(sorted),
    beyond=st.lists(st.integers(0, LENGTH), min_size=1, max_size=9),
)
def test_each_read_continues_where_the_one_before_ended(ends: list[int], beyond: list[int]) -> None:
    source = ScriptedSource(LENGTH)
    reader, start, furthest = SequentialFrameReader(source, 0, LENGTH, NULL_METER), 0, 0
    for number, end in enumerate(ends):
        stop = min(LENGTH, max(end + beyond[number % len(beyond)], furthest))
        assert reader.is_at(source, start)
        assert [frame.index for frame in reader.frames(stop, end)] == list(range(start, stop))
        start, furthest = end, stop
    assert reader.is_at(source, start)
    assert not reader.is_at(ScriptedSource(LENGTH), start)
    reader.close()
    assert source.opened == source.closed == 1


def test_a_shorter_read_keeps_the_buffered_frames_behind_it() -> None:
    reader = SequentialFrameReader(ScriptedSource(LENGTH), 0, LENGTH, NULL_METER)
    list(reader.frames(40, 10))
    assert [frame.index for frame in reader.frames(20, 15)] == list(range(10, 20))
    assert [frame.index for frame in reader.frames(60, 60)] == list(range(15, 60))


def test_reading_beyond_the_end_is_an_error() -> None:
    with pytest.raises(TruncatedVideoError):
        list(
            SequentialFrameReader(ScriptedSource(LENGTH), 0, LENGTH + 1, NULL_METER).frames(
                LENGTH + 1, LENGTH + 1
            )
        )
