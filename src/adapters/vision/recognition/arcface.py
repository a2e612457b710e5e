"""InsightFace packs: face recognition with an ArcFace graph, from a folder of ``.onnx`` files.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019: a face of 112 pixels
becomes 512 numbers, and the angle between two such vectors says whether the faces are one person's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np

from framecloak.adapters.vision.recognition.alignment import align
from framecloak.adapters.vision.recognition.dlib_resnet import DlibResNet
from framecloak.adapters.vision.recognition.embedding import MAX_BATCH, unit_vectors
from framecloak.adapters.vision.runtime.onnx import Provider, Session
from framecloak.adapters.vision.weights.catalogue import DLIB_RESNET, installed_packs
from framecloak.adapters.vision.weights.packs import first_that_has_one, open_graph
from framecloak.domain.errors import ExaminationError, ModelMissingError
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.model import EmbeddingSpace

AUTO = "auto"

_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
"""Where eyes, nose and corners of the mouth belong in a chip of 112 pixels."""
_RECOGNISER_PREFIXES = ("w600k_", "glintr", "arcface")
_OTHER_MODELS = ("det_", "scrfd_", "1k3d68", "2d106det", "genderage")
_OTHER_SIDES = (96, 192)
"""Inputs of InsightFace's models for age and for dense landmarks."""


class Normalization(NamedTuple):
    """What happens to a pixel before the graph sees it: ``(pixel - mean) / deviation``."""

    mean: float
    deviation: float


class ArcFace:
    """Turns faces into vectors. Safe to call from several threads at once.

    Args:
        session: a graph for which ``is_arcface`` holds.
        card: which file that is and how it runs.
        name: of the pack; names the vectors' space.
        normalization: what the graph wants of pixels.
    """

    def __init__(self, session: Session, card: ModelCard, name: str, normalization: Normalization) -> None:
        self._session = session
        self._normalization = normalization
        self._side = session.input.shape[2] or 0
        self._template = template(self._side)
        self.card = card
        blank = np.zeros((1, self._side, self._side, 3), np.uint8)
        dimension = int(self._run(blank)[0].shape[-1])
        self.space = EmbeddingSpace(name, card.sha256, dimension)
        self.max_batch = MAX_BATCH if self._batches_correctly() else 1

    @classmethod
    def load(cls, folder: Path, provider: Provider = Provider.AUTO) -> Self:
        """Open the ArcFace graph of a pack.

        Args:
            folder: a pack's folder of ``.onnx`` files; its name names the pack.
            provider: where to run.

        Raises:
            ModelMissingError: none of the files is an ArcFace graph.
            ModelCorruptError: a file cannot be read, or is not the one that was recorded.
            ProviderUnavailableError: the provider does not work on this machine.
        """
        for path in _likeliest_first(folder):
            session, card = open_graph(path, provider)
            if is_arcface(session):
                return cls(session, card, folder.name, read_normalization(path))
        raise ModelMissingError(
            f"no file in {folder} is an ArcFace graph",
            f"remove the folder and run `framecloak models pull {folder.name}`, or choose {DLIB_RESNET.name}",
        )

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        """See ``framecloak.domain.ports.recognition.FaceRecognizer``."""
        return align(image, landmarks, self._template, self._side)

    def embed(self, chips: Image) -> FloatArray:
        """See ``framecloak.domain.ports.recognition.FaceRecognizer``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
            ValueError: too many faces, or of another shape than ``align`` gives.
        """
        return unit_vectors(self._run, chips, self._side, self.space.dimension, self.max_batch)

    def _run(self, chips: Image) -> list[FloatArray]:
        mean, deviation = self._normalization
        blob = cv2.dnn.blobFromImages(list(chips), 1 / deviation, mean=(mean,) * 3)
        return self._session.run(np.asarray(blob, np.float32))

    def _batches_correctly(self) -> bool:
        """Whether two faces at once give what each gives alone; an export may fix or mix up the batch."""
        if self._session.input.shape[0] is not None:
            return False
        chips = np.random.default_rng(0).integers(0, 256, (2, self._side, self._side, 3), np.uint8)
        try:
            (together,) = self._run(chips)
        except ExaminationError:
            return False
        alone = np.concatenate([self._run(chip[np.newaxis])[0] for chip in chips])
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-3, atol=1e-3)


def is_arcface(session: Session) -> bool:
    """Whether a graph takes aligned faces and gives one vector for each, as InsightFace tells it."""
    if len(session.input.shape) != 4 or len(session.outputs) != 1:
        return False
    channels, height, width = session.input.shape[1:]
    square = height is not None and height == width and height >= 112 and height % 16 == 0
    return channels == 3 and square and height not in _OTHER_SIDES and len(session.outputs[0].shape) == 2


def template(side: int) -> FloatArray:
    """Where the five landmarks belong in a chip: the template of 112 pixels, in the middle of one of 128.

    Returns:
        (5, 2) float32 pixels.
    """
    if side % 112 == 0:
        return _TEMPLATE * np.float32(side / 112)
    return (_TEMPLATE + np.array([8, 0], np.float32)) * np.float32(side / 128)


def read_normalization(path: Path) -> Normalization:
    """What a graph wants of pixels: those out of MXNet begin by subtracting and scaling themselves."""
    # onnx takes a fifth of a second to import; recognition with dlib's network does without.
    import onnx  # noqa: PLC0415

    names = [node.name for node in onnx.load(path, load_external_data=False).graph.node[:8]]
    subtracts = any(name.startswith(("Sub", "_minus")) for name in names)
    multiplies = any(name.startswith(("Mul", "_mul")) for name in names)
    return Normalization(0.0, 1.0) if subtracts and multiplies else Normalization(127.5, 127.5)


def choose_recognizer(name: str, models: Path, provider: Provider = Provider.AUTO) -> FaceRecognizer:
    """The face recogniser that a person asked for.

    Args:
        name: ``auto`` (an InsightFace pack if one is there, else dlib's network), ``dlib-resnet``, the name
            of a pack's folder, or the path of one.
        models: the models folder.
        provider: where to run.

    Raises:
        ModelMissingError: there is no such recogniser; the hint says what is there and how to get more.
        ModelCorruptError: a file is not what it was.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    packs = installed_packs(models)
    if name == AUTO:
        found = first_that_has_one(packs.values(), lambda folder: ArcFace.load(folder, provider))
        if found:
            return found
    if name in {AUTO, DLIB_RESNET.name}:
        return DlibResNet.load(models, provider)
    folder = packs.get(name, Path(name).expanduser())
    if name in packs or any(folder.glob("*.onnx")):
        return ArcFace.load(folder, provider)
    there = ", ".join([DLIB_RESNET.name, *packs])
    raise ModelMissingError(
        f"there is no recogniser {name!r} in {models}",
        f"there are {there}; `framecloak models list` shows what can be had and how",
    )


def _likeliest_first(folder: Path) -> Iterator[Path]:
    """A pack's graphs, those named like recognisers first: each one that is tried gets loaded."""

    def unlikeliness(path: Path) -> tuple[int, str]:
        if path.name.startswith(_RECOGNISER_PREFIXES):
            return 0, path.name
        return (2 if path.name.startswith(_OTHER_MODELS) else 1), path.name

    yield from sorted(folder.glob("*.onnx"), key=unlikeliness)
