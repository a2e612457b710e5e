"""Tracking of detections across frames, so that a face missed in one frame is covered all the same.

The tracker is *local*: its result for a frame depends only on detections at most
``TrackingSettings.temporal_margin`` frames away, and it treats past and future alike. A video may therefore
be cut into slices anywhere. Tracking each slice with that margin on both sides gives the same result as
tracking the whole video.

Association is by mutual best match between frames, nearest frames first, as in the two-stage matching of
ByteTrack (Zhang et al., 2022), but without a recursive filter: the state of a Kalman filter would depend on
the whole past, and so on where the video was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import PropagatedBoxes
from framecloak.domain.anonymization.model.boxes import Origin, TrackedBox, Tracks
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.tracking.association import VELOCITY_WINDOW, associate
from framecloak.domain.anonymization.tracking.propagated_boxes import (
    Propagation,
    Propagations,
    expand_to_propagated,
)
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Thresholds and reach of the tracker; lengths are in frames.

    Attributes:
        accept: score from which on a detection counts by itself; it also confirms low-scoring detections of
            its track.
        memory: distance along the track within which it confirms them.
        max_gap: longest step between two associated detections.
        extension: number of frames by which a track is extrapolated at both ends.
        margin: share of a box's width and height that is added on every side.
        smoothing: number of neighbours on each side that a box is averaged with.
    """

    accept: float = 0.5
    memory: int = 18
    max_gap: int = 12
    extension: int = 4
    margin: float = 0.18
    smoothing: int = 2

    @classmethod
    def for_rate(cls, frames_per_second: float, max_interval: int = 1) -> Self:
        """Return the defaults, which are for 25 frames per second, scaled to another rate.

        A face that only a periodic scale shows is detected once per detection interval. The settings allow
        for one missing detection in between. They also cover the frames that may lie between its first or
        last detection and a cut or an end of the video, which are fewer than the interval.

        Args:
            frames_per_second: frame rate of the video, clamped to 10..60.
            max_interval: longest detection interval of any scale, in frames.
        """
        factor = min(max(frames_per_second, 10.0), 60.0) / 25.0
        defaults = cls()
        return cls(
            memory=max(2 * max_interval, round(defaults.memory * factor)),
            max_gap=max(2 * max_interval, round(defaults.max_gap * factor)),
            extension=max(2, max_interval - 1, round(defaults.extension * factor)),
        )

    @classmethod
    def for_images(cls) -> Self:
        """Return the settings for single images, where no neighbouring frame can confirm a low score."""
        return cls(accept=0.25, memory=0, max_gap=1, extension=0, smoothing=0)

    @property
    def temporal_margin(self) -> int:
        """Frames of margin that a slice needs on each side to give the same result as the whole video.

        A box is averaged with neighbours ``smoothing`` frames away. Whether one of those is interpolated or
        extrapolated depends on detections up to ``extension + max_gap`` away. Each of those is accepted or
        not by evidence another ``memory`` away, along associations that reach ``VELOCITY_WINDOW`` frames
        further.
        """
        return self.smoothing + self.extension + self.max_gap + self.memory + VELOCITY_WINDOW


def track(
    detections: Sequence[FrameDetections],
    shots: NDArray[np.intp],
    settings: TrackingSettings,
    propagated: Sequence[PropagatedBoxes] = (),
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        detections: detections per frame, low scores included.
        shots: (frames,) shot number of each frame; no track crosses a cut.
        settings: thresholds and reach.
        propagated: per frame, boxes propagated from frames at most ``settings.extension`` away; empty if
            templates were not matched.

    Returns:
        Boxes and tracks, in frame numbers that count from the start of the run. Exact for frames at least
        ``settings.temporal_margin`` away from an end of the run that is not an end of the video.
    """
    counts = [len(of_frame.scores) for of_frame in detections]
    frames = np.repeat(np.arange(len(detections)), counts)
    rows = np.concatenate([np.arange(n) for n in counts]) if counts else np.empty(0, np.intp)
    boxes = np.concatenate([of_frame.boxes for of_frame in detections]) if counts else np.empty((0, 4))
    scores = np.concatenate([of_frame.scores for of_frame in detections]) if counts else np.empty(0)
    frame_boxes: list[list[TrackedBox]] = [[] for _ in detections]
    members: list[list[tuple[int, int]]] = []
    propagations = Propagations(propagated, np.cumsum([0, *counts]))
    for indices in associate(frames, boxes, shots, settings.max_gap).tracks():
        for tracklet in _accepted_tracklets(frames[indices], scores[indices], settings):
            selected = indices[tracklet]
            trajectory = _Trajectory(
                frames[selected], boxes[selected], scores[selected], propagations.of(selected)
            )
            for frame, box in trajectory.boxes_per_frame(len(members), shots, settings):
                frame_boxes[frame].append(box)
            members.append(list(zip(frames[selected].tolist(), rows[selected].tolist(), strict=True)))
    return Tracks(frame_boxes, members)


def _accepted_tracklets(
    frames: NDArray[np.intp], scores: NDArray[np.float64], settings: TrackingSettings
) -> list[slice]:
    """Return the accepted parts of one chain of detections.

    A low-scoring detection is accepted if a high-scoring one is near enough in time. Rejected detections
    between two accepted ones become part of the track, unless the step between those exceeds ``max_gap``.

    Args:
        frames: (n,) ascending frame numbers.
        scores: (n,).
        settings: thresholds and reach.
    """
    confirmed = np.concatenate([[0], np.cumsum(scores >= settings.accept)])
    first = np.searchsorted(frames, frames - settings.memory, side="left")
    last = np.searchsorted(frames, frames + settings.memory, side="right")
    accepted = np.flatnonzero(confirmed[last] > confirmed[first])
    if not len(accepted):
        return []
    breaks = np.flatnonzero(np.diff(frames[accepted]) > settings.max_gap) + 1
    return [slice(run[0], run[-1] + 1) for run in np.split(accepted, breaks)]


class _Trajectory:
    """Trajectory of one object through time.

    Args:
        frames: (n,) ascending numbers of the frames with a detection.
        boxes: (n, 4) detected boxes, in pixels.
        scores: (n,) scores of the detections.
        propagations: per detection, its propagated boxes in other frames.
    """

    def __init__(
        self,
        frames: NDArray[np.intp],
        boxes: Boxes,
        scores: NDArray[np.float64],
        propagations: Sequence[Sequence[Propagation]],
    ) -> None:
        self._frames = frames
        self._boxes = boxes
        self._scores = scores
        self._propagations = propagations

    def boxes_per_frame(
        self, track_id: int, shots: NDArray[np.intp], settings: TrackingSettings
    ) -> Iterator[tuple[int, TrackedBox]]:
        """Yield a box for every frame from the first to the last detection, and a few frames beyond."""
        first, last = int(self._frames[0]), int(self._frames[-1])
        start, stop = _shot_range(first, last, shots)
        start, stop = (
            max(start, first - settings.extension),
            min(stop, last + settings.extension + 1),
        )
        times = np.arange(start, stop)
        raw = np.stack([np.interp(times, self._frames, side) for side in self._boxes.T], axis=1)
        raw[: first - start] = self._extrapolated(times[: first - start], at_start=True)
        raw[last + 1 - start :] = self._extrapolated(times[last + 1 - start :], at_start=False)
        smoothed = bx.grow(bx.enclose(raw, _smooth(raw, settings.smoothing)), settings.margin)
        smoothed = expand_to_propagated(smoothed, start, self._frames, self._boxes, self._propagations)
        following = np.searchsorted(self._frames, times).clip(0, len(self._frames) - 1)
        leading = (following - 1).clip(0)
        nearer = times - self._frames[leading] < self._frames[following] - times
        nearest_rows = np.where(nearer, leading, following)
        for time, box, row in zip(times.tolist(), smoothed.tolist(), nearest_rows.tolist(), strict=True):
            score = float(self._scores[row])
            if self._frames[row] == time:
                origin = Origin.DETECTED if score >= settings.accept else Origin.LINKED
            else:
                origin = Origin.FILLED if first < time < last else Origin.EXTENDED
            yield time, TrackedBox(tuple(box), track_id, score, origin)

    def _extrapolated(self, times: NDArray[np.intp], *, at_start: bool) -> Boxes:
        """Extrapolate beyond one end: enclose the last position and that predicted from the velocity.

        The velocity is measured over the last ``VELOCITY_WINDOW`` frames, or since the previous detection if
        that is older.
        """
        edge, neighbour = (0, 1) if at_start else (-1, -2)
        near = np.flatnonzero(np.abs(self._frames - self._frames[edge]) <= VELOCITY_WINDOW)
        alone = len(near) == 1 < len(self._frames)
        inner = neighbour if alone else int(near[-1 if at_start else 0])
        elapsed = max(1, abs(int(self._frames[edge] - self._frames[inner])))
        velocity = (bx.centre(self._boxes[edge]) - bx.centre(self._boxes[inner])) / elapsed
        beyond = np.abs(times - self._frames[edge])[:, None]
        last_boxes = np.broadcast_to(self._boxes[edge], (len(times), 4))
        return bx.enclose(last_boxes, bx.shift(last_boxes, velocity * beyond))


def _shot_range(first: int, last: int, shots: NDArray[np.intp]) -> tuple[int, int]:
    """Return the start and stop of the shot that contains two frames."""
    same = np.flatnonzero(shots == shots[first])
    return int(same[0]), max(int(same[-1]), last) + 1


def _smooth(boxes: Boxes, reach: int) -> Boxes:
    """Return the moving average over ``reach`` neighbours on each side; the ends repeat the outermost box."""
    padded = np.pad(boxes, ((reach, reach), (0, 0)), mode="edge")
    smoothed: Boxes = np.mean([padded[i : i + len(boxes)] for i in range(2 * reach + 1)], axis=0)
    return smoothed
