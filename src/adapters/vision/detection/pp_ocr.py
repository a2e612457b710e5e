"""Text detection with the PP-OCR graph in the ``rapidocr`` wheel.

See Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020. The network outputs
the probability of each pixel to belong to the shrunken core of a text line. Every connected core is enclosed
in its smallest rotated rectangle, which is then grown by the amount that training shrank the lines.

The graph is run directly, because the wheel takes a second to import and chooses image sizes itself. A test
compares the results of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.adapters.vision.detection.batching import stack_images
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider
from framecloak.adapters.vision.runtime.rapidocr_graph import open_rapidocr_graph
from framecloak.adapters.vision.weights.catalogue import PP_OCR
from framecloak.adapters.vision.weights.rapidocr_wheel import is_in_rapidocr_wheel
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import BoxDetections, FloatArray, Image, ModelCard

_Rectangle: TypeAlias = tuple[Sequence[float], Sequence[float], float]
"""Rotated rectangle of OpenCV: centre, width and height, and angle in degrees."""

_MIN_CORE_PROBABILITY = 0.3
"""Minimum probability of a pixel in the core of a line."""
_UNCLIP_RATIO = 1.6
"""Growth of a core in units of its area divided by its perimeter, as in training."""
_MIN_CORE_PX = 3
"""Minimum thickness of a core in pixels; thinner cores are noise."""
_MAX_BATCH = 1


class PpOcrText:
    """Detector of text lines with a PP-OCR graph. It is thread-safe.

    Args:
        session: session of a graph that maps (n, 3, h, w) float32 BGR in -1..1 to (n, 1, h, w)
            probabilities.
        card: description of the model file and its execution.
    """

    stride = 32

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card

    @classmethod
    def load(cls, provider: Provider = Provider.AUTO) -> Self:
        """Load the graph in the ``rapidocr`` wheel.

        Raises:
            ModelMissingError: the wheel is not installed.
            ModelCorruptError: its graph has an unknown digest.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        return cls(*open_rapidocr_graph(PP_OCR, provider))

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        """Detect the text lines in an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            threshold: minimum score of a detection, in 0..1.

        Returns:
            Upright boxes in pixels of the image, best score first; a slanted line is enclosed entirely.

        Raises:
            FrameAnalysisError: the model failed, or its output is not finite.
            ValueError: a side of the image is not a multiple of ``stride``.
        """
        (checked,) = stack_images([image], _MAX_BATCH, self.stride)
        blob = cv2.dnn.blobFromImages([checked], 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
        (probabilities,) = self._session.run(np.asarray(blob, np.float32))
        if probabilities.shape != (1, 1, *image.shape[:2]):
            raise FrameAnalysisError(f"the text model gave a map of {probabilities.shape} for {image.shape}")
        if not np.isfinite(probabilities).all():
            raise FrameAnalysisError("the text model gave probabilities that are not numbers")
        return decode(probabilities[0, 0], threshold)


def decode(probabilities: FloatArray, threshold: float) -> BoxDetections:
    """Convert a probability map to upright boxes.

    Args:
        probabilities: (h, w) probabilities of a pixel to belong to the core of a line.
        threshold: minimum mean probability of a core.
    """
    cores, _ = cv2.findContours(
        (probabilities > _MIN_CORE_PROBABILITY).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    boxes, scores = [], []
    for core in cores:
        rectangle = cv2.minAreaRect(core)
        if min(rectangle[1]) < _MIN_CORE_PX:
            continue
        score = _mean_inside(probabilities, rectangle)
        if score >= threshold:
            corners = cv2.boxPoints(_unclip(rectangle))
            boxes.append([*corners.min(axis=0), *corners.max(axis=0)])
            scores.append(score)
    order = np.argsort(-np.array(scores), kind="stable")
    return BoxDetections(
        np.array(boxes, np.float32).reshape(-1, 4)[order], np.array(scores, np.float32)[order]
    )


def _unclip(rectangle: _Rectangle) -> _Rectangle:
    """Grow the rectangle of a core to enclose the whole line.

    The paper offsets the outline by ``d`` and encloses the result again. For a rectangle, this adds ``2 d``
    to width and height.
    """
    centre, (width, height), angle = rectangle
    growth = _UNCLIP_RATIO * width * height / (width + height)
    return centre, (width + growth, height + growth), angle


def _mean_inside(probabilities: FloatArray, rectangle: _Rectangle) -> float:
    """Return the mean probability within a rotated rectangle."""
    corners = cv2.boxPoints(rectangle)
    height, width = probabilities.shape
    limit = np.array([width - 1, height - 1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, limit).astype(int) + 1
    mask: NDArray[np.uint8] = np.zeros((high - low)[::-1], np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(probabilities[low[1] : high[1], low[0] : high[0]], mask)[0])


def text_is_installed() -> bool:
    """Return True if the file that `PpOcrText.load` would load exists; it is not loaded."""
    return is_in_rapidocr_wheel(PP_OCR)
