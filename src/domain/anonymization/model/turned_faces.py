"""Hint at a lost rotation flag: nearly all faces of a source are turned one way."""

from __future__ import annotations

from collections.abc import Mapping

QUARTER_TURNS = (90, 180, 270)

MIN_FACES = 10
"""Minimum number of detected boxes for a hint."""

MIN_SHARE = 0.8
"""Share of the detected boxes in one direction, and in the two beside it, from which on they are turned
one way.

People tilt their heads, and a tilted one may be detected in the next direction, 45 degrees away.
"""

MIN_EXACT_SHARE = 0.5
"""Share of them in that direction itself."""


def turned_hint(boxes_by_direction: Mapping[int, int], rotation: int) -> int | None:
    """Return the degrees by which a source has to be turned clockwise to be upright.

    Args:
        boxes_by_direction: number of detected faces by the degrees by which their frame was turned.
        rotation: rotation in degrees that was applied as the source declares it.

    Returns:
        90, 180 or 270; None if the source declares a rotation, or if its faces are too few or not turned one
        way.
    """
    total = sum(boxes_by_direction.values())
    if rotation or total < MIN_FACES:
        return None
    for turn in QUARTER_TURNS:
        exact, *beside = (boxes_by_direction.get(turn + off, 0) for off in (0, -45, 45))
        if exact >= MIN_EXACT_SHARE * total and exact + sum(beside) >= MIN_SHARE * total:
            return turn
    return None
