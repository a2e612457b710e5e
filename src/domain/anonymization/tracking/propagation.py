"""Propagation of text and plate boxes to the frames between two detection passes, by template matching.

Linear interpolation between two passes misses the motion of a shaking camera or of a swinging name tag,
which may both be back at their starting position. Therefore each box is located in every frame between.
Most boxes have not moved, which is quick to verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import FrameAnalysis, PropagatedBoxes, Template
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.tracking.template_matching import TemplateMatcher
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.ports.frames import Frame

PROPAGATED_KINDS = (TargetKind.TEXT, TargetKind.PLATE)

MAX_CORNER_DISTANCE = 0.5
"""Largest displacement of any side of a box between two passes, in units of its shorter side."""

MAX_EXTENT_DIFFERENCE = 0.15
"""Largest difference in width or height, in units of the shorter side, of two boxes of the same object.

If two boxes have the same extent, the position of one determines that of the other.
"""


def with_templates(analysis: FrameAnalysis, frame: Frame) -> FrameAnalysis:
    """Return the analysis with templates of its text and plate boxes.

    Raises:
        FrameAnalysisError: the frame was not decoded.
    """
    boxes = {kind: analysis.detections(kind).boxes for kind in PROPAGATED_KINDS}
    if not any(map(len, boxes.values())):
        return analysis
    matcher = TemplateMatcher(frame)
    return replace(
        analysis, templates={kind: matcher.templates(kind_boxes) for kind, kind_boxes in boxes.items()}
    )


def propagate_between(
    frame: Frame, before: FrameAnalysis, after: FrameAnalysis, high_threshold: float
) -> tuple[dict[TargetKind, PropagatedBoxes], bool]:
    """Locate the detections of two passes in a frame between them.

    Args:
        frame: frame to search.
        before: the pass before it.
        after: the pass after it.
        high_threshold: score from which on a detection must be located.

    Returns:
        Propagated boxes by kind, and whether all high-scoring detections were located. Of two detections of
        the same object, one that is located stands for both.

    Raises:
        FrameAnalysisError: the frame was not decoded.
    """
    matcher = TemplateMatcher(frame)
    share = (frame.index - before.index) / (after.index - before.index)
    propagated: dict[TargetKind, PropagatedBoxes] = {}
    complete = True
    for kind in PROPAGATED_KINDS:
        earlier, later = before.detections(kind), after.detections(kind)
        if not len(earlier.scores) and not len(later.scores):
            continue
        pairs = _Pairs.between(earlier, later)
        onward, back = np.zeros((len(earlier.scores), 2)), np.zeros((len(later.scores), 2))
        onward[pairs.first], back[pairs.second] = share * pairs.displacement, (share - 1) * pairs.displacement
        searched, searched_back = np.ones(len(onward), bool), np.ones(len(back), bool)
        located = _match_templates(matcher, before.templates.get(kind, ()), onward, searched)
        searched_back[pairs.second] = ~pairs.same_extent | np.isnan(located[pairs.first, 0])
        located_back = _match_templates(matcher, after.templates.get(kind, ()), back, searched_back)
        resolved = pairs.same_extent & searched_back[pairs.second] & ~np.isnan(located_back[pairs.second, 0])
        searched[pairs.first[resolved]] = False
        sure, sure_back = earlier.scores >= high_threshold, later.scores >= high_threshold
        sure[pairs.first] |= sure_back[pairs.second]
        sure_back[pairs.second] = sure[pairs.first]
        propagated[kind] = _concatenated(
            _propagated(before, located, searched), _propagated(after, located_back, searched_back)
        )
        missing = (
            (np.isnan(located[:, 0]) & searched & sure).any(),
            (np.isnan(located_back[:, 0]) & searched_back & sure_back).any(),
        )
        complete &= not any(missing)
    return propagated, complete


def propagate_forward(
    frame: Frame, before: FrameAnalysis, after: FrameAnalysis
) -> dict[TargetKind, PropagatedBoxes]:
    """Locate detections of one pass that the next pass has not made, in the frame of the next pass.

    Args:
        frame: frame to search.
        before: the pass before it.
        after: the pass on this frame.

    Returns:
        Propagated boxes by kind, as far as they were located.

    Raises:
        FrameAnalysisError: the frame was not decoded.
    """
    matcher = TemplateMatcher(frame)
    propagated: dict[TargetKind, PropagatedBoxes] = {}
    for kind in PROPAGATED_KINDS:
        earlier = before.detections(kind)
        unmatched = np.ones(len(earlier.scores), bool)
        unmatched[_Pairs.between(earlier, after.detections(kind)).first] = False
        located = _match_templates(
            matcher, before.templates.get(kind, ()), np.zeros((len(unmatched), 2)), unmatched
        )
        propagated[kind] = _propagated(before, located, ~np.isnan(located[:, 0]))
    return propagated


def any_unmatched(before: FrameAnalysis, after: FrameAnalysis) -> bool:
    """Return whether any detection of one pass has no counterpart in the next one."""
    passes = [(before.detections(kind), after.detections(kind)) for kind in PROPAGATED_KINDS]
    return any(len(_Pairs.between(earlier, later).first) < len(earlier.scores) for earlier, later in passes)


def corner_distance(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the largest displacement of any side from each box to each other box, (n, m).

    The unit is the shorter side of the first box.
    """
    moved = np.abs(first[:, None] - second[None]).max(axis=-1)
    shorter = (first[:, 2:] - first[:, :2]).min(axis=-1)
    return np.asarray(moved / np.maximum(shorter, 1e-9)[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Detections of two passes that are each other's nearest neighbour, and close.

    Attributes:
        first: (p,) rows of the first pass.
        second: (p,) rows of the second pass.
        displacement: (p, 2) displacement in pixels from the first to the second.
        same_extent: (p,) True if both have the same extent.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    displacement: NDArray[np.float64]
    same_extent: NDArray[np.bool_]

    @classmethod
    def between(cls, earlier: FrameDetections, later: FrameDetections) -> _Pairs:
        """Pair the detections of two passes by mutual nearest neighbour."""
        none = np.empty(0, np.intp)
        first = second = none
        if len(earlier.scores) and len(later.scores):
            distances = corner_distance(earlier.boxes, later.boxes)
            nearest = distances.argmin(axis=1)
            rows = np.arange(len(distances))
            mutual = (distances.argmin(axis=0)[nearest] == rows) & (
                distances[rows, nearest] <= MAX_CORNER_DISTANCE
            )
            first, second = rows[mutual], nearest[mutual]
        boxes, counterparts = earlier.boxes[first], later.boxes[second]
        grown = np.abs(box_geometry.sides(counterparts) - box_geometry.sides(boxes)).max(axis=1)
        alike = grown <= MAX_EXTENT_DIFFERENCE * box_geometry.sides(boxes).min(axis=1)
        return cls(first, second, box_geometry.centre(counterparts) - box_geometry.centre(boxes), alike)


def _match_templates(
    matcher: TemplateMatcher,
    templates: Sequence[Template],
    expected: NDArray[np.float64],
    selected: NDArray[np.bool_],
) -> Boxes:
    """Locate templates in a frame, as (n, 4) pixels; NaN for those not located or not selected.

    Args:
        matcher: matcher of the frame to search.
        templates: n templates.
        expected: (n, 2) predicted displacements in pixels of the frame.
        selected: (n,) bool, True for the templates to locate.
    """
    located = np.full((len(templates), 4), np.nan)
    for row in np.flatnonzero(selected).tolist():
        box = matcher.match(templates[row], expected[row])
        if box is not None:
            located[row] = box
    return located


def _propagated(analysis: FrameAnalysis, located: Boxes, selected: NDArray[np.bool_]) -> PropagatedBoxes:
    """Return the selected rows of a pass with their located boxes."""
    rows = np.flatnonzero(selected)
    return PropagatedBoxes(np.full(len(rows), analysis.index), rows, located[rows])


def _concatenated(first: PropagatedBoxes, second: PropagatedBoxes) -> PropagatedBoxes:
    """Concatenate two sets of propagated boxes."""
    return PropagatedBoxes(
        np.concatenate([first.frames, second.frames]),
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.boxes, second.boxes]),
    )
