"""Graphs out of folders that somebody put into the models folder: InsightFace packs and their like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from framecloak.adapters.vision.runtime.onnx import Provider, Session, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import licence_of, verified_digest
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.imaging.detections import ModelCard

Model = TypeVar("Model")


class PackGraph(NamedTuple):
    """A graph of a pack.

    Attributes:
        session: runs it.
        card: which file that is and how it runs.
    """

    session: Session
    card: ModelCard


def open_graph(path: Path, provider: Provider) -> PackGraph:
    """Load a file of a pack, whatever it does.

    Raises:
        ModelCorruptError: it cannot be read, or is not the one that was recorded.
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


def first_that_has_one(packs: Iterable[Path], load: Callable[[Path], Model]) -> Model | None:
    """What is loaded from the first pack that has a graph for it; None where none has.

    Raises:
        ModelCorruptError: a file of a pack is not what it was.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    for folder in packs:
        try:
            return load(folder)
        except ModelMissingError:
            continue
    return None
