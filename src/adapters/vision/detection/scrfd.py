"""Face detection with the SCRFD graph of an InsightFace pack, a folder of ``.onnx`` files.

See Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021. At strides of 8,
16 and 32 pixels there are two anchors per cell. Each has a score, the distances from its centre to the four
sides of the box, and five landmarks, all in units of the stride.

The graphs are run directly instead of through ``insightface.model_zoo``, whose detector processes one image
at a time, resizes it itself, and takes a second to import. A test compares the results of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from framecloak.adapters.vision.detection.batching import stack_images
from framecloak.adapters.vision.detection.nms import nms
from framecloak.adapters.vision.runtime.onnx import LazyOutputs, OnnxSession, Provider
from framecloak.adapters.vision.weights.packs import open_graph
from framecloak.domain.errors import FrameAnalysisError, ModelMissingError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard

_STRIDES = (8, 16, 32)
_ANCHORS = 2
_MAX_IOU = 0.4
_GPU_BATCH = 8
_DETECTOR_PREFIXES = ("det_", "scrfd_")
# Positions of eyes, nose and corners of the mouth in an upright face, relative to its box; used for graphs
# without landmarks.
_TYPICAL_LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.78], [0.65, 0.78]], np.float32)


class Scrfd:
    """Face detector with a SCRFD graph. It is thread-safe.

    Args:
        session: session of a graph for which ``is_scrfd`` is True.
        card: description of the model file and its execution.
        max_batch: maximum number of images per call; above 1 only if ``batches_correctly`` is True.
    """

    stride = _STRIDES[-1]

    def __init__(self, session: OnnxSession, card: ModelCard, max_batch: int = 1) -> None:
        self._session = session
        self.card = card
        self.max_batch = max_batch
        height, width = session.input.shape[2:]
        self._fixed_size = (height, width) if height and width else None

    @classmethod
    def load(cls, folder: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load the SCRFD graph of a pack.

        Args:
            folder: folder of ``.onnx`` files, with the name of the pack.
            provider: execution provider.

        Raises:
            ModelMissingError: none of the files is a SCRFD graph.
            ModelCorruptError: a file cannot be read, or its digest is not the recorded one.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        for path in _graphs_by_likelihood(folder):
            session, card = open_graph(path, provider)
            if is_scrfd(session):
                gains = session.provider is not Provider.CPU and batches_correctly(session)
                return cls(session, card, _GPU_BATCH if gains else 1)
        raise ModelMissingError(
            f"no file in {folder} is a SCRFD face detector",
            f"remove the folder and run `framecloak models pull {folder.name}`, or choose centerface",
        )

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """See the port."""
        if not images:
            return []
        batch = stack_images(images, self.max_batch, self.stride)
        scale = 1.0
        if self._fixed_size and batch.shape[1:3] != self._fixed_size:
            batch, scale = _letterbox(batch, *self._fixed_size)
        rows = run(self._session, batch)
        scores = [rows[level] for level in range(len(_STRIDES))]
        if all((level < threshold).all() for level in scores):  # NaN is not below; `decode` reports it
            return [Detections.empty() for _ in images]
        remaining = range(len(_STRIDES), len(self._session.outputs))
        outputs = [*scores, *(rows[number] for number in remaining)]
        size = batch.shape[1], batch.shape[2]
        return [
            decode([output[index] for output in outputs], size, threshold).scaled(1 / scale, 1 / scale)
            for index in range(len(batch))
        ]


def is_scrfd(session: OnnxSession) -> bool:
    """Return True if the outputs are scores, distances and optionally landmarks at three strides."""
    channels = [output.shape[-1] if output.shape else None for output in session.outputs]
    expected = [1] * 3 + [4] * 3 + [10] * 3
    return (
        len(session.input.shape) == 4
        and len(channels) in {6, 9}
        and all(actual in {None, size} for actual, size in zip(channels, expected, strict=False))
    )


def batches_correctly(session: OnnxSession) -> bool:
    """Return True if a batch of two images gives the same outputs as two single calls.

    Some exported graphs flatten the batch into rows in the wrong order, which only a test run shows.
    """
    if session.input.shape[0] is not None:
        return False
    height, width = (size or 64 for size in session.input.shape[2:])
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    try:
        together = run(session, images)
        alone = [run(session, image[np.newaxis]) for image in images]
        return all(
            np.allclose(together[number][index], single[number][0], rtol=1e-3, atol=1e-3)
            for index, single in enumerate(alone)
            for number in range(len(session.outputs))
        )
    except FrameAnalysisError:
        return False


def run(session: OnnxSession, batch: Image) -> LazyOutputs:
    """Run a SCRFD graph on (n, h, w, 3) uint8 RGB.

    Returns:
        Lazy outputs, each (n, anchors, channels); reading an output of unexpected size raises
        ``FrameAnalysisError``.

    Raises:
        FrameAnalysisError: the runtime failed.
    """
    height, width = batch.shape[1:3]
    blob = cv2.dnn.blobFromImages(list(batch), 1 / 128, mean=(127.5, 127.5, 127.5))
    outputs = session.run_lazily(np.asarray(blob, np.float32), eager_outputs=len(_STRIDES))

    def rows(number: int) -> FloatArray:
        output, stride = outputs[number], _STRIDES[number % 3]
        anchors = len(batch) * (height // stride) * (width // stride) * _ANCHORS
        if output.size != anchors * output.shape[-1]:
            raise FrameAnalysisError(f"SCRFD gave an output of shape {output.shape} for {batch.shape}")
        return output.reshape(len(batch), -1, output.shape[-1])

    return LazyOutputs(rows)


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], threshold: float) -> Detections:
    """Convert the outputs for one image to detections.

    Args:
        outputs: per stride (anchors, 1) scores, then (anchors, 4) distances to the left, top, right and
            bottom, then optionally (anchors, 10) landmark offsets x, y. Anchors are ordered row by row, two
            per cell.
        size: height and width of the image in pixels.
        threshold: minimum score of a detection.

    Raises:
        FrameAnalysisError: a score, box or landmark is not finite.
    """
    per_stride = [
        _decode_stride(outputs[level::3], stride, size, threshold) for level, stride in enumerate(_STRIDES)
    ]
    boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*per_stride, strict=True))
    if not (np.isfinite(boxes).all() and np.isfinite(landmarks).all()):
        raise FrameAnalysisError("SCRFD gave a face whose position is not a number")
    return Detections(boxes, scores, landmarks).select(nms(boxes, scores, _MAX_IOU))


def _decode_stride(
    outputs: Sequence[FloatArray], stride: int, size: tuple[int, int], threshold: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    scores = outputs[0].ravel()
    if not np.isfinite(scores).all():
        raise FrameAnalysisError("SCRFD gave scores that are not numbers")
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
    """Scale images to fit a fixed size, keeping their aspect ratio, with black below or to the right.

    Returns:
        The scaled images, (n, height, width, 3) uint8, and the scale factor.
    """
    scale = min(height / batch.shape[1], width / batch.shape[2])
    size = max(1, round(batch.shape[2] * scale)), max(1, round(batch.shape[1] * scale))
    boxed = np.zeros((len(batch), height, width, 3), np.uint8)
    for target, image in zip(boxed, batch, strict=True):
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        target[: size[1], : size[0]] = cv2.resize(image, size, interpolation=method)
    return boxed, scale


def _graphs_by_likelihood(folder: Path) -> Iterator[Path]:
    """Yield a pack's graphs, those named like detectors first, because each try loads a graph."""
    paths = sorted(folder.glob("*.onnx"))
    yield from (path for path in paths if path.name.startswith(_DETECTOR_PREFIXES))
    yield from (path for path in paths if not path.name.startswith(_DETECTOR_PREFIXES))
