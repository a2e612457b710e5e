"""Ranking of a result's frames for review: those with the weakest evidence come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.record.history import Correction
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review.ended_tracks import ended_inside
from framecloak.domain.anonymization.review.uncovered_frames import uncovered_by_hand
from framecloak.domain.imaging.detections import TargetKind

UNCOVERED_RISK = 0.99
"""Risk of a frame in which a person uncovered something, which whoever releases the result has to see."""

ENDED_RISK = 0.97
"""Risk of a frame in which a track ends inside the frame; the face may be visible from there on."""

RESIDUAL_RISK, FILLED_RISK, FOLLOWED_RISK, EXTENDED_RISK = 0.95, 0.9, 0.85, 0.8
"""Risk of a box by its origin. Where the first detection missed a residual face, it may have missed others
nearby. At filled, followed and extended boxes nothing was detected; between two detections a face may have
moved, and a head that is followed by its pixels may have been confused with what surrounds it."""


class Reason(StrEnum):
    """Reason to review a frame."""

    BLANKED = "blanked"
    """The frame is black, so its content is lost."""
    UNCOVERED = "uncovered"
    """A person removed or moved a box, or showed a black frame again, and what was covered is visible."""
    ENDED = "ended"
    """A tracked face was covered for the last time although it had not left the frame."""
    RESIDUAL = "residual"
    """The residual check detected a face in the redacted frame; it is covered now."""
    FILLED = "filled"
    """A box was interpolated between two detections of a track."""
    FOLLOWED = "followed"
    """A head was located by its pixels, before the first or after the last detection of a track."""
    EXTENDED = "extended"
    """A box was extrapolated before the first or after the last detection of a track."""
    UNSURE = "unsure"
    """The detector was unsure, and the tracker decided."""
    SCORE = "score"
    """The lowest score of the frame's boxes; all of them were certain."""


_REASON_BY_ORIGIN = (
    (Origin.RESIDUAL, Reason.RESIDUAL),
    (Origin.FILLED, Reason.FILLED),
    (Origin.FOLLOWED, Reason.FOLLOWED),
    (Origin.EXTENDED, Reason.EXTENDED),
    (Origin.LINKED, Reason.UNSURE),
    (Origin.DETECTED, Reason.SCORE),
    (Origin.BETWEEN, Reason.SCORE),
)


WEAK_EVIDENCE_RISK = EXTENDED_RISK
"""Risk from which on a frame counts as risky: it is black, something was uncovered by hand, a track ends in
it, or a box has no detection."""


@dataclass(frozen=True, slots=True)
class FrameRisk:
    """Risk of one frame.

    Attributes:
        index: frame index in the video.
        risk: risk in 0..1: 1 for a black frame, `UNCOVERED_RISK` where something was uncovered by hand,
            `ENDED_RISK` where a track ends inside the frame, otherwise that of the weakest box; 0 without
            detected boxes.
        reason: reason for the risk; None without a risk.
        lowest_score: lowest detection score of the frame's boxes; None if no box has one.
        boxes: redacted boxes of the frame.
    """

    index: int
    risk: float
    reason: Reason | None
    lowest_score: float | None
    boxes: tuple[RedactedBox, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Frames of a result, ordered by descending risk.

    Attributes:
        table: redacted boxes of all frames.
        order: (f,) rows of the frames in the table, by descending risk.
        risks: (f,) risk of each frame, in the order of the table.
        ended: (f,) True for frames in which a track ends inside the frame.
        uncovered: (f,) True for frames in which something was uncovered by hand.
    """

    table: BoxTable
    order: NDArray[np.int64]
    risks: NDArray[np.float64]
    ended: NDArray[np.bool_]
    uncovered: NDArray[np.bool_]

    @classmethod
    def of(cls, table: BoxTable, size: tuple[int, int], corrections: Sequence[Correction] = ()) -> Ranking:
        """Rank frames by their weakest box; among frames of equal risk the earlier one comes first.

        Args:
            table: redacted boxes of all frames.
            size: width and height of the frames in pixels.
            corrections: all corrections of the result by hand.
        """
        counts = np.diff(table.ends, prepend=0)
        risks = np.zeros(len(counts))
        np.maximum.at(risks, np.repeat(np.arange(len(counts)), counts), _box_risks(table))
        ended = ended_inside(table, size)
        risks[ended] = np.maximum(risks[ended], ENDED_RISK)
        uncovered = uncovered_by_hand(table, corrections)
        risks[uncovered] = UNCOVERED_RISK
        risks[table.blanked] = 1.0
        return cls(table, np.argsort(-risks, kind="stable"), risks, ended, uncovered)

    @property
    def risky(self) -> Sequence[int]:
        """Indices of the frames with weak evidence, by descending risk."""
        count = int(np.count_nonzero(self.risks >= WEAK_EVIDENCE_RISK))
        indices: list[int] = self.table.frames[self.order[:count]].tolist()
        return indices

    def page(self, limit: int, offset: int) -> Sequence[FrameRisk]:
        """Return one page of the ranking."""
        return [self._frame(row) for row in self.order[offset : offset + limit].tolist()]

    def frames_from(self, start: int, limit: int) -> Sequence[FrameRisk]:
        """Return up to ``limit`` frames in presentation order, starting at frame index ``start``."""
        first = int(np.searchsorted(self.table.frames, start))
        return [self._frame(row) for row in range(first, min(first + limit, len(self.table.frames)))]

    def _frame(self, row: int) -> FrameRisk:
        index, risk = int(self.table.frames[row]), round(float(self.risks[row]), 4)
        boxes = self.table.boxes(index)
        if boxes is None:
            return FrameRisk(index, risk, Reason.BLANKED, None, ())
        origins = {_effective_origin(box) for box in boxes}
        scores = [box.score for box in boxes if box.score is not None]
        by_origin = next((reason for origin, reason in _REASON_BY_ORIGIN if origin in origins), None)
        reason = Reason.ENDED if self.ended[row] else by_origin
        if self.uncovered[row]:
            reason = Reason.UNCOVERED
        return FrameRisk(index, risk, reason, min(scores, default=None), boxes)


def _effective_origin(box: RedactedBox) -> Origin:
    """Return the origin of a box; text and plates between two detections count as detected."""
    at_intervals = box.kind in {TargetKind.TEXT, TargetKind.PLATE} and box.origin is Origin.FILLED
    return Origin.DETECTED if at_intervals else box.origin


def _box_risks(table: BoxTable) -> NDArray[np.float64]:
    """Return the risk of each box, (n,); boxes drawn by a person have none."""
    origins = table.origins()
    risks = np.zeros(len(table))
    # Text and plates are detected at intervals, so a frame without a detection is no sign of risk.
    at_intervals = table.of_kind(TargetKind.TEXT) | table.of_kind(TargetKind.PLATE)
    filled = origins[Origin.FILLED] & ~at_intervals
    detected = origins[Origin.DETECTED] | origins[Origin.LINKED] | origins[Origin.BETWEEN]
    detected |= origins[Origin.FILLED] & at_intervals
    risks[detected] = 1.0 - np.nan_to_num(table.scores[detected], nan=0.0)
    # Even the lowest score is evidence, so the risk stays below that of a box without a detection.
    risks[detected] *= EXTENDED_RISK
    risks[origins[Origin.RESIDUAL]] = RESIDUAL_RISK
    risks[filled] = FILLED_RISK
    risks[origins[Origin.FOLLOWED]] = FOLLOWED_RISK
    risks[origins[Origin.EXTENDED]] = EXTENDED_RISK
    return risks
