"""Drawings of detected faces."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.domain.errors import OutputUnwritableError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.faces import ImageAnalysis

_BOX_COLOUR = (80, 220, 60)
_LANDMARK_COLOUR = (60, 80, 255)
_OUTLINE_COLOUR = (30, 30, 30)
_MAX_IMAGE_HEIGHT_PX, _MIN_IMAGE_HEIGHT_PX = 720, 96
"""Maximum and minimum height of an image in a sheet, in pixels."""
_MAX_SHEET_HEIGHT_PX = 2160
"""Maximum height of a sheet in pixels, unless its images would become too small."""
_MAX_SINGLE_ROW = 4
"""Maximum number of images in a sheet of one row."""


def draw_faces(data: bytes, analysis: ImageAnalysis, caption: str) -> Image:
    """Draw a numbered box and five landmarks on each face of an image.

    Args:
        data: content of the image file.
        analysis: faces detected in the image.
        caption: text for the lower left corner.

    Returns:
        Upright image, (h, w, 3) uint8 BGR.
    """
    image = UntrustedImageReader().read(data).bgr()
    unit = max(1, round(max(image.shape[:2]) / 500))
    for number, face in enumerate(analysis.faces, 1):
        x1, y1, x2, y2 = face.box.round().astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), _OUTLINE_COLOUR, unit + 2)
        cv2.rectangle(image, (x1, y1), (x2, y2), _BOX_COLOUR, unit)
        for x, y in face.landmarks.round().astype(int).tolist():
            cv2.circle(image, (x, y), 2 * unit, _LANDMARK_COLOUR, -1, cv2.LINE_AA)
        _draw_text(image, f"{number}  {face.score:.2f}", (x1, max(14 * unit, y1 - 4 * unit)), unit)
    _draw_text(image, caption, (6 * unit, image.shape[0] - 8 * unit), unit)
    return image


def write_sheet(out: Path, images: Iterable[Image], count: int) -> None:
    """Write one image, or a grid of several, in the format of the file suffix.

    Args:
        out: path of the file.
        images: images, consumed one by one; each is scaled down before the next is read.
        count: number of images; at least 1.

    Raises:
        OutputUnwritableError: the file cannot be written.
    """
    (sheet,) = images if count == 1 else [_draw_grid(images, count)]
    try:
        written, data = cv2.imencode(out.suffix or ".jpg", sheet)
        if not written:
            raise OutputUnwritableError(f"{out} cannot be encoded", "name a .jpg or .png file")
        out.write_bytes(data.tobytes())
    except cv2.error as error:
        raise OutputUnwritableError(
            f"the format of {out} is not supported", "name a .jpg or .png file"
        ) from error
    except OSError as error:
        raise OutputUnwritableError(f"cannot write {out}: {error.strerror}", "check the path") from error


def _draw_text(image: Image, text: str, corner: tuple[int, int], unit: int) -> None:
    for colour, thickness in ((_OUTLINE_COLOUR, 3 * unit), (_BOX_COLOUR, unit)):
        cv2.putText(
            image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * unit, colour, thickness, cv2.LINE_AA
        )


def _draw_grid(images: Iterable[Image], count: int) -> Image:
    columns = count if count <= _MAX_SINGLE_ROW else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    height = min(_MAX_IMAGE_HEIGHT_PX, max(_MIN_IMAGE_HEIGHT_PX, _MAX_SHEET_HEIGHT_PX // rows))
    scaled = (_scaled_to_height(image, height) for image in images)
    strips = [np.hstack(list(islice(scaled, columns))) for _ in range(rows)]
    width = max(strip.shape[1] for strip in strips)
    return np.vstack([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])


def _scaled_to_height(image: Image, height: int) -> Image:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
