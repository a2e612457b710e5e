"""Licence plate detection with YOLOv9 graphs that include NMS, as published by ``open-image-models``.

Such a graph maps one square RGB image, (1, 3, s, s) in 0..1, to one row per detection: index of the image in
the batch, ``x1, y1, x2, y2`` in its pixels, class, score. The image is scaled to fit the square with its
aspect ratio kept, and the rest of the square is grey.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider
from framecloak.adapters.vision.weights.catalogue import installed_packs
from framecloak.adapters.vision.weights.packs import open_graph
from framecloak.domain.errors import FrameAnalysisError, LevelUnavailableError, ModelCorruptError
from framecloak.domain.imaging.detections import BoxDetections, FloatArray, Image, ModelCard

_PADDING_GREY = 114
"""Grey level around the image, as in training."""
_OUTPUT_COLUMNS = 7
_DEFAULT_SIDE_PX = 640
"""Side of the square in pixels for graphs with a dynamic input size."""


class YoloPlates:
    """Licence plate detector with a YOLOv9 graph. It is thread-safe.

    Args:
        session: session of a graph for which ``is_plate_detector`` is True.
        card: description of the model file and its execution.
    """

    stride = 1

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card
        self._side = session.input.shape[2] or _DEFAULT_SIDE_PX

    @classmethod
    def load(cls, path: Path, models: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load a graph.

        Args:
            path: path of the graph.
            models: models folder; a graph directly in it is named without the folder.
            provider: execution provider.

        Raises:
            ModelCorruptError: the digest of the file has changed, or it is not a plate detector.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        session, card = open_graph(path, provider)
        if path.parent == models:
            card = replace(card, name=path.stem)
        if not is_plate_detector(session):
            raise ModelCorruptError(
                f"{path} is named like a plate detector, but has none of the supported forms",
                "use an end2end YOLOv9 graph, such as those of open-image-models, or move the file away",
            )
        return cls(session, card)

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        """Detect the licence plates in an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            threshold: minimum score of a detection, in 0..1.

        Returns:
            Boxes in pixels of the image, best score first.

        Raises:
            FrameAnalysisError: the model failed, or its output is not finite.
        """
        squared, scale, corner = _letterbox(image, self._side)
        blob = cv2.dnn.blobFromImages([squared], 1 / 255)
        rows = self._session.run(np.asarray(blob, np.float32))[0].reshape(-1, _OUTPUT_COLUMNS)
        if not np.isfinite(rows).all():
            raise FrameAnalysisError("the plate detector gave values that are not finite")
        rows = rows[rows[:, 6] >= threshold]
        rows = rows[np.argsort(-rows[:, 6], kind="stable")]
        boxes: FloatArray = (rows[:, 1:5] - np.tile(corner, 2)) / np.float32(scale)
        return BoxDetections(boxes, rows[:, 6])


def load_plate_detector(models: Path, provider: Provider = Provider.AUTO) -> YoloPlates | None:
    """Load the plate detector in the models folder; return None if there is none.

    Raises:
        LevelUnavailableError: there is more than one plate detector.
        ModelCorruptError: the digest of the file has changed, or it is not a plate detector.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    paths = plate_detectors(models)
    if len(paths) > 1:
        names = ", ".join(str(path.relative_to(models)) for path in paths)
        raise LevelUnavailableError(
            f"level full needs exactly one plate detector, and there are {len(paths)}: {names}",
            f"leave one .onnx file with `plate` in its name, or in its folder's name, in {models}",
        )
    return YoloPlates.load(paths[0], models, provider) if paths else None


def plate_detectors(models: Path) -> list[Path]:
    """List the ``.onnx`` files with ``plate`` in their name or in their folder's name.

    A file may be directly in the models folder or in a pack's folder.
    """
    loose = [path for path in sorted(models.glob("*.onnx")) if _has_plate_in_name(path.name)]
    folders = installed_packs(models).values()
    packed = [path for folder in folders for path in sorted(folder.glob("*.onnx"))]
    return loose + [path for path in packed if _has_plate_in_name(f"{path.parent.name}/{path.name}")]


def _has_plate_in_name(name: str) -> bool:
    return "plate" in name.lower() and not name.startswith(".")


def is_plate_detector(session: OnnxSession) -> bool:
    """Return True if a graph maps a square image to rows of seven numbers."""
    if len(session.input.shape) != 4 or len(session.outputs) != 1:
        return False
    _, channels, height, width = session.input.shape
    columns = session.outputs[0].shape[-1] if session.outputs[0].shape else None
    return channels == 3 and height == width and columns in {None, _OUTPUT_COLUMNS}


def _letterbox(image: Image, side: int) -> tuple[Image, float, FloatArray]:
    """Scale an image to fit a square and centre it.

    Returns:
        The square image, the scale factor, and the upper left corner (2,) of the image in the square.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    squared = np.full((side, side, 3), _PADDING_GREY, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    squared[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=method)
    return squared, scale, np.array([x, y], np.float32)
