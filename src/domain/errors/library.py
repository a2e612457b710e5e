"""What can go wrong with stored videos, what is marked on them, and uploads."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError


class VideoNotFoundError(DomainError):
    """There is no such video, or the caller may not see it."""

    code = "video_not_found"


class SegmentNotFoundError(DomainError):
    """There is no such segment on that video."""

    code = "segment_not_found"


class RegionNotFoundError(DomainError):
    """There is no such region on that video."""

    code = "region_not_found"


class GrantNotFoundError(DomainError):
    """That account has no grant on that video."""

    code = "grant_not_found"


class FrameNotFoundError(DomainError):
    """The video has no frame of that number."""

    code = "frame_not_found"


class UploadNotFoundError(DomainError):
    """There is no such upload, it expired, or its bytes never arrived."""

    code = "upload_not_found"


class UploadTooLargeError(DomainError):
    """More bytes than an upload may have."""

    code = "upload_too_large"


class UploadIncompleteError(DomainError):
    """An upload that ended before all its bytes had come."""

    code = "upload_incomplete"


class VideoInUseError(DomainError):
    """A video that an unfinished request still needs."""

    code = "video_in_use"
