"""Choice of the video encoder. A hardware encoder is tried once per process, before it is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from framecloak.adapters.media.video.encoding.hardware import HARDWARE_CODECS, HardwareVideoEncoder
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.ports.video import SOFTWARE_ENCODER, VideoEncoder


@cache
def try_hardware_encoder(name: str) -> Callable[[Path], VideoEncoder]:
    """Try a hardware encoder, and return a function that creates it for a folder of unfinished files.

    Args:
        name: name of the encoder, as FFmpeg calls it.

    Raises:
        EncoderUnavailableError: the encoder does not work on this machine.
    """
    return HardwareVideoEncoder.tried(HARDWARE_CODECS[name]).for_folder


def choose_video_encoder(
    name: str,
    folder: Path,
    try_hardware: Callable[[str], Callable[[Path], VideoEncoder]] = try_hardware_encoder,
) -> VideoEncoder:
    """Return the video encoder of this name. Another one is never used in its place.

    Args:
        name: value of the setting ``VIDEO_ENCODER``.
        folder: folder for videos while they are written.
        try_hardware: trial of a hardware encoder.

    Raises:
        EncoderUnavailableError: the encoder does not work on this machine.
    """
    return X264VideoEncoder(folder) if name == SOFTWARE_ENCODER else try_hardware(name)(folder)


def require_video_encoder(name: str) -> None:
    """Check that the configured video encoder works.

    Args:
        name: value of the setting ``VIDEO_ENCODER``.

    Raises:
        EncoderUnavailableError: the encoder does not work on this machine.
    """
    if name != SOFTWARE_ENCODER:
        try_hardware_encoder(name)


def require_use(named: str | None, output_format: OutputFormat) -> None:
    """Check that an encoder named on the command line encodes something.

    Args:
        named: value of ``--video-encoder``; None if it was left out.
        output_format: format of the result.

    Raises:
        InvalidOptionError: the result has no videos.
    """
    if named is not None and not output_format.is_video:
        message = f"--video-encoder has no effect on {output_format}, which are images"
        raise InvalidOptionError(message, "leave out --video-encoder, or use --format mp4")
