"""Text detection with the PP-OCR graph that the ``rapidocr`` wheel carries.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020: a map with the
probability that a pixel belongs to the shrunken core of a line of text. Every connected core is enclosed in
the smallest rotated rectangle and grown back by what training took away. The graph is run directly:
importing the wheel takes a second, and it examines pictures at sizes of its own. A test holds both to the
same answers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.adapters.vision.detection.batching import stack
from framecloak.adapters.vision.runtime.onnx import Provider, Session, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import TEXT, sha256_of
from framecloak.domain.errors import ExaminationError, ModelCorruptError, ModelMissingError
from framecloak.domain.imaging.detections import Areas, FloatArray, Image, ModelCard

_Rectangle: TypeAlias = tuple[Sequence[float], Sequence[float], float]
"""Centre, width and height, and the angle in degrees, as OpenCV has it."""

_CORE = 0.3
"""Probability from which on a pixel belongs to the core of a line."""
_UNCLIP = 1.6
"""Growth of a core, in its area per length of outline; the value that the graph was trained with."""
_THINNEST_CORE = 3
"""Pixels; thinner ones are noise."""
_BATCH = 1


class PpOcrText:
    """Finds lines of text. Safe to call from several threads at once.

    Args:
        session: takes (n, 3, h, w) float32 BGR in -1..1, gives (n, 1, h, w) probabilities.
        card: which file that is and how it runs.
    """

    stride = 32

    def __init__(self, session: Session, card: ModelCard) -> None:
        self._session = session
        self.card = card

    @classmethod
    def load(cls, provider: Provider = Provider.AUTO) -> Self:
        """Open the graph in the ``rapidocr`` wheel.

        Raises:
            ModelMissingError: the wheel is not installed.
            ModelCorruptError: its file is not the one that is known.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        path = published_text_weights()
        session = open_session(path, provider)
        card = ModelCard(
            name=TEXT.name,
            sha256=TEXT.files[path.name],
            licence=TEXT.licence,
            provider=session.provider.label,
            precision=Precision.FP32.value,
        )
        return cls(session, card)

    def detect(self, image: Image, threshold: float) -> Areas:
        """See ``framecloak.domain.ports.AreaDetector``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
            ValueError: the picture's sides are not multiples of ``stride``.
        """
        (picture,) = stack([image], _BATCH, self.stride)
        blob = cv2.dnn.blobFromImages([picture], 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
        (probabilities,) = self._session.run(np.asarray(blob, np.float32))
        if probabilities.shape != (1, 1, *image.shape[:2]):
            raise ExaminationError(f"the text model gave a map of {probabilities.shape} for {image.shape}")
        if not np.isfinite(probabilities).all():
            raise ExaminationError("the text model gave probabilities that are not numbers")
        return decode(probabilities[0, 0], threshold)


def decode(probabilities: FloatArray, threshold: float) -> Areas:
    """Turn a probability map into upright boxes.

    Args:
        probabilities: (h, w) of a pixel lying in the core of a line.
        threshold: the lowest mean probability of a core to report.
    """
    cores, _ = cv2.findContours(
        (probabilities > _CORE).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    boxes, scores = [], []
    for core in cores:
        rectangle = cv2.minAreaRect(core)
        if min(rectangle[1]) < _THINNEST_CORE:
            continue
        score = _mean_inside(probabilities, rectangle)
        if score >= threshold:
            corners = cv2.boxPoints(_grown(rectangle))
            boxes.append([*corners.min(axis=0), *corners.max(axis=0)])
            scores.append(score)
    order = np.argsort(-np.array(scores), kind="stable")
    return Areas(np.array(boxes, np.float32).reshape(-1, 4)[order], np.array(scores, np.float32)[order])


def _grown(rectangle: _Rectangle) -> _Rectangle:
    """A rectangle around the core that holds the whole line.

    Pushing the outline outwards by ``d``, as the paper does, and enclosing the result again adds ``2 d`` to
    both sides of a rectangle.
    """
    centre, (width, height), angle = rectangle
    by = _UNCLIP * width * height / (width + height)
    return centre, (width + by, height + by), angle


def _mean_inside(probabilities: FloatArray, rectangle: _Rectangle) -> float:
    """Mean probability within a rotated rectangle."""
    corners = cv2.boxPoints(rectangle)
    height, width = probabilities.shape
    limit = np.array([width - 1, height - 1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, limit).astype(int) + 1
    mask: NDArray[np.uint8] = np.zeros((high - low)[::-1], np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(probabilities[low[1] : high[1], low[0] : high[0]], mask)[0])


def text_is_installed() -> bool:
    """Whether `PpOcrText.load` has a file to load; it is only looked for."""
    try:
        return _weights_path().is_file()
    except ModelMissingError:
        return False


def published_text_weights() -> Path:
    """The file in the ``rapidocr`` wheel, verified; the wheel itself is not imported.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file is not the one that is known.
    """
    path = _weights_path()
    if not path.is_file() or sha256_of(path) != TEXT.files[path.name]:
        raise ModelCorruptError(
            f"{path} is not the file that Framecloak was tested with",
            "run `pip install --force-reinstall --no-deps 'rapidocr==3.10.*'`",
        )
    return path


def _weights_path() -> Path:
    wheel = importlib.util.find_spec("rapidocr")
    if wheel is None or wheel.origin is None:
        raise ModelMissingError(
            "the text detector is not installed", "run `pip install 'framecloak[embedded]'`"
        )
    (name,) = TEXT.files
    return Path(wheel.origin).parent / "models" / name
