"""Redacted frames and their boxes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.model.residuals import FaceThumbnail, FrameCheck, PendingCheck
from framecloak.domain.anonymization.model.text_policy import TextDecision
from framecloak.domain.anonymization.model.tracked_boxes import DETECTOR_ORIGINS, IdentityDecision, Origin
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import Basis, TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence


@dataclass(frozen=True, slots=True)
class RedactedBox:
    """Box that was redacted in a written frame.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` in whole pixels inside the frame; right and lower border are exclusive.
        track: track id; None for regions, residuals, and boxes drawn by hand.
        score: detection score; None for regions, residuals, and boxes drawn or moved by hand.
        origin: reason why it was redacted.
        kind: kind of object; None for a region.
        by_shape: True for a plate that was inferred from the shape of its text, not found by a plate
            detector.
        direction: degrees by which the frame was turned clockwise when the face was detected, a multiple of
            45; 0 for upright faces and all other kinds.
    """

    xyxy: tuple[int, int, int, int]
    track: int | None
    score: float | None
    origin: Origin
    kind: TargetKind | None = TargetKind.FACE
    by_shape: bool = False
    direction: int = 0

    @property
    def basis(self) -> Basis | None:
        """Reason why it counts as a licence plate; None for other kinds and for boxes set by hand."""
        if self.kind is not TargetKind.PLATE or self.origin not in DETECTOR_ORIGINS:
            return None
        return Basis.SHAPE if self.by_shape else Basis.DETECTOR


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """Face whose identity was requested.

    Attributes:
        xyxy: box as in `RedactedBox`; a face that was kept is no residual if it is detected there again.
        track: track id.
        decision: identity decision.
        redacted: True if the decision led to redaction. A face that is kept may still be covered by another
            redacted box.
    """

    xyxy: tuple[int, int, int, int]
    track: int
    decision: IdentityDecision
    redacted: bool


@dataclass(frozen=True, slots=True)
class DecidedText:
    """Text that the text policy decided on.

    Attributes:
        track: track id.
        decision: decision of the policy. Text that is kept may still be covered by another box.
        xyxy: box as in `RedactedBox`.
    """

    track: int
    decision: TextDecision
    xyxy: tuple[int, int, int, int]


class BlankReason(StrEnum):
    """Reason why a frame is delivered black."""

    NOT_DECODED = "not_decoded"
    """Its pixels could not be decoded."""

    NOT_SEARCHED = "not_searched"
    """The detection of faces, text or plates failed, before or after the redaction."""

    RESIDUALS = "residuals"
    """A face still showed after the last round of the residual check."""

    NAME_READABLE = "name_readable"
    """A name of the request could still be read after it was covered."""


@dataclass(frozen=True, slots=True)
class RedactedFrame:
    """Frame that is ready for delivery.

    Attributes:
        index: index in the video.
        data: encoded image.
        boxes: redacted boxes; empty for a blanked frame.
        blanked: True if the frame is black, because it could not be analysed or failed the residual check.
        identified: faces with an identity decision, kept ones included.
        pending: outstanding residual check; None if there is none.
        check: result of the residual check; None if the frame was not checked.
        thumbnails: thumbnails of redacted faces that a reviewer should see.
        shape_evidence: faces found in other shapes of the source frame; None if it was not looked at in them.
        residuals: boxes of the faces that its check found, without the margin of the fill, for the search of
            the frames around it; not recorded in the result.
        blank_reason: why it is black; None if it is not, or because an edited manifest says so.
        texts: text with a decision of the text policy, kept text included.
        released: boxes of faces that stay visible because a reviewer decided so; not recorded here.
    """

    index: int
    data: bytes
    boxes: tuple[RedactedBox, ...]
    blanked: bool
    identified: tuple[IdentifiedFace, ...] = ()
    pending: PendingCheck | None = None
    check: FrameCheck | None = None
    thumbnails: tuple[FaceThumbnail, ...] = ()
    shape_evidence: ShapeEvidence | None = None
    residuals: tuple[Corners, ...] = ()
    blank_reason: BlankReason | None = None
    texts: tuple[DecidedText, ...] = ()
    released: tuple[Corners, ...] = ()
