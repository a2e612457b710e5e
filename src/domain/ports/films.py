"""Encoding of videos: groups of frames are encoded independently and then joined into one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.imaging import Frame, FrameEncoder, Sound


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """Properties shared by all groups of a video.

    Attributes:
        width, height: Size of the upright frames in pixels; an odd size is padded by one column or row.
        rate: Approximate frames per second; the display time of each frame is stored exactly.
        quality: 1 to 100, the same for every frame whatever its content.
    """

    width: int
    height: int
    rate: Fraction
    quality: int


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive frames that can be decoded independently of all others (a closed GOP).

    Attributes:
        samples: One encoded sample per frame, in order, as stored in the file (ISO/IEC 14496-15).
    """

    samples: tuple[bytes, ...]


class GroupEncoder(Protocol):
    """Encoder of one group. The same frames always give the same bytes."""

    def add(self, planes: bytes) -> None:
        """Append a frame that the plane encoder of the video encoder has converted."""
        ...

    def finish(self) -> Group:
        """Return the encoded group; no frames can be added afterwards."""
        ...


class FilmWriter(Protocol):
    """Writer of one video file. Temporary files are removed by `finish` or `discard`."""

    def add(self, group: Group) -> None:
        """Append a group.

        Raises:
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing failed for any other reason.
        """
        ...

    def finish(self) -> Iterator[bytes]:
        """Return the whole file in chunks.

        Raises:
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing failed for any other reason.
        """
        ...

    def discard(self) -> None:
        """Remove all temporary files. Can be called at any time, also repeatedly."""
        ...


class FilmStudio(Protocol):
    """Encoder and muxer of videos without metadata."""

    def require_possible(self, film: FilmFormat, sound: Sound | None) -> None:
        """Reject an unsupported format before any work is done.

        Raises:
            InvalidFormatError: The frames are too large, or the container cannot hold the sound track.
        """
        ...

    def planes(self, film: FilmFormat) -> FrameEncoder:
        """Return the encoder that converts images into the planes that `GroupEncoder.add` expects.

        The encoder raises ``ValueError`` for an image of another size than the video.
        """
        ...

    def group(self, film: FilmFormat) -> GroupEncoder:
        """Return an encoder for a new group."""
        ...

    def frames(self, film: FilmFormat, group: Group, first: int) -> Iterator[Frame]:
        """Decode a group into the frames that a player would show.

        Args:
            film: Format that the group was encoded for.
            group: Encoded frames.
            first: Index of the group's first frame; the others are numbered consecutively.

        Raises:
            ExaminationError: The group cannot be decoded, or to another number of frames than it holds.
        """
        ...

    def film(self, film: FilmFormat, timing: Timing, sound: Sound | None) -> FilmWriter:
        """Return a writer for a new video.

        Args:
            film: Format that the groups were encoded for.
            timing: Display times of the frames.
            sound: Sound track; its packets during the frames are copied without re-encoding. None for a
                silent video.
        """
        ...
