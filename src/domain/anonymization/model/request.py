"""Requests for anonymised frames: specification, status, result and download tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from framecloak.domain.anonymization.model.identities import IdentityOptions, PinnedPeople
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.record.provenance import BasedOn
from framecloak.domain.anonymization.model.record.reference import archive_name
from framecloak.domain.anonymization.model.record.release import ReleaseRule
from framecloak.domain.anonymization.model.text_policy import TextLists, TextPolicyOptions
from framecloak.domain.errors import AlreadyFinishedError, NotReadyError, NotReleasedError
from framecloak.domain.model.segments import Region, Segment, union


class Status(StrEnum):
    """Status of a request."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True if the status will not change any more."""
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class Priority(StrEnum):
    """Weight of a request among those of all accounts, and queue of its wake-ups."""

    NORMAL = "normal"
    HIGH = "high"


class HighPriorityUsers(StrEnum):
    """Accounts that may use high priority."""

    ADMINS = "admins"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """Specification of a request, before it is checked against the video and the limits.

    Attributes:
        video_id: id of a video that the caller may edit.
        segment_ids: ids of segments marked on that video, at least one.
        level: extent of the redaction.
        appearance: style and format of the frames.
        priority: queue that the request waits in.
        webhook_url: URL to notify when the request ends, or None.
        keep_text: regions in which text stays readable; at level ``full`` only.
        based_on: manifest that supplies the boxes, possibly edited; None to run the detectors.
        identities: people whose faces are redacted or kept; None to redact all faces.
        verify: frames that undergo the residual check.
        pixel_aspect: width to height of one stored pixel as displayed upright; None for what the video
            declares.
        reference: code of the order, such as that of a study; None without one.
        text: text to cover at level ``full``.
        text_lists: lists of the text policy, before they are encrypted; None for a stored request.
    """

    video_id: int
    segment_ids: tuple[int, ...]
    level: Level
    appearance: Appearance
    priority: Priority = Priority.NORMAL
    webhook_url: str | None = field(default=None, repr=False)
    keep_text: tuple[Region, ...] = ()
    based_on: BasedOn | None = None
    identities: IdentityOptions | None = None
    verify: Verify = Verify.SAMPLE
    pixel_aspect: Fraction | None = None
    reference: str | None = None
    text: TextPolicyOptions = field(default_factory=TextPolicyOptions)
    text_lists: TextLists | None = field(default=None, repr=False)

    @property
    def recognises_faces(self) -> bool:
        """True if faces are recognised. Boxes from a manifest were recognised when the manifest was made."""
        return self.identities is not None and self.based_on is None


@dataclass(frozen=True, slots=True)
class WorkSpec:
    """State of a video's marks at submission; later changes to the marks do not affect the request.

    Attributes:
        segments: segments of the request, by their ids.
        regions: all regions of the video; for an edited result, without the frames in which they were
            removed.
        boxes: known boxes to redact, as written by `BoxTable.packed`; None to run the detectors.
        people: people enrolled in the request's gallery; None if it names no gallery.
        earlier: identity decisions of the result that the boxes come from, as written by
            `InheritedIdentities.to_bytes`; None if it contains none.
        history: corrections that led to the boxes, as written by `History.to_bytes`; None without boxes.
        earlier_text: decisions on text of that result, as written by `InheritedText.to_bytes`; None if it
            contains none.
        text_lists: encrypted lists of the text policy; None without a policy, and once the request has ended.
    """

    segments: Mapping[int, Segment]
    regions: tuple[Region, ...]
    boxes: bytes | None = None
    people: PinnedPeople | None = None
    earlier: bytes | None = None
    history: bytes | None = None
    earlier_text: bytes | None = None
    text_lists: bytes | None = field(default=None, repr=False)

    @property
    def ranges(self) -> tuple[Segment, ...]:
        """Frames to deliver, each once, as disjoint ascending ranges."""
        return tuple(union(self.segments.values()))

    @property
    def frame_count(self) -> int:
        """Number of frames to deliver; overlaps between segments count once."""
        return sum(len(segment) for segment in self.ranges)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """Result of a request in the object store.

    Attributes:
        key: key of the ZIP in the object store.
        size_bytes: size of the ZIP.
        sha256: SHA-256 of the ZIP, hex; None for results of versions that did not record it.
    """

    key: str
    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class AnonymizationRequest:
    """Accepted request.

    Attributes:
        id: random id.
        user_id: id of the user who submitted it.
        spec: specification of the request.
        status: current status.
        total_frames: number of frames to deliver; overlaps between segments count once.
        processed_frames: number of frames that are finished.
        blanked_frames: number of frames that are black because they could not be analysed or failed the
            residual check; set when the result is assembled.
        created_at, started_at, completed_at: UTC; None if the event has not happened yet.
        error: reason of the failure in plain language; None otherwise.
        error_code: reason of the failure as a stable code; None if there is none or none was recorded.
        result_key: key of the ZIP in the object store; None until it is complete.
        result_bytes: size of the ZIP in bytes.
        result_sha256: SHA-256 of the ZIP, hex; None if it was not recorded.
        released_at: time of the release of its result, UTC; None if it was not released.
        released_by: name or code of the person who released it; None if it was not released.
    """

    id: UUID
    user_id: int
    spec: RequestSpec
    status: Status
    total_frames: int
    processed_frames: int
    blanked_frames: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    error_code: str | None
    result_key: str | None
    result_bytes: int | None
    result_sha256: str | None = None
    released_at: datetime | None = None
    released_by: str | None = None

    @property
    def progress(self) -> int:
        """Progress in whole percent, rounded down; 100 only once the request is completed."""
        if self.status is Status.COMPLETED:
            return 100
        return min(99, 100 * self.processed_frames // max(1, self.total_frames))

    @property
    def known_blanked_frames(self) -> int | None:
        """Number of black frames in the result; None until there is a result."""
        return self.blanked_frames if self.status is Status.COMPLETED else None

    def archive_name(self, title: str | None = None) -> str:
        """Return the file name of the result.

        Args:
            title: title of the video as results may name it; used where the order has no reference.
        """
        day = (self.completed_at or self.created_at).date()
        name, is_corrected = self.spec.reference or title, self.spec.based_on is not None
        return archive_name(name, str(self.id), self.spec.level, day, is_corrected=is_corrected)

    def require_unfinished(self) -> None:
        """Raise an error if the request has ended.

        Raises:
            AlreadyFinishedError: it has ended.
        """
        if self.status.is_final:
            raise AlreadyFinishedError(f"the request has ended already; its status is {self.status}")

    def require_result(self) -> str:
        """Return the key of the ZIP in the object store.

        Raises:
            NotReadyError: there is no result.
        """
        if self.status is not Status.COMPLETED:
            hint = "submit the request again" if self.status.is_final else "wait until it is completed"
            raise NotReadyError(f"the request has no result; its status is {self.status}", hint)
        if self.result_key is None:
            raise NotReadyError("the result has expired or was deleted", "submit the request again")
        return self.result_key

    def require_release(self, rule: ReleaseRule) -> None:
        """Raise an error if its result may not be downloaded before it is released.

        Raises:
            NotReleasedError: the result is not released, and the rule requires it.
        """
        if rule.is_required and self.released_at is None:
            raise NotReleasedError("the result is not released", "review the result and release it")

    def require_stored_result(self) -> StoredResult:
        """Return the result in the object store.

        Raises:
            NotReadyError: there is no result.
        """
        return StoredResult(self.require_result(), self.result_bytes or 0, self.result_sha256)


@dataclass(frozen=True, slots=True)
class DownloadToken:
    """Token that allows one download of one result.

    Attributes:
        digest: SHA-256 of the secret; the secret itself is not stored.
        request_id: id of the request whose result it gives access to.
        expires_at: UTC.
        used_at: UTC, or None if it has not been used.
        user_id: id of the account that created it; None if it was created before this was recorded.
    """

    digest: bytes
    request_id: UUID
    expires_at: datetime
    used_at: datetime | None
    user_id: int | None = None
