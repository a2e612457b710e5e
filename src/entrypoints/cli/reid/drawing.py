"""Pictures that show which faces were found in them."""

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
from framecloak.domain.reid.model import Analysis

_BOX = (80, 220, 60)
_POINT = (60, 80, 255)
_OUTLINE = (30, 30, 30)
_HEIGHT, _LEAST_HEIGHT = 720, 96
"""Pixels that pictures beside each other are high: few, and very many."""
_TALLEST = 2160
"""Pixels that a sheet of many may be high, unless its pictures would be too small to see."""
_BESIDE = 4
"""Most pictures of a sheet with one row."""


def draw_faces(picture: bytes, analysis: Analysis, caption: str) -> Image:
    """The picture with a numbered box and five landmarks on each face.

    Args:
        picture: the bytes of the file.
        analysis: what was found in it.
        caption: written in its corner.

    Returns:
        (h, w, 3) uint8 BGR, upright.
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
    """Write one picture, or several beside and below each other, as the suffix of the name says.

    Args:
        out: where to.
        pictures: each is made small before the next is asked for.
        count: how many they are; one at least.

    Raises:
        OutputUnwritableError: the file cannot be written.
    """
    (sheet,) = pictures if count == 1 else [_sheet(pictures, count)]
    try:
        written, data = cv2.imencode(out.suffix or ".jpg", sheet)
        if not written:
            raise OutputUnwritableError(f"{out} cannot be encoded", "name a .jpg or .png file")
        out.write_bytes(data.tobytes())
    except cv2.error as error:
        raise OutputUnwritableError(
            f"{out} names no format that can be written", "name a .jpg or .png file"
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
    small = (_at_height(picture, height) for picture in pictures)
    lines = [np.hstack(list(islice(small, columns))) for _ in range(rows)]
    width = max(line.shape[1] for line in lines)
    return np.vstack([np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0))) for line in lines])


def _at_height(picture: Image, height: int) -> Image:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
