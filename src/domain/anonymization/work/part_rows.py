"""JSON rows that store the metadata of one frame in a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from framecloak.domain.anonymization.model.frames import (
    BlankReason,
    DecidedText,
    IdentifiedFace,
    RedactedBox,
    RedactedFrame,
)
from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.model.residuals import FaceThumbnail, FrameCheck
from framecloak.domain.anonymization.model.text_policy import TextDecision, TextRule
from framecloak.domain.anonymization.model.tracked_boxes import IdentityDecision, Origin
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence


def frame_row(frame: RedactedFrame, file: str) -> list[Any]:
    """Return the data of a frame that the manifest and the report need, as a JSON row.

    Args:
        frame: redacted frame; its image data is left out.
        file: name of the frame's file in the archive.
    """
    return [
        frame.index,
        file,
        frame.blanked,
        [_box_row(box) for box in frame.boxes],
        [_face_row(face) for face in frame.identified],
        frame.check.to_row() if frame.check else None,
        [thumbnail.to_row() for thumbnail in frame.thumbnails],
        astuple(frame.shape_evidence) if frame.shape_evidence else None,
        frame.blank_reason,
        [_text_row(text) for text in frame.texts],
    ]


def frame_from_row(row: list[Any], track_ids: Sequence[int]) -> tuple[RedactedFrame, str]:
    """Restore a frame, without its image data, and the name of its file from a JSON row.

    Args:
        row: row built by `frame_row`.
        track_ids: track ids valid for the whole result, by track id within the part.

    Returns:
        The frame with empty ``data``, and the name of its file.
    """
    # Parts of earlier versions have no evidence of other shapes, no reason why a frame is black and no
    # decisions on text, and their boxes no direction.
    index, file, blanked, boxes, faces, check, thumbnails, *later = row
    shapes, reason, texts = (*later, None, None, None)[:3]
    redacted_boxes = tuple(
        RedactedBox(
            (x1, y1, x2, y2),
            None if track is None else track_ids[track],
            score,
            Origin(origin),
            None if kind is None else TargetKind(kind),
            by_shape,
            *direction,
        )
        for x1, y1, x2, y2, track, score, origin, kind, by_shape, *direction in boxes
    )
    identified = tuple(
        IdentifiedFace(
            (x1, y1, x2, y2),
            track_ids[track],
            IdentityDecision(
                Decision(decision), tuple((frame, similarity) for frame, similarity in evidence)
            ),
            redacted,
        )
        for x1, y1, x2, y2, track, decision, evidence, redacted in faces
    )
    frame = RedactedFrame(
        index,
        b"",
        redacted_boxes,
        blanked,
        identified,
        check=FrameCheck.from_row(check) if check else None,
        thumbnails=tuple(FaceThumbnail.from_row(thumbnail, track_ids) for thumbnail in thumbnails),
        shape_evidence=ShapeEvidence(*shapes) if shapes else None,
        blank_reason=BlankReason(reason) if reason else None,
        texts=tuple(_decided_text(text, track_ids) for text in texts or ()),
    )
    return frame, file


def _box_row(box: RedactedBox) -> list[object]:
    return [*box.xyxy, box.track, box.score, box.origin, box.kind, box.by_shape, box.direction]


def _face_row(face: IdentifiedFace) -> list[object]:
    return [*face.xyxy, face.track, face.decision.decision, face.decision.evidence, face.redacted]


def _text_row(text: DecidedText) -> list[object]:
    return [*text.xyxy, text.track, text.decision.rule, text.decision.kept]


def _decided_text(row: list[Any], track_ids: Sequence[int]) -> DecidedText:
    x1, y1, x2, y2, track, rule, kept = row
    return DecidedText(track_ids[track], TextDecision(TextRule(rule), kept), (x1, y1, x2, y2))
