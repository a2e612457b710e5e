"""Stored videos, what is marked on them, and who may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from framecloak.domain.videos.segments import Region, Segment


class GrantRole(StrEnum):
    """What a grant on a video allows, from least to most."""

    VIEWER = "viewer"
    """May look at the video and what is marked on it."""
    EDITOR = "editor"
    """May also mark it and have it anonymised."""
    OWNER = "owner"
    """May also delete and share it; not granted, but had by whoever uploaded it and by administrators."""

    def allows(self, needed: GrantRole) -> bool:
        """Whether this role includes another."""
        order = list(GrantRole)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video file is, as found when it was uploaded.

    Attributes:
        sha256: hex digest of its bytes.
        size_bytes: of the file.
        width, height: pixels of a frame as displayed.
        frame_rate: average frames a second.
        frame_count: frames in presentation order.
        duration: seconds.
        rotation: degrees clockwise that are applied to show it upright.
    """

    sha256: str
    size_bytes: int
    width: int
    height: int
    frame_rate: float
    frame_count: int
    duration: float
    rotation: int


@dataclass(frozen=True, slots=True)
class Video:
    """A stored video.

    Attributes:
        id: positive.
        owner_id: the account that uploaded it.
        filename: what its owner calls it; never part of a path.
        object_key: where its bytes lie in the object store.
        facts: what it is.
        created_at: UTC.
        access: what whoever asked for it may do with it.
    """

    id: int
    owner_id: int
    filename: str
    object_key: str
    facts: VideoFacts
    created_at: datetime
    access: GrantRole = GrantRole.OWNER


@dataclass(frozen=True, slots=True)
class MarkedSegment:
    """A stretch of a stored video that somebody marked."""

    id: int
    video_id: int
    segment: Segment
    label: str | None


@dataclass(frozen=True, slots=True)
class MarkedRegion:
    """An area of a stored video that somebody marked; it is redacted at every level."""

    id: int
    video_id: int
    region: Region
    label: str | None


@dataclass(frozen=True, slots=True)
class VideoGrant:
    """What an account may do with a video of somebody else."""

    video_id: int
    user_id: int
    username: str
    role: GrantRole


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """An upload that goes past the API, straight into the object store.

    Attributes:
        id: 128 random bits, hex.
        owner_id: who asked for it.
        filename: of the video to be.
        object_key: where the bytes are to lie.
        expires_at: UTC; afterwards it cannot be completed.
    """

    id: str
    owner_id: int
    filename: str
    object_key: str
    expires_at: datetime
