"""At which sizes a frame is examined, and in which pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes

LARGEST_TILE = 1024
"""Pixels of a side above which a picture is examined in tiles: a detector's memory grows with the area."""

TILE_OVERLAP = 128
"""Pixels that neighbouring tiles share. Larger faces are cut by a border; smaller looks are for those."""


@dataclass(frozen=True, slots=True)
class Look:
    """One size at which frames are examined.

    Attributes:
        longest_side: pixels of the examined picture's longer side; frames are never enlarged to it.
        every: the look is taken at frames whose number in the video is a multiple of this. Counting in
            the video, not in the slice, makes every slice look alike.
        smallest_face: finds smaller than this, in pixels of the examined picture, are ignored. A shrunken
            picture is looked at for what is too large to be recognised at full size; the small things it
            seems to hold are guesses.
        smallest_frame: frames whose longer side is shorter than this do not get the look.
    """

    longest_side: int
    every: int = 1
    smallest_face: int = 0
    smallest_frame: int = 0

    def due(self, index: int, size: tuple[int, int]) -> bool:
        """Whether the frame with this number and (width, height) gets the look."""
        return index % self.every == 0 and max(size) >= self.smallest_frame


VIDEO_LOOKS = (
    Look(960),
    Look(1920, every=6),
    Look(320, every=2, smallest_face=64, smallest_frame=800),
)
"""Every frame at a middle size; at times full size for what is far away, small for what fills the frame.

The tracker carries what an occasional look found over the frames between. They are meant for `USUAL_RATE`.
"""

USUAL_RATE = 24_000 / 1001
"""Frames a second from which on two looks at one size are as far apart as `VIDEO_LOOKS` says."""

PICTURE_LOOKS = (Look(320, smallest_face=64), Look(640), Look(960), Look(1920), Look(3840))
"""A single picture has no neighbours that could help, so it gets every look."""


def video_looks(frames_per_second: float) -> tuple[Look, ...]:
    """The looks at a video.

    Between two looks people move as far as time allows, not as frames do: where frames are further apart,
    occasional looks are taken more often.

    Args:
        frames_per_second: of the video; 0 where it is not known, which counts as the lowest.
    """
    share = min(1.0, frames_per_second / USUAL_RATE)
    # Rounded down: no more time may pass than at the usual rate. Rates are quotients, and need some slack.
    return tuple(replace(look, every=max(1, int(look.every * share + 1e-3))) for look in VIDEO_LOOKS)


def longest_wait(looks: Sequence[Look]) -> int:
    """Frames from one look to the next at the size that is looked at least often."""
    return max(look.every for look in looks)


def sizes_due(
    index: int, size: tuple[int, int], looks: Sequence[Look], stride: int
) -> dict[tuple[int, int], int]:
    """The sizes to examine a frame at.

    Args:
        index: number of the frame in the video.
        size: width and height of the frame.
        looks: all that the frame might get.
        stride: sides of examined pictures are multiples of this.

    Returns:
        Width and height of each examined picture, in proportion to the frame, with the smallest face to
        report. Looks that come to the same size, because the frame is small, are taken once.
    """
    due: dict[tuple[int, int], int] = {}
    for look in looks:
        if look.due(index, size):
            shrink = min(1.0, look.longest_side / max(size))
            width, height = (max(1, round(side * shrink / stride)) * stride for side in size)
            due[width, height] = min(look.smallest_face, due.get((width, height), look.smallest_face))
    return due


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of a picture that is examined by itself.

    Attributes:
        x, y: upper left corner in the picture.
        width, height: extent; the same for all tiles of a picture.
        core: ``x1, y1, x2, y2`` in the picture of the part whose faces this tile answers for; the cores of
            all tiles fill the picture without overlap.
    """

    x: int
    y: int
    width: int
    height: int
    core: tuple[float, float, float, float]

    def answers_for(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Which boxes (n, 4), in pixels of the picture, have their centre in the core."""
        x1, y1, x2, y2 = self.core
        x, y = bx.centre(boxes).T
        return np.asarray((x >= x1) & (x < x2) & (y >= y1) & (y < y2))


def tiles(width: int, height: int, stride: int) -> Iterator[Tile]:
    """Cut a picture into as few equal, overlapping tiles as its size demands.

    Args:
        width: of the picture, a multiple of the stride.
        height: likewise.
        stride: sides of tiles are multiples of this.

    Yields:
        The tiles, row by row; one that is the whole picture where that is small enough.
    """
    wide, columns = _cut(width, stride)
    tall, rows = _cut(height, stride)
    for y, top, bottom in rows:
        for x, left, right in columns:
            yield Tile(x, y, wide, tall, (left, top, right, bottom))


def _cut(side: int, stride: int) -> tuple[int, list[tuple[int, float, float]]]:
    """Length of the pieces of one side, and of each: its start and the limits of its core."""
    count = math.ceil((side - TILE_OVERLAP) / (LARGEST_TILE - TILE_OVERLAP)) if side > LARGEST_TILE else 1
    length = math.ceil((side + TILE_OVERLAP * (count - 1)) / count / stride) * stride
    starts = [round(place) for place in np.linspace(0, side - length, count)]
    seams = [(before + length + after) / 2 for before, after in pairwise(starts)]
    limits = pairwise([-math.inf, *seams, math.inf])
    return length, [(start, low, high) for start, (low, high) in zip(starts, limits, strict=True)]
