"""Scores of cosines: monotonic, between 0 and 1, and even where one and two people are as likely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.reid.calibration import (
    ARCFACE,
    DLIB,
    Calibration,
    Scale,
    calibration_of,
    min_cosine,
)

CALIBRATIONS = pytest.mark.parametrize("calibration", [ARCFACE, DLIB], ids=["arcface", "dlib"])


@CALIBRATIONS
@given(first=st.floats(-1, 1), second=st.floats(-1, 1))
def test_scores_keep_the_order_of_cosines(calibration: Calibration, first: float, second: float) -> None:
    low, high = sorted([first, second])
    assert 0 <= calibration.score(low) <= calibration.score(high) <= 1


@CALIBRATIONS
@given(score=st.floats(0.001, 0.95))
def test_a_score_has_its_cosine(calibration: Calibration, score: float) -> None:
    assert calibration.score(calibration.cosine(score)) == pytest.approx(score)


@CALIBRATIONS
def test_the_ends_of_the_scale_are_within_the_cosines(calibration: Calibration) -> None:
    assert (calibration.cosine(0), calibration.cosine(1)) == (-1, 1)
    assert calibration.score(calibration.even) == 0.5
    for outside in (-0.1, 1.1):
        with pytest.raises(InvalidOptionError):
            calibration.cosine(outside)


def test_scores_of_the_measured_and_published_cosines() -> None:
    assert [round(DLIB.score(cosine), 3) for cosine in (0.823, 0.889, 0.951, 0.965)] == [0, 0.05, 0.95, 0.986]
    assert [round(ARCFACE.score(cosine), 3) for cosine in (0.0, 0.2, 0.28, 0.5)] == [0, 0.05, 0.95, 1]


def test_the_model_decides_else_the_length() -> None:
    assert calibration_of("dlib-resnet", 128) is calibration_of(None, 128) is DLIB
    assert calibration_of("buffalo_l", 128) is calibration_of(None, 512) is ARCFACE


def test_a_model_that_nobody_measured_has_no_scores() -> None:
    for model, dimension in (("mine", 512), ("mine", 128), (None, 256)):
        calibration = calibration_of(model, dimension)
        assert calibration is None
        assert min_cosine(0.5, None, calibration) == min_cosine(0.5, Scale.COSINE, calibration) == 0.5
        with pytest.raises(InvalidOptionError, match="without a calibrated scale") as refused:
            min_cosine(0.5, Scale.CALIBRATED, calibration)
        assert '"scale": "cosine"' in refused.value.hint


def test_a_threshold_without_a_scale_is_a_score_for_crowded_cosines_only() -> None:
    assert min_cosine(0.5, None, ARCFACE) == min_cosine(0.5, Scale.COSINE, DLIB) == 0.5
    assert min_cosine(0.5, None, DLIB) == min_cosine(0.5, Scale.CALIBRATED, DLIB) == DLIB.even
    assert min_cosine(-1, None, DLIB) == -1
