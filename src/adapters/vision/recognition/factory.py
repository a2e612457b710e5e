"""Choice of the face recogniser by its name."""

from __future__ import annotations

from pathlib import Path

from framecloak.adapters.vision.recognition.arcface import ArcFace
from framecloak.adapters.vision.recognition.dlib_resnet import DlibResNet
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.weights.catalogue import DLIB_RESNET, installed_packs
from framecloak.adapters.vision.weights.packs import load_from_first_pack
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.ports.models import FaceRecognizer

AUTO = "auto"


def choose_recognizer(name: str, models: Path, provider: Provider = Provider.AUTO) -> FaceRecognizer:
    """Load the face recogniser with a given name.

    Args:
        name: ``auto`` (an InsightFace pack if one is installed, else dlib's network), ``dlib-resnet``, the
            name of a pack's folder, or the path of one.
        models: models folder.
        provider: execution provider.

    Raises:
        ModelMissingError: there is no such recogniser; the hint lists the installed ones.
        ModelCorruptError: the digest of a file has changed.
        ProviderUnavailableError: the provider does not work on this machine.
    """
    packs = installed_packs(models)
    if name == AUTO:
        recognizer = load_from_first_pack(packs.values(), lambda folder: ArcFace.load(folder, provider))
        if recognizer:
            return recognizer
    if name in {AUTO, DLIB_RESNET.name}:
        return DlibResNet.load(models, provider)
    folder = packs.get(name, Path(name).expanduser())
    if name in packs or any(folder.glob("*.onnx")):
        return ArcFace.load(folder, provider)
    installed = ", ".join([DLIB_RESNET.name, *packs])
    raise ModelMissingError(
        f"there is no recogniser {name!r} in {models}",
        f"choose one of {installed}; `framecloak models list` shows how to get others",
    )
