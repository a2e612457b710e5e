"""What can be wrong with a file that is given."""

from __future__ import annotations

from framecloak.domain.errors.base import ASK, DomainError, Told


class InputNotFoundError(DomainError):
    """An input path does not exist or cannot be opened."""

    code = "input_not_found"
    outside = Told("a file that is needed cannot be opened", ASK)


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


class InvalidImageError(DomainError):
    """The bytes are not a picture that can be decoded."""

    code = "invalid_image"


class UnreadableArchiveError(DomainError):
    """A file that is no result of this program, so that it cannot be verified."""

    code = "unreadable_archive"
