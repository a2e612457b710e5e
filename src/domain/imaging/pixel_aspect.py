"""Pixel aspect: width to height of one stored pixel as displayed."""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction

from framecloak.domain.errors import InvalidOptionError

SQUARE = Fraction(1)

MAX_ASPECT = Fraction(4)
"""Largest plausible pixel aspect; its inverse is the smallest. Cameras have stored 1:2 to 24:11."""

_WRITTEN = re.compile(r"([0-9]{1,6}):([0-9]{1,6})")


class AspectOrigin(StrEnum):
    """Origin of the pixel aspect of a source."""

    SQUARE = "square"
    """Square pixels: declared as such, or nothing is declared."""
    DECLARED = "declared"
    """Declared by the container or the bitstream."""
    IMPLAUSIBLE = "implausible"
    """Square pixels are assumed, because the declared aspect is not plausible."""
    OPTION = "option"
    """Given by the caller, whatever the source declares."""


def is_plausible(aspect: Fraction) -> bool:
    """Return whether pixels of this aspect may exist."""
    return 1 / MAX_ASPECT <= aspect <= MAX_ASPECT


def display_size(size: tuple[int, int], aspect: Fraction) -> tuple[int, int]:
    """Return the size of a frame in square pixels.

    The squeezed axis is enlarged and the other one kept, so that no stored pixel is lost.

    Args:
        size: width and height in stored pixels.
        aspect: pixel aspect.
    """
    width, height = size
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def format_aspect(aspect: Fraction) -> str:
    """Return a pixel aspect as ``W:H`` in lowest terms."""
    return f"{aspect.numerator}:{aspect.denominator}"


def parse_aspect(text: str) -> Fraction:
    """Return a pixel aspect that was written as ``W:H``.

    Raises:
        InvalidOptionError: the text has another form, or the aspect is not plausible.
    """
    match = _WRITTEN.fullmatch(text.strip())
    width, height = (int(side) for side in match.groups()) if match else (0, 0)
    if not width or not height or not is_plausible(Fraction(width, height)):
        raise InvalidOptionError(
            f"{text} is not the pixel aspect of a video",
            "give width:height of one pixel as displayed, from 1:4 to 4:1; 24:11 for example",
        )
    return Fraction(width, height)
