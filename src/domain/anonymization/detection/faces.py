"""Look for faces in frames, each at the sizes that its turn in the video asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from framecloak.domain.anonymization.detection.scales import Look, Tile, sizes_due, tiles
from framecloak.domain.anonymization.detection.shots import Thumbnail, thumbnail
from framecloak.domain.anonymization.identification.face_samples import View
from framecloak.domain.anonymization.tracking.propagated_boxes import Seen
from framecloak.domain.anonymization.tracking.template_matching import Patch
from framecloak.domain.anonymization.tracking.tracker import Found
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Detections, Image, Kind
from framecloak.domain.ports import FaceDetector, Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter

SAME_FACE = 0.4
"""IoU above which finds of two looks are one face."""


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was seen in one frame.

    Attributes:
        index: number of the frame in the video.
        found: faces, in pixels of the displayed frame; None when the frame could not be examined.
        impression: for finding cuts; None when the frame could not be examined.
        areas: text and plates, likewise; empty where none were looked for in this frame.
        patches: what lies in the boxes of areas, by their rows; empty where nothing was found, and in frames
            that are not looked at whatever they show.
        seen: where the areas of the looks around this frame are in it.
        views: faces that can be recognised, by their rows; empty where nobody asked whose they are.
    """

    index: int
    found: Found | None
    impression: Thumbnail | None
    areas: Mapping[Kind, Found] = field(default_factory=dict)
    patches: Mapping[Kind, Sequence[Patch]] = field(default_factory=dict)
    seen: Mapping[Kind, Seen] = field(default_factory=dict)
    views: Mapping[int, View] = field(default_factory=dict)

    def finds(self, kind: Kind) -> Found:
        """What was found of one kind; nothing where that was not looked for, or could not be."""
        found = self.found if kind is Kind.FACE else self.areas.get(kind)
        return found or Found.nothing()


def examine(
    frames: Sequence[Frame],
    detector: FaceDetector,
    looks: Sequence[Look],
    threshold: float,
    meter: Meter = NULL_METER,
    *,
    shift: int = 0,
) -> list[Examination]:
    """Find the faces of a few frames.

    Args:
        frames: examined together, so that the detector may batch them.
        detector: what to look with.
        looks: those that are due are taken.
        threshold: lowest score worth knowing.
        meter: told how many pictures the detector is given at once.
        shift: the looks are those of the frame so many numbers further on.

    Returns:
        One entry per frame, in their order. A frame that was not decoded, or on which the detector failed
        at any size, counts as not examined; it does not take the others with it.
    """
    batches: dict[tuple[int, ...], list[_View]] = {}
    seen: list[list[Found] | None] = [[] for _ in frames]
    impressions: list[Thumbnail | None] = [None for _ in frames]
    for position, frame in enumerate(frames):
        due = sizes_due(frame.index + shift, (frame.width, frame.height), looks, detector.stride)
        try:
            for (width, height), smallest_face in due.items():
                picture = frame.rgb(width, height)
                if impressions[position] is None:
                    impressions[position] = thumbnail(picture)
                zoom = frame.width / width, frame.height / height
                for tile in tiles(width, height, detector.stride):
                    view = _View(position, _cut_out(picture, tile), tile, zoom, smallest_face)
                    batches.setdefault(view.picture.shape, []).append(view)
        except ExaminationError:
            seen[position] = None
    for views in batches.values():
        for start in range(0, len(views), detector.max_batch):
            _detect(views[start : start + detector.max_batch], detector, threshold, seen, meter)
    return [
        Examination(frame.index, _merged(finds), impression)
        if finds is not None
        else Examination(frame.index, None, None)
        for frame, finds, impression in zip(frames, seen, impressions, strict=True)
    ]


def run_from(start: int, needed: int, examined: Sequence[Examination]) -> list[Examination]:
    """Examinations from a frame on, without a gap; none unless they reach the frame that is needed."""
    run: list[Examination] = []
    for one in examined:
        if one.index == start + len(run):
            run.append(one)
    return run if start + len(run) >= needed and run else []


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A tile of one frame at one size.

    Attributes:
        position: of the frame among those examined together.
        picture: the pixels to look at.
        tile: where they are in the whole picture.
        zoom: pixels of the frame per pixel of the picture, across and down.
        smallest_face: smaller finds are ignored; in pixels of the picture.
    """

    position: int
    picture: Image
    tile: Tile
    zoom: tuple[float, float]
    smallest_face: int

    def found(self, detections: Detections) -> Found:
        """What the tile answers for, in pixels of the frame."""
        offset = np.array([self.tile.x, self.tile.y], np.float64)
        boxes = bx.shift(detections.boxes.astype(np.float64), offset)
        kept = self.tile.answers_for(boxes) & (bx.size(boxes) >= self.smallest_face)
        zoom = np.array(self.zoom, np.float32)
        return Found(
            boxes[kept] * np.tile(self.zoom, 2),
            detections.scores[kept].astype(np.float64),
            (detections.landmarks[kept] + offset.astype(np.float32)) * zoom,
        )


def _cut_out(picture: Image, tile: Tile) -> Image:
    piece = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return np.ascontiguousarray(piece)


def _detect(
    views: Sequence[_View],
    detector: FaceDetector,
    threshold: float,
    seen: list[list[Found] | None],
    meter: Meter,
) -> None:
    """Add what is found in views of one size; where that fails, tell which of them is to blame."""
    meter.model_batch(len(views))
    try:
        detected = detector.detect([view.picture for view in views], threshold)
    except ExaminationError:
        if len(views) == 1:
            seen[views[0].position] = None
            return
        for view in views:
            _detect([view], detector, threshold, seen, meter)
        return
    for view, detections in zip(views, detected, strict=True):
        finds = seen[view.position]
        if finds is not None:
            finds.append(view.found(detections))


def _merged(finds: Sequence[Found]) -> Found:
    """One list out of several looks: of finds of the same face, the most certain."""
    if len(finds) == 1:
        return finds[0]
    boxes = np.concatenate([one.boxes for one in finds])
    scores = np.concatenate([one.scores for one in finds])
    landmarks = np.concatenate([one.landmarks for one in finds if one.landmarks is not None])
    kept = bx.suppress(boxes, scores, SAME_FACE)
    return Found(boxes[kept], scores[kept], landmarks[kept])
