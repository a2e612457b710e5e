"""Decisions from the reports of the searches of a frame: what to fill, and the result of the check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.margins import RESIDUAL_MARGIN
from framecloak.domain.anonymization.model.residuals import FrameCheck, PendingCheck, max_similarity
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.residuals.detector import ResidualReport
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes, Corners
from framecloak.domain.imaging.detections import TargetKind

MAX_ROUNDS = 6
"""Maximum number of times a frame is redacted again before it is blanked."""


def boxes_to_fill(pending: PendingCheck, reports: Sequence[ResidualReport | None]) -> tuple[RedactedBox, ...]:
    """Return the boxes to fill before the next search; none if the frame is clean or must be blanked.

    Args:
        pending: removed faces, and the scope of the search.
        reports: reports of all searches so far; None for a search that failed.
    """
    last = reports[-1]
    if last is None or len(reports) > MAX_ROUNDS:
        return ()
    return _fill_boxes(last.boxes, pending.size)


def is_revealing(report: ResidualReport | None) -> bool:
    """Return whether the searched version of a frame must not be delivered."""
    return report is None or len(report.boxes) > 0


def with_check(
    frame: RedactedFrame, pending: PendingCheck | None, reports: Sequence[ResidualReport | None]
) -> RedactedFrame:
    """Return a frame with the result of its check; the caller replaces the image of a blanked one.

    Args:
        frame: frame as it would be delivered.
        pending: removed faces, and the scope of the search; None if the frame is only blanked together with
            its group.
        reports: reports of all searches; the last one is of the frame as it would be delivered. None for a
            search that failed.
    """
    counts = [0 if report is None else len(report.boxes) for report in reports]
    residuals = frame.residuals + tuple(
        box for report in reports if report is not None for box in _whole_pixels(report.boxes)
    )
    last = reports[-1]
    check = FrameCheck(
        whole=pending is None or pending.scope.whole,
        before=sum(counts[:-1]) or counts[0],
        after=counts[-1],
        similarity_before=_max_similarity(reports[:-1] or reports),
        similarity_after=last.similarity if last else None,
        failed=last is None,
    )
    check = _merged(frame.check, check)
    if check.blanks:
        check = replace(check, similarity_after=None)
        return RedactedFrame(
            frame.index,
            frame.data,
            (),
            blanked=True,
            check=check,
            residuals=residuals,
            blank_reason=BlankReason.NOT_SEARCHED if check.failed else BlankReason.RESIDUALS,
        )
    # Thumbnails were cut before the frame was redacted again.
    thumbnails = () if check.before else frame.thumbnails
    return replace(frame, pending=None, check=check, thumbnails=thumbnails, residuals=residuals)


def _merged(earlier: FrameCheck | None, later: FrameCheck) -> FrameCheck:
    """Return one result for two checks of a frame; the later one is of the frame as it is delivered."""
    if earlier is None:
        return later
    after = earlier.similarity_after if later.similarity_after is None else later.similarity_after
    return replace(
        later,
        whole=earlier.whole or later.whole,
        before=earlier.before + later.before,
        similarity_before=max_similarity(earlier.similarity_before, later.similarity_before),
        similarity_after=after,
    )


def _max_similarity(reports: Sequence[ResidualReport | None]) -> float | None:
    """Return the highest similarity in some reports; None if nothing was compared."""
    return max(
        (report.similarity for report in reports if report and report.similarity is not None), default=None
    )


def _fill_boxes(residuals: Boxes, size: tuple[int, int]) -> tuple[RedactedBox, ...]:
    """Return the boxes to fill with black around some residuals."""
    grown = box_geometry.clip(box_geometry.grow(residuals, RESIDUAL_MARGIN), *size)
    return tuple(
        RedactedBox(box, None, None, Origin.RESIDUAL, TargetKind.FACE) for box in _whole_pixels(grown)
    )


def _whole_pixels(boxes: Boxes) -> list[Corners]:
    """Return boxes, (n, 4), rounded outwards, without empty ones."""
    corners = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(int)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in corners.tolist() if x1 < x2 and y1 < y2]
