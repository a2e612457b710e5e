"""Tracking of faces, text and plates in a run of frames, each kind separately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Examination, Seen
from framecloak.domain.anonymization.model.boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.tracking.plates_by_shape import plates_among
from framecloak.domain.anonymization.tracking.tracker import TrackingSettings, track
from framecloak.domain.imaging.detections import Kind


def follow(
    examined: Sequence[Examination],
    scenes: NDArray[np.intp],
    settings: Mapping[Kind, TrackingSettings],
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        examined: analyses of the frames.
        scenes: (frames,) shot number of each frame.
        settings: tracker settings of each kind that was searched for.

    Returns:
        Boxes and tracks of all kinds, numbered together; text with the shape of a plate is reclassified as
        one. Rows of a frame's detections are counted through all kinds, in the order of the settings.
    """
    boxes: list[list[TrackedBox]] = [[] for _ in examined]
    members: list[list[tuple[int, int]]] = []
    offsets = [0] * len(examined)
    run = range(examined[0].index, examined[-1].index + 1) if examined else range(0)
    for kind, kind_settings in settings.items():
        detections = [entry.finds(kind) for entry in examined]
        tracks = track(detections, scenes, kind_settings, [_seen(entry, kind, run) for entry in examined])
        of_kind = [[replace(box, kind=kind) for box in frame_boxes] for frame_boxes in tracks.boxes]
        if kind is Kind.TEXT:
            of_kind = plates_among(Tracks(of_kind, tracks.members), detections, kind_settings.max_gap)
        for frame_boxes, all_boxes in zip(of_kind, boxes, strict=True):
            all_boxes += [replace(box, track=len(members) + box.track) for box in frame_boxes]
        members += [[(t, offsets[t] + row) for t, row in entry] for entry in tracks.members]
        offsets = [offset + len(entry.scores) for offset, entry in zip(offsets, detections, strict=True)]
    return Tracks(boxes, members)


def _seen(examined: Examination, kind: Kind, run: range) -> Seen:
    """Return the propagated boxes of one kind, with frames counted from the first of the run.

    Boxes from a pass outside the run are dropped, because its detections are not part of the run.
    """
    propagated = examined.seen.get(kind) or Seen.nothing()
    inside = (propagated.frames >= run.start) & (propagated.frames < run.stop)
    return Seen(propagated.frames[inside] - run.start, propagated.rows[inside], propagated.boxes[inside])
