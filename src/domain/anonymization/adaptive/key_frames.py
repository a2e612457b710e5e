"""Key frames of a block: which frames are looked at as a whole, at which scales and in which directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from framecloak.domain.anonymization.adaptive.block import Block
from framecloak.domain.anonymization.detection.faces import directions_of
from framecloak.domain.anonymization.detection.scales import (
    DIAGONALS,
    MIN_TURNED_SCORE,
    QUARTER_TURNS,
    DetectionScale,
    Look,
    looks_at,
)
from framecloak.domain.anonymization.detection.shots import MIN_CUT_CHANGE, mean_difference

TURNED_SIDE_PX = 960
"""Longer side in pixels of the scaled frame in directions in which there are people."""

MIN_ACTIVE_SCORE = 0.5
"""Score of a turned detection from which on its direction is looked in closely throughout the block."""

SHOT_START_SIDE_PX = 480
"""Longer side in pixels of the scaled frame in all other directions, in the first frame of a shot."""

FAST_CHANGE = 7.0
"""Mean change of the grid from frame to frame, in grey levels, from which on every frame is looked at.

The camera moves as a whole then, and heads move by more than their size. Walking with a camera changes the
grid by 2 to 5 levels, a hand that holds it or a pan by 8 to 15.
"""

MAX_GRID_DEVIATION = 32.0
"""Largest deviation of a grid cell from the interpolation between two looks, in grey levels."""


@dataclass(frozen=True, slots=True)
class KeyFramePlan:
    """Plan of the whole looks at the frames of a source.

    Attributes:
        scales: all scales of the source.
        key_interval: interval of key frames, counted in the video.
        is_alone: True if no second detector looks for distant faces in key frames; the first one does then.
    """

    scales: tuple[DetectionScale, ...]
    key_interval: int
    is_alone: bool

    def look_at(self, block: Block) -> None:
        """Look at the key frames, at both sides of cuts, at fast frames and at those that deviate most.

        A boundary has been looked at before. Where a frame failed, all frames around it are looked at.
        """
        last = len(block) - 1
        keys = [
            position
            for position in range(block.first, last)
            if block.analyses[position].index % self.key_interval == 0
        ]
        scales = [
            replace(scale, every=1) if self.is_alone and not scale.direction else scale
            for scale in self.scales
        ]
        block.look(keys, lambda index: looks_at(index, block.display_size, scales, block.stride))
        changes = {
            (earlier, position): mean_difference(
                block.analyses[earlier].luma_grid, block.analyses[position].luma_grid
            )
            for earlier, position in _neighbours(block)
        }
        fast = [position for (_, position), change in changes.items() if change >= FAST_CHANGE]
        cuts = [sides for sides, change in changes.items() if change >= MIN_CUT_CHANGE]
        self.look_upright(block, [*fast, *(earlier for earlier, _ in cuts)])
        starts = _shot_start_looks(block)
        block.look([position for _, position in cuts], lambda _: starts)
        deviating = [_deviating(block, start, stop) for start, stop in pairwise(sorted(block.whole))]
        self.look_upright(block, chain.from_iterable(deviating))

    def look_around_failures(self, block: Block) -> None:
        """Look at all frames between two whole looks one of which, or a frame between, has failed since."""
        for start, stop in pairwise(sorted(block.whole)):
            if any(block.failed(position) for position in range(start, stop + 1)):
                self.look_upright(block, range(start + 1, stop))

    def look_upright(self, block: Block, positions: Iterable[int]) -> None:
        """Look at whole frames of the block, upright, at the scales of key frames."""
        scales = [scale for scale in self.scales if not scale.direction and scale.every <= self.key_interval]
        looks = looks_at(0, block.display_size, scales, block.stride)
        block.look(positions, lambda _: looks)


def look_in_directions(block: Block, directions: frozenset[int]) -> None:
    """Look at all frames that were looked at as a whole in further directions, as closely as upright."""
    width, height = DetectionScale(TURNED_SIDE_PX).scaled_size(block.display_size, block.stride)
    looks = [Look(width, height, direction) for direction in sorted(directions)]
    block.look(sorted(block.whole), lambda _: looks)


def active_directions(block: Block) -> frozenset[int]:
    """Return the directions other than upright in which a sure detection was made."""
    faces = [block.faces(position) for position in range(len(block))]
    sure = [directions_of(found)[found.scores >= MIN_ACTIVE_SCORE] for found in faces]
    return frozenset(np.concatenate(sure).tolist()) - {0}


def _neighbours(block: Block) -> Iterator[tuple[int, int]]:
    """Yield the positions of consecutive frames, without those that cannot be read."""
    yield from pairwise(
        position for position, analysis in enumerate(block.analyses) if analysis.luma_grid is not None
    )


def _shot_start_looks(block: Block) -> list[Look]:
    width, height = DetectionScale(SHOT_START_SIDE_PX).scaled_size(block.display_size, block.stride)
    return [
        Look(width, height, direction, min_score=MIN_TURNED_SCORE) for direction in QUARTER_TURNS + DIAGONALS
    ]


def _deviating(block: Block, start: int, stop: int) -> list[int]:
    """Return the frames between two looks that need one of their own.

    All of them, if any frame failed. Otherwise only the one that deviates most from both, if it does.
    """
    between = range(start + 1, stop)
    grids = [block.analyses[position].luma_grid for position in range(start, stop + 1)]
    levels = [grid for grid in grids if grid is not None]
    if len(levels) < len(grids) or any(block.failed(position) for position in (start, stop)):
        return list(between)
    if not between:
        return []
    share = np.linspace(0, 1, len(levels), dtype=np.float32)[:, None]
    expected = (1 - share) * levels[0] + share * levels[-1]
    deviations = np.abs(np.stack(levels) - expected)[1:-1].max(axis=1)
    most = int(deviations.argmax())
    return [between[most]] if deviations[most] > MAX_GRID_DEVIATION else []
