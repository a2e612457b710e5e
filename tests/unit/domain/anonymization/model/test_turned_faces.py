"""Hint at a lost rotation flag."""

from __future__ import annotations

import pytest

from framecloak.domain.anonymization.model.turned_faces import turned_hint


@pytest.mark.parametrize(
    ("boxes_by_direction", "rotation", "hint"),
    [
        ({90: 10}, 0, 90),
        ({90: 9}, 0, None),
        ({90: 10}, 90, None),
        ({180: 8, 0: 2}, 0, 180),
        ({180: 7, 0: 3}, 0, None),
        ({270: 60, 225: 15, 315: 15, 0: 10}, 0, 270),
        ({270: 40, 225: 30, 315: 30}, 0, None),
        ({45: 100}, 0, None),
        ({0: 100}, 0, None),
        ({}, 0, None),
    ],
)
def test_faces_that_are_turned_one_way_suggest_a_turn(
    boxes_by_direction: dict[int, int], rotation: int, hint: int | None
) -> None:
    assert turned_hint(boxes_by_direction, rotation) == hint
