"""Previews: small images of large ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.previews import make_preview
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import ObjectNotFoundError


def encoded_image(form: OutputFormat) -> bytes:
    left_red = np.zeros((60, 120, 3), np.uint8)
    left_red[:, :60, 2] = 250
    return OpenCvEncoder().encode(left_red, Appearance(form))


@pytest.mark.parametrize("form", [OutputFormat.JPG, OutputFormat.PNG, OutputFormat.WEBP])
@pytest.mark.parametrize(("width", "shape"), [(40, (20, 40, 3)), (500, (60, 120, 3)), (1, (1, 1, 3))])
def test_a_preview_keeps_the_proportions_and_is_not_enlarged(
    form: OutputFormat, width: int, shape: tuple[int, int, int]
) -> None:
    small = make_preview(encoded_image(form), width)
    assert small[:2] == b"\xff\xd8"
    shown = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == shape
    if width > 1:
        red = shown[shape[0] // 2, :, 2]
        assert red[: shape[1] // 4].min() > 200
        assert red[-shape[1] // 4 :].max() < 60


@pytest.mark.parametrize("broken", [b"", b"no image", encoded_image(OutputFormat.PNG)[:60]])
def test_a_damaged_image_has_no_preview(broken: bytes) -> None:
    with pytest.raises(ObjectNotFoundError):
        make_preview(broken, 40)
