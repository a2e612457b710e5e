"""What an uploaded file is, and what its frames look like."""

from __future__ import annotations

import zlib
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from framecloak.adapters.media.opencv import OpenCvEncoder
from framecloak.adapters.media.pictures.previews import shrunk
from framecloak.adapters.media.video.container import open_container, read_packets, video_stream
from framecloak.adapters.media.video.frame_index import Flags, Stamps
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.domain.anonymization.model.options import Appearance, OutputFormat
from framecloak.domain.errors import FrameNotFoundError, InputNotFoundError, TruncatedVideoError
from framecloak.domain.ports.services import ProbedVideo

_PREVIEW = Appearance(OutputFormat.JPG, quality=85)
_VIDEOS_KEPT_OPEN = 16
_HEADER = np.dtype([("magic", "S4"), ("frames", "<u4"), ("numerator", "<u4"), ("denominator", "<u4")])
_MAGIC = b"FCI1"


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """When each frame of a video is shown, and where decoding can begin; arrays are (n,).

    Attributes:
        time_base: seconds a tick.
        pts: ticks, in presentation order.
        keyframe: whether decoding can begin with this frame.
    """

    time_base: Fraction
    pts: Stamps
    keyframe: Flags

    def to_bytes(self) -> bytes:
        """A few bytes a frame: steps between timestamps repeat, and so compress well."""
        ratio = (self.time_base.numerator, self.time_base.denominator)
        header = np.array((_MAGIC, len(self.pts), *ratio), _HEADER)
        steps = np.diff(self.pts, prepend=0).astype("<i8")
        return header.tobytes() + zlib.compress(steps.tobytes() + np.packbits(self.keyframe).tobytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`.

        Raises:
            ValueError: these are other bytes.
        """
        if data[:4] != _MAGIC or len(data) < _HEADER.itemsize:
            raise ValueError("these bytes are no frame index")
        header = np.frombuffer(data, _HEADER, count=1)[0]
        frames = int(header["frames"])
        body = zlib.decompress(data[_HEADER.itemsize :])
        pts = np.cumsum(np.frombuffer(body, "<i8", frames), dtype=np.int64)
        bits = np.frombuffer(body, np.uint8, offset=8 * frames)
        keyframe = np.unpackbits(bits, count=frames).astype(np.bool_)
        return cls(Fraction(int(header["numerator"]), int(header["denominator"])), pts, keyframe)


class VideoShelf:
    """Keeps the videos that were looked at last open: they are looked at again, slice by slice."""

    def __init__(self) -> None:
        self._open = lru_cache(_VIDEOS_KEPT_OPEN)(_open_version)

    def open(self, path: Path) -> VideoSource:
        """A video, as it is now.

        Raises:
            InputNotFoundError: it cannot be opened.
            DomainError: as for `open_video`.
        """
        try:
            found = path.stat()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputNotFoundError(f"cannot open {path.name}: {reason}", "check the path") from error
        return self._open(path, found.st_ino, found.st_size, found.st_mtime_ns)


class PyAvProber:
    """Looks at video files with libav; blocking, and safe in several threads."""

    def __init__(self) -> None:
        self._shelf = VideoShelf()

    def probe(self, path: Path) -> ProbedVideo:
        """Find out what a file is, reading its packets but decoding next to nothing.

        Returns:
            What it is. The frame index is empty where frames can only be counted by decoding.

        Raises:
            TruncatedVideoError: it ends before the frames that its header promises.
            DomainError: as for `open_video`.
        """
        info = self._shelf.open(path).info
        if info.readable_frames < info.frame_count:
            message = f"the video is cut off: {info.readable_frames} of {info.frame_count} frames can be read"
            raise TruncatedVideoError(message, "copy, export or upload it again")
        times = _frame_times(path)
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
        """One original frame as JPEG without metadata, upright, shrunk to a width when one is given.

        Raises:
            FrameNotFoundError: there is no such frame.
            ExaminationError: the frame is damaged.
            DomainError: as for `open_video`.
        """
        source = self._shelf.open(path)
        if not 0 <= index < source.info.readable_frames:
            message = f"the video has no frame {index}"
            raise FrameNotFoundError(message, f"frames are numbered 0 to {source.info.readable_frames - 1}")
        with closing(source.frames(index, index + 1)) as frames:
            picture = next(frames).bgr()
        return OpenCvEncoder().encode(picture if width is None else shrunk(picture, width), _PREVIEW)


def keyframes(frame_index: bytes) -> list[int]:
    """Numbers of the frames that decoding can begin with, out of a frame index; none out of an empty one."""
    return np.flatnonzero(FrameTimes.from_bytes(frame_index).keyframe).tolist() if frame_index else []


def _open_version(path: Path, inode: int, size: int, modified: int) -> VideoSource:
    """Open a video; the other arguments tell versions of a file apart."""
    del inode, size, modified
    return open_video(path)


def _frame_times(path: Path) -> FrameTimes | None:
    """The timestamps that packets carry; None where one has none."""
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        time_base = stream.time_base
        rows: list[tuple[int, bool]] = []
        for packet in read_packets(container, stream):
            if packet is None or not packet.size or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            rows.append((packet.pts, packet.is_keyframe))
    if not rows or not time_base:
        return None
    pts, keyframe = (np.array(column) for column in zip(*sorted(rows), strict=True))
    return FrameTimes(time_base, pts.astype(np.int64), keyframe)
