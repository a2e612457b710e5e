"""Writer of redacted frames as videos.

Frames are encoded in groups of ``FRAMES_PER_GROUP``, counted from the first frame of a video. Each group has
its own encoder, independent of the others, so groups may be encoded on any machine and in any order, and the
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
from framecloak.domain.anonymization.model.options import FRAMES_PER_GROUP, Appearance, Audio
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.results.archive_writer import ResultWriter
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import FrameSource, Sound, SourceInfo
from framecloak.domain.ports.video import FrameGroup, VideoEncoder, VideoFormat, VideoWriter

MAX_QUEUED_FRAMES = 16
"""Maximum number of frames queued for the encoder as raw planes."""

_RATE_LIMITS = Fraction(1), Fraction(1000)
_DEFAULT_RATE = Fraction(25)

Item = TypeVar("Item")
EncodedFrames = tuple[tuple[RedactedFrame, ...], FrameGroup]


def video_format(info: SourceInfo, appearance: Appearance) -> VideoFormat:
    """Return the video format for a source."""
    lowest, highest = _RATE_LIMITS
    # NTSC rates such as 30000/1001 stay exact.
    rate = Fraction(info.frame_rate).limit_denominator(1001) or _DEFAULT_RATE
    rate = min(max(rate, lowest), highest)
    return VideoFormat(info.width, info.height, rate, appearance.quality, info.pixel_aspect)


def require_video_possible(
    sources: Sequence[FrameSource], appearance: Appearance, video_encoder: VideoEncoder
) -> None:
    """Reject a request whose video output is impossible, before any work is done for it.

    Raises:
        InvalidFormatError: a source is a still image, is too large, or has sound that cannot be copied.
    """
    if not appearance.output_format.is_video:
        return
    for source in sources:
        if not source.info.continuous:
            raise InvalidFormatError(
                f"{source.info.name} is a still image and cannot become a video", "choose jpg, png or webp"
            )
        video_encoder.require_supported(
            video_format(source.info, appearance), video_sound(source, appearance)
        )


def video_sound(source: FrameSource, appearance: Appearance) -> Sound | None:
    """Return the sound for the videos of a source; None for silent videos."""
    if source.sound is None or appearance.audio is Audio.DROP:
        return None
    return replace(source.sound, mute_speech=appearance.audio is Audio.MUTE_SPEECH)


def encoded_groups(
    frames: Generator[RedactedFrame, None, Continuation],
    segment: Segment,
    video_format: VideoFormat,
    video_encoder: VideoEncoder,
    guard: ResidualGuard | None = None,
) -> Generator[EncodedFrames, None, Continuation]:
    """Encode frames in groups.

    Args:
        frames: redacted frames whose data are raw planes; the first one starts a group of the video.
        segment: range of these frames in their source.
        video_format: video format.
        video_encoder: encoder of the groups.
        guard: residual check of the encoded frames; None to skip it.

    Yields:
        The frames of a group, without their data, and the encoded group.
    """
    with closing(_GroupEncoding(video_format, video_encoder, guard)) as groups:
        while True:
            try:
                frame = next(frames)
            except StopIteration as end:
                continuation: Continuation = end.value
                yield from groups.finished(0)
                return continuation
            groups.add(frame, last=frame.index + 1 == segment.end_frame)
            yield from groups.finished(1)


class _GroupEncoding:
    """Encoder of successive groups on a background thread, so that the pipeline is not blocked.

    A second thread runs the residual check of encoded groups.
    """

    def __init__(
        self, video_format: VideoFormat, video_encoder: VideoEncoder, guard: ResidualGuard | None
    ) -> None:
        self._video_format, self._video_encoder, self._guard = video_format, video_encoder, guard
        self._encoder = video_encoder.group_encoder(video_format)
        self._frames: list[RedactedFrame] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="film")
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="film-check")
        self._adding: deque[Future[None]] = deque()
        self._finishing: deque[Future[EncodedFrames]] = deque()

    def add(self, frame: RedactedFrame, *, last: bool) -> None:
        """Append a frame; block while too many frames are queued for the encoder."""
        self._adding.append(self._thread.submit(self._encoder.add, frame.data))
        self._frames.append(replace(frame, data=b""))
        while len(self._adding) > MAX_QUEUED_FRAMES:
            self._adding.popleft().result()
        if last or len(self._frames) == FRAMES_PER_GROUP:
            encoded = self._thread.submit(self._encoder.finish)
            self._finishing.append(self._checking.submit(self._checked, tuple(self._frames), encoded))
            self._encoder, self._frames = self._video_encoder.group_encoder(self._video_format), []

    def finished(self, max_unfinished: int) -> Iterator[EncodedFrames]:
        """Yield finished groups in order; block until at most ``max_unfinished`` groups are unfinished."""
        while self._finishing and (len(self._finishing) > max_unfinished or self._finishing[0].done()):
            yield self._finishing.popleft().result()

    def close(self) -> None:
        """Stop the threads and cancel all work that has not started."""
        self._thread.shutdown(cancel_futures=True)
        self._checking.shutdown(cancel_futures=True)

    def _checked(self, frames: tuple[RedactedFrame, ...], encoded: Future[FrameGroup]) -> EncodedFrames:
        group = encoded.result()
        return (
            self._guard.check_group(frames, group, self._video_format, self._video_encoder)
            if self._guard
            else (frames, group)
        )


class VideoEntry:
    """Video that is being written into an archive.

    Args:
        result: writer of the archive.
        source_id: id of the source of the frames.
        name: name of the video's entry in the archive.
        writer: muxer of the video file.
        on_frame: called after each frame.
    """

    def __init__(
        self,
        result: ResultWriter,
        source_id: int,
        name: str,
        writer: VideoWriter,
        on_frame: Callable[[], None],
    ) -> None:
        self._record = result
        self._source = source_id
        self._name = name
        self._writer = writer
        self._on_frame = on_frame

    def add(self, encoded: EncodedFrames) -> None:
        """Append a group of frames.

        Raises:
            DomainError: the group cannot be written.
        """
        frames, group = encoded
        self._writer.add(group)
        for frame, sample in zip(frames, group.samples, strict=True):
            self._record.add_video_frame(self._source, self._name, frame, sample)
            self._on_frame()

    def finish(self) -> None:
        """Copy the finished video into the archive.

        Raises:
            DomainError: the video cannot be written.
        """
        self._record.add_file(self._name, self._writer.finish())
        if self._writer.muted_sound is not None:
            self._record.add_muted_sound(self._source, self._name, self._writer.muted_sound)

    def close(self) -> None:
        """Delete temporary files; safe to call after `finish`."""
        self._writer.discard()


def consume(items: Generator[Item, None, Continuation], take: Callable[[Item], None]) -> Continuation:
    """Pass every item of a generator to ``take`` and return the generator's return value."""
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        take(item)
