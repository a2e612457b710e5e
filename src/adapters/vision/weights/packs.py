"""Loading of graphs from packs, such as those of InsightFace: folders of ``.onnx`` files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import licence_of, verified_digest
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.imaging.detections import ModelCard

Model = TypeVar("Model")


class PackGraph(NamedTuple):
    """Loaded graph of a pack.

    Attributes:
        session: session that runs the graph.
        card: description of the model file and its execution.
    """

    session: OnnxSession
    card: ModelCard


def open_graph(path: Path, provider: Provider) -> PackGraph:
    """Load a graph of a pack, regardless of its purpose, and verify its digest.

    Raises:
        ModelCorruptError: the file cannot be read, or its digest is not the recorded one.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    digest = verified_digest(path)
    session = open_session(path, provider)
    card = ModelCard(
        name=f"{path.parent.name}/{path.stem}",
        sha256=digest,
        licence=licence_of(path.parent.name),
        provider=session.provider.label,
        precision=Precision.FP32.value,
    )
    return PackGraph(session, card)


def load_from_first_pack(packs: Iterable[Path], load: Callable[[Path], Model]) -> Model | None:
    """Load a model from the first pack that contains a suitable graph.

    Args:
        packs: folders of the packs, in order of preference.
        load: function that loads the model from a folder, or raises ``ModelMissingError``.

    Returns:
        The model; None if no pack contains a suitable graph.

    Raises:
        ModelCorruptError: the digest of a pack's file has changed.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    for folder in packs:
        try:
            return load(folder)
        except ModelMissingError:
            continue
    return None
