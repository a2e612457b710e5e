"""Everything that can go wrong, as the people who use Framecloak would name it.

Vendor errors are translated into these at the adapters' edges. The ``code`` is stable: exit codes of
the command line and statuses of the HTTP API are looked up by it, and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A failure with a stable code, one sentence saying what, and one saying what to do.

    Args:
        message: what happened, without a full stop, naming the thing it happened to.
        hint: what the reader can do about it, or an empty string when the message says it all.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class InputNotFoundError(DomainError):
    """An input path does not exist or cannot be opened."""

    code = "input_not_found"


class EmptyFileError(DomainError):
    """An input file holds no bytes."""

    code = "empty_file"


class UnreadableVideoError(DomainError):
    """The bytes are not a video or picture that can be decoded."""

    code = "unreadable_video"


class NoVideoStreamError(DomainError):
    """A media file that holds sound or subtitles, but no pictures."""

    code = "no_video_stream"


class NoFramesError(DomainError):
    """A video stream without a single frame, or a folder without a single picture."""

    code = "no_frames"


class TruncatedVideoError(DomainError):
    """A video that ends before the frames its header promises."""

    code = "truncated_video"


class ImageTooLargeError(DomainError):
    """A picture with more pixels than can be examined; found from its header, before decoding."""

    code = "image_too_large"


class InvalidSegmentError(DomainError):
    """A segment that is malformed, empty, or outside the video."""

    code = "invalid_segment"


class InvalidRegionError(DomainError):
    """A region that is malformed, empty, or outside the frame."""

    code = "invalid_region"


class InvalidLevelError(DomainError):
    """A level of anonymisation that does not exist."""

    code = "invalid_level"


class LevelUnavailableError(DomainError):
    """A level of anonymisation that this installation cannot deliver."""

    code = "level_unavailable"


class InvalidFormatError(DomainError):
    """An output format that does not exist."""

    code = "invalid_format"


class InvalidOptionError(DomainError):
    """Any other option with a value that is not allowed."""

    code = "invalid_option"


class ProviderUnavailableError(DomainError):
    """An execution provider was asked for that this machine does not have."""

    code = "provider_unavailable"


class ModelMissingError(DomainError):
    """A model was asked for that is not installed."""

    code = "model_missing"


class ModelCorruptError(DomainError):
    """A model file that is not what its name or hash promises."""

    code = "model_corrupt"


class LicenseNotAcceptedError(DomainError):
    """Weights were asked for without accepting the licence they come under."""

    code = "license_not_accepted"


class ModelDownloadError(DomainError):
    """Weights could not be fetched."""

    code = "model_download_failed"


class ExaminationError(DomainError):
    """A frame could not be examined; whoever catches it must not let the frame's pixels out."""

    code = "examination_failed"


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"
