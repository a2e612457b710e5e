"""Scales at which the detector runs on a frame, and the tiles that large images are cut into."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

MAX_TILE_PX = 1024
"""Side in pixels above which an image is cut into tiles: a detector's memory grows with the area."""

TILE_OVERLAP_PX = 128
"""Pixels shared by neighbouring tiles. Larger faces are cut by a border; smaller scales detect those."""


@dataclass(frozen=True, slots=True)
class DetectionScale:
    """One scale and direction in which the detector runs on frames.

    Attributes:
        longest_side: longer side of the scaled image in pixels.
        every: detection interval in frames: the scale applies to frames whose index in the video is a
            multiple of it. Counting in the video, not in the slice, gives the same result for every
            division into slices.
        smallest_face: size in pixels of the scaled image below which detections are dropped. A scaled-down
            image serves to detect faces that are too large to be detected at full size; small detections in
            it are unreliable.
        smallest_frame: longer side in pixels below which frames skip the scale.
        direction: degrees, a multiple of 45, by which the scaled image is turned clockwise before detection.
            Detectors are trained on upright faces and miss those that are turned by more than about 30
            degrees.
        min_score: score below which detections are dropped.
        max_enlargement: largest factor by which a smaller frame is enlarged to ``longest_side``.
    """

    longest_side: int
    every: int = 1
    smallest_face: int = 0
    smallest_frame: int = 0
    direction: int = 0
    min_score: float = 0.0
    max_enlargement: float = 1.0

    def applies_to(self, index: int, size: tuple[int, int]) -> bool:
        """Return whether the scale applies to the frame with this index and (width, height)."""
        return index % self.every == 0 and max(size) >= self.smallest_frame

    def scaled_size(self, size: tuple[int, int], stride: int) -> tuple[int, int]:
        """Return the width and height of the scaled image, before it is turned.

        Args:
            size: width and height of the frame in square pixels.
            stride: number of pixels that both sides of the result are multiples of.
        """
        zoom = min(self.max_enlargement, self.longest_side / max(size))
        width, height = (max(1, round(side * zoom / stride)) * stride for side in size)
        return width, height


QUARTER_TURNS = (90, 180, 270)
DIAGONALS = (45, 135, 225, 315)

MIN_TURNED_SCORE = 0.25
"""Score below which turned detections are ignored where nobody is known to be turned.

They are false more often than upright ones, and count only after a second opinion.
"""

KEY_INTERVAL = 6
"""Interval of key frames, which are looked at as a whole."""

BLOCK_INTERVAL = 24
"""Interval of block boundaries, which are looked at at every scale and in every direction."""

VIDEO_SCALES = (
    DetectionScale(960, KEY_INTERVAL),
    DetectionScale(1920, BLOCK_INTERVAL),
    DetectionScale(3840, BLOCK_INTERVAL, smallest_frame=1921),
    DetectionScale(320, KEY_INTERVAL, smallest_face=64),
    *(
        DetectionScale(480, KEY_INTERVAL, direction=turn, min_score=MIN_TURNED_SCORE)
        for turn in QUARTER_TURNS
    ),
    *(DetectionScale(480, BLOCK_INTERVAL, direction=turn, min_score=MIN_TURNED_SCORE) for turn in DIAGONALS),
)
"""Medium scale, a small one for close-ups and quarter turns in key frames; full scale for distant faces and
the diagonals at block boundaries.

Adaptive detection decides where to look in between. The intervals are for `REFERENCE_FPS`.
"""

REFERENCE_FPS = 24_000 / 1001
"""Frames per second from which on the detection intervals are those of `VIDEO_SCALES`."""

IMAGE_SCALES = (
    DetectionScale(320, smallest_face=64),
    DetectionScale(640),
    DetectionScale(960),
    DetectionScale(1920, max_enlargement=2.0),
    DetectionScale(3840),
    *(DetectionScale(960, direction=turn, min_score=MIN_TURNED_SCORE) for turn in QUARTER_TURNS + DIAGONALS),
)
"""All scales and directions for a single image, which has no neighbouring frames to fill gaps from."""


def video_scales(frames_per_second: float) -> tuple[DetectionScale, ...]:
    """Return the scales for a video.

    People move with time, not with frames, so at lower frame rates the periodic scales apply to more of the
    frames.

    Args:
        frames_per_second: frame rate of the video; 0 if unknown, which is treated as the lowest rate.
    """
    share = min(1.0, frames_per_second / REFERENCE_FPS)
    # Rounded down: no more time may pass than at the reference rate. Rates are quotients and need some slack.
    key_interval = max(1, int(KEY_INTERVAL * share + 1e-3))
    # Below four frames per second every frame is a key frame, and fewer of them make a block.
    keys_per_block = min(BLOCK_INTERVAL // KEY_INTERVAL, max(1, int(BLOCK_INTERVAL * share + 1e-3)))
    intervals = {KEY_INTERVAL: key_interval, BLOCK_INTERVAL: keys_per_block * key_interval}
    return tuple(replace(scale, every=intervals[scale.every]) for scale in VIDEO_SCALES)


def key_interval(scales: Sequence[DetectionScale]) -> int:
    """Return the shortest interval at which whole frames are looked at, in frames."""
    return min(scale.every for scale in scales if scale.direction == 0)


def verified_scales(scales: Sequence[DetectionScale]) -> tuple[DetectionScale, ...]:
    """Return the scales for checking every frame by itself: no frame relies on its neighbours.

    Scales of key frames apply to every frame, and those of block boundaries at the interval of key frames.
    """
    key = key_interval(scales)
    return tuple(
        scale if scale.direction else replace(scale, every=1 if scale.every <= key else key)
        for scale in scales
    )


def block_interval(scales: Sequence[DetectionScale]) -> int:
    """Return the interval at which frames are looked at at every scale, in frames."""
    return math.lcm(*(scale.every for scale in scales))


@dataclass(frozen=True, slots=True)
class Look:
    """One run of the detector on a scaled and turned frame.

    Attributes:
        width, height: size in pixels of the scaled frame, before it is turned.
        direction: degrees by which it is turned clockwise.
        smallest_face: size in its pixels below which detections are dropped.
        min_score: score below which detections are dropped.
    """

    width: int
    height: int
    direction: int
    smallest_face: int = 0
    min_score: float = 0.0


def looks_at(
    index: int, size: tuple[int, int], scales: Sequence[DetectionScale], stride: int
) -> tuple[Look, ...]:
    """Return the runs of the detector that are due on a frame.

    Args:
        index: index of the frame in the video.
        size: width and height of the frame in square pixels.
        scales: all scales of the video.
        stride: number of pixels that the sides of the scaled images must be multiples of.

    Returns:
        One look for each size and direction, in the order of the scales. Scales that coincide because the
        frame is small give one look.
    """
    due: dict[tuple[int, int, int], Look] = {}
    for scale in scales:
        if scale.applies_to(index, size):
            key = *scale.scaled_size(size, stride), scale.direction
            look = Look(*key, scale.smallest_face, scale.min_score)
            other = due.get(key, look)
            due[key] = replace(
                look,
                smallest_face=min(look.smallest_face, other.smallest_face),
                min_score=min(look.min_score, other.min_score),
            )
    return tuple(due.values())


def scaled_sizes(
    index: int, size: tuple[int, int], scales: Sequence[DetectionScale], stride: int
) -> tuple[tuple[int, int], ...]:
    """Return width and height of each scaled image that is due on a frame; arguments as for `looks_at`."""
    return tuple((look.width, look.height) for look in looks_at(index, size, scales, stride))


@dataclass(frozen=True, slots=True)
class Tile:
    """Part of an image on which the detector runs separately.

    Attributes:
        x, y: upper left corner in the image.
        width, height: size in pixels, the same for all tiles of an image.
        core: ``x1, y1, x2, y2`` in the image of the part whose faces are reported by this tile; the cores of
            all tiles cover the image without overlap.
    """

    x: int
    y: int
    width: int
    height: int
    core: tuple[float, float, float, float]

    def owns(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes (n, 4), in pixels of the image, have their centre in the core, as (n,) bool."""
        x1, y1, x2, y2 = self.core
        x, y = box_geometry.centre(boxes).T
        return np.asarray((x >= x1) & (x < x2) & (y >= y1) & (y < y2))


def tiles(width: int, height: int, stride: int) -> Iterator[Tile]:
    """Cut an image into the smallest possible number of equal, overlapping tiles.

    Args:
        width: width of the image in pixels, a multiple of the stride.
        height: height of the image in pixels, a multiple of the stride.
        stride: number of pixels that the sides of tiles must be multiples of.

    Yields:
        The tiles, row by row; a single tile if the image is small enough.
    """
    wide, columns = _split_side(width, stride)
    tall, rows = _split_side(height, stride)
    for y, top, bottom in rows:
        for x, left, right in columns:
            yield Tile(x, y, wide, tall, (left, top, right, bottom))


def _split_side(side: int, stride: int) -> tuple[int, list[tuple[int, float, float]]]:
    """Return the length of the parts of one side, and the start and core limits of each part."""
    count = math.ceil((side - TILE_OVERLAP_PX) / (MAX_TILE_PX - TILE_OVERLAP_PX)) if side > MAX_TILE_PX else 1
    length = math.ceil((side + TILE_OVERLAP_PX * (count - 1)) / count / stride) * stride
    starts = [round(position) for position in np.linspace(0, side - length, count)]
    seams = [(before + length + after) / 2 for before, after in pairwise(starts)]
    limits = pairwise([-math.inf, *seams, math.inf])
    return length, [(start, low, high) for start, (low, high) in zip(starts, limits, strict=True)]
