"""Looks for faces in one picture: at a middle size, and harder only where that finds none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from framecloak.domain.errors import ExaminationError, InvalidImageError
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.ports.imaging import FaceDetector, Frame

MIN_FACE = 20
"""Pixels of a face's shorter side; smaller ones look alike."""

THRESHOLD = 0.5
"""Lowest score of a face. Unlike in anonymisation, something that is none does more harm than one missed."""

_LONGEST_SIDE = 640
_CLOSER_SIDE = 1280
_FRAMED_SIDE = 320
_BACKGROUND = 127


@dataclass(frozen=True, slots=True)
class _View:
    """A picture as the detector gets it.

    Attributes:
        width, height: pixels that the picture is stretched to.
        border: pixels of background that are put around it.
    """

    width: int
    height: int
    border: int = 0


def look(detector: FaceDetector, frame: Frame) -> Detections:
    """Find the faces of a picture.

    Args:
        detector: what to look with.
        frame: the picture, upright.

    Returns:
        The faces of the first view that shows any, in pixels of the picture, best score first.

    Raises:
        InvalidImageError: the picture's pixels cannot be read.
        ExaminationError: the model failed.
    """
    for view in _views(frame.width, frame.height, detector.stride):
        (found,) = detector.detect([_rendered(frame, view)], THRESHOLD)
        if len(found):
            border = np.float32(view.border)
            inside = Detections(found.boxes - border, found.scores, found.landmarks - border)
            return inside.scaled(frame.width / view.width, frame.height / view.height)
    return Detections.empty()


def _views(width: int, height: int, stride: int) -> Iterator[_View]:
    """A middle size; a larger one, for small faces; and one in a frame, for a face that fills the picture."""
    longest = max(width, height)
    yield _view(width, height, _LONGEST_SIDE, stride)
    if longest > _LONGEST_SIDE:
        yield _view(width, height, _CLOSER_SIDE, stride)
    framed = _view(width, height, _FRAMED_SIDE, stride)
    border = max(1, round(max(framed.width, framed.height) / 2 / stride)) * stride
    yield _View(framed.width, framed.height, border)


def _view(width: int, height: int, longest: int, stride: int) -> _View:
    shrink = min(1.0, longest / max(width, height))
    return _View(*(max(1, round(side * shrink / stride)) * stride for side in (width, height)))


def _rendered(frame: Frame, view: _View) -> Image:
    try:
        picture = frame.rgb(view.width, view.height)
    except ExaminationError as error:
        raise InvalidImageError(error.message, "convert the picture to JPEG or PNG") from error
    if not view.border:
        return picture
    edges = (view.border, view.border)
    return np.pad(picture, (edges, edges, (0, 0)), constant_values=_BACKGROUND)
