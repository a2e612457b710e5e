"""JSON rows that store the metadata of one frame in a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framecloak.domain.anonymization.model.boxes import Origin, Verdict
from framecloak.domain.anonymization.model.frames import Identified, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.model.residuals import Check, Thumbnail
from framecloak.domain.imaging.detections import Kind


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
        frame.check.row() if frame.check else None,
        [thumbnail.row() for thumbnail in frame.thumbnails],
    ]


def frame_of_row(row: list[Any], numbers: Sequence[int]) -> tuple[RedactedFrame, str]:
    """Restore a frame, without its image data, and the name of its file from a JSON row.

    Args:
        row: row built by `frame_row`.
        numbers: track ids valid for the whole result, by track id within the part.

    Returns:
        The frame with empty ``data``, and the name of its file.
    """
    index, file, blanked, boxes, faces, check, thumbnails = row
    redacted_boxes = tuple(
        RedactedBox(
            (x1, y1, x2, y2),
            None if track is None else numbers[track],
            score,
            Origin(origin),
            None if kind is None else Kind(kind),
            by_shape,
        )
        for x1, y1, x2, y2, track, score, origin, kind, by_shape in boxes
    )
    identified = tuple(
        Identified(
            (x1, y1, x2, y2),
            numbers[track],
            Verdict(Decision(decision), tuple((frame, similarity) for frame, similarity in evidence)),
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
        check=Check.of_row(check) if check else None,
        thumbnails=tuple(Thumbnail.of_row(thumbnail, numbers) for thumbnail in thumbnails),
    )
    return frame, file


def _box_row(box: RedactedBox) -> list[object]:
    return [*box.xyxy, box.track, box.score, box.origin, box.kind, box.by_shape]


def _face_row(face: Identified) -> list[object]:
    return [*face.xyxy, face.track, face.verdict.decision, face.verdict.evidence, face.redacted]
