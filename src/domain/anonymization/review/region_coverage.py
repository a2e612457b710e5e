"""Regions and the boxes that cover them, where both can be edited.

A manifest names every region twice: in the list of its source, and as a box in every frame that it applies
to. Whoever edits one of the two may forget the other. These functions see to it that a region in a manifest
is covered in all of its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import MOST_BOXES, BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging.boxes import Corners
from framecloak.domain.videos.segments import Region, Segment


def covered(
    table: BoxTable,
    regions: Iterable[Region],
    size: tuple[int, int],
    among: NDArray[np.bool_] | None = None,
) -> BoxTable:
    """A table in which every region is covered in all of its frames that are not black.

    Args:
        table: what to redact; inside the picture.
        regions: areas to redact whatever is in them.
        size: width and height of the picture.
        among: (f,) bool, the frames of the table to see to; None for all.

    Raises:
        InvalidManifestError: a region lies outside the picture.
        TooManyBoxesError: there are more boxes than one table holds.
    """
    missing: dict[int, list[RedactedBox]] = {}
    shown = ~table.blanked if among is None else among & ~table.blanked
    count = len(table)
    for region in dict.fromkeys(regions):
        box = _within(region, size)
        bare = table.frames[shown & _applies(table, region) & ~_is_covered(table, box)].tolist()
        count += len(bare)
        if count > MOST_BOXES:
            raise TooManyBoxesError(
                f"there are more than {MOST_BOXES} boxes, with those of its regions",
                "render fewer frames at once",
            )
        for frame in bare:
            missing.setdefault(frame, []).append(RedactedBox(box, None, None, Origin.REGION, None))
    if not missing:
        return table
    builder = BoxTableBuilder()
    for frame, boxes in entries(table):
        builder.add(frame, None if boxes is None else (*boxes, *missing.get(frame, ())))
    return builder.finish()


def still_covered(table: BoxTable, regions: Iterable[Region], size: tuple[int, int]) -> tuple[Region, ...]:
    """Regions without the frames in which nothing covers them any more.

    Args:
        table: what is redacted; inside the picture.
        regions: areas that were redacted before.
        size: width and height of the picture.

    Raises:
        InvalidManifestError: a region lies outside the picture.
    """
    return tuple(
        part
        for region in regions
        for part in _parts(table, region, _is_covered(table, _within(region, size)))
    )


def _parts(table: BoxTable, region: Region, is_covered: NDArray[np.bool_]) -> Iterator[Region]:
    """A region for every run of its frames that are covered, or black."""
    applies = _applies(table, region)
    bare = table.frames[applies & ~table.blanked & ~is_covered].tolist()
    if not bare:
        yield region
        return
    known = table.frames[applies]
    start, end = int(known[0]), int(known[-1]) + 1
    for before, after in pairwise([start - 1, *bare, end]):
        if before + 1 < after:
            segment = Segment(before + 1, after)
            yield Region(region.x, region.y, region.width, region.height, segment)


def _applies(table: BoxTable, region: Region) -> NDArray[np.bool_]:
    """(f,) bool: the frames of a table that a region applies to."""
    if region.segment is None:
        return np.ones(len(table.frames), np.bool_)
    start, end = region.segment.start_frame, region.segment.end_frame
    return np.asarray((table.frames >= start) & (table.frames < end))


def _is_covered(table: BoxTable, box: Corners) -> NDArray[np.bool_]:
    """(f,) bool: the frames in which one area holds all of a box. A face does not: it may be an ellipse."""
    x1, y1, x2, y2 = box
    left, top, right, bottom = table.corners.T
    holds = table.of_kind(None) & (left <= x1) & (top <= y1) & (right >= x2) & (bottom >= y2)
    found = np.zeros(len(table.frames), np.bool_)
    found[np.searchsorted(table.ends, np.flatnonzero(holds), side="right")] = True
    return found


def _within(region: Region, size: tuple[int, int]) -> Corners:
    """The corners of a region, cut at the borders of a picture."""
    width, height = size
    x2, y2 = min(region.x + region.width, width), min(region.y + region.height, height)
    if region.x >= x2 or region.y >= y2:
        raise InvalidManifestError(
            f"the region {region} lies outside the picture of {width}x{height} pixels",
            "move it into the picture, or remove it",
        )
    return region.x, region.y, x2, y2
