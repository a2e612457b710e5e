"""Opening of the PP-OCR graphs in the ``rapidocr`` wheel."""

from __future__ import annotations

from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import Weights
from framecloak.adapters.vision.weights.rapidocr_wheel import rapidocr_weights
from framecloak.domain.imaging.detections import ModelCard


def open_rapidocr_graph(weights: Weights, provider: Provider) -> tuple[OnnxSession, ModelCard]:
    """Open a graph of the wheel; return its session, and the description of both.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: its graph has an unknown digest.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    path = rapidocr_weights(weights)
    session = open_session(path, provider)
    card = ModelCard(
        name=weights.name,
        sha256=weights.files[path.name],
        licence=weights.licence,
        provider=session.provider.label,
        precision=Precision.FP32.value,
    )
    return session, card
