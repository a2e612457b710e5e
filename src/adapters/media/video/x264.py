"""H.264 video in MP4 (x264 through PyAV). The same frames always give the same bytes, on any machine."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.video.container import open_container
from framecloak.adapters.media.video.frames import ArrayFrame, DecodedFrame
from framecloak.adapters.media.video.pixel_formats import to_bgr
from framecloak.adapters.media.zip.archive import translated
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.errors import DomainError, ExaminationError, InvalidFormatError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.pixels import FrameEncoder
from framecloak.domain.ports.video import FilmFormat, FilmWriter, Group, GroupEncoder

MAX_SIDE = 16384
SOUNDS = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"})
"""Audio codecs whose packets can be copied into an MP4 unchanged."""

# Fixed, because the output of x264 depends on the number of threads.
_THREADS = 4
_BT709 = 1
_SEI = 6
_START_CODE = b"\x00\x00\x01"
_PIECE = 1 << 20

# A string, because the class accepts no type argument at run time.
Packet: TypeAlias = "av.Packet[av.AudioStream]"


class X264Studio:
    """Video encoder based on x264 and PyAV.

    It uses no B-frames. So frames are stored in presentation order and their times are exact without an
    edit list, which players interpret differently.

    Args:
        folder: folder for videos while they are written; None for the system's temporary folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def require_possible(self, film: FilmFormat, sound: Sound | None) -> None:
        """Raise an error if a video of this format and sound cannot be written.

        Args:
            film: format of the video.
            sound: audio to copy into it; None for a silent video.

        Raises:
            InvalidFormatError: the frames are too large, or MP4 cannot hold the audio codec.
        """
        if max(film.width, film.height) > MAX_SIDE:
            size = f"{film.width}x{film.height}"
            message = f"mp4 holds at most {MAX_SIDE} pixels a side, and these frames are {size}"
            raise InvalidFormatError(message, "choose png")
        if sound is not None and sound.codec not in SOUNDS:
            message = f"the sound of {sound.path.name} is {sound.codec}, which an mp4 cannot hold"
            raise InvalidFormatError(message, "leave the sound out, or convert it to AAC first")

    def planes(self, film: FilmFormat) -> FrameEncoder:
        """Return a converter from BGR images to the raw planes that group encoders accept."""
        return _Planes(film)

    def group(self, film: FilmFormat) -> GroupEncoder:
        """Return an encoder for a new group of frames."""
        return _GroupEncoder(film)

    def frames(self, film: FilmFormat, group: Group, first: int) -> Iterator[Frame]:
        """Decode an encoded group and yield its frames as a player would show them.

        Args:
            film: format that the group was encoded for.
            group: encoded frames.
            first: index of the group's first frame.

        Raises:
            ExaminationError: the group cannot be decoded, or gives the wrong number of frames.
        """
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = _THREADS
        shown = 0
        try:
            for packet in [*(av.Packet(_packet(sample)) for sample in group.samples), None]:
                for decoded in decoder.decode(packet):
                    yield _shown(first + shown, decoded, film)
                    shown += 1
        except av.FFmpegError as error:
            raise ExaminationError("a group of frames cannot be decoded again") from error
        if shown != len(group.samples):
            raise ExaminationError(f"a group has {shown} frames instead of {len(group.samples)}")

    def film(self, film: FilmFormat, timing: Timing, sound: Sound | None) -> FilmWriter:
        """Return a writer for a new video file.

        Args:
            film: format that its groups were encoded for.
            timing: presentation times of its frames.
            sound: audio to copy for the same period; None for a silent video.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: the folder is not writable.
        """
        return _FilmWriter(self._folder, film, timing, sound)


def _even(pixels: int) -> int:
    return pixels + pixels % 2


class _Scaler(threading.local):
    """Reusable scaler of the current thread; scalers are not thread-safe."""

    def __init__(self) -> None:
        self.to_planar = VideoReformatter()


_scaler = _Scaler()


class _Planes:
    """Converter from BGR images to raw planar YUV 4:2:0, BT.709, limited range."""

    def __init__(self, film: FilmFormat) -> None:
        self._size = film.width, film.height

    def encode(self, image: Image, appearance: Appearance) -> bytes:  # noqa: ARG002 (the port's signature)
        width, height = self._size
        if image.shape[:2] != (height, width):
            raise ValueError(f"the video has frames of {width}x{height} pixels")
        if width % 2 or height % 2:
            image = np.asarray(
                cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
            )
        packed = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), "bgr24")
        planar = _scaler.to_planar.reformat(
            packed,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        return planar.to_ndarray().tobytes()


class _GroupEncoder:
    def __init__(self, film: FilmFormat) -> None:
        self._shape = _even(film.height) * 3 // 2, _even(film.width)
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height = _even(film.width), _even(film.height)
        encoder.pix_fmt = "yuv420p"
        # A group only counts its frames; their presentation times are set by the video writer.
        encoder.framerate, encoder.time_base = film.rate, 1 / film.rate
        encoder.thread_count = _THREADS
        encoder.colorspace = encoder.color_primaries = encoder.color_trc = _BT709
        encoder.color_range = ColorRange.MPEG
        encoder.options = {
            "preset": "veryfast",
            "crf": f"{45 - 0.3 * film.quality:.1f}",
            "bf": "0",
            "g": "100000",
            "sc_threshold": "0",
            "x264-params": "cpu-independent=1:log=0",
        }
        self._encoder = encoder
        self._count = 0
        self._samples: list[bytes] = []

    def add(self, planes: bytes) -> None:
        pixels = np.frombuffer(planes, np.uint8).reshape(self._shape)
        frame = av.VideoFrame.from_ndarray(pixels, "yuv420p")
        frame.pts, frame.time_base = self._count, self._encoder.time_base
        self._count += 1
        self._samples += [_sample(bytes(packet)) for packet in self._encoder.encode(frame)]

    def finish(self) -> Group:
        self._samples += [_sample(bytes(packet)) for packet in self._encoder.encode(None)]
        return Group(tuple(self._samples))


def _sample(packet: bytes) -> bytes:
    """Convert a packet to an MP4 sample: each NAL unit preceded by its length (ISO/IEC 14496-15).

    SEI units are dropped, because x264 writes its version and settings into one.
    """
    units = [unit.rstrip(b"\x00") for unit in packet.split(_START_CODE)]
    retained = [unit for unit in units if unit and unit[0] & 0x1F != _SEI]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in retained)


def _packet(sample: bytes) -> bytes:
    """Convert an MP4 sample to an Annex B packet for libav: each NAL unit preceded by a start code."""
    out, offset = bytearray(), 0
    while offset < len(sample):
        end = offset + 4 + int.from_bytes(sample[offset : offset + 4], "big")
        out += b"\x00" + _START_CODE + sample[offset + 4 : end]
        offset = end
    return bytes(out)


def _shown(index: int, decoded: av.VideoFrame, film: FilmFormat) -> Frame:
    """Return a decoded frame at the video's size, without the row or column that padded an odd size."""
    if (decoded.width, decoded.height) == (film.width, film.height):
        return DecodedFrame(index, decoded, Orientation.UPRIGHT)
    try:
        image = to_bgr(decoded)
    except (av.FFmpegError, ValueError) as error:
        raise ExaminationError(f"frame {index} has pixels that cannot be read") from error
    return ArrayFrame(index, np.ascontiguousarray(image[: film.height, : film.width]))


class _FilmWriter:
    def __init__(self, folder: Path | None, film: FilmFormat, timing: Timing, sound: Sound | None) -> None:
        with translated(folder or Path(tempfile.gettempdir())):
            with tempfile.NamedTemporaryFile(
                dir=folder, prefix=".film-", suffix=".partial", delete=False
            ) as file:
                self._path = Path(file.name)
            self._container = av.open(
                str(self._path),
                "w",
                format="mp4",
                # `bitexact` omits the name of the writing program. The movie timescale limits how exactly
                # the start of the audio is stored; the default of 1 ms is too coarse.
                container_options={
                    "movflags": "+faststart",
                    "fflags": "+bitexact",
                    "movie_timescale": "90000",
                },
            )
        scale, self._ticks = timing.clock()
        self._stream = self._container.add_mux_stream(
            "h264", rate=film.rate, width=_even(film.width), height=_even(film.height)
        )
        self._stream.time_base = self._base = Fraction(1, scale)
        self._next = 0
        self._sound: _Track | None = None
        try:
            self._sound = _Track(sound, timing, self._container) if sound else None
        except DomainError:
            self.discard()
            raise

    def add(self, group: Group) -> None:
        with translated(self._path):
            for sample in group.samples:
                start, end = self._ticks[self._next : self._next + 2]
                packet = av.Packet(_packet(sample))
                packet.stream, packet.time_base = self._stream, self._base
                packet.pts = packet.dts = start
                packet.duration = end - start
                packet.is_keyframe = sample is group.samples[0]
                if self._sound:
                    self._sound.write_until(start * self._base)
                self._container.mux_one(packet)
                self._next += 1

    def finish(self) -> Iterator[bytes]:
        if self._next + 1 != len(self._ticks):
            raise ValueError("the video lacks frames")
        with translated(self._path):
            if self._sound:
                self._sound.write_until(self._ticks[-1] * self._base)
            self._container.close()
        with self._path.open("rb") as file:
            while chunk := file.read(_PIECE):
                yield chunk
        self._path.unlink()

    def discard(self) -> None:
        if self._sound:
            self._sound.close()
        with suppress(OSError, ValueError):  # buffered data is lost with the file
            self._container.close()
        self._path.unlink(missing_ok=True)


class _Track:
    """Audio track that is copied into a video packet by packet, interleaved with the frames."""

    def __init__(self, sound: Sound, timing: Timing, film: av.container.OutputContainer) -> None:
        self._film = film
        self._start, self._end = timing.seconds
        self._source = open_container(sound.path)
        track = self._source.streams.best("audio")
        if track is None:
            raise InvalidFormatError(f"{sound.path.name} no longer holds sound", "leave the sound out")
        self._stream = film.add_stream_from_template(cast("av.AudioStream", track))
        self._stream.metadata.clear()
        self._packets = self._heard(cast("av.AudioStream", track))
        self._waiting = next(self._packets, None)

    def write_until(self, seconds: Fraction) -> None:
        """Copy the audio packets that begin before a time in the video, in seconds."""
        while self._waiting and _start_of(self._waiting) < seconds:
            self._film.mux_one(self._waiting)
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        self._packets.close()
        self._source.close()

    def _heard(self, track: av.AudioStream) -> Generator[Packet, None, None]:
        with suppress(av.FFmpegError):  # a file that cannot be seeked in is read from the beginning
            self._source.seek(max(0, int(self._start * av.time_base)))
        for packet in self._source.demux(track):
            if packet.pts is None or not packet.size or _start_of(packet) < self._start:
                continue
            if _start_of(packet) >= self._end:
                return
            packet.pts -= round(self._start / packet.time_base)
            packet.dts = packet.pts
            packet.stream = self._stream
            yield packet


def _start_of(packet: Packet) -> Fraction:
    return Fraction(packet.pts or 0) * (packet.time_base or 0)
