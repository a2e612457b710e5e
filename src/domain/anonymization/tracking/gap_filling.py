"""Boxes for every frame of a track: gaps interpolated, ends extrapolated, and all of them smoothed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.margins import MIN_FACE_MARGIN_PX
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.anonymization.tracking.association import VELOCITY_WINDOW
from framecloak.domain.anonymization.tracking.following import FollowedHead
from framecloak.domain.anonymization.tracking.propagated_boxes import (
    Propagation,
    expand_to_propagated,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

WIDEST_NARROW, NARROW_RANGE = 0.68, 0.2
"""Ratio of a face's shorter to its longer side below which it is widened, and the range to full widening."""

SLOWEST_SHARE = 0.5
"""Smallest share of its velocity that an object is assumed to keep beyond the end of its track."""


class Trajectory:
    """Trajectory of one object through time.

    Args:
        frames: (n,) ascending indices of the frames with a detection.
        boxes: (n, 4) detected boxes, in pixels.
        scores: (n,) scores of the detections.
        directions: (n,) degrees by which the frames were turned clockwise when they were detected.
        interpolated: (n,) bool, True for detections that two agreeing looks stand for.
        propagations: per detection, its propagated boxes in other frames.
    """

    def __init__(
        self,
        frames: NDArray[np.intp],
        boxes: Boxes,
        scores: NDArray[np.float64],
        directions: NDArray[np.intp],
        interpolated: NDArray[np.bool_],
        propagations: Sequence[Sequence[Propagation]],
    ) -> None:
        self._frames = frames
        self._boxes = boxes
        self._scores = scores
        self._directions = directions
        self._interpolated = interpolated
        self._propagations = propagations

    def boxes_per_frame(
        self,
        track_id: int,
        shots: NDArray[np.intp],
        settings: TrackingSettings,
        followed: FollowedHead,
    ) -> Iterator[tuple[int, TrackedBox]]:
        """Yield a box for every frame from the first to the last detection, and for some frames beyond.

        Args:
            track_id: id of the track.
            shots: (frames,) shot number of each frame.
            settings: reach, margin and smoothing.
            followed: head beyond the detections; its boxes take the place of extrapolated ones.
        """
        first, last = int(self._frames[0]), int(self._frames[-1])
        start, stop = _shot_range(first, last, shots)
        start, stop = max(start, followed.start), min(stop, followed.stop)
        times = np.arange(start, stop)
        raw = np.stack([np.interp(times, self._frames, side) for side in self._boxes.T], axis=1)
        raw[: first - start] = self._extrapolated(times[: first - start], at_start=True)
        raw[last + 1 - start :] = self._extrapolated(times[last + 1 - start :], at_start=False)
        _place_followed(raw[: first - start], start, {t: b for t, b in followed.boxes.items() if t < first})
        _place_followed(
            raw[last + 1 - start :], last + 1, {t: b for t, b in followed.boxes.items() if t > last}
        )
        if settings.widen:
            raw = widen_narrow(raw, settings.pixel_aspect)
        smoothed = _with_margin(box_geometry.enclose(raw, _smooth(raw, settings.smoothing)), settings.margin)
        smoothed = expand_to_propagated(smoothed, start, self._frames, self._boxes, self._propagations)
        following = np.searchsorted(self._frames, times).clip(0, len(self._frames) - 1)
        leading = (following - 1).clip(0)
        nearer = times - self._frames[leading] < self._frames[following] - times
        nearest_rows = np.where(nearer, leading, following)
        for time, box, row in zip(times.tolist(), smoothed.tolist(), nearest_rows.tolist(), strict=True):
            score = float(self._scores[row])
            if self._frames[row] == time:
                sure_origin = Origin.BETWEEN if self._interpolated[row] else Origin.DETECTED
                origin = sure_origin if score >= settings.accept else Origin.LINKED
            elif time in followed.boxes:
                origin = Origin.FOLLOWED
            else:
                origin = Origin.FILLED if first < time < last else Origin.EXTENDED
            direction = int(self._directions[row])
            yield time, TrackedBox(tuple(box), track_id, score, origin, direction=direction)

    def _extrapolated(self, times: NDArray[np.intp], *, at_start: bool) -> Boxes:
        """Extrapolate beyond one end: enclose the position that the velocity predicts and that halfway there.

        The velocity is measured over the last ``VELOCITY_WINDOW`` frames, or since the previous detection if
        that is older.
        """
        edge, neighbour = (0, 1) if at_start else (-1, -2)
        near = np.flatnonzero(np.abs(self._frames - self._frames[edge]) <= VELOCITY_WINDOW)
        alone = len(near) == 1 < len(self._frames)
        inner = neighbour if alone else int(near[-1 if at_start else 0])
        elapsed = max(1, abs(int(self._frames[edge] - self._frames[inner])))
        velocity = (
            box_geometry.centre(self._boxes[edge]) - box_geometry.centre(self._boxes[inner])
        ) / elapsed
        beyond = np.abs(times - self._frames[edge])[:, None]
        last_boxes = np.broadcast_to(self._boxes[edge], (len(times), 4))
        moved = velocity * beyond
        return box_geometry.enclose(
            box_geometry.shift(last_boxes, SLOWEST_SHARE * moved), box_geometry.shift(last_boxes, moved)
        )


def _with_margin(boxes: Boxes, share: float) -> Boxes:
    """Return boxes (n, 4) with a margin of a share of their sides, for small faces at least some pixels."""
    if not share:
        return boxes
    missing = np.maximum(MIN_FACE_MARGIN_PX - share * box_geometry.sides(boxes), 0.0)
    grown = box_geometry.grow(boxes, share)
    return np.concatenate([grown[:, :2] - missing, grown[:, 2:] + missing], axis=1)


def widen_narrow(boxes: Boxes, pixel_aspect: float) -> Boxes:
    """Widen the boxes of faces that are seen from the side, of which the detector reports a sliver.

    A head is about as deep as its face is high. Boxes of ordinary faces, whose sides differ less, remain.

    Args:
        boxes: (n, 4) pixels.
        pixel_aspect: width to height of a pixel as displayed.
    """
    pixel = np.array([pixel_aspect, 1.0])
    extents = box_geometry.sides(boxes) * pixel
    longer = extents.max(axis=1, keepdims=True)
    narrowness = np.clip((WIDEST_NARROW - extents / np.maximum(longer, 1e-9)) / NARROW_RANGE, 0.0, 1.0)
    added = narrowness * (longer - extents) / 2 / pixel
    return np.concatenate([boxes[:, :2] - added, boxes[:, 2:] + added], axis=1)


def _place_followed(boxes: Boxes, start: int, followed: Mapping[int, Boxes]) -> None:
    """Replace the boxes of consecutive frames by those of a followed head, in place.

    After the head was lost from sight, its box stays where it was located last.

    Args:
        boxes: (n, 4) boxes from frame ``start`` on.
        start: index of the first of those frames.
        followed: boxes (4,) by frame, all on one side of the detections.
    """
    located = np.array(sorted(followed))
    if len(located):
        times = np.arange(start, start + len(boxes))
        nearest = located[np.abs(times[:, None] - located[None]).argmin(axis=1)]
        boxes[:] = np.array([followed[int(time)] for time in nearest]).reshape(-1, 4)


def _shot_range(first: int, last: int, shots: NDArray[np.intp]) -> tuple[int, int]:
    """Return the start and stop of the shot that contains two frames."""
    same = np.flatnonzero(shots == shots[first])
    return int(same[0]), max(int(same[-1]), last) + 1


def _smooth(boxes: Boxes, reach: int) -> Boxes:
    """Return the moving average over ``reach`` neighbours on each side; the ends repeat the outermost box."""
    padded = np.pad(boxes, ((reach, reach), (0, 0)), mode="edge")
    smoothed: Boxes = np.mean([padded[i : i + len(boxes)] for i in range(2 * reach + 1)], axis=0)
    return smoothed
