"""Writer of redacted frames as videos.

Frames are encoded in groups of ``GROUP_FRAMES``, counted from the first frame of a video. Each group has its
own encoder, independent of the others, so groups may be encoded on any machine and in any order, and the
video is identical to the byte. The only condition is that a slice begins at the start of a group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import GROUP_FRAMES, Appearance, Audio
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.residuals.guard import Prover
from framecloak.domain.anonymization.results.archive_writer import Record
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import FrameSource, Sound, SourceInfo
from framecloak.domain.ports.video import FilmFormat, FilmStudio, FilmWriter, Group

MOST_WAITING = 16
"""Maximum number of frames queued for the encoder as raw planes."""

_RATES = Fraction(1), Fraction(1000)
_USUAL_RATE = Fraction(25)

Piece = TypeVar("Piece")
Shots = tuple[tuple[RedactedFrame, ...], Group]


def film_format(info: SourceInfo, appearance: Appearance) -> FilmFormat:
    """Return the video format for a source."""
    lowest, highest = _RATES
    # NTSC rates such as 30000/1001 stay exact.
    rate = Fraction(info.frame_rate).limit_denominator(1001) or _USUAL_RATE
    return FilmFormat(info.width, info.height, min(max(rate, lowest), highest), appearance.quality)


def require_filmable(sources: Sequence[FrameSource], appearance: Appearance, studio: FilmStudio) -> None:
    """Reject a request whose video output is impossible, before any work is done for it.

    Raises:
        InvalidFormatError: A source is a still image, is too large, or has sound that cannot be copied.
    """
    if not appearance.output_format.is_film:
        return
    for source in sources:
        if not source.info.continuous:
            raise InvalidFormatError(
                f"{source.info.name} is a still image and cannot become a video", "choose jpg, png or webp"
            )
        studio.require_possible(film_format(source.info, appearance), film_sound(source, appearance))


def film_sound(source: FrameSource, appearance: Appearance) -> Sound | None:
    """Return the sound to copy into the videos of a source; None for silent videos."""
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
        frames: Redacted frames whose data are raw planes; the first one starts a group of the video.
        segment: Range of these frames in their source.
        film: Video format.
        studio: Encoder of the groups.
        prover: Residual check of the encoded frames; None to skip it.

    Yields:
        The frames of a group, without their data, and the encoded group.
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
    """Encoder of successive groups on a background thread, so that the pipeline is not blocked.

    A second thread runs the residual check of encoded groups.
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
        """Append a frame; block while too many frames are queued for the encoder."""
        self._adding.append(self._thread.submit(self._encoder.add, frame.data))
        self._frames.append(replace(frame, data=b""))
        while len(self._adding) > MOST_WAITING:
            self._adding.popleft().result()
        if last or len(self._frames) == GROUP_FRAMES:
            encoded = self._thread.submit(self._encoder.finish)
            self._finishing.append(self._checking.submit(self._checked, tuple(self._frames), encoded))
            self._encoder, self._frames = self._studio.group(self._film), []

    def done(self, allowed: int) -> Iterator[Shots]:
        """Yield finished groups in order; block until at most ``allowed`` groups are unfinished."""
        while self._finishing and (len(self._finishing) > allowed or self._finishing[0].done()):
            yield self._finishing.popleft().result()

    def close(self) -> None:
        """Stop the threads and cancel all work that has not started."""
        self._thread.shutdown(cancel_futures=True)
        self._checking.shutdown(cancel_futures=True)

    def _checked(self, frames: tuple[RedactedFrame, ...], encoded: Future[Group]) -> Shots:
        group = encoded.result()
        return (
            self._prover.group(frames, group, self._film, self._studio) if self._prover else (frames, group)
        )


class Reel:
    """Video that is being written into an archive.

    Args:
        record: Writer of the archive.
        source: Id of the source of the frames.
        name: Name of the video's entry in the archive.
        writer: Muxer of the video file.
        on_frame: Called after each frame.
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
            DomainError: The group cannot be written.
        """
        frames, group = shots
        self._writer.add(group)
        for frame, sample in zip(frames, group.samples, strict=True):
            self._record.shot(self._source, self._name, frame, sample)
            self._on_frame()

    def finish(self) -> None:
        """Copy the finished video into the archive.

        Raises:
            DomainError: The video cannot be written.
        """
        self._record.file(self._name, self._writer.finish())

    def close(self) -> None:
        """Delete temporary files; safe to call after `finish`."""
        self._writer.discard()


def consume(pieces: Generator[Piece, None, Continuation], take: Callable[[Piece], None]) -> Continuation:
    """Pass every item of a generator to ``take`` and return the generator's return value."""
    while True:
        try:
            item = next(pieces)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        take(item)
