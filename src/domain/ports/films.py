"""What makes films: frames are encoded in groups that know nothing of each other, then put in a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.imaging import Frame, FrameEncoder, Sound


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """What all groups of a film have in common.

    Attributes:
        width, height: pixels of its frames, upright; odd ones get one more column or row.
        rate: frames a second, about; what a player is told of each frame is exact.
        quality: 1..100, the same for every frame however much is in it.
    """

    width: int
    height: int
    rate: Fraction
    quality: int


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring frames that can be decoded without any others.

    Attributes:
        samples: one per frame, in order, as they lie in the film (ISO/IEC 14496-15).
    """

    samples: tuple[bytes, ...]


class GroupEncoder(Protocol):
    """Encodes one group. The same frames give the same bytes, whoever encodes them."""

    def add(self, planes: bytes) -> None:
        """Append a frame, as `FilmStudio.planes` has encoded it."""
        ...

    def finish(self) -> Group:
        """The encoded frames; nothing can be added afterwards."""
        ...


class FilmWriter(Protocol):
    """Writes one film. Nothing of it stays behind but what `finish` hands out."""

    def add(self, group: Group) -> None:
        """Append a group.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        ...

    def finish(self) -> Iterator[bytes]:
        """The whole file, in pieces.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        ...

    def discard(self) -> None:
        """Remove every trace of it; harmless at any time."""
        ...


class FilmStudio(Protocol):
    """Makes films without metadata."""

    def require_possible(self, film: FilmFormat, sound: Sound | None) -> None:
        """Refuse what cannot be made before any work is done for it.

        Raises:
            InvalidFormatError: the frames are too large, or the sound cannot be in such a film.
        """
        ...

    def planes(self, film: FilmFormat) -> FrameEncoder:
        """What turns pictures into what `GroupEncoder.add` takes.

        It raises ``ValueError`` for a picture that is not of the film's size.
        """
        ...

    def group(self, film: FilmFormat) -> GroupEncoder:
        """Begin a group."""
        ...

    def frames(self, film: FilmFormat, group: Group, first: int) -> Iterator[Frame]:
        """What a player would show of a group.

        Args:
            film: what it was encoded for.
            group: encoded frames.
            first: number of its first frame; the others follow.

        Raises:
            ExaminationError: it cannot be decoded, or not to as many frames as it has.
        """
        ...

    def film(self, film: FilmFormat, timing: Timing, sound: Sound | None) -> FilmWriter:
        """Begin a film.

        Args:
            film: what its groups were encoded for.
            timing: when its frames are shown.
            sound: to copy as it is, what is heard while they are; None for a silent film.
        """
        ...
