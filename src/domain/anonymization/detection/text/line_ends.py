"""Ends of text lines: a detector's box may end before the last strokes, and miss a lone initial beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import (
    IDENTIFYING_END_MARGIN,
    PLATE_MARGIN,
    TEXT_END_MARGIN,
    TEXT_MARGIN,
)
from framecloak.domain.anonymization.model.text_policy import IDENTIFYING_RULES
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import TargetKind

WEAK_SHARE = 0.6
"""Score of a weak detection, as a share of the threshold, from which on it may be a part of a line."""
MAX_GAP = 1.5
"""Largest gap between such a part and the line, in heights of the line."""
MIN_OVERLAP = 0.8
"""Share of its height by which such a part lies on the line."""
MIN_OVERLAP_BESIDE = 0.3
"""Share of the smaller thickness by which text that stays readable is on the same line."""
MIN_LINE_RATIO = 1.5
"""Ratio of the sides of a box from which on it is a line that has ends."""

Edges: TypeAlias = tuple[float, float, float, float]
"""Edges of a box, ``x1, y1, x2, y2`` in pixels."""


def with_weak_ends(found: FrameDetections, threshold: float) -> FrameDetections:
    """Return the detections above a threshold, extended to weaker ones that continue their lines.

    Args:
        found: text in one image of a frame, with scores of ``WEAK_SHARE * threshold`` and more.
        threshold: lowest score of text that counts by itself.
    """
    strong, weak = found.scores >= threshold, found.scores < threshold
    lines, parts = found.boxes[strong].copy(), found.boxes[weak]
    if len(lines) and len(parts):
        for part, continued in zip(parts, _continues(parts, lines), strict=True):
            if continued.any():
                line = lines[int(continued.argmax())]
                line[[0, 2]] = min(line[0], part[0]), max(line[2], part[2])
    shaped = found.plate_shaped
    return replace(
        found,
        boxes=lines,
        scores=found.scores[strong],
        plate_shaped=None if shaped is None else shaped[strong],
    )


def with_end_margins(boxes: Sequence[TrackedBox]) -> list[TrackedBox]:
    """Return boxes of a frame in which lines of text that is covered are longer at both ends.

    They end at text beside them that stays readable. Short lines have the shape of plates, but are lines.
    """
    kept = [box.xyxy for box in boxes if box.text and box.text.kept]
    return [
        replace(box, xyxy=lengthened(box.xyxy, _end_margin(box), kept)) if is_covered_text(box) else box
        for box in boxes
    ]


def is_covered_text(box: TrackedBox) -> bool:
    """Return whether a box is text, of whatever shape, that does not stay readable."""
    return (box.kind is TargetKind.TEXT or box.by_shape) and not (box.text and box.text.kept)


def lengthened(xyxy: Edges, by: float, kept: Sequence[Edges], *, upright: bool | None = None) -> Edges:
    """Return a line that is longer at both ends, but not into text beside it that stays readable.

    Args:
        xyxy: box of the line.
        by: length to add at each end, in pixels.
        kept: boxes of the text that stays readable.
        upright: True if the line runs from top to bottom, False if from left to right; None to tell it from
            the sides of the box, which stays as it is if they are alike.
    """
    x1, y1, x2, y2 = xyxy
    width, height = x2 - x1, y2 - y1
    if width >= MIN_LINE_RATIO * height if upright is None else not upright:
        beside = [(left, right) for left, top, right, bottom in kept if _overlap(y1, y2, top, bottom)]
        left, right = _free(x1, x2, by, beside)
        return left, y1, right, y2
    if height >= MIN_LINE_RATIO * width if upright is None else upright:
        beside = [(top, bottom) for left, top, right, bottom in kept if _overlap(x1, x2, left, right)]
        top, bottom = _free(y1, y2, by, beside)
        return x1, top, x2, bottom
    return xyxy


def _continues(parts: Boxes, lines: Boxes) -> NDArray[np.bool_]:
    """Return which parts (n, 4) continue which horizontal lines (m, 4), as (n, m) bool."""
    part, line = parts[:, None], lines[None]
    height, line_height = part[..., 3] - part[..., 1], line[..., 3] - line[..., 1]
    overlap = np.minimum(part[..., 3], line[..., 3]) - np.maximum(part[..., 1], line[..., 1])
    gap = np.maximum(part[..., 0], line[..., 0]) - np.minimum(part[..., 2], line[..., 2])
    are_lines = line[..., 2] - line[..., 0] >= MIN_LINE_RATIO * line_height
    return np.asarray(are_lines & (overlap >= MIN_OVERLAP * height) & (gap <= MAX_GAP * line_height))


def _end_margin(box: TrackedBox) -> float:
    """Return what is missing in the margin at each end of a line, in pixels."""
    identifies = box.text is not None and box.text.rule in IDENTIFYING_RULES
    around = PLATE_MARGIN if box.by_shape else TEXT_MARGIN
    x1, y1, x2, y2 = box.xyxy
    height = min(x2 - x1, y2 - y1) / (1 + 2 * around)
    return (TEXT_MARGIN + (IDENTIFYING_END_MARGIN if identifies else TEXT_END_MARGIN) - around) * height


def _overlap(start: float, stop: float, other_start: float, other_stop: float) -> bool:
    """Return whether two boxes are on one line, given their ranges across it, which margins widen."""
    shared = min(stop, other_stop) - max(start, other_start)
    return shared > MIN_OVERLAP_BESIDE * min(stop - start, other_stop - other_start)


def _free(start: float, stop: float, by: float, beside: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return a range that is longer by a length at both ends, but not into ranges beside it."""
    middle = (start + stop) / 2
    low = max((end for begin, end in beside if begin + end < 2 * middle), default=start - by)
    high = min((begin for begin, end in beside if begin + end >= 2 * middle), default=stop + by)
    return min(start, max(low, start - by)), max(stop, min(high, stop + by))
