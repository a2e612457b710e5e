"""Errors of input files."""

from __future__ import annotations

from framecloak.domain.errors.base import CONTACT_OPERATOR, DomainError, UserMessage


class InputNotFoundError(DomainError):
    """The input path does not exist or cannot be opened."""

    code = "input_not_found"
    user_message_override = UserMessage("a required file cannot be opened", CONTACT_OPERATOR)


class EmptyFileError(DomainError):
    """The input file is empty."""

    code = "empty_file"


class UnreadableVideoError(DomainError):
    """The file is not a video or image that can be decoded."""

    code = "unreadable_video"


class NoVideoStreamError(DomainError):
    """The media file contains audio or subtitles, but no video."""

    code = "no_video_stream"


class NoFramesError(DomainError):
    """The video stream has no frames, or the folder has no images."""

    code = "no_frames"


class TruncatedVideoError(DomainError):
    """The video ends before the number of frames given in its header."""

    code = "truncated_video"


class SoundLostError(DomainError):
    """The result would lack the sound that was asked for: there is none, or it cannot be read or copied."""

    code = "sound_lost"


class ImageTooLargeError(DomainError):
    """The image has too many pixels; detected from its header, before decoding."""

    code = "image_too_large"


class InvalidImageError(DomainError):
    """The bytes are not an image that can be decoded."""

    code = "invalid_image"


class UnreadableArchiveError(DomainError):
    """The file is not a result of this program, so it cannot be verified."""

    code = "unreadable_archive"
