"""Schemas of releases: progress of a review, and the release of a result."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta

from framecloak.domain.anonymization.model.record.release import Release
from framecloak.domain.anonymization.review.releases import MAX_FRAMES_PER_MARK, ReviewProgress
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.reviews import Number


class SeenBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames that the caller has seen."""

    frames: Annotated[
        list[Number],
        Meta(
            min_length=1,
            max_length=MAX_FRAMES_PER_MARK,
            description="Indices of frames in the video.",
            examples=[[0, 1, 2]],
        ),
    ]


class ReviewProgressView(View, frozen=True, kw_only=True):
    """Share of a result that the caller has seen, and its release."""

    frames: Annotated[int, Meta(description="Number of frames in the result.", examples=[150])]
    seen: Annotated[int, Meta(description="Number of frames that the caller has seen.", examples=[12])]
    risky: Annotated[
        int, Meta(description="Number of frames that are black or have weak evidence.", examples=[10])
    ]
    seen_risky: Annotated[int, Meta(description="Number of those that the caller has seen.", examples=[9])]
    next_unseen: Annotated[
        int | None,
        Meta(description="Riskiest of those that the caller has not seen; null if none.", examples=[42]),
    ]
    may_release: Annotated[bool, Meta(description="Whether the caller may release the result now.")]
    released_at: Annotated[datetime | None, Meta(description="Time of the release; null if not released.")]
    released_by: Annotated[
        str | None,
        Meta(
            description="Name or code of the person who released it; null if not released.", examples=["ada"]
        ),
    ]

    @classmethod
    def of(cls, progress: ReviewProgress) -> Self:
        """Build the view of a person's progress."""
        return cls(
            frames=progress.frames,
            seen=progress.seen,
            risky=progress.risky,
            seen_risky=progress.seen_risky,
            next_unseen=progress.next_unseen,
            may_release=progress.may_release,
            released_at=progress.request.released_at,
            released_by=progress.request.released_by,
        )


class ReleaseView(View, frozen=True, kw_only=True):
    """A release of a result."""

    request_id: UUID
    released_at: datetime
    released_by: Annotated[
        str, Meta(description="Name or code of the person who released it.", examples=["ada"])
    ]
    manifest_sha256: Annotated[str, Meta(description="SHA-256 of the manifest of the result, in hex.")]
    risky: Annotated[
        int, Meta(description="Number of frames that are black or have weak evidence.", examples=[10])
    ]
    seen_risky: Annotated[int, Meta(description="Number of those that this person has seen.", examples=[10])]

    @classmethod
    def of(cls, release: Release) -> Self:
        """Build the view of a release."""
        return cls(
            request_id=release.request_id,
            released_at=release.released_at,
            released_by=release.released_by,
            manifest_sha256=release.manifest_sha256,
            risky=release.risky_frames,
            seen_risky=release.seen_risky_frames,
        )
