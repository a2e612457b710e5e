"""Pictures on their way into a detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import Image


def stack(images: Sequence[Image], max_batch: int, stride: int) -> NDArray[np.uint8]:
    """Pictures of one size as one (n, height, width, 3) uint8 array; no copy is made of a single one.

    Raises:
        ValueError: too many pictures, of different shapes, or not multiples of ``stride``.
    """
    if len(images) > max_batch:
        raise ValueError(f"{len(images)} pictures in one call, at most {max_batch} are taken")
    height, width, channels = images[0].shape
    if height % stride or width % stride or channels != 3:
        raise ValueError(f"a picture of {images[0].shape} is not (h, w, 3) in multiples of {stride}")
    if any(image.shape != images[0].shape or image.dtype != np.uint8 for image in images):
        raise ValueError("pictures of one call must be uint8 and of one shape")
    return images[0][np.newaxis] if len(images) == 1 else np.stack(images)
