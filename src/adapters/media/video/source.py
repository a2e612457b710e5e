"""Video files as frame sources, based on PyAV (libav)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.buffer import Buffer
from av.container import InputContainer
from av.video.stream import VideoStream

from framecloak.adapters.media.file_hash import BackgroundFileHash
from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.size_limit import MAX_VIDEO_PIXELS, check_size, max_grown_pixels
from framecloak.adapters.media.video.container import (
    PacketDecoder,
    check_file,
    moving_streams,
    open_container,
    read_packets,
    stated_size,
    video_stream,
)
from framecloak.adapters.media.video.declared_aspects import DeclaredAspects
from framecloak.adapters.media.video.decoder import Decoder, DecoderOutput
from framecloak.adapters.media.video.frame_index import FrameIndex
from framecloak.adapters.media.video.frame_indexing import FrameNumbering, number_frames
from framecloak.adapters.media.video.frames import DamagedFrame, DecodedFrame
from framecloak.adapters.media.video.truncation import is_truncated
from framecloak.domain.errors import (
    InvalidSegmentError,
    NoFramesError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo

DEFAULT_THREADS = 2
_DEFAULT_FRAME_RATE = Fraction(25)
_MAX_LAST_FRAME_SECONDS = 10
"""Maximum plausible duration of the last frame in seconds; a longer one in the container is ignored."""


def open_video(path: Path, threads: int = DEFAULT_THREADS) -> VideoSource:
    """Open a video and number its frames. Only the first frame is decoded where that suffices.

    A truncated MP4, Matroska, WebM or AVI can be opened. Its metadata gives the number of frames that the
    header states and the number that can be read; `VideoSource.frames` refuses frames that are missing.

    Args:
        path: path of the video file.
        threads: decoding threads per frame iterator.

    Raises:
        InputNotFoundError: the file does not exist or is not readable.
        EmptyFileError: the file is empty.
        UnreadableVideoError: the file is not a video, or no frame can be decoded.
        NoVideoStreamError: the file has no video stream.
        NoFramesError: the video stream has no frames.
        TruncatedVideoError: the file ends before its list of frames, so no frame can be read.
        ImageTooLargeError: the frames have more pixels than can be processed.
    """
    check_file(path)
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        check_size(path.name, *stated_size(container, stream, path), MAX_VIDEO_PIXELS)
        rate = stream.average_rate or stream.guessed_rate or Fraction(0)
        time_base = stream.time_base or Fraction(0)
        end = (stream.start_time or 0) + stream.duration if stream.duration else None
        dropped = len(moving_streams(container)) - 1
        audio_codec = _audio_codec(container)
        before_decoding = stream.codec_context.sample_aspect_ratio
        in_container = stream.sample_aspect_ratio if stream.sample_aspect_ratio != before_decoding else None
        first = _first_frame(container, stream, path)
        aspects = DeclaredAspects(in_container, stream.codec_context.sample_aspect_ratio)
    numbering = number_frames(path, first)
    info = _source_info(path.name, first, numbering, rate, time_base, aspects)
    info = replace(info, dropped_video_tracks=dropped)
    clock = _StreamTiming(time_base, end, rate or _DEFAULT_FRAME_RATE)
    sound = None if audio_codec is None else _sound(path, audio_codec, first, numbering, time_base)
    return VideoSource(path, info, numbering, _orientation(first), threads, clock, sound, in_container)


@dataclass(frozen=True, slots=True)
class _StreamTiming:
    """Timing information of a container.

    Attributes:
        time_base: duration of a tick in seconds.
        end_ticks: end of the stream in ticks; None if the container does not state it.
        frame_rate: frames per second, for streams without timestamps.
    """

    time_base: Fraction
    end_ticks: int | None
    frame_rate: Fraction


class VideoSource:
    """Video file as a frame source with random access, created by `open_video`."""

    def __init__(
        self,
        path: Path,
        info: SourceInfo,
        numbering: FrameNumbering,
        orientation: Orientation,
        threads: int,
        stream_timing: _StreamTiming,
        sound: Sound | None,
        container_aspect: Fraction | None,
    ) -> None:
        self._container_aspect = container_aspect
        self._stream_timing = stream_timing
        self._sound = sound
        self._info = info
        self._numbering = numbering
        self._orientation = orientation
        self._decoder = Decoder(
            path,
            numbering.index,
            threads=threads,
            is_truncated=numbering.readable_frames < numbering.frame_count,
            max_pixels=max_grown_pixels(info.width, info.height),
        )
        self._file_hash = BackgroundFileHash(path)

    @property
    def info(self) -> SourceInfo:
        """Metadata available before decoding."""
        return self._info

    @property
    def sound(self) -> Sound | None:
        """Audio of the video; None if it has none."""
        return self._sound

    def timing(self, start: int, stop: int) -> Timing:
        """Return the presentation times of the frames ``[start, stop)``, at least one frame.

        A stream without timestamps is assumed to run at its average frame rate, from time 0.
        """
        numbering, clock = self._numbering, self._stream_timing
        count = len(numbering.index if numbering.index is not None else numbering.stamps)
        if not clock.time_base or stop > count:
            return Timing.constant_rate(clock.frame_rate, start, stop)
        stamps = numbering.timestamps(start, min(stop + 1, count))
        if stop < count:
            return Timing(clock.time_base, stamps[:-1], stamps[-1])
        return Timing(clock.time_base, stamps, stamps[-1] + self._last_frame_ticks(stamps[-1], count))

    def _last_frame_ticks(self, last: int, count: int) -> int:
        """Return the duration of the video's last frame in ticks.

        It is the duration that the container states, or the average duration if that is implausible.
        """
        clock = self._stream_timing
        average = max(
            1,
            round(self._numbering.span / max(1, count - 1)) or round(1 / clock.frame_rate / clock.time_base),
        )
        stated = 0 if clock.end_ticks is None else clock.end_ticks - last
        return stated if 0 < stated * clock.time_base <= _MAX_LAST_FRAME_SECONDS else average

    def sha256(self) -> str:
        """Return the SHA-256 hex digest of the file, computed in the background since it was opened.

        Raises:
            InputNotFoundError: the file can no longer be read.
        """
        return self._file_hash.sha256()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield every frame of ``[start, stop)`` exactly once, in presentation order.

        Each call uses its own decoder, so several calls may run at the same time. A lost or damaged frame
        is delivered as a frame without pixels, and so are all frames up to the next keyframe: they are
        predicted from missing pixels, and a detector misses a face smeared that way sooner than a person
        does. All frames have the size stated in `info`; a frame whose aspect ratio differs too much from
        it gives no pixels either.

        Raises:
            InvalidSegmentError: the segment lies outside the video.
            TruncatedVideoError: the file ends before frame ``stop - 1``; no frame is decoded.
        """
        if not 0 <= start <= stop <= self._info.frame_count:
            message = f"frames {start}:{stop} lie outside {self._info.name}"
            raise InvalidSegmentError(message, f"it has {self._info.frame_count} frames")
        readable = self._numbering.readable_frames
        if stop > readable:
            count = self._info.frame_count
            message = f"{self._info.name} is cut off: {readable} of {count} frames can be read"
            rest = f", or take what is there with --segments 0:{readable}" if readable else ""
            raise TruncatedVideoError(message, f"copy the file again{rest}")
        return self._frames_with_fallback(start, stop)

    def _frames_with_fallback(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if start == stop:
            return
        index = self._numbering.index
        entry = 0 if index is None else index.entry_packet(start)
        frames = self._frames_without_gaps(entry, start, stop)
        first = next(frames)
        if entry and isinstance(first, DamagedFrame):
            # Decoding cannot start at every keyframe: some streams refresh the image gradually.
            frames.close()
            frames = self._frames_without_gaps(0, start, stop)
            first = next(frames)
        with closing(frames):
            yield first
            yield from frames

    def _frames_without_gaps(self, entry_packet: int, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield the frames of a segment without gaps, decoded from a packet on."""
        due = start
        with closing(self._numbered_frames(entry_packet)) as numbered:
            for number, decoded in numbered:
                if number < due:
                    continue
                for lost in range(due, min(number, stop)):
                    yield self._damaged_frame(lost)
                if number >= stop:
                    return
                if decoded is None:
                    yield self._damaged_frame(number)
                else:
                    size = self._info.width, self._info.height
                    aspect = self._upright_aspect(decoded.pixel_aspect)
                    yield DecodedFrame(number, decoded.frame, self._orientation, size, aspect)
                due = number + 1
                if due == stop:
                    return
        for lost in range(due, stop):
            yield self._damaged_frame(lost)

    def _numbered_frames(self, entry_packet: int) -> Generator[tuple[int, DecoderOutput | None], None, None]:
        """Yield frame numbers and decoded frames from a packet on; None for frames that may be damaged."""
        index = self._numbering.index
        first = 0 if index is None or not entry_packet else index.frame_number(index.pts(entry_packet))
        previous = None if first is None else first - 1
        damaged = False
        with closing(self._decoder.run(entry_packet)) as outputs:
            for output in outputs:
                following = 0 if previous is None else previous + 1
                number = following if index is None else _frame_number(index, output.frame)
                if number is None or (first is not None and number < first):
                    continue  # a leading frame, which an open GOP shows before its keyframe
                lost = previous is not None and number != following
                previous = number
                broken = output.frame.is_corrupt
                damaged = broken or (not output.keyframe and (damaged or lost))
                yield number, None if damaged or output.suspect else output

    def _upright_aspect(self, in_bitstream: Fraction | None) -> Fraction:
        """Return the pixel aspect of a frame, turned upright; it may change on the way in a bitstream."""
        aspect = DeclaredAspects(self._container_aspect, in_bitstream).plausible()
        return 1 / aspect if self._orientation.swaps_sides else aspect

    def _damaged_frame(self, number: int) -> DamagedFrame:
        return DamagedFrame(number, self._info.width, self._info.height)


def _audio_codec(container: InputContainer) -> str | None:
    """Return the codec of the sound that a player would play; None without sound."""
    track = container.streams.best("audio")
    if track is None:
        return None
    # Decoders have names of their own, such as mp3float.
    # PyAV reads this attribute from the decoder; its type hints ignore that there may be no decoder.
    return str(track.codec_context.codec.canonical_name) if hasattr(track, "sample_rate") else "unknown"


def _sound(
    path: Path, codec: str, first: av.VideoFrame, numbering: FrameNumbering, time_base: Fraction
) -> Sound:
    if numbering.index is not None and not numbering.shifts:
        return Sound(path, codec)
    # Frames without timestamps are shown at a constant rate, the first of them at time zero.
    origin = Fraction(0) if numbering.stamps else (first.pts or 0) * time_base
    shifts = tuple(shift * time_base for shift in numbering.shifts)
    return Sound(path, codec, origin, shifts, seekable=False)


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    packets = 0
    decoder = PacketDecoder()
    for packet in read_packets(container, stream):
        packets += packet is not None and packet.size > 0
        frames, _ = decoder.decode(packet)
        if frames:
            return frames[0]
    if is_truncated(path):
        message = f"{path.name} is cut off before its first whole frame"
        raise TruncatedVideoError(message, "copy or export the file again")
    if packets == 0:
        raise NoFramesError(f"{path.name} holds no frames", "export the video again")
    message = f"no frame of {path.name} can be decoded"
    raise UnreadableVideoError(message, "copy or convert the file again")


def _source_info(
    name: str,
    first: av.VideoFrame,
    numbering: FrameNumbering,
    rate: Fraction,
    time_base: Fraction,
    aspects: DeclaredAspects,
) -> SourceInfo:
    orientation = _orientation(first)
    sides = (first.height, first.width) if orientation.swaps_sides else (first.width, first.height)
    span = numbering.span * time_base
    if span and numbering.index is not None:
        rate = (len(numbering.index) - 1) / span
    return SourceInfo(
        name=name,
        width=sides[0],
        height=sides[1],
        frame_count=numbering.frame_count,
        readable_frames=numbering.readable_frames,
        frame_rate=float(rate),
        duration=float(numbering.frame_count / rate) if rate else 0.0,
        rotation=orientation.degrees,
        continuous=True,
        pixel_aspect=1 / aspects.plausible() if orientation.swaps_sides else aspects.plausible(),
        aspect_origin=aspects.origin(),
    )


def _orientation(frame: av.VideoFrame) -> Orientation:
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        # PyAV raises an error on side data of a type that it does not support.
        return Orientation.from_degrees(-frame.rotation)
    if not isinstance(matrix, Buffer):
        return Orientation.UPRIGHT
    return Orientation.from_display_matrix(bytes(matrix))


def _frame_number(index: FrameIndex, frame: av.VideoFrame) -> int | None:
    return None if frame.pts is None else index.frame_number(frame.pts)
