"""Errors of stored videos, their segments, regions and grants, and of uploads."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError, UserMessage


class VideoNotFoundError(DomainError):
    """The video does not exist, or the caller may not see it."""

    code = "video_not_found"


class OriginalDamagedError(DomainError):
    """The stored file of the video is not the one that was uploaded."""

    code = "original_damaged"
    user_message_override = UserMessage(
        "the stored file of the video is not the one that was uploaded",
        "upload the video again; the operator of the installation has been alerted",
    )


class SegmentNotFoundError(DomainError):
    """The video has no such segment."""

    code = "segment_not_found"


class RegionNotFoundError(DomainError):
    """The video has no such region."""

    code = "region_not_found"


class OtherFrameShapeError(DomainError):
    """The marks are for frames of another shape."""

    code = "other_frame_shape"


class MarksTooLateError(DomainError):
    """The marks end after the video."""

    code = "marks_too_late"


class GrantNotFoundError(DomainError):
    """The account has no grant on this video."""

    code = "grant_not_found"


class FrameNotFoundError(DomainError):
    """The video has no frame with this index."""

    code = "frame_not_found"


class FrameDamagedError(DomainError):
    """The frame is damaged in the video's file."""

    code = "frame_damaged"


class UploadNotFoundError(DomainError):
    """The upload does not exist, has expired, or its bytes never arrived."""

    code = "upload_not_found"


class UploadTooLargeError(DomainError):
    """The upload is larger than allowed."""

    code = "upload_too_large"


class UploadIncompleteError(DomainError):
    """The upload ended before all of its bytes had arrived."""

    code = "upload_incomplete"


class VideoInUseError(DomainError):
    """An unfinished request still needs the video."""

    code = "video_in_use"
