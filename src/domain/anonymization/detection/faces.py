"""Face detection in frames, each at the scales and in the directions that apply to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.directions import (
    Affine,
    map_boxes,
    map_from_turned,
    map_landmarks,
    turn,
    turned_size,
    zoomed,
)
from framecloak.domain.anonymization.detection.scales import DetectionScale, Look, Tile, looks_at, tiles
from framecloak.domain.anonymization.detection.screening import screened_tiles
from framecloak.domain.anonymization.detection.shots import luma_grid
from framecloak.domain.anonymization.detection.thumbnails import thumbnail
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import FaceDetector
from framecloak.domain.ports.pixels import ImageSampler

SAME_FACE_IOU = 0.4
"""IoU above which detections of two scales are the same face."""

GLANCE_SCALE, GLANCE_STRIDE = DetectionScale(640), 32
"""Size of the image that tracking works on: that of the second detector's looks, so that it is read once."""

MAX_TURNED_OVERLAP = 0.3
"""Share of a turned detection that an upright one may cover; above it, the turned one must score higher."""


@dataclass(frozen=True, slots=True)
class FaceSearch:
    """Face detector together with what it takes to look in every direction. Thread-safe.

    Attributes:
        detector: face detector.
        sampler: sampler of turned images.
        meter: recorder of the detector's batch sizes.
        screen: faster detector that says where to look in turned images; None to look everywhere. Faces that
            score less than 0.5 may be missed with it.
    """

    detector: FaceDetector
    sampler: ImageSampler
    meter: Meter = NULL_METER
    screen: FaceDetector | None = None

    def analyze(
        self,
        frames: Sequence[Frame],
        scales: Sequence[DetectionScale],
        threshold: float,
        index_offset: int = 0,
    ) -> list[FrameAnalysis]:
        """Detect the faces in a few frames, at the scales that are due on each.

        Args:
            frames: frames that the detector may process as one batch.
            scales: all scales of the video; those that apply to each frame are used.
            threshold: lowest score to report.
            index_offset: offset in frames; a frame is analysed at the scales that apply this many frames
                later.

        Returns:
            One entry per frame, in their order. A frame that was not decoded, or on which the detector failed
            at any scale, counts as not analysed; the other frames are not affected.
        """
        stride = self.detector.stride
        due = [looks_at(frame.index + index_offset, frame.display_size, scales, stride) for frame in frames]
        return self.look(frames, due, threshold)

    def first_looks(
        self, frames: Sequence[Frame], scales: Sequence[DetectionScale], threshold: float
    ) -> list[FrameAnalysis]:
        """Detect the faces in a few frames at all scales of their source; arguments as for ``analyze``.

        Returns:
            As for ``analyze``, together with what `glance` returns.
        """
        seen = {frame.index: glance(frame) for frame in frames}
        readable = [frame for frame in frames if seen[frame.index].faces is not None]
        looks = [looks_at(0, frame.display_size, scales, self.detector.stride) for frame in readable]
        for analysis in self.look(readable, looks, threshold):
            seen[analysis.index] = (
                replace(seen[analysis.index], faces=analysis.faces) if analysis.faces else analysis
            )
        return list(seen.values())

    def look(
        self, frames: Sequence[Frame], looks: Sequence[Sequence[Look]], threshold: float
    ) -> list[FrameAnalysis]:
        """Detect the faces in a few frames, with the given runs of the detector for each.

        Args:
            frames: frames that the detector may process as one batch.
            looks: looks at each frame.
            threshold: lowest score to report.

        Returns:
            As for ``analyze``.
        """
        detector = self.detector
        batches: dict[tuple[int, ...], list[_FrameTile]] = {}
        per_frame: list[list[FrameDetections] | None] = [[] for _ in frames]
        for position, (frame, due) in enumerate(zip(frames, looks, strict=True)):
            try:
                scaled: dict[tuple[int, int], Image] = {}
                for look in due:
                    size = look.width, look.height
                    if size not in scaled:
                        scaled[size] = frame.rgb(*size)
                    for tile in self._tiles(position, frame, look, scaled[size]):
                        batches.setdefault(tile.pixels.shape, []).append(tile)
            except FrameAnalysisError:
                per_frame[position] = None
        for frame_tiles in batches.values():
            for start in range(0, len(frame_tiles), detector.max_batch):
                self._detect(frame_tiles[start : start + detector.max_batch], threshold, per_frame)
        return [
            FrameAnalysis(frame.index, None if found is None else merge_detections(found), None)
            for frame, found in zip(frames, per_frame, strict=True)
        ]

    def _tiles(self, position: int, frame: Frame, look: Look, image: Image) -> list[_FrameTile]:
        """Cut one look at a frame into the tiles that the detector has to look at."""
        size, stride = (look.width, look.height), self.detector.stride
        turned = turned_size(*size, look.direction, stride)
        if look.direction:
            image = turn(image, look.direction, turned, self.sampler)
        to_frame = zoomed(
            map_from_turned(size, turned, look.direction),
            (frame.width / look.width, frame.height / look.height),
        )
        screen = self.screen if look.direction else None
        parts = screened_tiles(screen, image, stride) if screen else tiles(*turned, stride)
        return [
            _FrameTile(position, _crop(image, tile), tile, to_frame, (frame.width, frame.height), look)
            for tile in parts
        ]

    def _detect(
        self,
        frame_tiles: Sequence[_FrameTile],
        threshold: float,
        per_frame: list[list[FrameDetections] | None],
    ) -> None:
        """Add the detections in tiles of one size; if a batch fails, retry its tiles one by one.

        A frame is marked as failed only if one of its own tiles fails.
        """
        self.meter.model_batch(len(frame_tiles))
        try:
            detected = self.detector.detect([frame_tile.pixels for frame_tile in frame_tiles], threshold)
        except FrameAnalysisError:
            if len(frame_tiles) == 1:
                per_frame[frame_tiles[0].position] = None
                return
            for frame_tile in frame_tiles:
                self._detect([frame_tile], threshold, per_frame)
            return
        for frame_tile, detections in zip(frame_tiles, detected, strict=True):
            collected = per_frame[frame_tile.position]
            if collected is not None:
                collected.append(frame_tile.to_frame(detections))


def glance(frame: Frame) -> FrameAnalysis:
    """Return what tracking needs to know of a frame besides detections: brightness and a thumbnail."""
    try:
        image = frame.rgb(*GLANCE_SCALE.scaled_size(frame.display_size, GLANCE_STRIDE))
    except FrameAnalysisError:
        return FrameAnalysis(frame.index, None, None)
    return FrameAnalysis(
        frame.index,
        FrameDetections.empty(),
        luma_grid(image),
        thumbnail(image, (frame.width, frame.height)),
    )


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
    """One tile of one look at a frame.

    Attributes:
        position: index of the frame in the batch.
        pixels: pixels of the tile.
        tile: position of the tile in the turned image.
        matrix: map from pixels of the turned image to those of the frame.
        frame_size: width and height of the frame in pixels.
        look: the look that the tile is part of.
    """

    position: int
    pixels: Image
    tile: Tile
    matrix: Affine
    frame_size: tuple[int, int]
    look: Look

    def to_frame(self, detections: Detections) -> FrameDetections:
        """Return the detections that this tile reports, in pixels of the frame."""
        offset = np.array([self.tile.x, self.tile.y], np.float64)
        boxes = box_geometry.shift(detections.boxes.astype(np.float64), offset)
        kept = (
            self.tile.owns(boxes)
            & (box_geometry.size(boxes) >= self.look.smallest_face)
            & (detections.scores >= self.look.min_score)
        )
        in_frame = map_boxes(boxes, self.matrix)
        if self.look.direction:
            # Beyond the borders a turned image shows what is mirrored there.
            centres = box_geometry.centre(in_frame)
            kept &= ((centres >= 0) & (centres <= self.frame_size)).all(axis=1)
        return FrameDetections(
            in_frame[kept],
            detections.scores[kept].astype(np.float64),
            map_landmarks(detections.landmarks[kept] + offset.astype(np.float32), self.matrix),
            directions=np.full(np.count_nonzero(kept), self.look.direction, np.intp),
        )


def _crop(image: Image, tile: Tile) -> Image:
    pixels = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return np.ascontiguousarray(pixels)


def merge_detections(per_look: Sequence[FrameDetections]) -> FrameDetections:
    """Merge the detections of several looks, keeping the highest-scoring one of each face.

    An upright face often resembles a turned one at a low score, with a box that is somewhat off. Therefore a
    turned detection that an upright one largely covers counts only if its score is higher.

    Args:
        per_look: detections with landmarks and directions, in pixels of the frame.
    """
    if len(per_look) == 1:
        return per_look[0]
    boxes = np.concatenate([found.boxes for found in per_look] or [np.empty((0, 4))])
    scores = np.concatenate([found.scores for found in per_look] or [np.empty(0)])
    landmarks = np.concatenate(
        [
            np.empty((0, 5, 2), np.float32),
            *(found.landmarks for found in per_look if found.landmarks is not None),
        ]
    )
    directions = np.concatenate([np.empty(0, np.intp), *(directions_of(found) for found in per_look)])
    interpolated = np.concatenate([np.empty(0, bool), *(is_interpolated(found) for found in per_look)])
    kept = box_geometry.nms(boxes, scores, SAME_FACE_IOU)
    turned = directions[kept] != 0
    if turned.any() and not turned.all():
        upright = kept[~turned]
        covered = box_geometry.share_inside(boxes[kept], boxes[upright]) > MAX_TURNED_OVERLAP
        beaten = (covered & (scores[upright][None] >= scores[kept][:, None])).any(axis=1)
        kept = kept[~(turned & beaten)]
    return FrameDetections(
        boxes[kept],
        scores[kept],
        landmarks[kept],
        directions=directions[kept],
        interpolated=interpolated[kept],
    )


def directions_of(detections: FrameDetections) -> NDArray[np.intp]:
    """Return the direction of each detection, (n,) degrees."""
    if detections.directions is None:
        return np.zeros(len(detections.scores), np.intp)
    return detections.directions


def is_interpolated(detections: FrameDetections) -> NDArray[np.bool_]:
    """Return which face detections were interpolated, (n,) bool."""
    if detections.interpolated is None:
        return np.zeros(len(detections.scores), bool)
    return detections.interpolated


def selected(detections: FrameDetections, rows: Sequence[int] | NDArray[np.intp]) -> FrameDetections:
    """Return some rows of the face detections of a frame."""
    rows = np.asarray(rows, np.intp)
    landmarks = None if detections.landmarks is None else detections.landmarks[rows]
    return FrameDetections(
        detections.boxes[rows],
        detections.scores[rows],
        landmarks,
        directions=directions_of(detections)[rows],
        interpolated=is_interpolated(detections)[rows],
    )
