"""Face detection in frames, each at the scales that apply to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framecloak.domain.anonymization.detection.scales import Look, Tile, sizes_due, tiles
from framecloak.domain.anonymization.detection.shots import thumbnail
from framecloak.domain.anonymization.model.analysis import Examination, Thumbnail
from framecloak.domain.anonymization.model.detections import Found
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import FaceDetector

SAME_FACE = 0.4
"""IoU above which detections of two scales are the same face."""


def examine(
    frames: Sequence[Frame],
    detector: FaceDetector,
    looks: Sequence[Look],
    threshold: float,
    meter: Meter = NULL_METER,
    *,
    shift: int = 0,
) -> list[Examination]:
    """Detect the faces in a few frames.

    Args:
        frames: frames that the detector may process as one batch.
        detector: face detector.
        looks: all scales of the video; those that apply to each frame are used.
        threshold: lowest score to report.
        meter: recorder of the detector's batch sizes.
        shift: offset in frames: the scales applied are those of the frame that many numbers later.

    Returns:
        One entry per frame, in their order. A frame that was not decoded, or on which the detector failed at
        any scale, counts as not analysed; the other frames are not affected.
    """
    batches: dict[tuple[int, ...], list[_View]] = {}
    per_frame: list[list[Found] | None] = [[] for _ in frames]
    grids: list[Thumbnail | None] = [None for _ in frames]
    for position, frame in enumerate(frames):
        sizes = sizes_due(frame.index + shift, (frame.width, frame.height), looks, detector.stride)
        try:
            for (width, height), smallest_face in sizes.items():
                image = frame.rgb(width, height)
                if grids[position] is None:
                    grids[position] = thumbnail(image)
                zoom = frame.width / width, frame.height / height
                for tile in tiles(width, height, detector.stride):
                    frame_tile = _View(position, _cut_out(image, tile), tile, zoom, smallest_face)
                    batches.setdefault(frame_tile.picture.shape, []).append(frame_tile)
        except ExaminationError:
            per_frame[position] = None
    for frame_tiles in batches.values():
        for start in range(0, len(frame_tiles), detector.max_batch):
            _detect(frame_tiles[start : start + detector.max_batch], detector, threshold, per_frame, meter)
    return [
        Examination(frame.index, _merged(frame_detections), grid)
        if frame_detections is not None
        else Examination(frame.index, None, None)
        for frame, frame_detections, grid in zip(frames, per_frame, grids, strict=True)
    ]


def run_from(start: int, needed: int, examined: Sequence[Examination]) -> list[Examination]:
    """Return the consecutive analyses from frame ``start`` on.

    Args:
        start: number of the first frame.
        needed: end (exclusive) that the result must reach at least.
        examined: analyses in ascending order of frames.

    Returns:
        The analyses without a gap; an empty list if they end before the required frame.
    """
    run: list[Examination] = []
    for analysis in examined:
        if analysis.index == start + len(run):
            run.append(analysis)
    return run if start + len(run) >= needed and run else []


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One tile of one frame at one scale.

    Attributes:
        position: index of the frame in the batch.
        picture: pixels of the tile.
        tile: position of the tile in the scaled image.
        zoom: pixels of the frame per pixel of the scaled image, horizontally and vertically.
        smallest_face: size in pixels of the scaled image below which detections are dropped.
    """

    position: int
    picture: Image
    tile: Tile
    zoom: tuple[float, float]
    smallest_face: int

    def found(self, detections: Detections) -> Found:
        """Return the detections that this tile reports, in pixels of the frame."""
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
    pixels = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return np.ascontiguousarray(pixels)


def _detect(
    views: Sequence[_View],
    detector: FaceDetector,
    threshold: float,
    seen: list[list[Found] | None],
    meter: Meter,
) -> None:
    """Add the detections in tiles of one size; if a batch fails, retry its tiles one by one.

    A frame is marked as failed only if one of its own tiles fails.
    """
    meter.model_batch(len(views))
    try:
        detected = detector.detect([frame_tile.picture for frame_tile in views], threshold)
    except ExaminationError:
        if len(views) == 1:
            seen[views[0].position] = None
            return
        for frame_tile in views:
            _detect([frame_tile], detector, threshold, seen, meter)
        return
    for frame_tile, detections in zip(views, detected, strict=True):
        collected = seen[frame_tile.position]
        if collected is not None:
            collected.append(frame_tile.found(detections))


def _merged(finds: Sequence[Found]) -> Found:
    """Merge the detections of several scales, keeping the highest-scoring one of each face."""
    if len(finds) == 1:
        return finds[0]
    boxes = np.concatenate([detections.boxes for detections in finds])
    scores = np.concatenate([detections.scores for detections in finds])
    landmarks = np.concatenate(
        [detections.landmarks for detections in finds if detections.landmarks is not None]
    )
    kept = bx.suppress(boxes, scores, SAME_FACE)
    return Found(boxes[kept], scores[kept], landmarks[kept])
