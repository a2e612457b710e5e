"""Rendering of one analysed frame into a redacted, encoded image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.model.frames import (
    BlankReason,
    DecidedText,
    IdentifiedFace,
    RedactedBox,
    RedactedFrame,
)
from framecloak.domain.anonymization.model.identities import IdentityRule
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.residuals import FaceThumbnail, PendingCheck, SearchScope
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.anonymization.residuals.face_crops import face_crops, thumbnails
from framecloak.domain.anonymization.residuals.redaction_mask import redaction_shape
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Region
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed
from framecloak.domain.ports.pixels import FrameEncoder, Redactor


@dataclass(frozen=True, slots=True)
class RenderExtras:
    """Additional outputs of rendering a frame.

    Attributes:
        search: scope of the residual check; None if the frame is not checked, so that no face crops are kept.
        thumbnailer: encoder for thumbnails of redacted faces; None if none are requested.
    """

    search: SearchScope | None = None
    thumbnailer: FrameEncoder | None = None


NO_EXTRAS = RenderExtras()


def split_by_identity(
    frame: Frame, tracked: Sequence[TrackedBox], rule: IdentityRule | None
) -> tuple[list[TrackedBox], tuple[IdentifiedFace, ...]]:
    """Select the boxes to redact in a frame by the identity of its faces.

    Boxes without an identity decision are redacted. Overlapping boxes are treated independently: pixels
    shared by a kept and a redacted face are redacted.

    Args:
        frame: frame that contains the boxes.
        tracked: boxes found by the tracker.
        rule: identity rule; None to redact all faces.

    Returns:
        The boxes to redact, and the faces with an identity decision.
    """
    if rule is None:
        return list(tracked), ()
    to_redact = [box for box in tracked if box.identity is None or rule.redacts(box.identity.decision)]
    identified = [
        IdentifiedFace(
            _whole_pixels(box.xyxy, frame), box.track, box.identity, rule.redacts(box.identity.decision)
        )
        for box in tracked
        if box.identity
    ]
    return to_redact, tuple(face for face in identified if _has_pixels(face.xyxy))


def without_kept_text(tracked: Iterable[TrackedBox]) -> list[TrackedBox]:
    """Return the boxes without the text that the text policy keeps."""
    return [box for box in tracked if box.text is None or not box.text.kept]


def decided_texts(frame: Frame, tracked: Iterable[TrackedBox]) -> tuple[DecidedText, ...]:
    """Return the decisions of the text policy on the boxes of a frame."""
    texts = (DecidedText(box.track, box.text, _whole_pixels(box.xyxy, frame)) for box in tracked if box.text)
    return tuple(text for text in texts if _has_pixels(text.xyxy))


def boxes_to_redact(
    frame: Frame,
    tracked: Iterable[TrackedBox],
    regions: Iterable[Region],
    keep_text: Iterable[Region] = (),
) -> tuple[RedactedBox, ...]:
    """Return all boxes to redact in a frame in whole pixels, rounded outwards and clipped to the frame.

    Args:
        frame: frame that contains the boxes.
        tracked: boxes found by the tracker.
        regions: regions to redact whatever they contain.
        keep_text: regions in which text stays readable, including text with the shape of a plate; other kinds
            are redacted there too.
    """
    text_regions = [
        _whole_pixels(region.xyxy, frame) for region in keep_text if region.applies_to(frame.index)
    ]
    redacted = [
        RedactedBox(part, box.track, box.score, box.origin, box.kind, box.by_shape, box.direction)
        for box in tracked
        for part in _subtract_holes(_whole_pixels(box.xyxy, frame), text_regions if _is_text(box) else [])
    ]
    redacted += [
        RedactedBox(_whole_pixels(region.xyxy, frame), None, None, Origin.REGION, None)
        for region in regions
        if region.applies_to(frame.index)
    ]
    return tuple(box for box in redacted if _has_pixels(box.xyxy))


def clip_to_frame(frame: Frame, boxes: Iterable[RedactedBox]) -> tuple[RedactedBox, ...]:
    """Clip boxes to a frame and drop those that lie outside."""
    clipped = (replace(box, xyxy=_whole_pixels(box.xyxy, frame)) for box in boxes)
    return tuple(box for box in clipped if _has_pixels(box.xyxy))


def render(
    frame: Frame,
    boxes: Sequence[RedactedBox] | None,
    appearance: Appearance,
    redactor: Redactor,
    encoder: FrameEncoder,
    meter: Meter = NULL_METER,
    extras: RenderExtras = NO_EXTRAS,
) -> RedactedFrame:
    """Redact and encode a frame.

    Args:
        frame: original frame.
        boxes: boxes to redact, or None if the frame could not be analysed.
        appearance: style and format of the result.
        redactor: implementation of redaction.
        encoder: encoder of the image.
        meter: recorder of processing times.
        extras: additional outputs.

    Returns:
        The redacted frame; black if it was not analysed or cannot be decoded.
    """
    image, pending = None, None
    faces = [box for box in boxes or () if box.kind is TargetKind.FACE]
    with timed(meter, Stage.REDACT):
        image = _decode(frame)
        reason = BlankReason.NOT_DECODED if image is None else BlankReason.NOT_SEARCHED
        if boxes is None:
            image = None
        if image is not None:
            if extras.search is not None:
                removed = face_crops(image, [box.xyxy for box in faces])
                size = frame.width, frame.height
                pending = PendingCheck(extras.search, size, frame.display_size, removed)
            _redact(image, frame, boxes or (), appearance, redactor)
    output = image if image is not None else np.zeros((frame.height, frame.width, 3), np.uint8)
    face_thumbnails: tuple[FaceThumbnail, ...] = ()
    with timed(meter, Stage.ENCODE):
        data = encoder.encode(output, appearance)
        if image is not None and extras.thumbnailer:
            width, height = frame.display_size
            face_thumbnails = thumbnails(
                image,
                [(face.track, face.xyxy, face.score) for face in faces],
                extras.thumbnailer,
                (width / frame.width, height / frame.height),
            )
    if image is None:
        return RedactedFrame(frame.index, data, (), blanked=True, blank_reason=reason)
    return RedactedFrame(
        frame.index, data, tuple(boxes or ()), blanked=False, pending=pending, thumbnails=face_thumbnails
    )


def _decode(frame: Frame) -> Image | None:
    """Return the pixels of a frame; None if it cannot be decoded."""
    try:
        return frame.bgr()
    except FrameAnalysisError:
        return None


def _redact(
    image: Image, frame: Frame, boxes: Sequence[RedactedBox], appearance: Appearance, redactor: Redactor
) -> None:
    """Redact all boxes, in place."""
    # The chosen style did not hide residual faces well enough, so they become black boxes.
    residuals = [box for box in boxes if box.origin is Origin.RESIDUAL]
    styled = [box for box in boxes if box.origin is not Origin.RESIDUAL]
    for shape in RedactionShape:
        corners = [
            box.xyxy
            for box in styled
            if redaction_shape(box, (frame.width, frame.height), appearance) is shape
        ]
        if corners:
            redactor.redact(image, np.array(corners, np.float32), appearance.style, shape)
    if residuals:
        corners = [box.xyxy for box in residuals]
        redactor.redact(image, np.array(corners, np.float32), RedactionStyle.SOLID, RedactionShape.BOX)


def _is_text(box: TrackedBox) -> bool:
    """Return whether a box is text, including text that was reclassified as a plate."""
    return box.kind is TargetKind.TEXT or box.by_shape


def _whole_pixels(xyxy: tuple[float, float, float, float], frame: Frame) -> tuple[int, int, int, int]:
    """Round a box outwards to whole pixels, and clip it to the frame."""
    x1, y1, x2, y2 = xyxy
    return (
        max(0, math.floor(x1)),
        max(0, math.floor(y1)),
        min(frame.width, math.ceil(x2)),
        min(frame.height, math.ceil(y2)),
    )


def _subtract_holes(
    box: tuple[int, int, int, int], holes: Iterable[tuple[int, int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """Return the part of a box outside all holes, as boxes that do not overlap."""
    parts = [box]
    for hole in holes:
        parts = [rest for part in parts for rest in box_geometry.subtract(part, hole)]
    return parts


def _has_pixels(xyxy: tuple[int, int, int, int]) -> bool:
    x1, y1, x2, y2 = xyxy
    return x1 < x2 and y1 < y2
