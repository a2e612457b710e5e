"""Protocol between the emotion client and the CLIP service, in msgpack or JSON.

Images are sent as raw pixels. So both ends calculate with the same values, and nothing has to be decoded.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from framecloak.domain.imaging.detections import Image

MAX_SIDE_PX = 4096

Side = Annotated[int, Meta(ge=1, le=MAX_SIDE_PX, description="Pixels.", examples=[112])]


class RgbImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Face crop with some surroundings.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        rgb: red, green and blue of each pixel, row by row; base64 in JSON.
    """

    width: Side
    height: Side
    rgb: Annotated[bytes, Meta(description="Red, green and blue of each pixel, row by row.")]

    @classmethod
    def from_pixels(cls, image: Image) -> RgbImage:
        """Build a message from pixels.

        Args:
            image: (h, w, 3) uint8 RGB.
        """
        height, width = image.shape[:2]
        return cls(width=width, height=height, rgb=image.tobytes())

    @property
    def is_complete(self) -> bool:
        """True if the number of bytes matches width and height."""
        return len(self.rgb) == 3 * self.width * self.height

    def pixels(self) -> Image:
        """Return the pixels as (h, w, 3) uint8 RGB.

        Raises:
            ValueError: the number of bytes does not match width and height.
        """
        return np.frombuffer(self.rgb, np.uint8).reshape(self.height, self.width, 3)


class EmotionsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /emotions``."""

    images: Annotated[tuple[RgbImage, ...], Meta(min_length=1, description="Face crops to classify.")]


class EmotionsResponse(Struct, frozen=True, kw_only=True):
    """Answer to ``POST /emotions``.

    Attributes:
        model: name of the model.
        emotions: emotions that are distinguished.
        probabilities: one list per image with a probability per emotion; each list sums to 1.
    """

    model: Annotated[str, Meta(description="Name of the model.", examples=["clip/ViT-B-32"])]
    emotions: Annotated[tuple[str, ...], Meta(description="Emotions that are distinguished.")]
    probabilities: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(description="One list per image with a probability per emotion, in order; each sums to 1."),
    ]
