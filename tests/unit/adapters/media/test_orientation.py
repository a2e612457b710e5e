"""Orientations: which stored pixels a part of the upright image comes from."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.orientation import Orientation


@given(st.sampled_from(Orientation), st.data())
def test_a_part_is_the_same_before_and_after_it_is_turned(
    orientation: Orientation, data: st.DataObject
) -> None:
    rows, columns = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    stored = np.arange(rows * columns * 3, dtype=np.uint8).reshape(rows, columns, 3)
    upright = orientation.apply(stored)
    height, width = upright.shape[:2]
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    part_width, part_height = data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top))
    x, y, across, down = orientation.stored_part(left, top, part_width, part_height, (width, height))
    turned = orientation.apply(np.ascontiguousarray(stored[y : y + down, x : x + across]))
    assert (turned == upright[top : top + part_height, left : left + part_width]).all()
