"""analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.detections import Found
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import FloatArray, Image, Kind


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
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
    def nothing(cls) -> Self:
        """Return an instance for a frame in which nothing was searched for."""
        return cls(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 4)))


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
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
class View:
    """Sample of a face in one frame.

    Attributes:
        chip: (side, side, 3) uint8 RGB, aligned for the recogniser.
        worth: Quality score; higher is better.
    """

    chip: Image
    worth: float


Thumbnail: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Results of all detectors and of template matching for one frame.

    Attributes:
        index: number of the frame in the video.
        found: faces, in pixels of the displayed frame; None if the frame could not be analysed.
        impression: coarse mean levels for detecting shot boundaries; None if the frame could not be analysed.
        areas: text and plates, in pixels of the displayed frame; empty if they were not searched for here.
        patches: templates of the text and plate boxes, in the order of their rows; empty if nothing was
            detected, and in frames outside the regular detection interval.
        seen: positions in this frame of the text and plates detected in the surrounding passes.
        views: samples of faces that are good enough to recognise, by detection row; empty if identities are
            not requested.
    """

    index: int
    found: Found | None
    impression: Thumbnail | None
    areas: Mapping[Kind, Found] = field(default_factory=dict)
    patches: Mapping[Kind, Sequence[Patch]] = field(default_factory=dict)
    seen: Mapping[Kind, Seen] = field(default_factory=dict)
    views: Mapping[int, View] = field(default_factory=dict)

    def finds(self, kind: Kind) -> Found:
        """Return the detections of one kind; empty if it was not searched for or the frame failed."""
        found = self.found if kind is Kind.FACE else self.areas.get(kind)
        return found or Found.nothing()
