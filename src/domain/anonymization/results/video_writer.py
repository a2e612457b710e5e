"""Films out of redacted frames.

Frames are encoded in groups of ``GROUP_FRAMES``, counted from the first frame of a film, each by an encoder
of its own that knows nothing of the others. So groups may be encoded anywhere, in any order, and the film is
the same to the byte; slices only have to begin where a group does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from framecloak.domain.anonymization.model.options import Appearance, Audio
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.render import RedactedFrame
from framecloak.domain.anonymization.residuals.guard import Prover
from framecloak.domain.anonymization.results.archive_writer import Record
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.ports import FrameSource, Sound, SourceInfo
from framecloak.domain.ports.films import FilmFormat, FilmStudio, FilmWriter, Group
from framecloak.domain.videos.segments import Segment

GROUP_FRAMES = 48
"""About two seconds: players can jump to the beginning of a group, and each costs one whole picture."""

MOST_WAITING = 16
"""Frames that wait, as raw planes, for the encoder."""

_RATES = Fraction(1), Fraction(1000)
_USUAL_RATE = Fraction(25)

Piece = TypeVar("Piece")
Shots = tuple[tuple[RedactedFrame, ...], Group]


def film_format(info: SourceInfo, appearance: Appearance) -> FilmFormat:
    """The format of films of a source."""
    lowest, highest = _RATES
    # As NTSC has it: 30000/1001 and its kin stay what they are.
    rate = Fraction(info.frame_rate).limit_denominator(1001) or _USUAL_RATE
    return FilmFormat(info.width, info.height, min(max(rate, lowest), highest), appearance.quality)


def require_filmable(sources: Sequence[FrameSource], appearance: Appearance, studio: FilmStudio) -> None:
    """Refuse an order for films that cannot be made, before work is done for it.

    Raises:
        InvalidFormatError: a source is a picture, too large, or has sound that cannot be copied.
    """
    if not appearance.output_format.is_film:
        return
    for source in sources:
        if not source.info.continuous:
            raise InvalidFormatError(
                f"{source.info.name} is a picture, and pictures make no film", "choose jpg, png or webp"
            )
        studio.require_possible(film_format(source.info, appearance), film_sound(source, appearance))


def film_sound(source: FrameSource, appearance: Appearance) -> Sound | None:
    """What is to be heard with films of a source."""
    return source.sound if appearance.audio is Audio.KEEP else None


def grouped(
    frames: Generator[RedactedFrame, None, Continuation],
    segment: Segment,
    film: FilmFormat,
    studio: FilmStudio,
    prover: Prover | None = None,
) -> Generator[Shots, None, Continuation]:
    """Encode frames in groups.

    Args:
        frames: redacted, with planes for data; they begin where a group of the film does.
        segment: what they are.
        film: the format.
        studio: what encodes them.
        prover: checks them once they are encoded; None where that is not wanted.

    Yields:
        The frames of a group, without their data, and the group.
    """
    with closing(_Groups(film, studio, prover)) as groups:
        while True:
            try:
                frame = next(frames)
            except StopIteration as end:
                continuation: Continuation = end.value
                yield from groups.done(0)
                return continuation
            groups.add(frame, last=frame.index + 1 == segment.end_frame)
            yield from groups.done(1)


class _Groups:
    """Encodes one group after the other in a thread of its own, so that the pipeline can go on meanwhile.

    Another thread checks those that are encoded.
    """

    def __init__(self, film: FilmFormat, studio: FilmStudio, prover: Prover | None) -> None:
        self._film, self._studio, self._prover = film, studio, prover
        self._encoder = studio.group(film)
        self._frames: list[RedactedFrame] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="film")
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="film-check")
        self._adding: deque[Future[None]] = deque()
        self._finishing: deque[Future[Shots]] = deque()

    def add(self, frame: RedactedFrame, *, last: bool) -> None:
        """Append a frame; waits while too many wait to be encoded."""
        self._adding.append(self._thread.submit(self._encoder.add, frame.data))
        self._frames.append(replace(frame, data=b""))
        while len(self._adding) > MOST_WAITING:
            self._adding.popleft().result()
        if last or len(self._frames) == GROUP_FRAMES:
            encoded = self._thread.submit(self._encoder.finish)
            self._finishing.append(self._checking.submit(self._checked, tuple(self._frames), encoded))
            self._encoder, self._frames = self._studio.group(self._film), []

    def done(self, allowed: int) -> Iterator[Shots]:
        """Groups that are encoded; waits until at most so many are not."""
        while self._finishing and (len(self._finishing) > allowed or self._finishing[0].done()):
            yield self._finishing.popleft().result()

    def close(self) -> None:
        """Stop; what has not begun never does."""
        self._thread.shutdown(cancel_futures=True)
        self._checking.shutdown(cancel_futures=True)

    def _checked(self, frames: tuple[RedactedFrame, ...], encoded: Future[Group]) -> Shots:
        group = encoded.result()
        return (
            self._prover.group(frames, group, self._film, self._studio) if self._prover else (frames, group)
        )


class Reel:
    """A film on its way into an archive.

    Args:
        record: of the archive.
        source: id of the source that is filmed.
        name: of the film in the archive.
        writer: makes the file.
        on_frame: called for each frame.
    """

    def __init__(
        self, record: Record, source: int, name: str, writer: FilmWriter, on_frame: Callable[[], None]
    ) -> None:
        self._record = record
        self._source = source
        self._name = name
        self._writer = writer
        self._on_frame = on_frame

    def add(self, shots: Shots) -> None:
        """Append a group of frames.

        Raises:
            DomainError: it cannot be written.
        """
        frames, group = shots
        self._writer.add(group)
        for frame, sample in zip(frames, group.samples, strict=True):
            self._record.shot(self._source, self._name, frame, sample)
            self._on_frame()

    def finish(self) -> None:
        """Put the film into the archive.

        Raises:
            DomainError: it cannot be written.
        """
        self._record.file(self._name, self._writer.finish())

    def close(self) -> None:
        """Leave nothing behind beside the archive; harmless after `finish`."""
        self._writer.discard()


def consume(pieces: Generator[Piece, None, Continuation], take: Callable[[Piece], None]) -> Continuation:
    """Take every piece; gives what is left when there are no more."""
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        take(piece)
