"""Face detection in one image: at a medium size first, at other sizes and turned only if no face is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from framecloak.domain.errors import FrameAnalysisError, InvalidImageError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceDetector

MIN_FACE_PX = 20
"""Minimum length of a face's shorter side in pixels; smaller faces cannot be distinguished."""

DETECTION_THRESHOLD = 0.5
"""Minimum score of a face. Unlike in anonymisation, a false detection does more harm than a missed face."""

_MEDIUM_SIDE_PX = 640
_LARGE_SIDE_PX = 1280
_PADDED_SIDE_PX = 320
_BACKGROUND = 127


@dataclass(frozen=True, slots=True)
class _DetectorInput:
    """Input of the detector, made from an image.

    Attributes:
        width, height: size in pixels that the image is resized to.
        border: width of the background border in pixels.
    """

    width: int
    height: int
    border: int = 0


def detect_faces(detector: FaceDetector, frame: Frame) -> Detections:
    """Detect the faces in an image.

    Args:
        detector: face detector.
        frame: the upright image.

    Returns:
        The faces of the first input size with any detections, in pixels of the image, best score first. If
        there are none, those of the quarter turn of the image in which a face scores highest.

    Raises:
        InvalidImageError: the pixels of the image cannot be read.
        FrameAnalysisError: the model failed.
    """
    for view in _detector_inputs(frame.width, frame.height, detector.stride):
        (detections,) = detector.detect([_render(frame, view)], DETECTION_THRESHOLD)
        if len(detections):
            border = np.float32(view.border)
            inside = Detections(detections.boxes - border, detections.scores, detections.landmarks - border)
            return inside.scaled(frame.width / view.width, frame.height / view.height)
    return _detect_turned(detector, frame)


def _detect_turned(detector: FaceDetector, frame: Frame) -> Detections:
    """Detect the faces in an image that lies on its side or on its head; none if it does not."""
    view = _scaled_input(frame.width, frame.height, _MEDIUM_SIDE_PX, detector.stride)
    upright = _render(frame, view)
    best = Detections.empty()
    for turns in (1, 2, 3):
        image = np.ascontiguousarray(np.rot90(upright, -turns))
        (detections,) = detector.detect([image], DETECTION_THRESHOLD)
        if len(detections) and detections.scores.max() > best.scores.max(initial=0.0):
            best = _turned_back(detections, turns, view.width, view.height)
    return best.scaled(frame.width / view.width, frame.height / view.height)


def _turned_back(detections: Detections, turns: int, width: int, height: int) -> Detections:
    """Return detections in pixels of the image before it was turned.

    Args:
        detections: detections in the turned image.
        turns: number of quarter turns, clockwise.
        width: width of the image in pixels before it was turned.
        height: height of the image in pixels before it was turned.
    """
    corners = _points_turned_back(detections.boxes.reshape(-1, 2, 2), turns, width, height)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    landmarks = _points_turned_back(detections.landmarks, turns, width, height)
    return Detections(boxes, detections.scores, landmarks)


def _points_turned_back(points: FloatArray, turns: int, width: int, height: int) -> FloatArray:
    x, y = points[..., 0], points[..., 1]
    turned = {1: (y, height - x), 2: (width - x, height - y), 3: (width - y, x)}
    return np.stack(turned[turns], axis=-1).astype(np.float32)


def _detector_inputs(width: int, height: int, stride: int) -> Iterator[_DetectorInput]:
    """Yield a medium size, a larger one for small faces, and a padded one for a face that fills the image."""
    longest = max(width, height)
    yield _scaled_input(width, height, _MEDIUM_SIDE_PX, stride)
    if longest > _MEDIUM_SIDE_PX:
        yield _scaled_input(width, height, _LARGE_SIDE_PX, stride)
    framed = _scaled_input(width, height, _PADDED_SIDE_PX, stride)
    border = max(1, round(max(framed.width, framed.height) / 2 / stride)) * stride
    yield _DetectorInput(framed.width, framed.height, border)


def _scaled_input(width: int, height: int, longest: int, stride: int) -> _DetectorInput:
    shrink = min(1.0, longest / max(width, height))
    return _DetectorInput(*(max(1, round(side * shrink / stride)) * stride for side in (width, height)))


def _render(frame: Frame, view: _DetectorInput) -> Image:
    try:
        image = frame.rgb(view.width, view.height)
    except FrameAnalysisError as error:
        raise InvalidImageError(error.message, "convert the image to JPEG or PNG") from error
    if not view.border:
        return image
    edges = (view.border, view.border)
    return np.pad(image, (edges, edges, (0, 0)), constant_values=_BACKGROUND)
