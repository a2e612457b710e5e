"""Weights in the ``rapidocr`` wheel, found without importing the wheel, which takes a second."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from framecloak.adapters.vision.weights.catalogue import Weights
from framecloak.adapters.vision.weights.files import sha256_of
from framecloak.domain.errors import ModelCorruptError, ModelMissingError


def rapidocr_weights(weights: Weights) -> Path:
    """Return the verified path of weights that consist of one file in the wheel.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the file has an unknown digest.
    """
    path = _path(weights)
    if not path.is_file() or sha256_of(path) != weights.files[path.name]:
        raise ModelCorruptError(
            f"{path} is not the file that Framecloak was tested with",
            "run `pip install --force-reinstall --no-deps 'rapidocr==3.10.*'`",
        )
    return path


def is_in_rapidocr_wheel(weights: Weights) -> bool:
    """Return True if the file of the weights exists; its digest is not checked."""
    try:
        return _path(weights).is_file()
    except ModelMissingError:
        return False


def _path(weights: Weights) -> Path:
    wheel = importlib.util.find_spec("rapidocr")
    if wheel is None or wheel.origin is None:
        raise ModelMissingError(
            f"the model for {weights.purpose} is not installed", "run `pip install 'framecloak[embedded]'`"
        )
    (name,) = weights.files
    return Path(wheel.origin).parent / "models" / name
