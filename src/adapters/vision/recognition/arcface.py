"""Face recognition with the ArcFace graph of an InsightFace pack, a folder of ``.onnx`` files.

See Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019. The network maps an
aligned face of 112 pixels to an embedding of 512 numbers. The angle between two embeddings measures whether
they belong to the same person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np

from framecloak.adapters.vision.recognition.alignment import align
from framecloak.adapters.vision.recognition.embedding import MAX_BATCH, unit_vectors
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider
from framecloak.adapters.vision.weights.catalogue import DLIB_RESNET
from framecloak.adapters.vision.weights.packs import open_graph
from framecloak.domain.errors import FrameAnalysisError, ModelMissingError
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.model.faces import EmbeddingSpace

_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
"""Positions of eyes, nose and corners of the mouth in a chip (aligned face crop) of 112 pixels."""
_RECOGNISER_PREFIXES = ("w600k_", "glintr", "arcface")
_OTHER_MODEL_PREFIXES = ("det_", "scrfd_", "1k3d68", "2d106det", "genderage")
_OTHER_MODEL_SIDES_PX = (96, 192)
"""Input sides of InsightFace's models for age and for dense landmarks, in pixels."""


class Normalization(NamedTuple):
    """Normalisation of pixels before inference: ``(pixel - mean) / deviation``."""

    mean: float
    deviation: float


class ArcFace:
    """Face recogniser with an ArcFace graph. It is thread-safe.

    Args:
        session: session of a graph for which ``is_arcface`` is True.
        card: description of the model file and its execution.
        name: name of the pack; it names the embedding space.
        normalization: normalisation of pixels that the graph requires.
    """

    def __init__(
        self, session: OnnxSession, card: ModelCard, name: str, normalization: Normalization
    ) -> None:
        self._session = session
        self._normalization = normalization
        self._side = session.input.shape[2] or 0
        self._template = landmark_template(self._side)
        self.card = card
        blank = np.zeros((1, self._side, self._side, 3), np.uint8)
        dimension = int(self._run(blank)[0].shape[-1])
        self.space = EmbeddingSpace(name, card.sha256, dimension)
        self.max_batch = MAX_BATCH if self._batches_correctly() else 1

    @classmethod
    def load(cls, folder: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load the ArcFace graph of a pack.

        Args:
            folder: folder of ``.onnx`` files, with the name of the pack.
            provider: execution provider.

        Raises:
            ModelMissingError: none of the files is an ArcFace graph.
            ModelCorruptError: a file cannot be read, or its digest is not the recorded one.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        for path in _graphs_by_likelihood(folder):
            session, card = open_graph(path, provider)
            if is_arcface(session):
                return cls(session, card, folder.name, read_normalization(path))
        raise ModelMissingError(
            f"no file in {folder} is an ArcFace graph",
            f"remove the folder and run `framecloak models pull {folder.name}`, or choose {DLIB_RESNET.name}",
        )

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        """Cut aligned face crops out of an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            landmarks: (n, 5, 2) in pixels of the image.

        Returns:
            (n, side, side, 3) uint8 RGB.
        """
        return align(image, landmarks, self._template, self._side)

    def embed(self, chips: Image) -> FloatArray:
        """Compute the embeddings of aligned face crops.

        Args:
            chips: (n, side, side, 3) uint8 RGB from ``align``, at most ``max_batch``.

        Returns:
            (n, dimension) float32 of unit length.

        Raises:
            FrameAnalysisError: the model failed, or its output is not finite.
            ValueError: there are too many crops, or their shape is not that of ``align``.
        """
        return unit_vectors(self._run, chips, self._side, self.space.dimension, self.max_batch)

    def _run(self, chips: Image) -> list[FloatArray]:
        mean, deviation = self._normalization
        blob = cv2.dnn.blobFromImages(list(chips), 1 / deviation, mean=(mean,) * 3)
        return self._session.run(np.asarray(blob, np.float32))

    def _batches_correctly(self) -> bool:
        """Return True if a batch of two faces gives the same embeddings as two single calls.

        Some exported graphs have a fixed batch size or mix up the entries of a batch.
        """
        if self._session.input.shape[0] is not None:
            return False
        chips = np.random.default_rng(0).integers(0, 256, (2, self._side, self._side, 3), np.uint8)
        try:
            (together,) = self._run(chips)
        except FrameAnalysisError:
            return False
        alone = np.concatenate([self._run(chip[np.newaxis])[0] for chip in chips])
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-3, atol=1e-3)


def is_arcface(session: OnnxSession) -> bool:
    """Return True if a graph maps aligned faces to one vector each, by InsightFace's criteria."""
    if len(session.input.shape) != 4 or len(session.outputs) != 1:
        return False
    channels, height, width = session.input.shape[1:]
    square = height is not None and height == width and height >= 112 and height % 16 == 0
    return (
        channels == 3
        and square
        and height not in _OTHER_MODEL_SIDES_PX
        and len(session.outputs[0].shape) == 2
    )


def landmark_template(side: int) -> FloatArray:
    """Return the landmark template for chips of a given side.

    The basic template is for 112 pixels. For multiples of 128 it is centred horizontally in 128 pixels.

    Args:
        side: side of the chip in pixels.

    Returns:
        (5, 2) float32 positions in pixels.
    """
    if side % 112 == 0:
        return _TEMPLATE * np.float32(side / 112)
    return (_TEMPLATE + np.array([8, 0], np.float32)) * np.float32(side / 128)


def read_normalization(path: Path) -> Normalization:
    """Return the normalisation that a graph requires; graphs exported from MXNet normalise internally."""
    # The import of onnx takes a fifth of a second, and dlib's network does not need it.
    import onnx  # noqa: PLC0415

    names = [node.name for node in onnx.load(path, load_external_data=False).graph.node[:8]]
    subtracts = any(name.startswith(("Sub", "_minus")) for name in names)
    multiplies = any(name.startswith(("Mul", "_mul")) for name in names)
    return Normalization(0.0, 1.0) if subtracts and multiplies else Normalization(127.5, 127.5)


def _graphs_by_likelihood(folder: Path) -> Iterator[Path]:
    """Yield a pack's graphs, those named like recognisers first, because each try loads a graph."""

    def unlikeliness(path: Path) -> tuple[int, str]:
        if path.name.startswith(_RECOGNISER_PREFIXES):
            return 0, path.name
        return (2 if path.name.startswith(_OTHER_MODEL_PREFIXES) else 1), path.name

    yield from sorted(folder.glob("*.onnx"), key=unlikeliness)
