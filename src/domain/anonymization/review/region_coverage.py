"""Consistency of regions and the boxes that cover them, when both can be edited.

A manifest contains every region twice: in the list of its source, and as a box in every frame that the region
applies to. An edit may change only one of the two. These functions make sure that a region in a manifest is
covered in all of its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import MAX_BOXES, BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.model.segments import Region, Segment


def cover_regions(
    table: BoxTable,
    regions: Iterable[Region],
    size: tuple[int, int],
    frame_mask: NDArray[np.bool_] | None = None,
) -> BoxTable:
    """Return a table with a box for every region in every frame where it is missing, except in black frames.

    Args:
        table: boxes to redact, within the frame.
        regions: regions to redact whatever they contain.
        size: width and height of the frame in pixels.
        frame_mask: (f,) bool, frames of the table to complete; None for all.

    Raises:
        InvalidManifestError: a region lies outside the frame.
        TooManyBoxesError: there are more boxes than one table can hold.
    """
    missing: dict[int, list[RedactedBox]] = {}
    visible = ~table.blanked if frame_mask is None else frame_mask & ~table.blanked
    count = len(table)
    for region in dict.fromkeys(regions):
        box = _clipped(region, size)
        uncovered = table.frames[visible & _applies_to(table, region) & ~_is_covered(table, box)].tolist()
        count += len(uncovered)
        if count > MAX_BOXES:
            raise TooManyBoxesError(
                f"there are more than {MAX_BOXES} boxes, including those of the regions",
                "render fewer frames at once",
            )
        for frame in uncovered:
            missing.setdefault(frame, []).append(RedactedBox(box, None, None, Origin.REGION, None))
    if not missing:
        return table
    builder = BoxTableBuilder()
    for frame, boxes in entries(table):
        builder.add(frame, None if boxes is None else (*boxes, *missing.get(frame, ())))
    return builder.finish()


def remaining_regions(
    table: BoxTable, regions: Iterable[Region], size: tuple[int, int]
) -> tuple[Region, ...]:
    """Return the regions, limited to the frames in which they are still covered.

    Args:
        table: redacted boxes, within the frame.
        regions: regions that were redacted before.
        size: width and height of the frame in pixels.

    Raises:
        InvalidManifestError: a region lies outside the frame.
    """
    return tuple(
        part
        for region in regions
        for part in _covered_parts(table, region, _is_covered(table, _clipped(region, size)))
    )


def _covered_parts(table: BoxTable, region: Region, is_covered: NDArray[np.bool_]) -> Iterator[Region]:
    """Yield a region for every run of its frames that are covered, or black."""
    applies = _applies_to(table, region)
    uncovered = table.frames[applies & ~table.blanked & ~is_covered].tolist()
    if not uncovered:
        yield region
        return
    frames = table.frames[applies]
    start, end = int(frames[0]), int(frames[-1]) + 1
    for before, after in pairwise([start - 1, *uncovered, end]):
        if before + 1 < after:
            segment = Segment(before + 1, after)
            yield Region(region.x, region.y, region.width, region.height, segment)


def _applies_to(table: BoxTable, region: Region) -> NDArray[np.bool_]:
    """Return a mask, (f,) bool, of the frames of a table that a region applies to."""
    if region.segment is None:
        return np.ones(len(table.frames), np.bool_)
    start, end = region.segment.start_frame, region.segment.end_frame
    return np.asarray((table.frames >= start) & (table.frames < end))


def _is_covered(table: BoxTable, box: Corners) -> NDArray[np.bool_]:
    """Return a mask, (f,) bool, of the frames in which a single region box contains a box completely.

    Face boxes do not count, because they may be rendered as ellipses.
    """
    x1, y1, x2, y2 = box
    left, top, right, bottom = table.corners.T
    contains = table.of_kind(None) & (left <= x1) & (top <= y1) & (right >= x2) & (bottom >= y2)
    mask = np.zeros(len(table.frames), np.bool_)
    mask[np.searchsorted(table.ends, np.flatnonzero(contains), side="right")] = True
    return mask


def _clipped(region: Region, size: tuple[int, int]) -> Corners:
    """Return the corners of a region, clipped to the frame."""
    width, height = size
    x2, y2 = min(region.x + region.width, width), min(region.y + region.height, height)
    if region.x >= x2 or region.y >= y2:
        raise InvalidManifestError(
            f"the region {region} lies outside the frame of {width}x{height} pixels",
            "move it into the frame, or remove it",
        )
    return region.x, region.y, x2, y2
