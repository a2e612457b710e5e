"""Looks at frames in other shapes, for a hint where a source does not declare a pixel aspect.

Squeezed faces score lower, and are missed. In the right shape the scores of all faces together are higher
than in the stored shape, and next to nothing is found in the opposite one. On footage with square pixels both
other shapes score lower than the stored one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.pixel_aspect import (
    SQUARE,
    TALL,
    WIDE,
    AspectOrigin,
    ShapeEvidence,
    display_size,
)
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame, SourceInfo
from framecloak.domain.ports.models import FaceDetector

LOOK_INTERVAL_FRAMES = 48
"""Interval between looks in frames; it counts in the video, so that every slice looks at the same frames."""

LOOK_PX = 480 * 272
"""Pixels of the image that a frame is scaled to; the same for every shape, so that none is favoured."""

SURE_SCORE = 0.5
"""Lowest score of a face that counts."""


@dataclass(frozen=True, slots=True)
class ShapeLooks:
    """Selection of the frames of a source that are looked at in other shapes.

    Attributes:
        first_frames: first frames of the requested segments, which are always looked at.
    """

    first_frames: frozenset[int]

    @classmethod
    def for_source(cls, info: SourceInfo, segments: Iterable[Segment]) -> Self | None:
        """Return the selection for a source; None for images and where a plausible aspect is known."""
        is_known = info.aspect_origin in {AspectOrigin.DECLARED, AspectOrigin.OPTION}
        if is_known or not info.continuous:
            return None
        return cls(frozenset(segment.start_frame for segment in segments))

    def are_due(self, index: int) -> bool:
        """Return whether a frame is looked at."""
        return index % LOOK_INTERVAL_FRAMES == 0 or index in self.first_frames


def look_at(frame: Frame, detector: FaceDetector) -> ShapeEvidence:
    """Detect the sure faces of a frame in the stored shape, twice as wide and twice as high.

    Args:
        frame: frame to look at.
        detector: face detector.

    Returns:
        The sum of their scores in each shape; zeros if the frame was not decoded or the detector failed.
    """
    try:
        return ShapeEvidence(*(_score(frame, detector, shape) for shape in (SQUARE, WIDE, TALL)))
    except FrameAnalysisError:
        return ShapeEvidence()


def _score(frame: Frame, detector: FaceDetector, shape: Fraction) -> int:
    """Return the sum of the scores of the sure faces in a shape, in thousandths."""
    size = display_size((frame.width, frame.height), shape)
    shrink = min(1.0, math.sqrt(LOOK_PX / math.prod(size)))
    width, height = (max(1, round(side * shrink / detector.stride)) * detector.stride for side in size)
    (faces,) = detector.detect([frame.rgb(width, height)], SURE_SCORE)
    return round(1000 * float(faces.scores.sum()))
