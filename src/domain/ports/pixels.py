"""Ports: redaction, sampling of pixels, and image files read and written."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.frames import Frame


class Redactor(Protocol):
    """Renderer that makes regions of an image unrecognisable."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        """Redact the pixels inside the boxes, in place.

        Args:
            image: (h, w, 3) uint8 BGR, contiguous; modified.
            boxes: (n, 4) ``x1, y1, x2, y2`` in pixels; every pixel that a box touches is redacted.
            style: replacement of the pixels. No style keeps more than a few dozen mean colours per face.
            shape: the box itself, or the ellipse inscribed in it.
        """
        ...


class FrameEncoder(Protocol):
    """Encoder of images into file bytes without metadata."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        """Encode (h, w, 3) uint8 BGR in the format and quality of ``appearance``."""
        ...


class EncodedFrameReader(Protocol):
    """Decoder of the files that a `FrameEncoder` writes, as a recipient of the result would see them."""

    def read(self, data: bytes, index: int) -> Frame:
        """Return the frame in the bytes of an image file.

        Invalid bytes may be detected only when the pixels of the frame are read.

        Args:
            data: the whole file.
            index: index of the frame.

        Raises:
            FrameAnalysisError: the bytes are not an image.
        """
        ...


class ImageReader(Protocol):
    """Decoder of untrusted images. Thread-safe."""

    def read(self, data: bytes) -> Frame:
        """Decode an image; of an animation, the first frame.

        Args:
            data: content of an image file.

        Returns:
            The upright image.

        Raises:
            InvalidImageError: the bytes are not an image, or the image is damaged or in an unsupported
                format.
            ImageTooLargeError: the image has too many pixels; detected before decoding.
        """
        ...


class PreviewMaker(Protocol):
    """Generator of image previews. Blocking; call it outside the event loop."""

    def __call__(self, data: bytes, width: int) -> bytes:
        """Return an image as JPEG, at most ``width`` pixels wide.

        Args:
            data: JPEG, PNG or WebP file that this program has written.
            width: maximum width in pixels; a narrower image keeps its size.

        Raises:
            ObjectNotFoundError: the image is damaged.
        """
        ...


class ImageSampler(Protocol):
    """Sampler of images through affine maps. Thread-safe."""

    def sample(self, image: Image, matrix: NDArray[np.float64], width: int, height: int) -> Image:
        """Sample an image at the pixels of another one.

        Positions beyond a border are mirrored at it, so that an object that the border cuts continues.

        Args:
            image: (h, w, 3) uint8; not modified.
            matrix: (2, 3) map from pixels of the result to pixels of ``image``; continuous coordinates, in
                which pixel i is centred at i + 0.5.
            width: width of the result in pixels.
            height: height of the result in pixels.

        Returns:
            (height, width, 3) uint8, contiguous. Where the map shrinks, every source pixel counts.
        """
        ...
