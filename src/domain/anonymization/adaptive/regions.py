"""Regions of a frame that detectors look at separately, each at the scale that shows its faces best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.directions import (
    map_boxes,
    map_from_turned,
    map_landmarks,
    turn,
    turned_size,
    zoomed,
)
from framecloak.domain.anonymization.detection.faces import FaceSearch
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.ports.frames import Frame

UPRIGHT = frozenset({0})

MEDIUM_SIDE_PX = 960
"""Longer side in pixels of the scaled frame in which most faces are looked for."""

FULL_SIDE_PX = 1920
"""Longer side in pixels of the scaled frame in which small faces are looked for."""

REGION_SCALES = (
    DetectionScale(320),
    DetectionScale(MEDIUM_SIDE_PX),
    DetectionScale(FULL_SIDE_PX, max_enlargement=2.0),
    DetectionScale(3840),
)
"""Scales of regions, ascending."""

MIN_FACE_SIDES_PX = (64, 32, 24, 24)
"""Smallest faces, in pixels of the scaled frame, that are looked for at each of those scales."""

MIN_CROP_PX = 96
"""Smallest side of a crop in pixels: detectors need some surroundings."""

MAX_CROP_SHARE = 0.6
"""Share of the scaled frame above which the whole is looked at instead of a crop."""

BORDER_PX, BORDER_SHARE = 3, 0.1
"""Distance from the border of a crop within which detections are dropped, in pixels and as a share of their
longer side, whichever is more: the face is cut, and its box is wrong."""

MAX_JOINED_AREA = 1.15
"""Ratio of the area around two regions to the sum of their areas up to which they are joined."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Part of a frame to look at.

    Attributes:
        box: (4,) pixels of the frame.
        scale: scale at which it is looked at.
        directions: degrees by which it is turned clockwise.
    """

    box: Boxes
    scale: DetectionScale
    directions: frozenset[int] = UPRIGHT

    def contains(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes (n, 4) have their centre in the region, (n,) bool."""
        centres = box_geometry.centre(boxes)
        return np.asarray(((centres >= self.box[:2]) & (centres <= self.box[2:])).all(axis=1))


def scale_for(size: float, frame_size: tuple[int, int]) -> DetectionScale:
    """Return the smallest scale that shows a face well.

    Args:
        size: size of the face in square pixels of the frame.
        frame_size: width and height of the frame in square pixels.
    """
    longest = max(frame_size)
    zooms = [min(scale.max_enlargement, scale.longest_side / longest) for scale in REGION_SCALES]
    for scale, smallest, zoom in zip(REGION_SCALES, MIN_FACE_SIDES_PX, zooms, strict=True):
        if size * zoom >= smallest:
            return scale
    return REGION_SCALES[int(np.argmax(zooms))]


def joined(regions: Iterable[Region]) -> list[Region]:
    """Join regions of one scale that lie so close together that one crop costs less than two."""
    result: list[Region] = []
    for region in regions:
        added = region
        while (row := _joinable(result, added)) is not None:
            other = result.pop(row)
            around = box_geometry.enclose(other.box, added.box)
            added = Region(around, added.scale, added.directions | other.directions)
        result.append(added)
    return result


def _joinable(regions: list[Region], region: Region) -> int | None:
    for row, other in enumerate(regions):
        if other.scale == region.scale:
            around = box_geometry.enclose(other.box, region.box)
            apart = box_geometry.area(other.box) + box_geometry.area(region.box)
            if box_geometry.area(around) <= MAX_JOINED_AREA * apart:
                return row
    return None


def detect_in_region(
    search: FaceSearch, frame: Frame, region: Region, threshold: float
) -> Iterator[FrameDetections]:
    """Yield the faces found in a region, for each of its directions.

    Faces that the border of the crop cuts are dropped, and so are those centred outside the region.

    Args:
        search: face detector and sampler.
        frame: the frame.
        region: region to look at.
        threshold: lowest score to report.

    Raises:
        FrameAnalysisError: the frame was not decoded, or the detector failed.
    """
    stride = search.detector.stride
    (width, height), crop = _cropped(frame, region, stride)
    zoom = frame.width / width, frame.height / height
    left, top, right, bottom = crop
    size = right - left, bottom - top
    if (width, height) == (frame.width, frame.height):
        image = frame.rgb_part(left, top, *size)
    else:
        image = frame.rgb(width, height)[top:bottom, left:right]
    # A face may be cut only where the frame ends too.
    limits = np.array(
        [
            left or -np.inf,
            top or -np.inf,
            right if right < width else np.inf,
            bottom if bottom < height else np.inf,
        ]
    )
    for direction in sorted(region.directions):
        turned = turned_size(*size, direction, stride)
        matrix = map_from_turned(size, turned, direction)
        matrix[:, 2] += left, top
        pixels = turn(image, direction, turned, search.sampler) if direction else np.ascontiguousarray(image)
        (found,) = search.detector.detect([pixels], threshold)
        boxes = map_boxes(found.boxes.astype(np.float64), matrix)
        in_frame = boxes * np.tile(zoom, 2)
        border = np.maximum(BORDER_PX, BORDER_SHARE * box_geometry.sides(boxes).max(axis=1))[:, None]
        whole = ((boxes[:, :2] - border >= limits[:2]) & (boxes[:, 2:] + border <= limits[2:])).all(axis=1)
        kept = whole & region.contains(in_frame)
        yield FrameDetections(
            in_frame[kept],
            found.scores[kept].astype(np.float64),
            map_landmarks(found.landmarks[kept], zoomed(matrix, zoom)),
            directions=np.full(np.count_nonzero(kept), direction, np.intp),
        )


def _cropped(frame: Frame, region: Region, stride: int) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Return width and height of the scaled frame, and left, top, right and bottom of the crop in it.

    A frame that is hardly scaled is read at its own size, which is several times faster.
    """
    size, longest = frame.display_size, max(frame.display_size)
    sizes = [size] if longest <= region.scale.longest_side < 2 * longest else []
    for width, height in [*sizes, region.scale.scaled_size(size, stride)]:
        zoom = frame.width / width, frame.height / height
        crop = _crop(region.box / np.tile(zoom, 2), (width, height), stride)
        if crop is not None:
            return (width, height), crop
    return (width, height), (0, 0, width, height)


def _crop(box: Boxes, size: tuple[int, int], stride: int) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of the crop around a box, its sides multiples of the stride.

    Returns None where the whole image costs little more, or the crop is too large for it.
    """
    starts, stops = [], []
    for low, high, side in zip(box[:2], box[2:], size, strict=True):
        length = max(MIN_CROP_PX, int(np.ceil((high - low) / stride)) * stride)
        if length > side:
            length = side // stride * stride
        start = int(np.clip(round((low + high - length) / 2), 0, side - length))
        starts.append(start)
        stops.append(start + length)
    area = (stops[0] - starts[0]) * (stops[1] - starts[1])
    if not area or area > MAX_CROP_SHARE * size[0] * size[1]:
        return None
    return starts[0], starts[1], stops[0], stops[1]
