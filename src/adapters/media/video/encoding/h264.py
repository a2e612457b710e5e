"""H.264 video in MP4, whichever encoder makes it: groups of frames, decoded again and written to a file."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

from framecloak.adapters.media.colour.yuv_planes import (
    YuvPlaneEncoder,
    YuvPlaneReader,
    cropped_frame,
    planes_shape,
    round_up_to_even,
)
from framecloak.adapters.media.sound.copying import CopiedSound
from framecloak.adapters.media.sound.muting import SpeechFreeSound
from framecloak.adapters.media.sound.silero import SileroSpeechDetector
from framecloak.adapters.media.video.mp4_boxes import set_display_size
from framecloak.adapters.media.zip.archive import translate_write_errors
from framecloak.domain.errors import (
    FrameAnalysisError,
    InvalidFormatError,
    OutputUnwritableError,
)
from framecloak.domain.imaging.pixel_aspect import SQUARE, display_size
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder
from framecloak.domain.ports.speech import MutedSound, SpeechDetector
from framecloak.domain.ports.video import (
    EncoderIdentity,
    FrameGroup,
    GroupEncoder,
    VideoFormat,
    VideoWriter,
)

MAX_SIDE_PX = 16384
MP4_AUDIO_CODECS = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"})
"""Audio codecs whose packets can be copied into an MP4 unchanged."""

_DECODER_THREADS = 4
_BT709 = 1
_SEI = 6
_PARAMETER_SETS = (7, 8)
_START_CODE = b"\x00\x00\x01"
_CHUNK_BYTES = 1 << 20


class H264VideoEncoder(ABC):
    """Video encoder whose groups are H.264, and whose files are MP4.

    Groups have no B-frames. So frames are stored in presentation order and their times are exact without an
    edit list, which players interpret differently.

    Args:
        folder: folder for videos while they are written; None for the system's temporary folder.
        speech_detector: detector of speech that is to be silenced; None for Silero VAD.
    """

    def __init__(self, folder: Path | None = None, speech_detector: SpeechDetector | None = None) -> None:
        self._folder = folder
        self._speech_detector = speech_detector or SileroSpeechDetector()

    @property
    @abstractmethod
    def identity(self) -> EncoderIdentity:
        """Identity of the encoder, on which all parts of a video must agree."""

    def require_supported(self, video_format: VideoFormat, sound: Sound | None) -> None:
        """Raise an error if a video of this format and sound cannot be written.

        Args:
            video_format: format of the video.
            sound: audio to copy into it; None for a silent video.

        Raises:
            InvalidFormatError: the frames are too large, or MP4 cannot hold the audio codec.
        """
        if max(video_format.width, video_format.height) > MAX_SIDE_PX:
            size = f"{video_format.width}x{video_format.height}"
            message = f"mp4 holds at most {MAX_SIDE_PX} pixels a side, and these frames are {size}"
            raise InvalidFormatError(message, "choose png")
        if sound is not None and not sound.mute_speech and sound.codec not in MP4_AUDIO_CODECS:
            message = f"the sound of {sound.path.name} is {sound.codec}, which an mp4 cannot hold unchanged"
            raise InvalidFormatError(message, "leave the sound out, mute speech, or convert it to AAC first")

    def plane_encoder(self, video_format: VideoFormat) -> FrameEncoder:
        """Return a converter from BGR images to the raw planes that group encoders accept."""
        return YuvPlaneEncoder(video_format)

    def plane_reader(self, video_format: VideoFormat) -> EncodedFrameReader:
        """Return a converter of raw planes back into frames."""
        return YuvPlaneReader(video_format)

    @abstractmethod
    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        """Return an encoder for a new group of frames."""

    def decode_group(self, video_format: VideoFormat, group: FrameGroup, first: int) -> Iterator[Frame]:
        """Decode an encoded group and yield its frames as a player would show them.

        Args:
            video_format: format that the group was encoded for.
            group: encoded frames.
            first: index of the group's first frame.

        Raises:
            FrameAnalysisError: the group cannot be decoded, or gives the wrong number of frames.
        """
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = _DECODER_THREADS
        shown = 0
        try:
            for packet in [*(av.Packet(_sample_to_packet(sample)) for sample in group.samples), None]:
                for decoded in decoder.decode(packet):
                    yield cropped_frame(first + shown, decoded, video_format)
                    shown += 1
        except av.FFmpegError as error:
            raise FrameAnalysisError("a group of frames cannot be decoded again") from error
        if shown != len(group.samples):
            raise FrameAnalysisError(f"a group has {shown} frames instead of {len(group.samples)}")

    def writer(
        self,
        video_format: VideoFormat,
        timing: Timing,
        sound: Sound | None,
        checkpoint: Callable[[], None] | None = None,
    ) -> VideoWriter:
        """Return a writer for a new video file.

        Args:
            video_format: format that its groups were encoded for.
            timing: presentation times of its frames.
            sound: audio to copy for the same period; None for a silent video.
            checkpoint: called regularly while speech is looked for; what it raises stops the search.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: the folder is not writable.
        """
        return _Mp4Writer(self._folder, video_format, timing, sound, self._speech_detector, checkpoint)


class H264GroupEncoder:
    """Encoder of one group of frames.

    Args:
        encoder: codec context that is not open yet, with its options.
        video_format: format of the frames.
    """

    PIXEL_FORMAT = "yuv420p"

    def __init__(self, encoder: VideoCodecContext, video_format: VideoFormat) -> None:
        self._shape = planes_shape(video_format)
        encoder.width, encoder.height = (
            round_up_to_even(video_format.width),
            round_up_to_even(video_format.height),
        )
        encoder.pix_fmt = self.PIXEL_FORMAT
        if video_format.pixel_aspect != SQUARE:
            encoder.sample_aspect_ratio = video_format.pixel_aspect
        # A group only counts its frames; their presentation times are set by the video writer.
        encoder.framerate, encoder.time_base = video_format.rate, 1 / video_format.rate
        encoder.colorspace = encoder.color_primaries = encoder.color_trc = _BT709
        encoder.color_range = ColorRange.MPEG
        self._encoder = encoder
        self._count = 0
        self._samples: list[bytes] = []

    def add(self, planes: bytes) -> None:
        """Append a frame given as planar YUV 4:2:0."""
        frame = self._frame(np.frombuffer(planes, np.uint8).reshape(self._shape))
        frame.pts, frame.time_base = self._count, self._encoder.time_base
        self._count += 1
        self._samples += self._encode(frame)

    def finish(self) -> FrameGroup:
        """Return the encoded group."""
        self._samples += self._encode(None)
        return FrameGroup(tuple(self._samples))

    def _frame(self, pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
        return av.VideoFrame.from_ndarray(pixels, self.PIXEL_FORMAT)

    def _encode(self, frame: av.VideoFrame | None) -> list[bytes]:
        return [packet_to_sample(bytes(packet)) for packet in self._encoder.encode(frame)]


def packet_to_sample(packet: bytes) -> bytes:
    """Convert a packet to an MP4 sample: each NAL unit preceded by its length (ISO/IEC 14496-15).

    SEI units are dropped, because encoders write their version and settings into one.
    """
    units = [unit.rstrip(b"\x00") for unit in packet.split(_START_CODE)]
    retained = [unit for unit in units if unit and unit[0] & 0x1F != _SEI]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in retained)


def parameter_sets(sample: bytes) -> tuple[bytes, ...]:
    """Return the sequence and picture parameter sets in an MP4 sample, in order.

    Args:
        sample: NAL units, each preceded by its length in four bytes.
    """
    return tuple(unit for unit in _units(sample) if unit and unit[0] & 0x1F in _PARAMETER_SETS)


def _sample_to_packet(sample: bytes) -> bytes:
    """Convert an MP4 sample to an Annex B packet for libav: each NAL unit preceded by a start code."""
    return b"".join(b"\x00" + _START_CODE + unit for unit in _units(sample))


def _units(sample: bytes) -> Iterator[bytes]:
    """Yield the NAL units of an MP4 sample."""
    offset = 0
    while offset < len(sample):
        end = offset + 4 + int.from_bytes(sample[offset : offset + 4], "big")
        yield sample[offset + 4 : end]
        offset = end


class _Mp4Writer:
    def __init__(
        self,
        folder: Path | None,
        video_format: VideoFormat,
        timing: Timing,
        sound: Sound | None,
        speech_detector: SpeechDetector,
        checkpoint: Callable[[], None] | None,
    ) -> None:
        with translate_write_errors(folder or Path(tempfile.gettempdir())):
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
        self._format = video_format
        scale, self._ticks = timing.mp4_ticks()
        self._stream = self._container.add_mux_stream(
            "h264",
            rate=video_format.rate,
            width=round_up_to_even(video_format.width),
            height=round_up_to_even(video_format.height),
        )
        self._stream.time_base = self._time_base = Fraction(1, scale)
        self._next_frame = 0
        self._sound: CopiedSound | SpeechFreeSound | None = None
        interval = timing.interval_seconds
        try:
            if sound and sound.mute_speech:
                self._sound = SpeechFreeSound(sound, interval, self._container, speech_detector, checkpoint)
            elif sound:
                self._sound = CopiedSound(sound, interval, self._container)
        except BaseException:
            self.discard()
            raise

    @property
    def muted_sound(self) -> MutedSound | None:
        return self._sound.muted if isinstance(self._sound, SpeechFreeSound) else None

    def add(self, group: FrameGroup) -> None:
        with self._translated_errors():
            for sample in group.samples:
                start, end = self._ticks[self._next_frame : self._next_frame + 2]
                packet = av.Packet(_sample_to_packet(sample))
                packet.stream, packet.time_base = self._stream, self._time_base
                packet.pts = packet.dts = start
                packet.duration = end - start
                packet.is_keyframe = sample is group.samples[0]
                if self._sound:
                    self._sound.write_until(start * self._time_base)
                self._container.mux_one(packet)
                self._next_frame += 1

    def finish(self) -> Iterator[bytes]:
        if self._next_frame + 1 != len(self._ticks):
            raise ValueError("the video lacks frames")
        with self._translated_errors():
            if self._sound:
                self._sound.write_until(self._ticks[-1] * self._time_base)
            self._container.close()
            if self._format.pixel_aspect != SQUARE:
                size = self._format.width, self._format.height
                set_display_size(self._path, display_size(size, self._format.pixel_aspect))
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        self._path.unlink()

    def discard(self) -> None:
        if self._sound:
            self._sound.close()
        with suppress(OSError, ValueError):  # buffered data is lost with the file
            self._container.close()
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate errors of the operating system, and of the muxer, which may reject the copied sound."""
        with translate_write_errors(self._path):
            try:
                yield
            except OSError:
                raise
            except av.FFmpegError as error:
                if self._sound is None:
                    raise OutputUnwritableError(f"the video cannot be written: {error.strerror}") from error
                raise self._sound.rejected(error) from error
