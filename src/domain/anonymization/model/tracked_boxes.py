"""Tracked boxes, their origins and the identity decisions on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.model.text_policy import TextDecision
from framecloak.domain.imaging.detections import TargetKind


class Origin(StrEnum):
    """Reason why a box is redacted."""

    DETECTED = "detected"
    """Detected in this frame with a high score."""
    LINKED = "linked"
    """Detected in this frame, or on both sides of it, with a low score, confirmed by the track."""
    BETWEEN = "between"
    """Interpolated between two looks at the frames that agree; this frame was not looked at here."""
    FILLED = "filled"
    """Interpolated between two detections of the track."""
    EXTENDED = "extended"
    """Extrapolated just before the first or after the last detection of the track."""
    FOLLOWED = "followed"
    """Located by the pixels of the head, before the first or after the last detection of the track."""
    REGION = "region"
    """Region marked by hand."""
    EDITED = "edited"
    """Detected, and changed by hand afterwards."""
    MANUAL = "manual"
    """Added by hand to the detected boxes."""
    RESIDUAL = "residual"
    """Detected in the redacted frame by the residual check."""


DETECTOR_ORIGINS = frozenset(
    {
        Origin.DETECTED,
        Origin.LINKED,
        Origin.BETWEEN,
        Origin.FILLED,
        Origin.EXTENDED,
        Origin.FOLLOWED,
    }
)
"""Origins that stem from a detector, in this frame or in others of the track."""


@dataclass(frozen=True, slots=True)
class IdentityDecision:
    """Result of identifying a face.

    Attributes:
        decision: conclusion from the evidence.
        evidence: face samples that it is based on: ascending frame indices, each with the highest cosine
            similarity of the face in that frame to any of the reference people.
    """

    decision: Decision
    evidence: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class TrackedBox:
    """One box to redact in one frame.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` in pixels, margin included, not clipped to the frame.
        track: id of the track within one call of ``track``.
        score: score of the detection; of the nearest one in time if the box is interpolated or extrapolated.
        origin: reason why the box is redacted.
        kind: kind of object.
        identity: identity decision; None if identities were not requested.
        by_shape: True for text that was classified as a plate by its shape.
        direction: degrees by which the frame was turned clockwise when the face was detected; of the nearest
            detection in time if there is none in this frame.
        text: decision of the text policy; None without one, and for other kinds.
    """

    xyxy: tuple[float, float, float, float]
    track: int
    score: float
    origin: Origin
    kind: TargetKind = TargetKind.FACE
    identity: IdentityDecision | None = None
    by_shape: bool = False
    direction: int = 0
    text: TextDecision | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Boxes to redact in a run of frames, and the tracks that they belong to.

    Attributes:
        boxes: boxes of each frame, ordered by track.
        members: detections of each track, as ``(frame, row in that frame's detections)``.
    """

    boxes: list[list[TrackedBox]]
    members: list[list[tuple[int, int]]]
