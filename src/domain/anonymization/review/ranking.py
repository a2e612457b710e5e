"""Which frames of a result a person should look at first: those with the weakest evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.imaging.detections import Kind

RESIDUAL_RISK, FILLED_RISK, EXTENDED_RISK = 0.95, 0.9, 0.8
"""Of faces that the first search missed, as it may have missed those beside them altogether, and of boxes
where nothing was found. A gap lies between two finds, and what is in it may have moved."""


class Reason(StrEnum):
    """Why a frame should be looked at."""

    BLANKED = "blanked"
    """It is black: whatever it shows is lost."""
    RESIDUAL = "residual"
    """A face still showed when the redacted frame was searched; it is covered now."""
    FILLED = "filled"
    """A box was put where nothing was found, between two finds."""
    EXTENDED = "extended"
    """A box was put where nothing was found, before or after a track."""
    UNSURE = "unsure"
    """The detector was unsure, and the track decided."""
    SCORE = "score"
    """The lowest score of its boxes; all of them were certain."""


@dataclass(frozen=True, slots=True)
class FrameRisk:
    """One frame, and how much it should be looked at.

    Attributes:
        index: of the frame.
        risk: in 0..1; 1 for a black frame, else of its weakest box, 0 without any that was found.
        reason: where the risk comes from; None without one.
        lowest_score: of its boxes that have one.
        boxes: what is redacted in it.
    """

    index: int
    risk: float
    reason: Reason | None
    lowest_score: float | None
    boxes: tuple[RedactedBox, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """All frames of a result, those to be looked at first in front.

    Attributes:
        table: what is redacted in them.
        order: (f,) places of frames in the table.
        risks: (f,) risk of each frame, by its place in the table.
    """

    table: BoxTable
    order: NDArray[np.int64]
    risks: NDArray[np.float64]

    @classmethod
    def of(cls, table: BoxTable) -> Ranking:
        """Rank frames by their weakest box; of frames at the same risk the earlier one comes first."""
        counts = np.diff(table.ends, prepend=0)
        risks = np.zeros(len(counts))
        np.maximum.at(risks, np.repeat(np.arange(len(counts)), counts), _box_risks(table))
        risks[table.blanked] = 1.0
        return cls(table, np.argsort(-risks, kind="stable"), risks)

    def page(self, limit: int, offset: int) -> Sequence[FrameRisk]:
        """Some of them."""
        return [self._frame(place) for place in self.order[offset : offset + limit].tolist()]

    def following(self, start: int, limit: int) -> Sequence[FrameRisk]:
        """Frames from a number on, in the order of the film."""
        first = int(np.searchsorted(self.table.frames, start))
        return [self._frame(place) for place in range(first, min(first + limit, len(self.table.frames)))]

    def _frame(self, place: int) -> FrameRisk:
        index, risk = int(self.table.frames[place]), round(float(self.risks[place]), 4)
        boxes = self.table.boxes(index)
        if boxes is None:
            return FrameRisk(index, risk, Reason.BLANKED, None, ())
        origins = {_as_counted(box) for box in boxes}
        scores = [box.score for box in boxes if box.score is not None]
        reason = next((reason for origin, reason in _REASONS if origin in origins), None)
        return FrameRisk(index, risk, reason, min(scores, default=None), boxes)


_REASONS = (
    (Origin.RESIDUAL, Reason.RESIDUAL),
    (Origin.FILLED, Reason.FILLED),
    (Origin.EXTENDED, Reason.EXTENDED),
    (Origin.LINKED, Reason.UNSURE),
    (Origin.DETECTED, Reason.SCORE),
)


def _as_counted(box: RedactedBox) -> Origin:
    """Text or a plate between two looks at it is as sure as at those."""
    at_intervals = box.kind in {Kind.TEXT, Kind.PLATE} and box.origin is Origin.FILLED
    return Origin.DETECTED if at_intervals else box.origin


def _box_risks(table: BoxTable) -> NDArray[np.float64]:
    """(n,); what a person has drawn has none."""
    origins = table.origins()
    risks = np.zeros(len(table))
    # Text and plates are looked for at intervals, so that nothing was found is no sign of anything.
    at_intervals = table.of_kind(Kind.TEXT) | table.of_kind(Kind.PLATE)
    filled = origins[Origin.FILLED] & ~at_intervals
    found = origins[Origin.DETECTED] | origins[Origin.LINKED] | (origins[Origin.FILLED] & at_intervals)
    risks[found] = 1.0 - np.nan_to_num(table.scores[found], nan=0.0)
    # However low the score, something was seen there.
    risks[found] *= EXTENDED_RISK
    risks[origins[Origin.RESIDUAL]] = RESIDUAL_RISK
    risks[filled] = FILLED_RISK
    risks[origins[Origin.EXTENDED]] = EXTENDED_RISK
    return risks
