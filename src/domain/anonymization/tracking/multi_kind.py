"""Tracking of faces, text and plates in a run of frames, each kind separately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import FrameAnalysis, PropagatedBoxes
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.tracking.plates_by_shape import reclassify_plates
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track
from framecloak.domain.imaging.detections import TargetKind


def track_all_kinds(
    analyses: Sequence[FrameAnalysis],
    shots: NDArray[np.intp],
    settings: Mapping[TargetKind, TrackingSettings],
    due: range | None = None,
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        analyses: analyses of the frames.
        shots: (frames,) shot number of each frame.
        settings: tracker settings of each kind that was searched for.
        due: frames whose boxes are needed, by their indices in the video; None for all.

    Returns:
        Boxes and tracks of all kinds, numbered together; text with the shape of a plate is reclassified as
        one. Rows of a frame's detections are counted through all kinds, in the order of the settings.
    """
    boxes: list[list[TrackedBox]] = [[] for _ in analyses]
    members: list[list[tuple[int, int]]] = []
    offsets = [0] * len(analyses)
    run = range(analyses[0].index, analyses[-1].index + 1) if analyses else range(0)
    needed = None if due is None else range(due.start - run.start, due.stop - run.start)
    for kind, kind_settings in settings.items():
        detections = [entry.detections(kind) for entry in analyses]
        tracks = track(
            detections,
            shots,
            kind_settings,
            [_propagated_within(entry, kind, run) for entry in analyses],
            [entry.thumbnail for entry in analyses] if kind_settings.follow else (),
            needed,
        )
        of_kind = [[replace(box, kind=kind) for box in frame_boxes] for frame_boxes in tracks.boxes]
        if kind is TargetKind.TEXT:
            of_kind = reclassify_plates(Tracks(of_kind, tracks.members), detections, kind_settings.max_gap)
        for frame_boxes, all_boxes in zip(of_kind, boxes, strict=True):
            all_boxes += [replace(box, track=len(members) + box.track) for box in frame_boxes]
        members += [[(t, offsets[t] + row) for t, row in entry] for entry in tracks.members]
        offsets = [offset + len(entry.scores) for offset, entry in zip(offsets, detections, strict=True)]
    return Tracks(boxes, members)


def _propagated_within(analysis: FrameAnalysis, kind: TargetKind, run: range) -> PropagatedBoxes:
    """Return the propagated boxes of one kind, with frames counted from the first of the run.

    Boxes from a pass outside the run are dropped, because its detections are not part of the run.
    """
    propagated = analysis.propagated.get(kind) or PropagatedBoxes.empty()
    inside = (propagated.frames >= run.start) & (propagated.frames < run.stop)
    return PropagatedBoxes(
        propagated.frames[inside] - run.start, propagated.rows[inside], propagated.boxes[inside]
    )
