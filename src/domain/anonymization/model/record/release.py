"""Release of a result: the statement of a person that it was looked at and may be handed on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ReleaseRule(StrEnum):
    """Condition for downloads of results."""

    OPTIONAL = "optional"
    """Results can be downloaded at any time; releases are recorded."""
    REQUIRED = "required"
    """Results can be downloaded once they are released."""
    SECOND_PERSON = "second_person"
    """Results can be downloaded once a person has released them who neither ordered nor corrected them."""

    @property
    def is_required(self) -> bool:
        """True if only released results can be downloaded."""
        return self is not ReleaseRule.OPTIONAL


class Reviewers(StrEnum):
    """People who may review and release results, besides those who ordered them."""

    ADMINISTRATORS = "administrators"
    """Administrators only."""
    COLLEAGUES = "colleagues"
    """Also the owner of the video, and everybody with whom it is shared."""

    @property
    def include_colleagues(self) -> bool:
        """True if people who may see a video may review the results made from it."""
        return self is Reviewers.COLLEAGUES


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Release of a result.

    Attributes:
        request_id: request whose result is released.
        manifest_sha256: hex digest of its manifest.
        result_sha256: hex digest of its archive; None for results of versions that did not record it.
        released_at: UTC.
        released_by: name or code of the person who released it.
        frames: number of frames in the result.
        seen_frames: number of frames that this person has seen.
        risky_frames: number of frames with weak evidence.
        seen_risky_frames: number of frames with weak evidence that this person has seen.
    """

    request_id: UUID
    manifest_sha256: str
    result_sha256: str | None
    released_at: datetime
    released_by: str
    frames: int
    seen_frames: int
    risky_frames: int
    seen_risky_frames: int
