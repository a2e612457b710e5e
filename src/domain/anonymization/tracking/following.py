"""Following of heads by their pixels, where the detector has lost the face.

A head that turns away still looks, from one frame to the next, much as it did before. It is located in
thumbnails of the frames by normalised cross-correlation, each time with the pixels of the frame before, until
it leaves the image, is hidden, a cut comes, or the limit is reached. Following is done in both directions of
time, from the last detection of a track onwards and from the first one backwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.tracking.association import VELOCITY_WINDOW
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.template_matching import correlation
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray

MIN_CORRELATION = 0.78
"""Correlation with the frame before from which on a head counts as located."""

MIN_CORRELATION_TO_START = 0.45
"""Correlation with the last detection below which the head counts as hidden.

Something that moves in front of a head replaces it bit by bit, and each step correlates with the one before.
"""

CONTEXT = 0.15
"""Share of a box added on every side: a head is told apart from others by its outline too."""

MIN_TEMPLATE_SIDE_PX = 8
"""Shortest side in pixels of a template; smaller heads are followed together with what surrounds them."""

SEARCH_RADIUS, MIN_SEARCH_RADIUS_PX = 0.25, 3
"""Search radius around the expected position, in units of the template's longer side, and its minimum."""

MAX_TEMPLATE_SIDE_PX = 32
"""Longer side in pixels above which thumbnails are halved for the search."""

HIDDEN_FRAMES = 2
"""Number of frames for which a box is extrapolated after its head was lost from sight."""

MIN_HEAD_SIDE_PX = 6
"""Shorter side in pixels of a thumbnail's head below which losing it from sight proves nothing."""

MAX_SHARE_OF_OTHERS = 0.3
"""Share of a followed box inside a sure detection from which on it shows that face, not the one followed."""

MIN_SURE_DETECTIONS = 3
"""Number of sure detections near an end from which on a track is followed as far as the settings allow."""

GROWTH_AT_ONCE, GROWTH_PER_FRAME = 0.1, 0.02
"""Share of its size by which a followed box grows on every side, at once and per frame.

A head that turns away shows more of itself on one side than the face before, and positions drift.
"""

MAX_GROWTH = 0.25
"""Largest such growth."""


def follow(
    thumbnails: Sequence[Thumbnail | None], box: Boxes, velocity: NDArray[np.float64]
) -> Iterator[Boxes]:
    """Follow a head from its last detection on.

    Args:
        thumbnails: that of the frame with the detection, then those of the following frames in the direction
            of time in which the head is followed; None for a frame that was not analysed.
        box: (4,) pixels of the frame, the detection.
        velocity: (2,) pixels per frame in which the box moved before, in that direction of time.

    Yields:
        The box (4,) in each following frame, until the head cannot be located.
    """
    first = thumbnails[0]
    if first is None:
        return
    zoom = np.array(first.zoom)
    sides = np.maximum(box_geometry.sides(box) * (1 + 2 * CONTEXT) / zoom, MIN_TEMPLATE_SIDE_PX)
    shrink = 1
    while sides.max() > MAX_TEMPLATE_SIDE_PX * shrink:
        shrink *= 2
    zoom = zoom * shrink
    width, height = np.maximum(np.round(sides / shrink), MIN_TEMPLATE_SIDE_PX // 2).astype(int).tolist()
    rows, columns = (side // shrink for side in first.levels.shape)
    corner = np.round(box_geometry.centre(box) / zoom - [width / 2, height / 2]).astype(int)
    corner = np.clip(corner, 0, np.maximum([columns - width, rows - height], 0))
    start = _levels(first, shrink, corner, (width, height))
    if start is None:
        return
    template, step, position = start, velocity / zoom, corner.astype(np.float64)
    radius = max(MIN_SEARCH_RADIUS_PX, round(SEARCH_RADIUS * max(width, height)))
    for count, following in enumerate(thumbnails[1:], start=1):
        if following is None or following.levels.shape != first.levels.shape:
            return
        expected = np.round(position + step).astype(int)
        located = _locate(template, following, shrink, expected, radius)
        if located is None:
            return
        region = _levels(following, shrink, located, (width, height))
        if region is None or float(correlation(start, region)[0, 0]) < MIN_CORRELATION_TO_START:
            return
        step = (step + (located - position)) / 2
        position, template = located.astype(np.float64), region
        # Positions are whole pixels of the thumbnail, so they are off by up to half of one.
        moved = box_geometry.shift(box, (located - corner) * zoom) + np.concatenate([-zoom, zoom]) / 2
        yield box_geometry.grow(moved, min(MAX_GROWTH, GROWTH_AT_ONCE + GROWTH_PER_FRAME * count))


def _locate(
    template: FloatArray, frame: Thumbnail, shrink: int, expected: NDArray[np.intp], radius: int
) -> NDArray[np.intp] | None:
    """Return the upper left corner (x, y) of the best match around a position; None if there is none."""
    height, width = template.shape
    rows, columns = (side // shrink for side in frame.levels.shape)
    low = np.clip(expected - radius, 0, [columns - width, rows - height])
    high = np.clip(expected + radius, 0, [columns - width, rows - height])
    if (expected <= [-width, -height]).any() or (expected >= [columns, rows]).any():
        return None
    size = (int(high[0] - low[0]) + width, int(high[1] - low[1]) + height)
    window = _levels(frame, shrink, low, size)
    if window is None:
        return None
    correlations = correlation(template, window)
    row, column = np.unravel_index(int(correlations.argmax()), correlations.shape)
    if correlations[row, column] < MIN_CORRELATION:
        return None
    return np.asarray(low + np.array([int(column), int(row)]), np.intp)


def _levels(
    frame: Thumbnail, shrink: int, corner: NDArray[np.intp], size: tuple[int, int]
) -> FloatArray | None:
    """Return grey levels (h, w) of a region of the shrunk thumbnail; None unless it lies inside."""
    x, y = (int(value) for value in corner)
    width, height = size
    area = frame.levels[max(0, y) * shrink : (y + height) * shrink, max(0, x) * shrink : (x + width) * shrink]
    if x < 0 or y < 0 or area.shape != (height * shrink, width * shrink):
        return None
    cells = area.reshape(height, shrink, width, shrink)
    levels = area.astype(np.float32) if shrink == 1 else cells.mean(axis=(1, 3), dtype=np.float32)
    return levels if levels.std() >= 1.0 else None


@dataclass(frozen=True, slots=True)
class FollowedHead:
    """Head of one track beyond its detections.

    Attributes:
        boxes: boxes (4,) by frame, where the head was located.
        start: first frame in which the track may have a box.
        stop: frame after the last one in which it may have a box.
    """

    boxes: Mapping[int, Boxes]
    start: int
    stop: int


class HeadFollower:
    """Follower of the heads of tracks beyond their first and last detections.

    Args:
        thumbnails: per frame; empty if heads are not followed.
        detections: detections of all tracks, per frame.
        shots: (frames,) shot number of each frame; heads are not followed across a cut.
        settings: limits.
        due: frames whose boxes are needed.
    """

    def __init__(
        self,
        thumbnails: Sequence[Thumbnail | None],
        detections: Sequence[FrameDetections],
        shots: NDArray[np.intp],
        settings: TrackingSettings,
        due: range,
    ) -> None:
        self._thumbnails = thumbnails
        self._detections = detections
        self._shots = shots
        self._settings = settings
        self._due = due

    def beyond(self, frames: NDArray[np.intp], boxes: Boxes, scores: NDArray[np.float64]) -> FollowedHead:
        """Follow a track from its last detection on, and backwards from its first one.

        An end with little evidence is followed no further than it would be extrapolated, so that a single
        false detection does not become a long one.

        Args:
            frames: (n,) ascending frames with a detection.
            boxes: (n, 4) detections in pixels.
            scores: (n,) their scores.
        """
        first, last = int(frames[0]), int(frames[-1])
        extension = self._settings.extension
        if not self._thumbnails:
            return FollowedHead({}, first - extension, last + extension + 1)
        limit, limit_before = self._limit(last, frames, scores), self._limit(first, frames, scores)
        onwards = range(last, min(last + limit + 1, len(self._thumbnails)))
        backwards = range(first, max(first - limit_before - 1, -1), -1)
        after = self._followed(onwards, frames, boxes)
        before = self._followed(backwards, frames[::-1], boxes[::-1])
        is_seen = min(self._thumbnail_sides(boxes[-1], last)) >= MIN_HEAD_SIDE_PX
        unseen = min(HIDDEN_FRAMES, extension) if is_seen else extension
        was_seen = min(self._thumbnail_sides(boxes[0], first)) >= MIN_HEAD_SIDE_PX
        unseen_before = min(HIDDEN_FRAMES, extension) if was_seen else extension
        return FollowedHead(
            after | before,
            max(min([first, *before]) - unseen_before, first - limit_before),
            min(max([last, *after]) + unseen, last + limit) + 1,
        )

    def _limit(self, end: int, frames: NDArray[np.intp], scores: NDArray[np.float64]) -> int:
        """Return the number of frames for which a track is followed beyond one end.

        Only detections near the end count: those further away may lie outside a slice.
        """
        settings = self._settings
        near = np.abs(frames - end) <= settings.memory + settings.max_gap
        sure = np.count_nonzero(scores[near] >= settings.accept)
        return settings.reach if sure >= MIN_SURE_DETECTIONS else settings.extension

    def _thumbnail_sides(self, box: Boxes, time: int) -> tuple[float, float]:
        small = self._thumbnails[time]
        if small is None:
            return 0.0, 0.0
        width, height = (box_geometry.sides(box) / small.zoom).tolist()
        return width, height

    def _followed(self, steps: range, frames: NDArray[np.intp], boxes: Boxes) -> dict[int, Boxes]:
        """Follow the last of some detections through frames; frames and boxes are ordered like the steps."""
        low, high = min(steps), max(steps)
        # A box is averaged with those of its neighbours.
        around = self._settings.smoothing
        if len(steps) < 2 or high < self._due.start - around or low >= self._due.stop + around:
            return {}
        if self._is_another_face(boxes[-1], steps[0]):
            return {}
        same_shot = [time for time in steps if self._shots[time] == self._shots[steps[0]]]
        recent = np.flatnonzero(np.abs(frames - frames[-1]) <= VELOCITY_WINDOW)[0]
        elapsed = max(1, abs(int(frames[-1] - frames[recent])))
        velocity = (box_geometry.centre(boxes[-1]) - box_geometry.centre(boxes[recent])) / elapsed
        located = follow([self._thumbnails[time] for time in same_shot], boxes[-1], velocity)
        followed: dict[int, Boxes] = {}
        for time, box in zip(same_shot[1:], located, strict=False):
            if self._is_another_face(box, time):
                break
            followed[time] = box
        return followed

    def _is_another_face(self, box: Boxes, time: int) -> bool:
        """Return whether a box mostly shows a face detected there, which hides the head or is its own."""
        found = self._detections[time]
        others = (found.scores >= self._settings.accept) & (found.boxes != box).any(axis=1)
        inside = box_geometry.share_inside(box[None], found.boxes[others])
        return bool((inside >= MAX_SHARE_OF_OTHERS).any())
