"""Probing of uploaded video files: metadata, frame index and single frames."""

from __future__ import annotations

import threading
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.paged import open_paged_image
from framecloak.adapters.media.pictures.previews import crop_to_size, shrink_to_width
from framecloak.adapters.media.sample_limit import max_samples, require_fewer_samples
from framecloak.adapters.media.size_limit import max_grown_pixels
from framecloak.adapters.media.video.container import open_container, read_packets, video_stream
from framecloak.adapters.media.video.frame_index import Flags, Timestamps
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import (
    FrameAnalysisError,
    FrameDamagedError,
    FrameNotFoundError,
    InputNotFoundError,
    TruncatedVideoError,
)
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.video import ProbedVideo

_PREVIEW = Appearance(OutputFormat.JPG, quality=85)
_MAX_OPEN_VIDEOS = 16
_MAX_OPEN_FRAMES = 4_000_000
"""Frames of all videos in a cache: 18 hours of video with 60 frames a second."""
_FileVersion = tuple[Path, int, int, int]
"""Path, number, size and time of a file, of which one changes when it is replaced."""
_BYTES_PER_PIXEL = 64
"""Memory of decoding and converting a frame: 40 for H.264 with 16 reference frames, as measured, and more for
H.265, which two decoders hold."""
_BLOCK_FRAMES = 1 << 16
"""Frames of a frame index that are compressed at once."""
_INDEX_HEADER = np.dtype([("magic", "S4"), ("frames", "<u4"), ("numerator", "<u4"), ("denominator", "<u4")])
_INDEX_MAGIC = b"FCI1"


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """Timestamps and keyframes of a video's frames in presentation order; arrays have shape (n,).

    Attributes:
        time_base: duration of a tick in seconds.
        pts: presentation timestamps in ticks.
        keyframe: True where decoding can begin.
    """

    time_base: Fraction
    pts: Timestamps
    keyframe: Flags

    def to_bytes(self) -> bytes:
        """Serialise to a compact frame index.

        It takes a few bytes per frame, because the differences between timestamps compress well.
        """
        ratio = (self.time_base.numerator, self.time_base.denominator)
        header = np.array((_INDEX_MAGIC, len(self.pts), *ratio), _INDEX_HEADER)
        packer, parts = zlib.compressobj(), [header.tobytes()]
        before = 0
        for start in range(0, len(self.pts), _BLOCK_FRAMES):
            block = self.pts[start : start + _BLOCK_FRAMES]
            parts.append(packer.compress(np.diff(block, prepend=before).astype("<i8").tobytes()))
            before = int(block[-1])
        parts.append(packer.compress(np.packbits(self.keyframe).tobytes()))
        return b"".join((*parts, packer.flush()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Deserialise the result of `to_bytes`.

        Raises:
            ValueError: the data is not a frame index.
        """
        if data[:4] != _INDEX_MAGIC or len(data) < _INDEX_HEADER.itemsize:
            raise ValueError("the data is not a frame index")
        header = np.frombuffer(data, _INDEX_HEADER, count=1)[0]
        frames = int(header["frames"])
        body = zlib.decompress(data[_INDEX_HEADER.itemsize :])
        pts = np.cumsum(np.frombuffer(body, "<i8", frames), dtype=np.int64)
        bits = np.frombuffer(body, np.uint8, offset=8 * frames)
        keyframe = np.unpackbits(bits, count=frames).astype(np.bool_)
        return cls(Fraction(int(header["numerator"]), int(header["denominator"])), pts, keyframe)


class OpenVideoCache:
    """Cache of opened videos, least recently used first out, because a video is read slice by slice.

    An opened video takes some 40 bytes for each frame. So it holds fewer of long ones. Thread-safe.

    Args:
        max_frames: frames of all its videos, unless one alone has more.
    """

    def __init__(self, max_frames: int = _MAX_OPEN_FRAMES) -> None:
        self._max_frames = max_frames
        self._lock = threading.Lock()
        self._open: OrderedDict[_FileVersion, FrameSource] = OrderedDict()

    def open(self, path: Path) -> FrameSource:
        """Return a video from the cache, or open it if it is not there or the file has changed.

        An image file that holds several images is a video.

        Raises:
            InputNotFoundError: the file cannot be opened.
            DomainError: see `open_video`.
        """
        try:
            status = path.stat()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputNotFoundError(f"cannot open {path.name}: {reason}", "check the path") from error
        version = path, status.st_ino, status.st_size, status.st_mtime_ns
        with self._lock:
            known = self._open.get(version)
            if known is not None:
                self._open.move_to_end(version)
                return known
        # Outside the lock: two threads may open the same file, with the same result.
        opened = _open_file(path)
        with self._lock:
            self._open[version] = opened
            while len(self._open) > 1 and self._is_full():
                self._open.popitem(last=False)
        return opened

    def _is_full(self) -> bool:
        frames = sum(source.info.frame_count for source in self._open.values())
        return len(self._open) > _MAX_OPEN_VIDEOS or frames > self._max_frames


class PyAvProber:
    """Prober of video files based on PyAV (libav). Its methods block and are thread-safe."""

    def __init__(self) -> None:
        self._videos = OpenVideoCache()

    def probe(self, path: Path) -> ProbedVideo:
        """Read the metadata and the frame index of a video from its packets, decoding almost nothing.

        Returns:
            Metadata of the video. The frame index is empty if frames can only be counted by decoding.

        Raises:
            TruncatedVideoError: the file has fewer frames than its header states.
            DomainError: see `open_video`.
        """
        source = self._videos.open(path)
        info = source.info
        if info.readable_frames < info.frame_count:
            message = f"the video is cut off: {info.readable_frames} of {info.frame_count} frames can be read"
            raise TruncatedVideoError(message, "copy, export or upload it again")
        times = _frame_times(path) if isinstance(source, VideoSource) else None
        return ProbedVideo(
            width=info.width,
            height=info.height,
            frame_rate=info.frame_rate,
            frame_count=info.frame_count,
            duration=info.duration,
            rotation=info.rotation,
            frame_index=times.to_bytes() if times and len(times.pts) == info.frame_count else b"",
        )

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        """Return one original frame, upright, as JPEG without metadata.

        Args:
            path: path of the video file.
            index: number of the frame in presentation order, from 0.
            width: maximum width in pixels; None for the original size.

        Raises:
            FrameNotFoundError: there is no such frame.
            FrameDamagedError: the frame is damaged, or its size differs too much from the video's.
            DomainError: see `open_video`.
        """
        source = self._videos.open(path)
        _require_frame(index, source.info.readable_frames)
        try:
            with closing(source.frames(index, index + 1)) as frames:
                image = next(frames).bgr()
        except FrameAnalysisError as error:
            message = f"frame {index} is damaged in the file and cannot be shown"
            raise FrameDamagedError(message, "choose another frame; a result shows it black") from error
        return OpenCvEncoder().encode(image if width is None else shrink_to_width(image, width), _PREVIEW)

    def filmstrip_jpeg(
        self, path: Path, frames: Sequence[int], keyframes: Sequence[int], height: int
    ) -> bytes:
        """Return thumbnails of original frames side by side; see the port."""
        source = self._videos.open(path)
        info = source.info
        for index in frames:
            _require_frame(index, info.readable_frames)
        width = min(4 * height, max(height, round(height * info.width / info.height)))
        strip = np.zeros((height, width * len(frames), 3), np.uint8)
        for run in _decoding_runs(frames, keyframes):
            with closing(source.frames(run[0], run[-1] + 1)) as decoded:
                for index, frame in enumerate(decoded, run[0]):
                    if index not in run:
                        continue
                    try:
                        thumbnail = crop_to_size(frame.bgr(), width, height)
                    except FrameAnalysisError:
                        continue
                    for place, shown in enumerate(frames):
                        if shown == index:
                            strip[:, place * width : (place + 1) * width] = thumbnail
        return OpenCvEncoder().encode(strip, _PREVIEW)

    def frame_memory(self, width: int, height: int) -> int:
        """Return the memory in bytes that `frame_jpeg` needs at most for a video of this size."""
        return max_grown_pixels(width, height) * _BYTES_PER_PIXEL


def _decoding_runs(frames: Sequence[int], keyframes: Sequence[int]) -> list[list[int]]:
    """Return ascending frames in groups; each is decoded in one pass, as no keyframe lies between them."""
    runs: list[list[int]] = []
    for index in frames:
        if runs and bisect_right(keyframes, runs[-1][-1]) == bisect_right(keyframes, index):
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _require_frame(index: int, readable_frames: int) -> None:
    if not 0 <= index < readable_frames:
        message = f"the video has no frame {index}"
        raise FrameNotFoundError(message, f"frames are numbered 0 to {readable_frames - 1}")


def keyframe_numbers(frame_index: bytes) -> Sequence[int]:
    """Return the numbers of the keyframes in a serialised frame index; an empty index has none."""
    if not frame_index:
        return ()
    keyframes = np.flatnonzero(FrameTimes.from_bytes(frame_index).keyframe)
    # An array: a codec may make every frame a keyframe, and an object for each would take gigabytes.
    return array("q", keyframes.astype(np.int64).tobytes())


def _open_file(path: Path) -> FrameSource:
    images = open_paged_image(path)
    return images if images is not None and images.info.continuous else open_video(path)


def _frame_times(path: Path) -> FrameTimes | None:
    """Read the timestamps of all packets; None if a packet has no timestamp."""
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        time_base = stream.time_base
        # Arrays of numbers: an object for each frame of a long video would take gigabytes.
        stamps, keyframes, most = array("q"), array("b"), max_samples(path)
        for packet in read_packets(container, stream):
            if packet is None or not packet.size or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            require_fewer_samples(path, len(stamps), most)
            stamps.append(packet.pts)
            keyframes.append(packet.is_keyframe)
    if not stamps or not time_base:
        return None
    pts, keyframe = np.frombuffer(stamps, np.int64), np.frombuffer(keyframes, np.bool_)
    if (pts[1:] > pts[:-1]).all():
        return FrameTimes(time_base, pts, keyframe)
    order = np.lexsort((keyframe, pts)).astype(np.int32)
    return FrameTimes(time_base, pts[order], keyframe[order])
