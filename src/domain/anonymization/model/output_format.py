"""Output formats of frames: image formats, and video."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from framecloak.domain.errors import InvalidFormatError


class OutputFormat(StrEnum):
    """File format of the result: one image per frame, or videos."""

    JPG = "jpg"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    MP4 = "mp4"
    """One video per segment instead of images."""

    @property
    def is_video(self) -> bool:
        """True if the result consists of videos instead of images."""
        return self is OutputFormat.MP4

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a format as typed by a user; case does not matter.

        Raises:
            InvalidFormatError: there is no such format.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidFormatError(f"unknown format {text!r}", f"use one of {names}") from None
