"""Pixel aspects that video files declare, in their containers and in their bitstreams."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from framecloak.domain.imaging.pixel_aspect import SQUARE, AspectOrigin, is_plausible


@dataclass(frozen=True, slots=True)
class DeclaredAspects:
    """Pixel aspects that a file declares for its first frame, before the frame is turned upright.

    Players prefer the container's (``av_guess_sample_aspect_ratio`` of libav), and so does this class.

    Attributes:
        container: pixel aspect in the container; None if it states none, or the same as the bitstream.
        bitstream: pixel aspect in the bitstream; None if it states none.
    """

    container: Fraction | None
    bitstream: Fraction | None

    def plausible(self) -> Fraction:
        """Return the pixel aspect; square for one that no camera stores."""
        declared = self.container or self.bitstream
        return declared if declared and is_plausible(declared) else SQUARE

    def origin(self) -> AspectOrigin:
        """Return the origin of the pixel aspect."""
        declared = self.container or self.bitstream
        if not declared or declared == SQUARE:
            return AspectOrigin.SQUARE
        return AspectOrigin.DECLARED if is_plausible(declared) else AspectOrigin.IMPLAUSIBLE
