"""One frame of a part: a row of JSON that a result is put together from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.model.residuals import Check, Thumbnail
from framecloak.domain.anonymization.pipeline.render import Identified, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.tracking.tracker import Origin, Verdict
from framecloak.domain.imaging.detections import Kind


def frame_row(frame: RedactedFrame, file: str) -> list[Any]:
    """What the manifest and the report will need of a frame.

    Args:
        frame: redacted; its picture is left out.
        file: its name in the archive.
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
    """A frame without its picture, and the name of its file.

    Args:
        row: as `frame_row` made it.
        numbers: the tracks of the part, numbered through all parts.
    """
    index, file, blanked, boxes, people, check, thumbnails = row
    found = tuple(
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
            Verdict(Decision(decision), tuple((frame, like) for frame, like in evidence)),
            redacted,
        )
        for x1, y1, x2, y2, track, decision, evidence, redacted in people
    )
    frame = RedactedFrame(
        index,
        b"",
        found,
        blanked,
        identified,
        check=Check.of_row(check) if check else None,
        thumbnails=tuple(Thumbnail.of_row(one, numbers) for one in thumbnails),
    )
    return frame, file


def _box_row(box: RedactedBox) -> list[object]:
    return [*box.xyxy, box.track, box.score, box.origin, box.kind, box.by_shape]


def _face_row(face: Identified) -> list[object]:
    return [*face.xyxy, face.track, face.verdict.decision, face.verdict.evidence, face.redacted]
