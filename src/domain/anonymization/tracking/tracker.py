"""Tracking of detections across frames, so that a face missed in one frame is redacted nevertheless.

The tracker is *local*: its result for a frame depends only on detections at most
``TrackingSettings.temporal_margin`` frames away, and it treats past and future alike. A video may therefore
be cut into slices anywhere. Tracking each slice with that margin on both sides gives the same result as
tracking the whole video.

Association is by mutual best match between frames, nearest frames first, as in the two-stage matching of
ByteTrack (Zhang et al., 2022), but without a recursive filter: the state of a Kalman filter would depend on
the whole past, and so on where the video was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import PropagatedBoxes, Thumbnail
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.tracking.agreement import agreed
from framecloak.domain.anonymization.tracking.association import associate
from framecloak.domain.anonymization.tracking.following import HeadFollower
from framecloak.domain.anonymization.tracking.gap_filling import Trajectory
from framecloak.domain.anonymization.tracking.propagated_boxes import Propagations
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.box_geometry import Boxes

Value = TypeVar("Value", np.bool_, np.intp)

MAX_TURN_DEGREES = 45
"""Largest angle between a weak detection and the sure ones of the same face near it."""


def track(
    detections: Sequence[FrameDetections],
    shots: NDArray[np.intp],
    settings: TrackingSettings,
    propagated: Sequence[PropagatedBoxes] = (),
    thumbnails: Sequence[Thumbnail | None] = (),
    due: range | None = None,
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        detections: detections per frame, low scores included.
        shots: (frames,) shot number of each frame; no track crosses a cut.
        settings: thresholds and reach.
        propagated: per frame, boxes propagated from frames at most ``settings.extension`` away; empty if
            templates were not matched.
        thumbnails: per frame, the thumbnail in which heads are followed; empty if they are not.
        due: frames whose boxes are needed; None for all. Heads are not followed elsewhere.

    Returns:
        Boxes and tracks, in frame indices that count from the start of the run. Exact for frames at least
        ``settings.temporal_margin`` away from an end of the run that is not an end of the video.
    """
    counts = [len(of_frame.scores) for of_frame in detections]
    frames = np.repeat(np.arange(len(detections)), counts)
    rows = np.concatenate([np.arange(n) for n in counts]) if counts else np.empty(0, np.intp)
    boxes = np.concatenate([of_frame.boxes for of_frame in detections]) if counts else np.empty((0, 4))
    scores = np.concatenate([of_frame.scores for of_frame in detections]) if counts else np.empty(0)
    unconfirmed = _concatenated([of_frame.unconfirmed for of_frame in detections], counts, np.bool_)
    directions = _concatenated([of_frame.directions for of_frame in detections], counts, np.intp)
    interpolated = _concatenated([of_frame.interpolated for of_frame in detections], counts, np.bool_)
    frame_boxes: list[list[TrackedBox]] = [[] for _ in detections]
    members: list[list[tuple[int, int]]] = []
    follower = HeadFollower(thumbnails, detections, shots, settings, due or range(len(detections)))
    propagations = Propagations(propagated, np.cumsum([0, *counts]))
    associations = associate(frames, boxes, shots, settings.max_gap, settings.adjacent_distance)
    for chain in associations.tracks():
        indices = chain[~_misdirected(frames[chain], scores[chain], directions[chain], settings)]
        of_track = frames[indices], boxes[indices], scores[indices], unconfirmed[indices]
        for tracklet in _accepted_tracklets(*of_track, settings):
            selected = indices[tracklet]
            trajectory = Trajectory(
                frames[selected],
                boxes[selected],
                scores[selected],
                directions[selected],
                interpolated[selected],
                propagations.of(selected),
            )
            followed = follower.beyond(frames[selected], boxes[selected], scores[selected])
            for frame, box in trajectory.boxes_per_frame(len(members), shots, settings, followed):
                frame_boxes[frame].append(box)
            members.append(list(zip(frames[selected].tolist(), rows[selected].tolist(), strict=True)))
    return Tracks(frame_boxes, members)


def _misdirected(
    frames: NDArray[np.intp],
    scores: NDArray[np.float64],
    directions: NDArray[np.intp],
    settings: TrackingSettings,
) -> NDArray[np.bool_]:
    """Return which weak detections of a chain show a face turned otherwise than the sure ones near them.

    A chin upside down resembles a face, whose box lies beside the real one. The gap that it leaves is filled
    between the detections around it.

    Args:
        frames: (n,) ascending frame indices.
        scores: (n,).
        directions: (n,) degrees.
        settings: thresholds and reach.

    Returns:
        (n,) bool.
    """
    sure = np.flatnonzero(scores >= settings.accept)
    if not len(sure) or not directions.any():
        return np.zeros(len(frames), bool)
    apart = np.abs(frames[:, None] - frames[sure][None])
    turned = np.abs((directions[:, None] - directions[sure][None] + 180) % 360 - 180)
    is_near = (apart == apart.min(axis=1, keepdims=True)) & (apart <= settings.memory)
    agrees = (is_near & (turned <= MAX_TURN_DEGREES)).any(axis=1)
    return np.asarray((scores < settings.accept) & is_near.any(axis=1) & ~agrees)


def _accepted_tracklets(
    frames: NDArray[np.intp],
    boxes: Boxes,
    scores: NDArray[np.float64],
    unconfirmed: NDArray[np.bool_],
    settings: TrackingSettings,
) -> list[NDArray[np.intp]]:
    """Return the accepted parts of one chain of detections.

    A low-scoring detection is accepted if a high-scoring one is near enough in time. Rejected detections
    between two accepted ones become part of the track, unless the step between those exceeds ``max_gap``.
    Unconfirmed ones neither confirm others nor are confirmed by them; their frames have to agree.

    Args:
        frames: (n,) ascending frame indices.
        boxes: (n, 4) pixels.
        scores: (n,).
        unconfirmed: (n,) bool.
        settings: thresholds and reach.

    Returns:
        Positions of the detections of each part, ascending.
    """
    confirmed = np.concatenate([[0], np.cumsum((scores >= settings.accept) & ~unconfirmed)])
    first = np.searchsorted(frames, frames - settings.memory, side="left")
    last = np.searchsorted(frames, frames + settings.memory, side="right")
    is_accepted = confirmed[last] > confirmed[first]
    if unconfirmed.any():
        is_accepted = np.where(unconfirmed, agreed(frames, boxes, scores, settings), is_accepted)
    accepted = np.flatnonzero(is_accepted)
    if not len(accepted):
        return []
    breaks = np.flatnonzero(np.diff(frames[accepted]) > settings.max_gap) + 1
    parts = [np.arange(run[0], run[-1] + 1) for run in np.split(accepted, breaks)]
    return [part[is_accepted[part] | ~unconfirmed[part]] for part in parts]


def _concatenated(
    values: Sequence[NDArray[Value] | None], counts: Sequence[int], kind: type[Value]
) -> NDArray[Value]:
    """Concatenate the values of all frames; None stands for as many zeros as the frame has detections."""
    filled = [
        np.zeros(count, kind) if each is None else each for each, count in zip(values, counts, strict=True)
    ]
    return np.concatenate(filled) if filled else np.empty(0, kind)
