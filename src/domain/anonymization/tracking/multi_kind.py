"""Follow everything that was found in a run of frames: faces, text, plates, each kind by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import Examination
from framecloak.domain.anonymization.detection.text_and_plates import plates_among
from framecloak.domain.anonymization.tracking.propagated_boxes import Seen
from framecloak.domain.anonymization.tracking.tracker import TrackedBox, TrackingSettings, Tracks, track
from framecloak.domain.imaging.detections import Kind


def follow(
    examined: Sequence[Examination],
    scenes: NDArray[np.intp],
    settings: Mapping[Kind, TrackingSettings],
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        examined: the frames.
        scenes: (frames,) number of the scene each frame belongs to.
        settings: what is accepted, for each kind that was looked for.

    Returns:
        Boxes and tracks of all kinds, numbered together; text of a plate's shape is a plate. A frame's
        detections are counted through all kinds, in their order in the settings.
    """
    boxes: list[list[TrackedBox]] = [[] for _ in examined]
    members: list[list[tuple[int, int]]] = []
    counted = [0] * len(examined)
    run = range(examined[0].index, examined[-1].index + 1) if examined else range(0)
    for kind, how in settings.items():
        found = [one.finds(kind) for one in examined]
        tracks = track(found, scenes, how, [_seen(one, kind, run) for one in examined])
        of_kind = [[replace(box, kind=kind) for box in covered] for covered in tracks.boxes]
        if kind is Kind.TEXT:
            of_kind = plates_among(Tracks(of_kind, tracks.members), found, how.max_gap)
        for covered, all_kinds in zip(of_kind, boxes, strict=True):
            all_kinds += [replace(box, track=len(members) + box.track) for box in covered]
        members += [[(t, counted[t] + row) for t, row in one] for one in tracks.members]
        counted = [before + len(one.scores) for before, one in zip(counted, found, strict=True)]
    return Tracks(boxes, members)


def _seen(examined: Examination, kind: Kind, run: range) -> Seen:
    """What was seen again of one kind, with frames counted from the first of the run.

    The look before a frame, or the one after it, may lie outside the run; then nothing is known of its finds.
    """
    seen = examined.seen.get(kind) or Seen.nothing()
    known = (seen.frames >= run.start) & (seen.frames < run.stop)
    return Seen(seen.frames[known] - run.start, seen.rows[known], seen.boxes[known])
