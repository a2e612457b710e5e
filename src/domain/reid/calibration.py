"""Calibrated scores: how likely two faces show the same person, on one scale for every recogniser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.reid.recognizers import FAMILIES, Family


class Scale(StrEnum):
    """Scale of similarities and thresholds."""

    COSINE = "cosine"
    """Cosine of the embeddings, whose meaning depends on the model."""
    CALIBRATED = "calibrated"
    """Score from 0 to 1: 0.5 is as likely the same person as not."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logistic calibration of cosines (J. Platt, "Probabilistic outputs for support vector machines", 1999).

    Attributes:
        even: cosine at which two faces are as likely of one person as of two, for equally many pairs of both.
        steepness: increase of the log-odds for each unit of the cosine.
        is_crowded: True if even the cosines of two people are far above one half, so that a threshold without
            a scale is meant as a score.
    """

    even: float
    steepness: float
    is_crowded: bool = False

    def score(self, cosine: float) -> float:
        """Return the score of a cosine, 0 to 1."""
        return 1 / (1 + math.exp(-self.steepness * (cosine - self.even)))

    def cosine(self, score: float) -> float:
        """Return the cosine of a score; -1 for 0 and below, and 1 where the score is out of reach.

        Raises:
            InvalidOptionError: the score is outside 0 to 1.
        """
        if not 0 <= score <= 1:
            raise InvalidOptionError(f"the threshold is {score}", "use a calibrated score between 0 and 1")
        if score <= self.score(-1.0):
            return -1.0
        if score >= self.score(1.0):
            return 1.0
        return self.even + math.log(score / (1 - score)) / self.steepness


def _through(unlikely: float, likely: float, *, is_crowded: bool = False) -> Calibration:
    """Return the calibration with score 0.05 at one cosine, and 0.95 at another."""
    steepness = 2 * math.log(19) / (likely - unlikely)
    return Calibration((unlikely + likely) / 2, steepness, is_crowded)


ARCFACE = _through(0.20, 0.28)
"""InsightFace calls faces below 0.20 different and above 0.28 the same (``arcface_onnx`` example)."""

DLIB = _through(0.889, 0.951, is_crowded=True)
"""Highest cosine of two people and lowest of one, in BENCHMARKS.md, "Face recognition"."""

_BY_FAMILY = {Family.ARCFACE: ARCFACE, Family.DLIB: DLIB}
_BY_DIMENSION = {128: DLIB, 512: ARCFACE}


def calibration_of(model: str | None, dimension: int) -> Calibration | None:
    """Return the calibration of a model; None for a model without one.

    Args:
        model: name of the model, as analyses return it; None to tell dlib from ArcFace by the dimension.
        dimension: length of its embeddings.
    """
    if model is None:
        return _BY_DIMENSION.get(dimension)
    return _BY_FAMILY[FAMILIES[model]] if model in FAMILIES else None


def require_calibration(calibration: Calibration | None, scale: Scale | None) -> None:
    """Require a calibration where the caller asks for calibrated scores.

    Raises:
        InvalidOptionError: the model has no calibration.
    """
    if scale is Scale.CALIBRATED and calibration is None:
        raise InvalidOptionError(
            "the embeddings are of a model without a calibrated scale",
            f'ask for "scale": "{Scale.COSINE}"; calibrated are {", ".join(FAMILIES)}',
        )


def min_cosine(threshold: float, scale: Scale | None, calibration: Calibration | None) -> float:
    """Return the minimum cosine of a match.

    Args:
        threshold: minimum similarity as the caller gave it.
        scale: scale of the threshold; None for the cosine, or for the score of a model whose cosines are
            crowded: clients of earlier services ask for 0.5, above which dlib has every pair of people.
        calibration: calibration of the model; None for a model without one.

    Raises:
        InvalidOptionError: the threshold is a score outside 0 to 1, or the model has no calibration.
    """
    require_calibration(calibration, scale)
    if calibration and scale is Scale.CALIBRATED:
        return calibration.cosine(threshold)
    if calibration and calibration.is_crowded and scale is None:
        return calibration.cosine(max(threshold, 0.0))
    return threshold
