"""Models in the list of ``framecloak models list``, installed or available."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from framecloak.adapters.vision.detection import centerface, yunet
from framecloak.adapters.vision.detection.yolo_plates import plate_detectors
from framecloak.adapters.vision.emotions import clip_files
from framecloak.adapters.vision.recognition import dlib_resnet
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision, choose_precision
from framecloak.adapters.vision.weights.catalogue import (
    CENTERFACE,
    CLIP_FOLDER,
    DLIB_RESNET,
    PACKS,
    PP_OCR,
    PP_OCR_READER,
    YUNET,
    YUNET_PUBLISHED,
    Weights,
    installed_packs,
    licence_of,
    yunet_files,
)
from framecloak.adapters.vision.weights.rapidocr_wheel import rapidocr_weights
from framecloak.domain.errors import ModelMissingError


@dataclass(frozen=True, slots=True)
class ModelRow:
    """Model in the list of ``framecloak models list``.

    Attributes:
        name: name of the model.
        present: True if the model is installed.
        path: path of the installed model; otherwise the source or the command that provides it.
        licence: licence of the weights.
        precision: numeric precision on a CPU.
        purpose: task of the model.
    """

    name: str
    present: bool
    path: str
    licence: str
    precision: str
    purpose: str


def model_rows(models: Path) -> list[ModelRow]:
    """Return the installed and the available models, those that come with packages first.

    Args:
        models: folder of the models.
    """
    return [
        _wheel_row(CENTERFACE, centerface.published_weights, choose_precision(Precision.AUTO, Provider.CPU)),
        _yunet_row(models),
        _wheel_row(DLIB_RESNET, dlib_resnet.published_weights, Precision.FP32),
        *(
            _wheel_row(weights, partial(rapidocr_weights, weights), Precision.FP32)
            for weights in (PP_OCR, PP_OCR_READER)
        ),
        *_pack_rows(models),
        _clip_row(models),
    ]


def _wheel_row(weights: Weights, find: Callable[[], Path], precision: Precision) -> ModelRow:
    try:
        path = str(find())
    except ModelMissingError:
        path = ""
    return ModelRow(
        name=weights.name,
        present=bool(path),
        path=path or weights.source,
        licence=weights.licence,
        precision=precision,
        purpose=weights.purpose,
    )


def _yunet_row(models: Path) -> ModelRow:
    published = bool(yunet_files(models))
    row = _wheel_row(
        YUNET_PUBLISHED if published else YUNET, lambda: yunet.published_weights(models), Precision.FP32
    )
    return row if row.present else replace(row, path=f"framecloak models pull {YUNET.name}")


def _pack_rows(models: Path) -> list[ModelRow]:
    present = installed_packs(models)
    purposes = {pack.name: pack.purpose for pack in PACKS}
    plate_purpose = "licence plate detection"
    plates = plate_detectors(models)
    own = {path.parent.name: plate_purpose for path in plates if path.parent != models}
    loose = [
        ModelRow(
            name=path.stem,
            present=True,
            path=str(path),
            licence=licence_of(path.stem),
            precision=Precision.FP32,
            purpose=plate_purpose,
        )
        for path in plates
        if path.parent == models
    ]
    return loose + [
        ModelRow(
            name=name,
            present=name in present,
            path=str(present.get(name, f"framecloak models pull {name}")),
            licence=licence_of(name),
            precision=Precision.FP32,
            purpose=purposes.get(name) or own.get(name, "own files"),
        )
        for name in dict.fromkeys([*present, *purposes])
    ]


def _clip_row(models: Path) -> ModelRow:
    present = clip_files.is_exported(models)
    return ModelRow(
        name=CLIP_FOLDER,
        present=present,
        path=str(models / CLIP_FOLDER) if present else "framecloak models export-clip",
        licence="that of its weights",
        precision=Precision.FP32,
        purpose="emotions",
    )
