"""Pixels and places of lines in a frame: crops, directions, gaps, and whether a line has changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import PLATE_MARGIN, TEXT_MARGIN
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame

MAX_UPRIGHT_RATIO = 1.2
"""Ratio of the sides of a box above which its text runs along the longer one."""
END_SHARE = 0.6
"""Length that is read beyond both ends of a line, in its heights."""
MAX_BLOCK_CHANGE = 14.0
"""Largest change of the mean of a block of pixels, in grey levels, of a line that has not changed."""
MAX_WORD_GAP = 1.0
"""Largest gap between two words of a line, in heights of the larger one."""
MIN_WORD_OVERLAP = 0.6
"""Share of the height of the larger of two words by which both must be on one line."""
_BLOCK_PX = 8


def is_unchanged(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Return whether the grey levels (h, w) of a line are the same but for noise, in each block of pixels."""
    if before.shape != now.shape or not before.size:
        return False
    difference = np.abs(before.astype(np.int16) - now)
    rows, columns = (range(0, size, _BLOCK_PX) for size in difference.shape)
    sums = np.add.reduceat(np.add.reduceat(difference, rows, axis=0, dtype=np.int64), columns, axis=1)
    heights, widths = (
        np.diff([*steps, size]) for steps, size in zip((rows, columns), difference.shape, strict=True)
    )
    return bool((sums <= MAX_BLOCK_CHANGE * np.outer(heights, widths)).all())


def square_pixels(frame: Frame) -> tuple[Image, NDArray[np.float64]]:
    """Return a frame in square pixels, and the factors (4,) from its own pixels to those."""
    width, height = frame.display_size
    return frame.rgb(width, height), np.tile([width / frame.width, height / frame.height], 2)


def added_margins(detections: FrameDetections) -> NDArray[np.float64]:
    """Return the margins (n,) in pixels that detection has added to each side of text."""
    like_plates = detections.plate_shaped if detections.plate_shaped is not None else False
    shares = np.where(like_plates, PLATE_MARGIN, TEXT_MARGIN)
    margins: NDArray[np.float64] = (
        shares * box_geometry.sides(detections.boxes).min(axis=1) / (1 + 2 * shares)
    )
    return margins


def without_margin(detections: FrameDetections) -> Boxes:
    """Return the boxes of text as the detector gave them: a reader needs lines that fill the image."""
    return box_geometry.pad(detections.boxes, -added_margins(detections))


def with_ends(box: Boxes) -> Boxes:
    """Return a box (4,) that is longer at both ends; two digits are about as wide as they are high."""
    width, height = box[2] - box[0], box[3] - box[1]
    if height >= MAX_UPRIGHT_RATIO * width:
        return np.asarray(box + np.array([0, -1, 0, 1]) * END_SHARE * width)
    return np.asarray(box + np.array([-1, 0, 1, 0]) * END_SHARE * height)


def crop(image: Image, box: Boxes) -> Image:
    """Return the pixels of a box (4,) as far as it is in the image, at least one."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return image[y1 : max(y1 + 1, y2), x1 : max(x1 + 1, x2)]


def grey_levels(image: Image, box: Boxes) -> NDArray[np.uint8]:
    """Return the grey levels of a box, as the mean of its colours."""
    levels: NDArray[np.uint8] = crop(image, box).mean(axis=2).astype(np.uint8)
    return levels


def directions(crop: Image) -> tuple[int, ...]:
    """Return the quarter turns counter-clockwise that may make a crop upright, the likeliest first."""
    height, width = crop.shape[:2]
    if width >= MAX_UPRIGHT_RATIO * height:
        return (0, 2)
    return (1, 3) if height >= MAX_UPRIGHT_RATIO * width else (0, 1, 3, 2)


def gaps_along_line(boxes: Boxes, rows: Sequence[int]) -> NDArray[np.float64]:
    """Return the gaps (k, n) from k boxes to all on their line, in their heights; infinite for others."""
    first = boxes[np.array(rows, np.intp)][:, None]
    heights, others = first[..., 3] - first[..., 1], boxes[:, 3] - boxes[:, 1]
    overlap = np.minimum(first[..., 3], boxes[:, 3]) - np.maximum(first[..., 1], boxes[:, 1])
    gap = np.maximum(first[..., 0], boxes[:, 0]) - np.minimum(first[..., 2], boxes[:, 2])
    gaps = np.where(overlap > 0.5 * np.minimum(heights, others), np.maximum(gap, 0) / heights, np.inf)
    gaps[np.arange(len(rows)), rows] = np.inf
    return np.asarray(gaps)


def words_of_lines(boxes: Boxes, rows: Sequence[int]) -> list[list[int]]:
    """Return the groups of two and more of some rows of boxes (n, 4) that are words of one horizontal line.

    Words of one line are alike in height, and the gaps between them are small.
    """
    selected = sorted(rows, key=lambda row: (float(boxes[row, 0]), row))
    lines: list[list[int]] = []
    for row in selected:
        for line in lines:
            if any(_are_words_of_one_line(boxes[other], boxes[row]) for other in line):
                line.append(row)
                break
        else:
            lines.append([row])
    return [line for line in lines if len(line) > 1]


def _are_words_of_one_line(first: Boxes, second: Boxes) -> bool:
    height = max(first[3] - first[1], second[3] - second[1])
    overlap = min(first[3], second[3]) - max(first[1], second[1])
    gap = max(first[0], second[0]) - min(first[2], second[2])
    return bool(overlap >= MIN_WORD_OVERLAP * height and gap <= MAX_WORD_GAP * height)
