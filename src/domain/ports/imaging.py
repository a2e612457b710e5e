"""Interfaces to frame sources, detection models, pixel operations and result archives."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.imaging.detections import Areas, Detections, FloatArray, Image, ModelCard
from framecloak.domain.imaging.timing import Timing


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Properties of a video or an image that are known before its frames are decoded.

    Attributes:
        name: Base name of the file.
        width, height: Size of a frame in pixels as displayed, with the rotation applied.
        frame_count: Number of frames in presentation order; 1 for an image.
        readable_frames: Number of leading frames that the file holds; below ``frame_count`` for a truncated
            file.
        frame_rate: Average frames per second; 0 for an image.
        duration: Seconds from the start of the first frame to the end of the last; 0 for an image.
        rotation: Clockwise rotation in degrees that makes the frames upright: 0, 90, 180 or 270.
        continuous: True if neighbouring frames show the same scene (a video), False for unrelated images.
    """

    name: str
    width: int
    height: int
    frame_count: int
    readable_frames: int
    frame_rate: float
    duration: float
    rotation: int
    continuous: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound track of a video.

    Attributes:
        path: File that contains the track.
        codec: Name of the codec, such as ``aac``.
    """

    path: Path
    codec: str


class Frame(Protocol):
    """One upright frame of a source. Thread-safe."""

    @property
    def index(self) -> int:
        """Index of the frame in presentation order, from 0."""
        ...

    @property
    def width(self) -> int:
        """Width in pixels, as displayed."""
        ...

    @property
    def height(self) -> int:
        """Height in pixels, as displayed."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory held by the frame in bytes."""
        ...

    def bgr(self) -> Image:
        """Return the frame at its own size.

        Returns:
            (height, width, 3) uint8 in BGR order, a new contiguous array that the caller may modify.

        Raises:
            ExaminationError: The frame was not decoded, or not without errors.
        """
        ...

    def rgb(self, width: int, height: int) -> Image:
        """Return the frame resized to the input size of a detector, without keeping the aspect ratio.

        Returns:
            (height, width, 3) uint8 in RGB order, contiguous.

        Raises:
            ExaminationError: The frame was not decoded, or not without errors.
        """
        ...


class FrameSource(Protocol):
    """Video or image with readable frames."""

    @property
    def info(self) -> SourceInfo:
        """Properties that are known before decoding."""
        ...

    @property
    def sound(self) -> Sound | None:
        """Sound track, or None."""
        ...

    def timing(self, start: int, stop: int) -> Timing:
        """Return the display times of the frames ``[start, stop)``, at least one.

        Images are shown one after the other.
        """
        ...

    def sha256(self) -> str:
        """Return the hex digest of the file's bytes, waiting for a computation in progress.

        Raises:
            InputNotFoundError: The file can no longer be read.
        """
        ...

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield every frame of ``[start, stop)`` exactly once, in presentation order.

        All frames of a video have the size given by ``info``, so that coordinates are comparable between
        frames. A frame that the decoder lost or damaged is yielded too; its pixel methods raise
        ``ExaminationError``. Closing the generator releases the decoder.

        Raises:
            TruncatedVideoError: The stream ends before frame ``stop - 1``.
            UnreadableVideoError: The stream cannot be decoded at all.
        """
        ...


class FaceDetector(Protocol):
    """Face detection model. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def stride(self) -> int:
        """Width and height of input images must be multiples of this number of pixels."""
        ...

    @property
    def max_batch(self) -> int:
        """Maximum number of images per call; 1 where batching has no benefit."""
        ...

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """Detect the faces in images of equal size.

        Args:
            images: At most ``max_batch`` arrays (height, width, 3), uint8, RGB, all of the same shape.
            threshold: Minimum score of a detection, 0 to 1.

        Returns:
            One entry per image, in order. Boxes are in pixels of that image, best score first, after
            non-maximum suppression.

        Raises:
            ExaminationError: The model failed on this input.
        """
        ...


class AreaDetector(Protocol):
    """Detection model of text or of licence plates, without landmarks. Thread-safe."""

    @property
    def card(self) -> ModelCard:
        """Description of the weights and of the execution provider."""
        ...

    @property
    def stride(self) -> int:
        """Width and height of input images must be multiples of this number of pixels."""
        ...

    def detect(self, image: Image, threshold: float) -> Areas:
        """Detect the regions in an image.

        Args:
            image: (height, width, 3), uint8, RGB.
            threshold: Minimum score of a detection, 0 to 1.

        Returns:
            Axis-aligned boxes in pixels of the image, best score first. Slanted text is enclosed completely.

        Raises:
            ExaminationError: The model failed on this input.
        """
        ...


class Redactor(Protocol):
    """Renderer that makes regions of an image unrecognisable."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        """Redact the pixels inside the boxes, in place.

        Args:
            image: (h, w, 3) uint8 BGR, contiguous; modified.
            boxes: (n, 4) ``x1, y1, x2, y2`` in pixels; every pixel that a box touches is redacted.
            style: Replacement of the pixels. No style keeps more than a few dozen mean colours per face.
            shape: The box itself, or the ellipse inscribed in it.
        """
        ...


class FrameEncoder(Protocol):
    """Encoder of images into file bytes without metadata."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        """Encode (h, w, 3) uint8 BGR in the format and quality of ``appearance``."""
        ...


class FrameReader(Protocol):
    """Decoder of the files that a `FrameEncoder` writes, as a recipient of the result would see them."""

    def read(self, data: bytes, index: int) -> Frame:
        """Return the frame in the bytes of an image file.

        Invalid bytes may be detected only when the pixels of the frame are read.

        Args:
            data: The whole file.
            index: Index of the frame.

        Raises:
            ExaminationError: The bytes are not an image.
        """
        ...


class Archive(Protocol):
    """Result archive that is being written. It appears under its name only on ``commit``."""

    def add(self, name: str, data: bytes) -> None:
        """Append an entry.

        Raises:
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing failed for any other reason.
        """
        ...

    def add_stream(self, name: str, pieces: Iterable[bytes]) -> None:
        """Append an entry of any length; exceptions of the iterator are passed on.

        Raises:
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing failed for any other reason.
        """
        ...

    def commit(self) -> None:
        """Finish the archive and rename it to its final name, atomically.

        Raises:
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing failed for any other reason.
        """
        ...

    def discard(self) -> None:
        """Remove all files of an uncommitted archive; has no effect after ``commit``."""
        ...


@dataclass(frozen=True, slots=True)
class Misfit:
    """Content of an archive that was not written by this program.

    Attributes:
        subject: Name of the entry concerned, or of the archive.
        detail: Description for people.
    """

    subject: str
    detail: str


class ArchiveReader(Protocol):
    """Reader of an existing archive."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all entries in order; a name can occur twice if the archive was tampered with."""
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield the content of an entry in chunks.

        Raises:
            ObjectNotFoundError: The entry does not exist, or the archive is damaged.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return the content of an entry.

        Raises:
            ObjectNotFoundError: The entry does not exist, or the archive is damaged.
        """
        ...

    def misfits(self) -> Sequence[Misfit]:
        """Return all content that `Archive` does not write.

        This covers bytes outside entries, comments, times and attributes: anything that could carry more than
        the entries themselves.

        Raises:
            ObjectNotFoundError: The archive can no longer be read.
        """
        ...
