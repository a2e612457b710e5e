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

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import PropagatedBoxes, Thumbnail
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.tracking.association import associate
from framecloak.domain.anonymization.tracking.following import HeadFollower
from framecloak.domain.anonymization.tracking.gap_filling import Trajectory
from framecloak.domain.anonymization.tracking.propagated_boxes import Propagations
from framecloak.domain.anonymization.tracking.settings import TrackingSettings


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
    frame_boxes: list[list[TrackedBox]] = [[] for _ in detections]
    members: list[list[tuple[int, int]]] = []
    follower = HeadFollower(thumbnails, shots, settings, due or range(len(detections)))
    propagations = Propagations(propagated, np.cumsum([0, *counts]))
    for indices in associate(frames, boxes, shots, settings.max_gap).tracks():
        for tracklet in _accepted_tracklets(frames[indices], scores[indices], settings):
            selected = indices[tracklet]
            trajectory = Trajectory(
                frames[selected], boxes[selected], scores[selected], propagations.of(selected)
            )
            followed = follower.beyond(frames[selected], boxes[selected], scores[selected])
            for frame, box in trajectory.boxes_per_frame(len(members), shots, settings, followed):
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
        frames: (n,) ascending frame indices.
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
