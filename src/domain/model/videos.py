"""Stored videos, their marked segments and regions, and grants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from framecloak.domain.model.segments import Region, Segment


class GrantRole(StrEnum):
    """Permission given by a grant on a video, in ascending order."""

    VIEWER = "viewer"
    """May view the video with its segments and regions."""
    EDITOR = "editor"
    """May also mark segments and regions, and request anonymisation."""
    OWNER = "owner"
    """May also delete and share the video. Not granted: the uploader and administrators have it."""

    def allows(self, required: GrantRole) -> bool:
        """Return True if this role includes the required role."""
        order = list(GrantRole)
        return order.index(self) >= order.index(required)


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Properties of a video file, determined at upload.

    Attributes:
        sha256: hex digest of the file.
        size_bytes: size of the file in bytes.
        width, height: size of a frame in pixels as displayed.
        frame_rate: average frames per second.
        frame_count: number of frames in presentation order.
        duration: duration in seconds.
        rotation: clockwise rotation in degrees that makes the frames upright.
    """

    sha256: str
    size_bytes: int
    width: int
    height: int
    frame_rate: float
    frame_count: int
    duration: float
    rotation: int


class VideoState(StrEnum):
    """Progress of the work on a video, as far as the caller may see it; in the order of the work."""

    NEW = "new"
    """Nothing is marked, and nothing was requested."""
    MARKED = "marked"
    """Segments or regions are marked."""
    ORDERED = "ordered"
    """The latest request is waiting or in progress."""
    FAILED = "failed"
    """The latest request failed."""
    READY = "ready"
    """The latest request is completed; its result awaits review."""
    RELEASED = "released"
    """The result of the latest request was reviewed and released."""


class VideoOrder(StrEnum):
    """Order of a list of videos; ties are listed newest first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    """By title, or by file name without one; case is ignored."""
    STATE = "state"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True)
class VideoFilter:
    """Criteria for listing videos; a criterion that is None is not applied.

    Attributes:
        search: words, all of which occur in title, file name, tags or the reference of a request; case is
            ignored.
        tag: tag of the video; case is ignored.
        state: state of the work.
    """

    search: str | None = None
    tag: str | None = None
    state: VideoState | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """A stored video.

    Attributes:
        id: Positive.
        owner_id: id of the account that uploaded it.
        filename: name given by the owner; never part of a path.
        object_key: key of its bytes in the object store.
        facts: properties of the file.
        created_at: UTC.
        access: role of the requesting caller.
        title: display name; None for the file name. It stays in the installation.
        tags: labels for searching, sorted.
        state: progress of the work, as the requesting caller may see it.
    """

    id: int
    owner_id: int
    filename: str
    object_key: str
    facts: VideoFacts
    created_at: datetime
    access: GrantRole = GrantRole.OWNER
    title: str | None = None
    tags: tuple[str, ...] = ()
    state: VideoState = VideoState.NEW

    @property
    def name(self) -> str:
        """Title of the video, or its file name without one."""
        return self.title or self.filename


@dataclass(frozen=True, slots=True)
class MarkedSegment:
    """A time range marked on a stored video."""

    id: int
    video_id: int
    segment: Segment
    label: str | None


@dataclass(frozen=True, slots=True)
class MarkedRegion:
    """A region marked on a stored video; it is redacted at every level."""

    id: int
    video_id: int
    region: Region
    label: str | None


@dataclass(frozen=True, slots=True)
class VideoGrant:
    """Permission of an account on a video that it does not own.

    Attributes:
        video_id: id of the video.
        user_id: id of the account.
        username: user name of the account.
        role: permission.
        display_name: display name of the account; None without one.
        is_named: True if the account was named by its user name, so that its names are known to the owner.
    """

    video_id: int
    user_id: int
    username: str
    role: GrantRole
    display_name: str | None = None
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """An upload that bypasses the API and goes directly to the object store.

    Attributes:
        id: 128 random bits, hex.
        owner_id: id of the account that started it.
        filename: name of the future video.
        object_key: key for its bytes in the object store.
        expires_at: UTC; it cannot be completed afterwards.
    """

    id: str
    owner_id: int
    filename: str
    object_key: str
    expires_at: datetime
