"""What the pipeline asks of cameras, models and files."""

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
    """What is known of a video or a picture before its frames are decoded.

    Attributes:
        name: base name of the file.
        width, height: pixels of a frame as displayed, rotation applied.
        frame_count: frames in presentation order, or 1 for a picture.
        readable_frames: how many of them, from the first, the file holds; fewer when it was cut off.
        frame_rate: average frames a second; 0 for a picture.
        duration: seconds from the first frame's start to the last frame's end; 0 for a picture.
        rotation: degrees clockwise that were applied to show the frames upright: 0, 90, 180 or 270.
        continuous: whether neighbouring frames show the same scene (a video) or not (a picture).
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
    """What can be heard with a video.

    Attributes:
        path: the file that it is in.
        codec: what it is encoded with, as ``aac``.
    """

    path: Path
    codec: str


class Frame(Protocol):
    """One frame of a source, upright. Methods may be called from any thread."""

    @property
    def index(self) -> int:
        """Number of the frame in presentation order, from 0."""
        ...

    @property
    def width(self) -> int:
        """Pixels across, as displayed."""
        ...

    @property
    def height(self) -> int:
        """Pixels down, as displayed."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory that the frame holds on to."""
        ...

    def bgr(self) -> Image:
        """The frame at the size that it says.

        Returns:
            (height, width, 3) uint8 in BGR order, a fresh contiguous array that the caller may write to.

        Raises:
            ExaminationError: the frame was not decoded, or not without errors.
        """
        ...

    def rgb(self, width: int, height: int) -> Image:
        """The frame stretched to a detector's input size.

        Returns:
            (height, width, 3) uint8 in RGB order, contiguous.

        Raises:
            ExaminationError: the frame was not decoded, or not without errors.
        """
        ...


class FrameSource(Protocol):
    """A video or a picture whose frames can be read."""

    @property
    def info(self) -> SourceInfo:
        """What is known before decoding."""
        ...

    @property
    def sound(self) -> Sound | None:
        """What can be heard with it, if anything."""
        ...

    def timing(self, start: int, stop: int) -> Timing:
        """When the frames ``[start, stop)`` are shown; at least one. Those of pictures follow each other."""
        ...

    def sha256(self) -> str:
        """Hex digest of the file's bytes; waits for it where it is still being computed.

        Raises:
            InputNotFoundError: the file cannot be read any more.
        """
        ...

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Every frame of ``[start, stop)`` exactly once, in presentation order.

        Frames of a video are all of the size that the info says, so that a place in one is the same place in
        all. A frame that the decoder lost or damaged is delivered too; its pixel methods raise
        ``ExaminationError``. Closing the iterator frees the decoder.

        Raises:
            TruncatedVideoError: the stream ends before frame ``stop - 1``.
            UnreadableVideoError: the stream cannot be decoded at all.
        """
        ...


class FaceDetector(Protocol):
    """Finds faces in pictures. Safe to call from several threads at once."""

    @property
    def card(self) -> ModelCard:
        """Which weights, where they run."""
        ...

    @property
    def stride(self) -> int:
        """Widths and heights of examined pictures must be multiples of this many pixels."""
        ...

    @property
    def max_batch(self) -> int:
        """Pictures that one call may hold; 1 where batching gains nothing."""
        ...

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        """Find the faces in pictures of one size.

        Args:
            images: at most ``max_batch`` arrays (height, width, 3), uint8, RGB, all of one shape.
            threshold: the lowest score to report, in 0..1.

        Returns:
            One entry per picture, in their order, boxes in that picture's pixels, best score first,
            double finds removed.

        Raises:
            ExaminationError: the model failed on this input.
        """
        ...


class AreaDetector(Protocol):
    """Finds areas of one kind in pictures: text, or licence plates. Safe to call from several threads."""

    @property
    def card(self) -> ModelCard:
        """Which weights, where they run."""
        ...

    @property
    def stride(self) -> int:
        """Widths and heights of examined pictures must be multiples of this many pixels."""
        ...

    def detect(self, image: Image, threshold: float) -> Areas:
        """Find the areas in a picture.

        Args:
            image: (height, width, 3), uint8, RGB.
            threshold: the lowest score to report, in 0..1.

        Returns:
            Upright boxes in the picture's pixels, best score first. What is written at a slant is covered
            by a box that holds all of it.

        Raises:
            ExaminationError: the model failed on this input.
        """
        ...


class Redactor(Protocol):
    """Makes pixels unrecognisable."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        """Replace what lies inside the boxes, in place.

        Args:
            image: (h, w, 3) uint8 BGR, contiguous; written to.
            boxes: (n, 4) ``x1, y1, x2, y2`` pixels; every pixel a box touches counts as inside.
            style: what replaces the pixels. No style keeps more than a few dozen mean colours a face.
            shape: the box itself, or the ellipse inscribed in it.
        """
        ...


class FrameEncoder(Protocol):
    """Turns pixels into the bytes of a picture file, without metadata."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        """Encode (h, w, 3) uint8 BGR in the appearance's format and quality."""
        ...


class FrameReader(Protocol):
    """Opens what a `FrameEncoder` wrote, as whoever gets the file will."""

    def read(self, data: bytes, index: int) -> Frame:
        """A frame out of the bytes of its file; bytes that are no picture show when its pixels are asked for.

        Args:
            data: the whole file.
            index: number of the frame.

        Raises:
            ExaminationError: the bytes are no picture.
        """
        ...


class Archive(Protocol):
    """The file that people take away. Nothing of it is visible under its name before ``commit``."""

    def add(self, name: str, data: bytes) -> None:
        """Append one entry.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        ...

    def add_stream(self, name: str, pieces: Iterable[bytes]) -> None:
        """Append one entry of any length; an error of the iterator comes through.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        ...

    def commit(self) -> None:
        """Finish the archive and give it its name, atomically.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        ...

    def discard(self) -> None:
        """Remove every trace of an archive that was not committed; harmless after ``commit``."""
        ...


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in an archive that this program did not put there.

    Attributes:
        subject: the entry that it is about, or the archive.
        detail: what exactly, for people.
    """

    subject: str
    detail: str


class ArchiveReader(Protocol):
    """An archive that is there."""

    @property
    def names(self) -> Sequence[str]:
        """Of all entries, in their order; a name may occur twice where somebody added to the archive."""
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """One entry, in pieces.

        Raises:
            ObjectNotFoundError: there is none, or the archive is damaged.
        """
        ...

    def read(self, name: str) -> bytes:
        """One entry.

        Raises:
            ObjectNotFoundError: there is none, or the archive is damaged.
        """
        ...

    def misfits(self) -> Sequence[Misfit]:
        """What in it is neither an entry nor what `Archive` writes around entries.

        Bytes that belong to no entry, comments, times, attributes: whatever could carry more than the
        entries themselves.

        Raises:
            ObjectNotFoundError: the archive cannot be read any more.
        """
        ...
