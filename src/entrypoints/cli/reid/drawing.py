"""Drawings of detected faces."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from framecloak.adapters.media.pictures.untrusted import StrangersPictures
from framecloak.domain.errors import OutputUnwritableError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.faces import Analysis

_BOX = (80, 220, 60)
_POINT = (60, 80, 255)
_OUTLINE = (30, 30, 30)
_HEIGHT, _LEAST_HEIGHT = 720, 96
"""Maximum and minimum height of an image in a sheet, in pixels."""
_TALLEST = 2160
"""Maximum height of a sheet in pixels, unless its images would become too small."""
_BESIDE = 4
"""Maximum number of images in a sheet of one row."""


def draw_faces(picture: bytes, analysis: Analysis, caption: str) -> Image:
    """Draw a numbered box and five landmarks on each face of an image.

    Args:
        picture: Content of the image file.
        analysis: Faces detected in the image.
        caption: Text for the lower left corner.

    Returns:
        Upright image, (h, w, 3) uint8 BGR.
    """
    image = StrangersPictures().read(picture).bgr()
    unit = max(1, round(max(image.shape[:2]) / 500))
    for number, face in enumerate(analysis.faces, 1):
        x1, y1, x2, y2 = face.box.round().astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), _OUTLINE, unit + 2)
        cv2.rectangle(image, (x1, y1), (x2, y2), _BOX, unit)
        for x, y in face.landmarks.round().astype(int).tolist():
            cv2.circle(image, (x, y), 2 * unit, _POINT, -1, cv2.LINE_AA)
        _write(image, f"{number}  {face.score:.2f}", (x1, max(14 * unit, y1 - 4 * unit)), unit)
    _write(image, caption, (6 * unit, image.shape[0] - 8 * unit), unit)
    return image


def write_sheet(out: Path, pictures: Iterable[Image], count: int) -> None:
    """Write one image, or a grid of several, in the format of the file suffix.

    Args:
        out: Path of the file.
        pictures: Images, consumed one by one; each is scaled down before the next is read.
        count: Number of images; at least 1.

    Raises:
        OutputUnwritableError: The file cannot be written.
    """
    (sheet,) = pictures if count == 1 else [_sheet(pictures, count)]
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


def _write(image: Image, text: str, corner: tuple[int, int], unit: int) -> None:
    for colour, thickness in ((_OUTLINE, 3 * unit), (_BOX, unit)):
        cv2.putText(
            image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * unit, colour, thickness, cv2.LINE_AA
        )


def _sheet(pictures: Iterable[Image], count: int) -> Image:
    columns = count if count <= _BESIDE else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    height = min(_HEIGHT, max(_LEAST_HEIGHT, _TALLEST // rows))
    scaled = (_at_height(picture, height) for picture in pictures)
    strips = [np.hstack(list(islice(scaled, columns))) for _ in range(rows)]
    width = max(strip.shape[1] for strip in strips)
    return np.vstack([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])


def _at_height(picture: Image, height: int) -> Image:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
