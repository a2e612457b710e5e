"""Face detection in frames, each at the scales that apply to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framecloak.domain.anonymization.detection.scales import DetectionScale, Tile, scaled_sizes, tiles
from framecloak.domain.anonymization.detection.shots import luma_grid
from framecloak.domain.anonymization.model.analysis import FrameAnalysis, LumaGrid
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import FaceDetector

SAME_FACE_IOU = 0.4
"""IoU above which detections of two scales are the same face."""


def analyze_frames(
    frames: Sequence[Frame],
    detector: FaceDetector,
    scales: Sequence[DetectionScale],
    threshold: float,
    meter: Meter = NULL_METER,
    *,
    index_offset: int = 0,
) -> list[FrameAnalysis]:
    """Detect the faces in a few frames.

    Args:
        frames: frames that the detector may process as one batch.
        detector: face detector.
        scales: all scales of the video; those that apply to each frame are used.
        threshold: lowest score to report.
        meter: recorder of the detector's batch sizes.
        index_offset: offset in frames; a frame is analysed at the scales that apply this many frames later.

    Returns:
        One entry per frame, in their order. A frame that was not decoded, or on which the detector failed at
        any scale, counts as not analysed; the other frames are not affected.
    """
    batches: dict[tuple[int, ...], list[_FrameTile]] = {}
    per_frame: list[list[FrameDetections] | None] = [[] for _ in frames]
    grids: list[LumaGrid | None] = [None for _ in frames]
    for position, frame in enumerate(frames):
        sizes = scaled_sizes(frame.index + index_offset, frame.display_size, scales, detector.stride)
        try:
            for (width, height), smallest_face in sizes.items():
                image = frame.rgb(width, height)
                if grids[position] is None:
                    grids[position] = luma_grid(image)
                zoom = frame.width / width, frame.height / height
                for tile in tiles(width, height, detector.stride):
                    frame_tile = _FrameTile(position, _crop(image, tile), tile, zoom, smallest_face)
                    batches.setdefault(frame_tile.pixels.shape, []).append(frame_tile)
        except FrameAnalysisError:
            per_frame[position] = None
    for frame_tiles in batches.values():
        for start in range(0, len(frame_tiles), detector.max_batch):
            _detect(frame_tiles[start : start + detector.max_batch], detector, threshold, per_frame, meter)
    return [
        FrameAnalysis(frame.index, _merge(frame_detections), grid)
        if frame_detections is not None
        else FrameAnalysis(frame.index, None, None)
        for frame, frame_detections, grid in zip(frames, per_frame, grids, strict=True)
    ]


def consecutive_from(start: int, min_stop: int, analyses: Sequence[FrameAnalysis]) -> list[FrameAnalysis]:
    """Return the consecutive analyses from frame ``start`` on.

    Args:
        start: index of the first frame.
        min_stop: end (exclusive) that the result must reach at least.
        analyses: analyses in ascending order of frames.

    Returns:
        The analyses without a gap; an empty list if they end before the required frame.
    """
    run: list[FrameAnalysis] = []
    for analysis in analyses:
        if analysis.index == start + len(run):
            run.append(analysis)
    return run if start + len(run) >= min_stop and run else []


@dataclass(frozen=True, slots=True, eq=False)
class _FrameTile:
    """One tile of one frame at one scale.

    Attributes:
        position: index of the frame in the batch.
        pixels: pixels of the tile.
        tile: position of the tile in the scaled image.
        zoom: pixels of the frame per pixel of the scaled image, horizontally and vertically.
        min_face: size in pixels of the scaled image below which detections are dropped.
    """

    position: int
    pixels: Image
    tile: Tile
    zoom: tuple[float, float]
    min_face: int

    def to_frame(self, detections: Detections) -> FrameDetections:
        """Return the detections that this tile reports, in pixels of the frame."""
        offset = np.array([self.tile.x, self.tile.y], np.float64)
        boxes = box_geometry.shift(detections.boxes.astype(np.float64), offset)
        kept = self.tile.owns(boxes) & (box_geometry.size(boxes) >= self.min_face)
        zoom = np.array(self.zoom, np.float32)
        return FrameDetections(
            boxes[kept] * np.tile(self.zoom, 2),
            detections.scores[kept].astype(np.float64),
            (detections.landmarks[kept] + offset.astype(np.float32)) * zoom,
        )


def _crop(image: Image, tile: Tile) -> Image:
    pixels = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return np.ascontiguousarray(pixels)


def _detect(
    frame_tiles: Sequence[_FrameTile],
    detector: FaceDetector,
    threshold: float,
    per_frame: list[list[FrameDetections] | None],
    meter: Meter,
) -> None:
    """Add the detections in tiles of one size; if a batch fails, retry its tiles one by one.

    A frame is marked as failed only if one of its own tiles fails.
    """
    meter.model_batch(len(frame_tiles))
    try:
        detected = detector.detect([frame_tile.pixels for frame_tile in frame_tiles], threshold)
    except FrameAnalysisError:
        if len(frame_tiles) == 1:
            per_frame[frame_tiles[0].position] = None
            return
        for frame_tile in frame_tiles:
            _detect([frame_tile], detector, threshold, per_frame, meter)
        return
    for frame_tile, detections in zip(frame_tiles, detected, strict=True):
        collected = per_frame[frame_tile.position]
        if collected is not None:
            collected.append(frame_tile.to_frame(detections))


def _merge(per_scale: Sequence[FrameDetections]) -> FrameDetections:
    """Merge the detections of several scales, keeping the highest-scoring one of each face."""
    if len(per_scale) == 1:
        return per_scale[0]
    boxes = np.concatenate([detections.boxes for detections in per_scale])
    scores = np.concatenate([detections.scores for detections in per_scale])
    landmarks = np.concatenate(
        [detections.landmarks for detections in per_scale if detections.landmarks is not None]
    )
    kept = box_geometry.nms(boxes, scores, SAME_FACE_IOU)
    return FrameDetections(boxes[kept], scores[kept], landmarks[kept])
