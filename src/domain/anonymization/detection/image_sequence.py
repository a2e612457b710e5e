"""Single images as one source, so that the pipeline processes them in parallel like frames of a video."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from fractions import Fraction

from framecloak.domain.errors import FrameAnalysisError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.pixel_aspect import display_size
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, FrameSource, Sound, SourceInfo

_BYTES_PER_PIXEL = 3


class ImageSequence:
    """Frame source of unrelated images.

    Args:
        images: sources of one frame each, at least one; their sizes may differ.
    """

    def __init__(self, images: Sequence[FrameSource]) -> None:
        self._images = tuple(images)
        # The pipeline plans its memory by the first frame, so every frame states the size of the largest.
        self._nbytes = max(image.info.width * image.info.height for image in images) * _BYTES_PER_PIXEL

    @property
    def info(self) -> SourceInfo:
        """Properties of the sequence; its width and height are the largest of any image."""
        return SourceInfo(
            name=f"{len(self._images)} pictures",
            width=max(image.info.width for image in self._images),
            height=max(image.info.height for image in self._images),
            frame_count=len(self._images),
            readable_frames=len(self._images),
            frame_rate=0.0,
            duration=0.0,
            rotation=0,
            continuous=False,
        )

    @property
    def sound(self) -> Sound | None:
        """None: images have no sound."""
        return None

    def timing(self, start: int, stop: int) -> Timing:
        """Return a timing that shows each image for one second."""
        return Timing.constant_rate(Fraction(1), start, stop)

    def sha256(self) -> str:
        """Return the hex digest of the images' digests, in order.

        Raises:
            InputNotFoundError: a file cannot be read any more.
        """
        return hashlib.sha256("".join(image.sha256() for image in self._images).encode()).hexdigest()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield the images ``[start, stop)``; each is opened only when its pixels are read."""
        for index in range(start, stop):
            yield _LazyImage(index, self._images[index], self._nbytes)


class _LazyImage:
    """Frame whose image is decoded by the thread that first reads its pixels.

    The decoded image is kept for ``bgr``, which is the last call, and released there.
    """

    def __init__(self, index: int, image: FrameSource, nbytes: int) -> None:
        self.index = index
        self.width = image.info.width
        self.height = image.info.height
        self.display_size = display_size((self.width, self.height), image.info.pixel_aspect)
        self.nbytes = nbytes
        self._image = image
        self._decoded: Frame | None = None

    def bgr(self) -> Image:
        """Return the pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the image was not decoded, or has changed since it was opened.
        """
        decoded, self._decoded = self._decoded or self._decode(), None
        return decoded.bgr()

    def rgb(self, width: int, height: int) -> Image:
        """Return the scaled pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the image was not decoded, or has changed since it was opened.
        """
        self._decoded = self._decoded or self._decode()
        return self._decoded.rgb(width, height)

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the image was not decoded, or has changed since it was opened.
        """
        self._decoded = self._decoded or self._decode()
        return self._decoded.rgb_part(left, top, width, height)

    def _decode(self) -> Frame:
        try:
            with closing(self._image.frames(0, 1)) as frames:
                decoded = next(frames)
        except UnreadableVideoError as error:
            # A damaged image among many is treated like a damaged frame of a video.
            raise FrameAnalysisError(error.message) from error
        if (decoded.width, decoded.height) != (self.width, self.height):
            raise FrameAnalysisError(f"picture {self._image.info.name} changed while it was read")
        return decoded
