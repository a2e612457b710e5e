"""Turn one examined frame into a picture that may be shipped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.model.identities import IdentityRule
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.residuals import Check, Pending, Search, Thumbnail
from framecloak.domain.anonymization.residuals.face_crops import portraits, thumbnails
from framecloak.domain.anonymization.tracking.tracker import FOUND, Origin, TrackedBox, Verdict
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Basis, Image, Kind
from framecloak.domain.ports import Frame, FrameEncoder, Redactor
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed
from framecloak.domain.videos.segments import Region


@dataclass(frozen=True, slots=True)
class RedactedBox:
    """What was replaced in a written frame.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` whole pixels inside the frame; right and lower border are exclusive.
        track: number of its track; None for a region, a residual, and where a person drew it.
        score: of the detection behind it; None for a region, a residual, and where a person drew or moved it.
        origin: why it was replaced.
        kind: what it is; None for a region.
        by_shape: a plate that no detector of plates has found; text on it has the shape of one.
    """

    xyxy: tuple[int, int, int, int]
    track: int | None
    score: float | None
    origin: Origin
    kind: Kind | None = Kind.FACE
    by_shape: bool = False

    @property
    def basis(self) -> Basis | None:
        """Why it counts as a licence plate; None for anything else, and where a person says so."""
        if self.kind is not Kind.PLATE or self.origin not in FOUND:
            return None
        return Basis.SHAPE if self.by_shape else Basis.DETECTOR


@dataclass(frozen=True, slots=True)
class Identified:
    """A face of which it was asked whose it is.

    Attributes:
        xyxy: where it is, as of a `RedactedBox`; a face found there again is no leak if it was kept.
        track: number of its track.
        verdict: what was found out.
        redacted: what followed; another area that was redacted may cover a face that was kept.
    """

    xyxy: tuple[int, int, int, int]
    track: int
    verdict: Verdict
    redacted: bool


@dataclass(frozen=True, slots=True)
class RedactedFrame:
    """A frame that may be shipped.

    Attributes:
        index: number in the video.
        data: the encoded picture.
        boxes: what was replaced; empty for a blanked frame.
        blanked: the frame could not be examined, or shows too much, and is black.
        identified: its faces, kept ones too, where it was asked whose they are.
        pending: what it is still to be searched for; None where it is not.
        check: what came of searching it; None where it was not searched.
        thumbnails: of the redacted faces in it that are in doubt.
    """

    index: int
    data: bytes
    boxes: tuple[RedactedBox, ...]
    blanked: bool
    identified: tuple[Identified, ...] = ()
    pending: Pending | None = None
    check: Check | None = None
    thumbnails: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a frame while it is rendered.

    Attributes:
        search: where the result is to be searched; None where it is not, and removed faces are forgotten.
        thumbnailer: writes small pictures of redacted faces; None where none are wanted.
    """

    search: Search | None = None
    thumbnailer: FrameEncoder | None = None


NOTHING_KEPT = Kept()


def told_apart(
    frame: Frame, tracked: Sequence[TrackedBox], rule: IdentityRule | None
) -> tuple[list[TrackedBox], tuple[Identified, ...]]:
    """Which boxes of a frame are redacted, and what was found out about its faces.

    Whatever has no verdict is redacted. Boxes that overlap do not matter to each other: where a face that is
    kept and one that is redacted do, the pixels that they share are replaced.

    Args:
        frame: where they are.
        tracked: what was found.
        rule: which faces are redacted; None for everybody's.
    """
    if rule is None:
        return list(tracked), ()
    wanted = [box for box in tracked if box.verdict is None or rule.redacts(box.verdict.decision)]
    identified = [
        Identified(_whole_pixels(box.xyxy, frame), box.track, box.verdict, rule.redacts(box.verdict.decision))
        for box in tracked
        if box.verdict
    ]
    return wanted, tuple(one for one in identified if _has_pixels(one.xyxy))


def boxes_to_redact(
    frame: Frame,
    tracked: Iterable[TrackedBox],
    regions: Iterable[Region],
    keep_text: Iterable[Region] = (),
) -> tuple[RedactedBox, ...]:
    """Everything to replace in a frame, in whole pixels: rounded outwards, cut at the borders.

    Args:
        frame: where it is.
        tracked: what was found.
        regions: areas to replace whatever is in them.
        keep_text: areas in which text stays, such of a plate's shape too; whatever else was found in them is
            replaced.
    """
    kept = [_whole_pixels(region.xyxy, frame) for region in keep_text if region.applies_to(frame.index)]
    wanted = [
        RedactedBox(piece, box.track, box.score, box.origin, box.kind, box.by_shape)
        for box in tracked
        for piece in _without(_whole_pixels(box.xyxy, frame), kept if _is_text(box) else [])
    ]
    wanted += [
        RedactedBox(_whole_pixels(region.xyxy, frame), None, None, Origin.REGION, None)
        for region in regions
        if region.applies_to(frame.index)
    ]
    return tuple(box for box in wanted if _has_pixels(box.xyxy))


def inside(frame: Frame, boxes: Iterable[RedactedBox]) -> tuple[RedactedBox, ...]:
    """Boxes cut at the borders of a frame, without those that lie outside."""
    cut = (replace(box, xyxy=_whole_pixels(box.xyxy, frame)) for box in boxes)
    return tuple(box for box in cut if _has_pixels(box.xyxy))


def render(
    frame: Frame,
    boxes: Sequence[RedactedBox] | None,
    appearance: Appearance,
    redactor: Redactor,
    encoder: FrameEncoder,
    meter: Meter = NULL_METER,
    kept: Kept = NOTHING_KEPT,
) -> RedactedFrame:
    """Redact and encode a frame.

    Args:
        frame: the original.
        boxes: what to replace, or None when the frame could not be examined.
        appearance: how the result looks.
        redactor: removes the pixels.
        encoder: writes the picture.
        meter: told how long it takes.
        kept: what is wanted beside the picture.

    Returns:
        The redacted frame; all black when it was not examined or cannot be decoded.
    """
    image, pending = None, None
    faces = [box for box in boxes or () if box.kind is Kind.FACE]
    with timed(meter, Stage.REDACT):
        if boxes is not None:
            image = _decoded(frame)
        if image is not None:
            if kept.search is not None:
                removed = portraits(image, [box.xyxy for box in faces])
                pending = Pending(kept.search, (frame.width, frame.height), removed)
            _redact(image, frame, boxes or (), appearance, redactor)
    shown = image if image is not None else np.zeros((frame.height, frame.width, 3), np.uint8)
    small: tuple[Thumbnail, ...] = ()
    with timed(meter, Stage.ENCODE):
        data = encoder.encode(shown, appearance)
        if image is not None and kept.thumbnailer:
            small = thumbnails(image, [(one.track, one.xyxy, one.score) for one in faces], kept.thumbnailer)
    if image is None:
        return RedactedFrame(frame.index, data, (), blanked=True)
    return RedactedFrame(
        frame.index, data, tuple(boxes or ()), blanked=False, pending=pending, thumbnails=small
    )


def _decoded(frame: Frame) -> Image | None:
    try:
        return frame.bgr()
    except ExaminationError:
        return None


def _redact(
    image: Image, frame: Frame, boxes: Sequence[RedactedBox], appearance: Appearance, redactor: Redactor
) -> None:
    """Replace everything, in place."""
    # What was found in a redacted frame was not hidden well enough by the chosen style: it is black.
    left = [box for box in boxes if box.origin is Origin.RESIDUAL]
    styled = [box for box in boxes if box.origin is not Origin.RESIDUAL]
    for shape in RedactionShape:
        corners = [box.xyxy for box in styled if _shape(box, frame, appearance) is shape]
        if corners:
            redactor.redact(image, np.array(corners, np.float32), appearance.style, shape)
    if left:
        corners = [box.xyxy for box in left]
        redactor.redact(image, np.array(corners, np.float32), RedactionStyle.SOLID, RedactionShape.BOX)


def _is_text(box: TrackedBox) -> bool:
    return box.kind is Kind.TEXT or box.by_shape


def _whole_pixels(xyxy: tuple[float, float, float, float], frame: Frame) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = xyxy
    return (
        max(0, math.floor(x1)),
        max(0, math.floor(y1)),
        min(frame.width, math.ceil(x2)),
        min(frame.height, math.ceil(y2)),
    )


def _without(
    box: tuple[int, int, int, int], holes: Iterable[tuple[int, int, int, int]]
) -> list[tuple[int, int, int, int]]:
    pieces = [box]
    for hole in holes:
        pieces = [rest for piece in pieces for rest in bx.subtract(piece, hole)]
    return pieces


def _shape(box: RedactedBox, frame: Frame, appearance: Appearance) -> RedactionShape:
    """Only faces are ellipses, and not at a border, where one would lie inside what is left of the face."""
    x1, y1, x2, y2 = box.xyxy
    at_border = x1 == 0 or y1 == 0 or x2 == frame.width or y2 == frame.height
    return RedactionShape.BOX if box.kind is not Kind.FACE or at_border else appearance.shape


def _has_pixels(xyxy: tuple[int, int, int, int]) -> bool:
    x1, y1, x2, y2 = xyxy
    return x1 < x2 and y1 < y2
