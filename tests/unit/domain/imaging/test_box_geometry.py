"""Arithmetic of boxes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framecloak.domain.imaging import box_geometry

corners = st.floats(-500, 500).map(lambda value: round(value, 3))


@st.composite
def random_boxes(draw: st.DrawFn) -> box_geometry.Boxes:
    count = draw(st.integers(0, 8))
    low = draw(arrays(np.float64, (count, 2), elements=corners))
    sides = draw(arrays(np.float64, (count, 2), elements=st.floats(1, 200)))
    return np.hstack([low, low + sides])


def test_area_of_a_box_and_of_an_inverted_one() -> None:
    assert box_geometry.area(np.array([[1.0, 2, 4, 6], [4, 6, 1, 2]])).tolist() == [12, 0]


def test_centre_and_size() -> None:
    box = np.array([0.0, 0, 4, 9])
    assert box_geometry.centre(box).tolist() == [2, 4.5]
    assert box_geometry.size(box) == 6
    assert box_geometry.size(np.zeros(4)) == 1


def test_grow_moves_every_side_by_a_share_of_the_extent() -> None:
    assert box_geometry.grow(np.array([[10.0, 10, 20, 30]]), 0.5).tolist() == [[5, 0, 25, 40]]


def test_clip_limits_boxes_to_the_image() -> None:
    assert box_geometry.clip(np.array([[-5.0, 3, 700, 400]]), 640, 360).tolist() == [[0, 3, 640, 360]]


def test_iou_of_known_boxes() -> None:
    square = np.array([[0.0, 0, 10, 10]])
    candidates = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(box_geometry.iou(square, candidates), [[1, 1 / 3, 0]])


@given(random_boxes(), random_boxes())
def test_iou_is_symmetric_and_bounded(first: box_geometry.Boxes, second: box_geometry.Boxes) -> None:
    overlap = box_geometry.iou(first, second)
    assert ((overlap >= 0) & (overlap <= 1)).all()
    np.testing.assert_allclose(overlap, box_geometry.iou(second, first).T)


@given(random_boxes())
def test_enclosing_covers_both(boxes: box_geometry.Boxes) -> None:
    enclosing = box_geometry.enclose(boxes, boxes[::-1])
    assert box_geometry.covers(enclosing, boxes).all()
    assert box_geometry.covers(enclosing, boxes[::-1]).all()


@given(random_boxes(), st.integers(0, 2**31))
def test_nms_keeps_the_best_and_drops_only_overlapping_boxes(boxes: box_geometry.Boxes, seed: int) -> None:
    scores = np.random.default_rng(seed).permutation(len(boxes)) / 10
    kept = box_geometry.nms(boxes, scores, 0.4)
    assert sorted(scores[kept], reverse=True) == scores[kept].tolist()
    overlaps = box_geometry.iou(boxes[kept], boxes[kept]) - np.eye(len(kept))
    assert (overlaps <= 0.4).all()
    for dropped in set(range(len(boxes))) - set(kept.tolist()):
        better = kept[scores[kept] > scores[dropped]]
        assert (box_geometry.iou(boxes[[dropped]], boxes[better]) > 0.4).any()
