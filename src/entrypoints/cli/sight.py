"""Summary line on what was looked for."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.domain.anonymization.results.sight import SearchedDirections, Sight
from framecloak.domain.ports.frames import SourceInfo


def describe_sight(sight: Sight, sources: Sequence[SourceInfo]) -> str:
    """Return directions, smallest face, detectors and following in one line.

    Args:
        sight: search for faces.
        sources: properties of the inputs.
    """
    searched: list[SearchedDirections] = []
    for continuous, of_kind in ((True, sight.video), (False, sight.picture)):
        if any(info.continuous is continuous for info in sources):
            searched += of_kind
    followed = f"heads followed for {sight.follow_seconds:g} s" if sight.follow_seconds else ""
    parts = [
        f"faces from {sight.smallest_face} pixels of the searched size",
        *dict.fromkeys(_directions(each) for each in searched),
        followed,
        f"with {' and '.join(sight.detectors)}" if sight.detectors else "",
    ]
    return "; ".join(part for part in parts if part)


def _directions(searched: SearchedDirections) -> str:
    interval = "in every frame" if searched.every == 1 else f"every {searched.every} frames"
    sides = ", ".join(f"{side}" for side in searched.longest_sides)
    if searched.directions == (0,):
        return f"upright {interval} (at {sides})"
    degrees = "/".join(f"{direction}" for direction in searched.directions)
    return f"turned {degrees} degrees {interval} (at {sides})"
