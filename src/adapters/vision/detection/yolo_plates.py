"""Licence plates: YOLOv9 graphs that end in their own suppression, as ``open-image-models`` publishes them.

Such a graph takes one square RGB picture, (1, 3, s, s) in 0..1, and gives a row per find: number of the
picture in the batch, ``x1, y1, x2, y2`` in its pixels, class, score. The picture is shrunk or enlarged with
its proportions kept, and what is left of the square is grey.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from framecloak.adapters.vision.runtime.onnx import Provider, Session
from framecloak.adapters.vision.weights.catalogue import installed_packs
from framecloak.adapters.vision.weights.packs import open_graph
from framecloak.domain.errors import ExaminationError, LevelUnavailableError, ModelCorruptError
from framecloak.domain.imaging.detections import Areas, FloatArray, Image, ModelCard

_GREY = 114
"""Level of what surrounds the picture, as in training."""
_COLUMNS = 7
_UNSET_SIDE = 640
"""Pixels of the square where the graph leaves its size open."""


class YoloPlates:
    """Finds licence plates. Safe to call from several threads at once.

    Args:
        session: a graph for which ``is_plate_detector`` holds.
        card: which file that is and how it runs.
    """

    stride = 1

    def __init__(self, session: Session, card: ModelCard) -> None:
        self._session = session
        self.card = card
        self._side = session.input.shape[2] or _UNSET_SIDE

    @classmethod
    def load(cls, path: Path, models: Path, provider: Provider = Provider.AUTO) -> Self:
        """Open a graph.

        Args:
            path: of the graph.
            models: the models folder; what a file in itself is called does not tell the folder's name.
            provider: where to run.

        Raises:
            ModelCorruptError: it is not what it was, or not of this form.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        session, card = open_graph(path, provider)
        if path.parent == models:
            card = replace(card, name=path.stem)
        if not is_plate_detector(session):
            raise ModelCorruptError(
                f"{path} is named like a plate detector and is none that is understood",
                "take an end2end YOLOv9 graph, as of open-image-models, or move the file away",
            )
        return cls(session, card)

    def detect(self, image: Image, threshold: float) -> Areas:
        """See ``framecloak.domain.ports.AreaDetector``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
        """
        squared, scale, corner = _squared(image, self._side)
        blob = cv2.dnn.blobFromImages([squared], 1 / 255)
        rows = self._session.run(np.asarray(blob, np.float32))[0].reshape(-1, _COLUMNS)
        if not np.isfinite(rows).all():
            raise ExaminationError("the plate detector gave numbers that are none")
        rows = rows[rows[:, 6] >= threshold]
        rows = rows[np.argsort(-rows[:, 6], kind="stable")]
        boxes: FloatArray = (rows[:, 1:5] - np.tile(corner, 2)) / np.float32(scale)
        return Areas(boxes, rows[:, 6])


def load_plate_detector(models: Path, provider: Provider = Provider.AUTO) -> YoloPlates | None:
    """What finds plates; None where nothing in the models folder is named like that.

    Raises:
        LevelUnavailableError: there is more than one, and nobody has said which it is to be.
        ModelCorruptError: it is not what it was, or not of the form that is understood.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    found = plate_detectors(models)
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(models)) for path in found)
        raise LevelUnavailableError(
            f"level full takes one plate detector, and there are {len(found)}: {names}",
            f"leave one .onnx file with `plate` in its name, or in its folder's name, in {models}",
        )
    return YoloPlates.load(found[0], models, provider) if found else None


def plate_detectors(models: Path) -> list[Path]:
    """The ``.onnx`` files in the models folder whose names, or whose folders' names, speak of plates.

    A file may lie in the models folder itself or in a pack's folder.
    """
    loose = [path for path in sorted(models.glob("*.onnx")) if _speaks_of_plates(path.name)]
    folders = installed_packs(models).values()
    packed = [path for folder in folders for path in sorted(folder.glob("*.onnx"))]
    return loose + [path for path in packed if _speaks_of_plates(f"{path.parent.name}/{path.name}")]


def _speaks_of_plates(name: str) -> bool:
    return "plate" in name.lower() and not name.startswith(".")


def is_plate_detector(session: Session) -> bool:
    """Whether a graph takes a square picture and gives rows of seven numbers."""
    if len(session.input.shape) != 4 or len(session.outputs) != 1:
        return False
    _, channels, height, width = session.input.shape
    columns = session.outputs[0].shape[-1] if session.outputs[0].shape else None
    return channels == 3 and height == width and columns in {None, _COLUMNS}


def _squared(image: Image, side: int) -> tuple[Image, float, FloatArray]:
    """The picture in the middle of a square; its scale there, and its upper left corner (2,)."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    squared = np.full((side, side, 3), _GREY, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    squared[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=method)
    return squared, scale, np.array([x, y], np.float32)
