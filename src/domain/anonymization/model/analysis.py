"""Analysis of one frame: detections of all kinds, and the other data that tracking needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.text_policy import LineDecision
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray, Image, TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence


@dataclass(frozen=True, slots=True, eq=False)
class PropagatedBoxes:
    """Detections of other frames that template matching searched for in one frame.

    Attributes:
        frames: (n,) frames in which they were detected.
        rows: (n,) rows of those frames' detections.
        boxes: (n, 4) their boxes in this frame, in pixels; NaN if the template was not found.
    """

    frames: NDArray[np.intp]
    rows: NDArray[np.intp]
    boxes: Boxes

    @classmethod
    def empty(cls) -> Self:
        """Return an instance for a frame in which nothing was searched for."""
        return cls(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 4)))


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Content of a box, for locating it in other frames.

    Attributes:
        box: (4,) pixels of the frame.
        levels: (h, w) grey levels; empty if the content cannot be matched.
        x, y: upper left corner, in pixels of the downscaled frame.
        shrink: downscaling factor, relative to the matcher's scaled frame.
        size: (height, width) of the scaled frame that the template was cut from.
    """

    box: Boxes
    levels: FloatArray
    x: int
    y: int
    shrink: int
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class FaceSample:
    """Sample of a face in one frame.

    Attributes:
        chip: (side, side, 3) uint8 RGB, aligned for the recogniser.
        quality_score: quality score; higher is better.
    """

    chip: Image
    quality_score: float


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """Grey levels of a frame on a small scale, in which heads are followed.

    Attributes:
        levels: (h, w) uint8.
        zoom: pixels of the frame per pixel of the thumbnail, horizontally and vertically.
    """

    levels: NDArray[np.uint8]
    zoom: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class ReadLine:
    """Line of text that was decided on in a frame.

    Attributes:
        decision: decision by the text policy.
        levels: (h, w) uint8, grey levels of its box, by which changes are noticed; empty if it is covered
            whatever its other readings say.
        text: characters that were read, in a form in which similar ones are equal; empty if nothing was. It
            may identify a person: it is held in memory only, and never written anywhere.
    """

    decision: LineDecision
    levels: NDArray[np.uint8]
    text: str = field(default="", repr=False)


DetectionKey: TypeAlias = tuple[int, int]
"""Index of a frame in the video, and row of one of its detections."""

LumaGrid: TypeAlias = NDArray[np.float32]
"""Mean levels of a coarse grid of cells of a frame, for detecting shot boundaries."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameAnalysis:
    """Results of all detectors and of template matching for one frame.

    Attributes:
        index: index of the frame in the video.
        faces: faces, in pixels of the displayed frame; None if the frame could not be analysed.
        luma_grid: coarse mean levels for detecting shot boundaries; None if the frame could not be analysed.
        thumbnail: grey levels for following heads; None if the frame could not be analysed.
        text_and_plates: text and plates, in pixels of the displayed frame; empty if they were not searched
            for here.
        templates: templates of the text and plate boxes, in the order of their rows; empty if nothing was
            detected, and in frames outside the regular detection interval.
        propagated: positions in this frame of the text and plates detected in the surrounding passes.
        first_look: faces of a key frame before they were reviewed; None for other frames.
        face_samples: samples of faces that are good enough to recognise, by detection row; empty if
            identities are not requested.
        shape_evidence: faces found in other shapes of the frame; None if it was not looked at in them.
        lines: decisions on the detected text, in the order of its rows; empty without a text policy.
        seen_lines: decisions in this frame on harmless text that was detected in the surrounding passes, and
            those of other text that has not changed since, which may turn out to be a harmless line misread.
    """

    index: int
    faces: FrameDetections | None
    luma_grid: LumaGrid | None
    thumbnail: Thumbnail | None = None
    text_and_plates: Mapping[TargetKind, FrameDetections] = field(default_factory=dict)
    templates: Mapping[TargetKind, Sequence[Template]] = field(default_factory=dict)
    propagated: Mapping[TargetKind, PropagatedBoxes] = field(default_factory=dict)
    first_look: FrameDetections | None = None
    face_samples: Mapping[int, FaceSample] = field(default_factory=dict)
    shape_evidence: ShapeEvidence | None = None
    lines: Sequence[ReadLine] = ()
    seen_lines: Mapping[DetectionKey, LineDecision] = field(default_factory=dict)

    def detections(self, kind: TargetKind) -> FrameDetections:
        """Return the detections of one kind; empty if it was not searched for or the frame failed."""
        found = self.faces if kind is TargetKind.FACE else self.text_and_plates.get(kind)
        return found or FrameDetections.empty()
