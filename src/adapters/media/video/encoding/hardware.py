"""H.264 video made by the video engine of a GPU, through PyAV. An engine is tried before it is used.

Each codec runs with a constant quantiser, so that every frame has the same quality whatever its content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace

from framecloak.adapters.media.video.encoding.h264 import (
    H264GroupEncoder,
    H264VideoEncoder,
    packet_to_sample,
    parameter_sets,
)
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import EncoderUnavailableError, FrameAnalysisError, InvalidFormatError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.speech import SpeechDetector
from framecloak.domain.ports.video import EncoderIdentity, FrameGroup, GroupEncoder, VideoFormat

TRIAL_FORMAT = VideoFormat(640, 360, Fraction(25), 90)
"""Format of the trial; its height is no multiple of 16, the side of a macroblock, so cropping is tried."""

_TRIAL_FRAMES = 5
_MAX_TRIAL_ERROR = 8
"""Largest difference of a patch's mean to its colour, in levels of 0 to 255; a wrong matrix or range, or
swapped planes, differ by more than 10."""
_logging = Lock()
"""Held while libav's log level, which is the process's, is changed."""
_HINT = "see docs/operations/installing.md, or use the video encoder libx264"
_REFUSALS = (av.FFmpegError, OSError, ValueError, RuntimeError)
"""Errors of PyAV for a codec that it lacks, a device that it cannot open, and options that are refused."""


@dataclass(frozen=True)
class HardwareCodec:
    """Encoder of a video engine.

    Attributes:
        name: name of the encoder, as FFmpeg calls it.
        options: options of the encoder.
        quality_options: returns the options for a quantiser of 0 to 51.
        device: type of the device whose memory takes the frames; None for an encoder that takes them from
            main memory.
    """

    name: str
    options: Mapping[str, str]
    quality_options: Callable[[int], Mapping[str, str]] = field(repr=False)
    device: str | None = None

    def create(self, quality: int) -> VideoCodecContext:
        """Return a codec context that is not open yet.

        Args:
            quality: 1 to 100; gives the quantiser that x264 starts from at this quality.

        Raises:
            EncoderUnavailableError: PyAV lacks the encoder, or there is no such device.
        """
        try:
            hwaccel = HWAccel(self.device, allow_software_fallback=False) if self.device else None
            encoder = av.CodecContext.create(self.name, "w", hwaccel)
        except av.codec.codec.UnknownCodecError as error:
            raise unavailable(self.name, f"PyAV {av.__version__} was built without it") from error
        except _REFUSALS as error:
            raise _refusal(self.name, error) from error
        if not isinstance(encoder, VideoCodecContext):
            raise unavailable(self.name, "it does not encode video")
        encoder.options = {**self.options, **self.quality_options(round(45 - 0.3 * quality))}
        return encoder


# No B-frames, no intra frame but the first, and one quantiser for frames of all types.
_COMMON: Final = {"bf": "0", "g": "10000", "i_qfactor": "1", "i_qoffset": "0"}
_LAMBDA_PER_QP = 118
"""FF_QP2LAMBDA: factor from quantisers to the unit of `global_quality`."""

HARDWARE_CODECS: Final = {
    codec.name: codec
    for codec in (
        HardwareCodec(
            "h264_nvenc",
            _COMMON
            | {"preset": "p4", "rc": "constqp", "delay": "0", "rc-lookahead": "0", "no-scenecut": "1"},
            lambda qp: {"qp": f"{qp}"},
        ),
        HardwareCodec(
            "h264_qsv",
            _COMMON | {"preset": "medium", "async_depth": "1", "flags": "+qscale"},
            lambda qp: {"global_quality": f"{qp * _LAMBDA_PER_QP}"},
        ),
        HardwareCodec("h264_vaapi", _COMMON | {"rc_mode": "CQP"}, lambda qp: {"qp": f"{qp}"}, "vaapi"),
    )
}
"""Encoders by their names: NVIDIA NVENC, Intel Quick Sync Video, and the VA-API of Linux."""


class HardwareVideoEncoder(H264VideoEncoder):
    """Video encoder on a video engine. Create it with `tried`.

    Args:
        codec: encoder of the engine.
        parameters_sha256: hex digest of the parameter sets, from the trial.
        folder: folder for videos while they are written; None for the system's temporary folder.
        speech_detector: detector of speech that is to be silenced; None for Silero VAD.
    """

    def __init__(
        self,
        codec: HardwareCodec,
        parameters_sha256: str,
        folder: Path | None = None,
        speech_detector: SpeechDetector | None = None,
    ) -> None:
        super().__init__(folder, speech_detector)
        self._codec = codec
        self._identity = EncoderIdentity(codec.name, parameters_sha256)
        self._accepted_sizes: set[tuple[int, int]] = set()

    @property
    def identity(self) -> EncoderIdentity:
        """Name of the encoder, and the parameter sets that its device and driver write."""
        return self._identity

    def require_supported(self, video_format: VideoFormat, sound: Sound | None) -> None:
        """Raise an error if a video of this format and sound cannot be written.

        Engines have a smallest and a largest size, which depend on device and driver. So a frame is encoded.

        Args:
            video_format: format of the video.
            sound: audio to copy into it; None for a silent video.

        Raises:
            InvalidFormatError: the engine does not take frames of this size, or MP4 cannot hold the audio
                codec.
        """
        super().require_supported(video_format, sound)
        size = video_format.width, video_format.height
        if size in self._accepted_sizes:
            return
        grey = np.full((*size[::-1], 3), 128, np.uint8)
        try:
            self._encoded(video_format, [grey])
        except EncoderUnavailableError as error:
            raise InvalidFormatError(
                f"{self._codec.name} does not encode frames of {size[0]}x{size[1]} here ({error.message})",
                "choose png, or the video encoder libx264",
            ) from error
        self._accepted_sizes.add(size)

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        """Return an encoder for a new group of frames; it raises ``EncoderUnavailableError``."""
        return _HardwareGroupEncoder(self._codec, video_format)

    @classmethod
    def tried(
        cls,
        codec: HardwareCodec,
        folder: Path | None = None,
        speech_detector: SpeechDetector | None = None,
    ) -> HardwareVideoEncoder:
        """Return the encoder after a trial: a few frames are encoded, decoded and compared.

        Args:
            codec: encoder of the engine.
            folder: folder for videos while they are written; None for the system's temporary folder.
            speech_detector: detector of speech that is to be silenced; None for Silero VAD.

        Raises:
            EncoderUnavailableError: PyAV lacks the encoder, no device has it, or what it encodes has another
                size, order, number or colour of frames.
        """
        encoder = cls(codec, "", folder, speech_detector)
        images = [_trial_image(number) for number in range(_TRIAL_FRAMES)]
        group = encoder._encoded(TRIAL_FORMAT, images)
        try:
            encoder._require_same(images, group)
        except FrameAnalysisError as error:
            raise unavailable(codec.name, error.message) from error
        digest = sha256(b"".join(parameter_sets(group.samples[0]))).hexdigest()
        return cls(codec, digest, folder, speech_detector)

    def for_folder(self, folder: Path) -> HardwareVideoEncoder:
        """Return the same encoder with another folder for unfinished videos; it is not tried again."""
        return type(self)(self._codec, self._identity.parameters_sha256 or "", folder, self._speech_detector)

    def _encoded(self, video_format: VideoFormat, images: list[Image]) -> FrameGroup:
        with _logged_reasons():
            planes, encoder = self.plane_encoder(video_format), self.group_encoder(video_format)
            for image in images:
                encoder.add(planes.encode(image, Appearance(OutputFormat.MP4)))
            return encoder.finish()

    def _require_same(self, images: list[Image], group: FrameGroup) -> None:
        """Raise an error unless a group shows the images, as a player that trusts its tags shows them."""
        first, *others = map(parameter_sets, group.samples)
        if not first or not {unit for units in others for unit in units} <= set(first):
            raise FrameAnalysisError("its groups do not start with all their parameter sets")
        for image, frame in zip(images, self.decode_group(TRIAL_FORMAT, group, 0), strict=True):
            if (frame.width, frame.height) != (TRIAL_FORMAT.width, TRIAL_FORMAT.height):
                raise FrameAnalysisError(f"its frames have the size {frame.width}x{frame.height}")
            error = np.abs(_patch_means(frame.bgr()) - _patch_means(image)).max()
            if error > _MAX_TRIAL_ERROR:
                raise FrameAnalysisError(f"its frames have other colours, by {error:.0f} levels")


class _HardwareGroupEncoder(H264GroupEncoder):
    PIXEL_FORMAT = "nv12"

    def __init__(self, codec: HardwareCodec, video_format: VideoFormat) -> None:
        super().__init__(codec.create(video_format.quality), video_format)
        self._name = codec.name
        self._encoded = 0

    def _frame(self, pixels: npt.NDArray[np.uint8]) -> av.VideoFrame:
        """Interleave the colour planes, as all engines take them."""
        rows, width = pixels.shape
        luma, chroma = np.split(pixels.reshape(-1), [rows * 2 // 3 * width])
        interleaved = np.stack(np.split(chroma, 2), axis=-1).reshape(-1)
        frame = super()._frame(np.concatenate((luma, interleaved)).reshape(pixels.shape))
        # Otherwise frames copied to a device lose what they are.
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        return frame

    def _encode(self, frame: av.VideoFrame | None) -> list[bytes]:
        try:
            packets = list(self._encoder.encode(frame))
        except _REFUSALS as error:
            raise _refusal(self._name, error) from error
        for number, packet in enumerate(packets, self._encoded):
            if packet.pts != number:
                raise unavailable(self._name, "it reorders or drops frames")
        self._encoded += len(packets)
        return [packet_to_sample(bytes(packet)) for packet in packets]


def unavailable(name: str, reason: str) -> EncoderUnavailableError:
    """Return the error of a video encoder that does not work.

    Args:
        name: name of the encoder.
        reason: clause that says why.
    """
    return EncoderUnavailableError(f"the video encoder {name} does not work here: {reason}", _HINT)


@contextmanager
def _logged_reasons() -> Iterator[None]:
    """Let libav's errors carry its last log line, such as "Cannot load libcuda.so.1", and print nothing."""
    with _logging:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture(local=False):
                yield
        finally:
            av.logging.set_level(level)


def _refusal(name: str, error: Exception) -> EncoderUnavailableError:
    """Return the error of an encoder that libav refused, with libav's own words where it has some."""
    log = getattr(error, "log", None)
    reason = log[2] if log else getattr(error, "strerror", None) or str(error)
    return unavailable(name, " ".join(reason.split()).rstrip(".:") or type(error).__name__)


def _trial_image(number: int) -> Image:
    """Return four patches of different hue, (height, width, 3) uint8 BGR, brighter with each frame."""
    image = np.empty((TRIAL_FORMAT.height, TRIAL_FORMAT.width, 3), np.uint8)
    level = 40 + 30 * number
    for rows, columns, colour in _patches():
        image[rows, columns] = np.clip(np.add(colour, level), 0, 255)
    return image


def _patches() -> Iterator[tuple[slice, slice, tuple[int, int, int]]]:
    middle, centre = TRIAL_FORMAT.height // 2, TRIAL_FORMAT.width // 2
    halves = slice(0, middle), slice(middle, None)
    sides = slice(0, centre), slice(centre, None)
    yield halves[0], sides[0], (0, 0, 0)
    yield halves[0], sides[1], (60, 0, 0)
    yield halves[1], sides[0], (0, 60, 0)
    yield halves[1], sides[1], (0, 0, 60)


def _patch_means(image: Image) -> npt.NDArray[np.float64]:
    """Return the mean colour of each patch, (4, 3) BGR, without its edges, where chroma bleeds."""
    return np.array([image[rows, columns][8:-8, 8:-8].mean((0, 1)) for rows, columns, _ in _patches()])
