"""Face recognition with dlib's network, using the weights in the ``face_recognition_models`` wheel.

See King, "High Quality Face Recognition with Deep Metric Learning", 2017. The network maps an aligned face of
150 pixels to an embedding of 128 numbers, trained so that faces of one person are closer than 0.6 to each
other. Neither dlib nor a compiler is needed, because the weights are converted to a graph once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.vision.recognition.alignment import align
from framecloak.adapters.vision.recognition.embedding import MAX_BATCH, unit_vectors
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import DLIB_RESNET, DLIB_RESNET_SHA256
from framecloak.adapters.vision.weights.files import BuiltFile, file_in_wheel, load_or_build
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.model.faces import EmbeddingSpace

RECIPE_VERSION = 1
"""Version of the build procedure; increase it when ``dlib_graph`` builds a different graph."""

_SIDE_PX = 150
_DIMENSION = 128
_TEMPLATE = np.array([[45.5, 47.8], [103.2, 45.6], [74.8, 78.3], [50.0, 102.4], [99.5, 100.4]], np.float32)
"""Positions of eyes, nose and corners of the mouth in dlib's own chips, as detected there, in pixels."""


class DlibResNet:
    """Face recogniser with dlib's network. It is thread-safe.

    Args:
        session: session of a graph built by ``dlib_graph``.
        card: description of the model file and its execution.
    """

    max_batch = MAX_BATCH

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card
        self.space = EmbeddingSpace(card.name, card.sha256, _DIMENSION)

    @classmethod
    def load(cls, models: Path, provider: Provider = Provider.AUTO) -> Self:
        """Load the graph, and build it first if it does not exist.

        Args:
            models: models folder, where the built graph is stored.
            provider: execution provider.

        Raises:
            ModelMissingError: the ``face_recognition_models`` wheel is not installed.
            ModelCorruptError: the wheel's weights have an unknown digest.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        graph = build_graph(models)
        session = open_session(graph.content, provider)
        card = ModelCard(
            name=DLIB_RESNET.name,
            sha256=graph.sha256,
            licence=DLIB_RESNET.licence,
            provider=session.provider.label,
            precision=Precision.FP32.value,
        )
        return cls(session, card)

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        """Cut aligned face crops (chips) out of an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            landmarks: (n, 5, 2) in pixels of the image.

        Returns:
            (n, 150, 150, 3) uint8 RGB.
        """
        return align(image, landmarks, _TEMPLATE, _SIDE_PX)

    def embed(self, chips: Image) -> FloatArray:
        """Compute the embeddings of aligned face crops.

        Args:
            chips: (n, 150, 150, 3) uint8 RGB from ``align``, at most ``max_batch``.

        Returns:
            (n, 128) float32 of unit length.

        Raises:
            FrameAnalysisError: the model failed, or its output is not finite.
            ValueError: there are too many crops, or their shape is not that of ``align``.
        """
        return unit_vectors(self._session.run, chips, _SIDE_PX, _DIMENSION)


def build_graph(models: Path) -> BuiltFile:
    """Return the graph from the models folder, and build it first if it does not exist.

    Args:
        models: models folder.

    Raises:
        ModelMissingError: the ``face_recognition_models`` wheel is not installed.
        ModelCorruptError: the wheel's weights have an unknown digest.
    """
    name = f"{DLIB_RESNET.name}-{RECIPE_VERSION}-{DLIB_RESNET_SHA256[:12]}.onnx"
    return load_or_build(models / DLIB_RESNET.name / name, _build)


def published_weights() -> Path:
    """Return the verified path of the weights in the ``face_recognition_models`` wheel.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file has an unknown digest.
    """
    (name,) = DLIB_RESNET.files
    return file_in_wheel("face_recognition_models", f"models/{name}", DLIB_RESNET_SHA256)


def _build() -> bytes:
    # The import of onnx takes a fifth of a second and is needed once per machine.
    from framecloak.adapters.vision.recognition import dlib_graph  # noqa: PLC0415

    return dlib_graph.build(published_weights())
