"""Further places to look at: small faces in key frames, and what a faster detector finds anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from framecloak.domain.anonymization.adaptive.block import PROPOSED, Block
from framecloak.domain.anonymization.adaptive.regions import (
    FULL_SIDE_PX,
    MEDIUM_SIDE_PX,
    Region,
    joined,
    scale_for,
)
from framecloak.domain.anonymization.detection.faces import FaceSearch, selected
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

PROPOSAL_SCALES = (DetectionScale(960), DetectionScale(1920, max_enlargement=2.0))
"""Scales of the proposer: distant faces show at full size only, and in small frames only enlarged."""

MIN_PROPOSAL_SCORE = 0.3
"""Score from which on the proposer's detections are looked at again."""

MAX_PROPOSED_SHARE = 0.15
"""Largest size of a proposal as a share of the longer side; larger faces are found without."""

SCOUT_SCALES, SCOUT_INTERVAL = (DetectionScale(640),), 2
"""Scale at which the second detector looks at frames between, and its interval in frames."""

MIN_SCOUT_SCORE = 0.5
"""Score from which on the first detector looks where the second one found a face between two looks."""

KNOWN_SHARE = 0.4
"""Share of such a face inside one that is known from which on it is that one."""

SCOUT_SURROUNDINGS = 1.0
"""Width of the surroundings of such a face that are looked at, in units of its size."""

SMALL_FACE_PX = 32
"""Size at medium scale below which faces are looked at again at a larger scale in every key frame."""

LARGEST_SMALL_FACE_PX = 24
"""Size at full scale up to which they are looked at at that scale."""

MIN_SMALL_SCORE = 0.25
"""Score at a block boundary from which on that is done throughout the block."""

SMALL_SURROUNDINGS, MIN_SMALL_SURROUNDINGS_PX = 2.0, 48
"""Width of the surroundings of a small face that are looked at, in units of its size, and its minimum."""


def look_at_small_faces(block: Block) -> None:
    """Look at small faces at full scale in the key frames between two boundaries.

    Boundaries were looked at at that scale as a whole; what either shows is looked for throughout the block.
    """
    longest = max(block.display_size)
    if longest <= MEDIUM_SIDE_PX:
        return
    largest = SMALL_FACE_PX * longest / MEDIUM_SIDE_PX / block.display_zoom
    last = len(block) - 1
    boundaries = [block.faces(0), block.faces(last)]
    known = [
        faces.boxes[(box_geometry.size(faces.boxes) < largest) & (faces.scores >= MIN_SMALL_SCORE)]
        for faces in boundaries
    ]
    scale = scale_for(LARGEST_SMALL_FACE_PX * longest / FULL_SIDE_PX, block.display_size)
    for position in sorted(block.whole - {last}):
        if position >= block.first:
            boxes = block.faces(position).boxes
            small = np.concatenate([*known, boxes[box_geometry.size(boxes) < largest]])
            around = np.maximum(SMALL_SURROUNDINGS * box_geometry.size(small), MIN_SMALL_SURROUNDINGS_PX)
            _look_around(block, position, small, around, scale)


def propose(block: Block, proposer: FaceSearch, key_interval: int) -> None:
    """Add the proposer's detections in key frames, which count only by what a second opinion sees in them.

    A first detector that proposes itself is several times slower, and does so at block boundaries only.
    """
    is_own = proposer.detector is block.search.detector
    for position in range(block.first, len(block)):
        index = block.analyses[position].index
        is_boundary = position == len(block) - 1
        is_due = is_boundary or (index % key_interval == 0 and not is_own)
        if block.failed(position) or not is_due:
            continue
        (proposed,) = proposer.analyze([block.frame(position)], PROPOSAL_SCALES, MIN_PROPOSAL_SCORE)
        if proposed.faces is None:
            block.fail(position)
            continue
        faces = proposed.faces
        small = box_geometry.size(faces.boxes) <= MAX_PROPOSED_SHARE * max(block.frame_size)
        faces = selected(faces, np.flatnonzero(small))
        block.add(position, replace(faces, scores=np.full(len(faces.scores), PROPOSED)))


def scout(block: Block, second: FaceSearch) -> None:
    """Look where the second detector finds a face between two looks that neither of them shows."""
    for position in range(block.first, len(block)):
        is_due = block.analyses[position].index % SCOUT_INTERVAL == 0
        if position in block.whole or block.failed(position) or not is_due:
            continue
        (scouted,) = second.analyze([block.frame(position)], SCOUT_SCALES, MIN_SCOUT_SCORE)
        if scouted.faces is None:
            block.fail(position)
            continue
        boxes = scouted.faces.boxes
        known = box_geometry.share_inside(boxes, block.faces(position).boxes) >= KNOWN_SHARE
        new = boxes[~known.any(axis=1)]
        _look_around(block, position, new, SCOUT_SURROUNDINGS * box_geometry.size(new))


def _look_around(
    block: Block, position: int, boxes: Boxes, around: Iterable[float], scale: DetectionScale | None = None
) -> None:
    """Look at the surroundings of boxes (n, 4) in a frame, at a scale or at the one that suits each."""
    regions = [
        Region(
            box_geometry.clip(box_geometry.pad(box[None], width), *block.frame_size)[0],
            scale or scale_for(float(box_geometry.size(box)) * block.display_zoom, block.display_size),
        )
        for box, width in zip(boxes, around, strict=True)
    ]
    for region in joined(regions):
        block.look_in(position, region)
