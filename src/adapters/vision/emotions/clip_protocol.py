"""What client and service of emotions say to each other, in msgpack or JSON.

Pictures travel as plain pixels: both ends calculate with the same numbers, and there is nothing to decode.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from framecloak.domain.imaging.detections import Image

LONGEST_SIDE = 4096

Side = Annotated[int, Meta(ge=1, le=LONGEST_SIDE, description="Pixels.", examples=[112])]


class Picture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face with some of its surroundings.

    Attributes:
        width: pixels.
        height: pixels.
        rgb: red, green and blue of each pixel, row by row; base64 in JSON.
    """

    width: Side
    height: Side
    rgb: Annotated[bytes, Meta(description="Red, green and blue of each pixel, row by row.")]

    @classmethod
    def of(cls, image: Image) -> Picture:
        """Pixels as they travel.

        Args:
            image: (h, w, 3) uint8 RGB.
        """
        height, width = image.shape[:2]
        return cls(width=width, height=height, rgb=image.tobytes())

    @property
    def is_complete(self) -> bool:
        """Whether there are as many bytes as pixels want."""
        return len(self.rgb) == 3 * self.width * self.height

    def image(self) -> Image:
        """The pixels, (h, w, 3) uint8 RGB.

        Raises:
            ValueError: it is not complete.
        """
        return np.frombuffer(self.rgb, np.uint8).reshape(self.height, self.width, 3)


class EmotionsOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /emotions``."""

    images: Annotated[tuple[Picture, ...], Meta(min_length=1, description="Faces to look at.")]


class EmotionsAnswer(Struct, frozen=True, kw_only=True):
    """Answer to it.

    Attributes:
        model: as people call it.
        emotions: what is told apart.
        probabilities: for each picture one of each emotion; they sum to 1.
    """

    model: Annotated[str, Meta(description="Which CLIP it was.", examples=["clip/ViT-B-32"])]
    emotions: Annotated[tuple[str, ...], Meta(description="What is told apart.")]
    probabilities: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(description="For each picture one of each emotion, in that order; they sum to 1."),
    ]
