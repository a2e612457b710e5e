"""Batching of images for detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import Image


def stack_images(images: Sequence[Image], max_batch: int, stride: int) -> NDArray[np.uint8]:
    """Stack images of one size into a (n, height, width, 3) uint8 array; a single image is not copied.

    Args:
        images: at least one image, each (height, width, 3) uint8.
        max_batch: maximum number of images.
        stride: number of pixels that height and width must be multiples of.

    Raises:
        ValueError: there are too many images, their shapes differ, or a side is not a multiple of
            ``stride``.
    """
    if len(images) > max_batch:
        raise ValueError(f"{len(images)} images in one call, but at most {max_batch} are allowed")
    height, width, channels = images[0].shape
    if height % stride or width % stride or channels != 3:
        raise ValueError(f"an image of {images[0].shape} is not (h, w, 3) in multiples of {stride}")
    if any(image.shape != images[0].shape or image.dtype != np.uint8 for image in images):
        raise ValueError("the images of one call must be uint8 and of one shape")
    return images[0][np.newaxis] if len(images) == 1 else np.stack(images)
