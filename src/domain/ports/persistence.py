"""What the service asks of its database.

Whatever takes a ``Principal`` is scoped to it: what the caller may not see does not exist for it. Times are
timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar
from uuid import UUID

from domain.accounts import ApiKey, Principal, Role, Session, User
from domain.anonymization.lifecycle import AnonymizationRequest, DownloadToken, Order, Status
from domain.library import (
    GrantRole,
    MarkedRegion,
    MarkedSegment,
    PendingUpload,
    Video,
    VideoFacts,
    VideoGrant,
)
from domain.videos import Region, Segment

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A stretch of a longer list.

    Attributes:
        items: at most as many as were asked for.
        total: how many there are in all.
    """

    items: Sequence[Item]
    total: int


class Users(Protocol):
    """Accounts."""

    async def add(self, username: str, password_hash: str, role: Role) -> User:
        """Create an account.

        Raises:
            UsernameTakenError: there is one of that name, whatever its case.
        """
        ...

    async def get(self, user_id: int) -> User:
        """One account.

        Raises:
            UserNotFoundError: there is none.
        """
        ...

    async def by_name(self, username: str) -> User | None:
        """The account of that name, whatever its case."""
        ...

    async def list(self, limit: int, offset: int) -> Page[User]:
        """Accounts, oldest first."""
        ...

    async def update(self, user: User) -> None:
        """Store what changed: role, password hash, whether it is disabled.

        Raises:
            UserNotFoundError: there is none.
        """
        ...


class Sessions(Protocol):
    """Browsers that are signed in."""

    async def add(self, session: Session) -> None:
        """Sign one in."""
        ...

    async def find(self, digest: bytes, now: datetime) -> User | None:
        """Whose session it is, unless it expired."""
        ...

    async def remove(self, digest: bytes) -> None:
        """Sign one out; no matter if it is not there."""
        ...

    async def remove_of(self, user_id: int) -> None:
        """Sign an account out everywhere."""
        ...

    async def remove_expired(self, now: datetime) -> int:
        """Forget what is over; returns how many."""
        ...


class ApiKeys(Protocol):
    """Secrets for programs."""

    async def add(
        self, user_id: int, name: str, prefix: str, digest: bytes, expires_at: datetime | None
    ) -> ApiKey:
        """Store a key."""
        ...

    async def list(self, user_id: int) -> Sequence[ApiKey]:
        """The keys of an account, newest first."""
        ...

    async def find(self, digest: bytes, now: datetime) -> tuple[ApiKey, User] | None:
        """The key and whose it is, unless it expired."""
        ...

    async def touch(self, key_id: int, now: datetime) -> None:
        """Note that it was used."""
        ...

    async def remove(self, key_id: int, user_id: int) -> ApiKey:
        """Revoke a key of an account; returns what it was.

        Raises:
            ApiKeyNotFoundError: the account has no such key.
        """
        ...


class Videos(Protocol):
    """Stored videos."""

    async def add(
        self, owner_id: int, filename: str, object_key: str, facts: VideoFacts, frame_index: bytes
    ) -> Video:
        """Store a video and where its frames are; the index is opaque here."""
        ...

    async def get(self, video_id: int, principal: Principal, needed: GrantRole) -> Video:
        """A video that the caller may use so.

        Raises:
            VideoNotFoundError: there is none, or the caller may not even see it.
            ForbiddenError: the caller may see it, and not do what is needed.
        """
        ...

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Video]:
        """Videos that the caller may see, newest first."""
        ...

    async def remove(self, video_id: int) -> None:
        """Delete it with everything marked on it.

        Raises:
            VideoInUseError: an unfinished request needs it.
        """
        ...


class Marks(Protocol):
    """Segments and regions marked on videos; the caller has checked access to the video."""

    async def add_segment(self, video_id: int, segment: Segment, label: str | None) -> MarkedSegment:
        """Mark a stretch of time."""
        ...

    async def segments(self, video_id: int) -> Sequence[MarkedSegment]:
        """All of a video, in order of time."""
        ...

    async def segment(self, video_id: int, segment_id: int) -> MarkedSegment:
        """One of a video.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def update_segment(self, marked: MarkedSegment) -> None:
        """Store its new limits and label.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def remove_segment(self, video_id: int, segment_id: int) -> None:
        """Remove one.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def add_region(self, video_id: int, region: Region, label: str | None) -> MarkedRegion:
        """Mark an area."""
        ...

    async def regions(self, video_id: int) -> Sequence[MarkedRegion]:
        """All of a video, oldest first."""
        ...

    async def remove_region(self, video_id: int, region_id: int) -> None:
        """Remove one.

        Raises:
            RegionNotFoundError: the video has no such region.
        """
        ...


class Grants(Protocol):
    """Who else may use a video; the caller has checked that it may share it."""

    async def list(self, video_id: int) -> Sequence[VideoGrant]:
        """All grants on a video."""
        ...

    async def put(self, video_id: int, user_id: int, role: GrantRole) -> VideoGrant:
        """Give or change a grant.

        Raises:
            UserNotFoundError: there is no such account.
        """
        ...

    async def remove(self, video_id: int, user_id: int) -> None:
        """Take a grant back.

        Raises:
            GrantNotFoundError: there is none.
        """
        ...


class Uploads(Protocol):
    """Uploads that go straight into the object store."""

    async def add(self, upload: PendingUpload) -> None:
        """Expect one."""
        ...

    async def take(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """Stop expecting one, because it is being completed; only one caller succeeds.

        Raises:
            UploadNotFoundError: the account has none of that id, or it expired.
        """
        ...

    async def remove_expired(self, now: datetime) -> Sequence[PendingUpload]:
        """Stop expecting what is overdue; returns what that was."""
        ...


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests to list; None means any."""

    video_id: int | None = None
    status: Status | None = None


class Requests(Protocol):
    """Requests for anonymised frames."""

    async def add(
        self, user_id: int, order: Order, total_frames: int, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        """Store an order as pending.

        Args:
            user_id: who submits it.
            order: checked already.
            total_frames: frames to deliver.
            idempotency: the caller's key and a digest of the order.

        Returns:
            The request, and whether it is new: with a key that was used before, it is the one from then.

        Raises:
            IdempotencyConflictError: the key was used with a different order.
        """
        ...

    async def get(self, request_id: UUID, principal: Principal) -> AnonymizationRequest:
        """One that the caller may see.

        Raises:
            RequestNotFoundError: there is none, or it is somebody else's.
        """
        ...

    async def list(
        self, principal: Principal, wanted: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Those that the caller may see, newest first."""
        ...

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        """Take a pending request into work; None when it is not pending (any more)."""
        ...

    async def release(self, request_id: UUID) -> None:
        """Put a request back from processing to pending, because its worker stops; none of it is done."""
        ...

    async def advance(self, request_id: UUID, processed_frames: int) -> Status:
        """Note how far it is; returns where it stands now, so that the worker sees a cancellation."""
        ...

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: tuple[str, int] | None = None,
        error: str | None = None,
    ) -> bool:
        """Bring it to a final status, with the result's key and bytes; False when it had one already."""
        ...

    async def withdraw(self, request_id: UUID) -> None:
        """Remove a request that nobody could be told to do, as if it had never been submitted."""
        ...

    async def counts(self) -> Mapping[Status, int]:
        """How many there are, by status."""
        ...

    async def rates(self, last: int) -> Sequence[tuple[int, float]]:
        """Frames and seconds of the requests completed last, newest first."""
        ...

    async def frames_waiting(self) -> int:
        """Frames still to be done in all unfinished requests."""
        ...

    async def unfinished(self) -> Sequence[tuple[UUID, Order, Status]]:
        """What is pending or in work, oldest first."""
        ...

    async def results_older_than(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        """Ids and result keys of requests completed before a moment."""
        ...

    async def forget_result(self, request_id: UUID) -> None:
        """Note that its result was deleted."""
        ...


class DownloadTokens(Protocol):
    """Rights to fetch a result once."""

    async def add(self, token: DownloadToken) -> None:
        """Store one."""
        ...

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """Use one up, atomically: of many callers, one gets the request.

        Raises:
            TokenNotFoundError: there is none like that for this request.
            TokenUsedError: somebody was quicker.
            TokenExpiredError: it came too late.
        """
        ...

    async def remove_spent(self, now: datetime) -> int:
        """Forget those that were used or expired; returns how many."""
        ...


class AuditLog(Protocol):
    """Who did what; rows are only ever added."""

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        """Record an action, as ``request.submit``, on a subject, as ``request:<id>``."""
        ...


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without ``commit`` undoes everything."""

    users: Users
    sessions: Sessions
    api_keys: ApiKeys
    videos: Videos
    marks: Marks
    grants: Grants
    uploads: Uploads
    requests: Requests
    download_tokens: DownloadTokens
    audit: AuditLog

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Undo what was not committed."""
        ...

    async def commit(self) -> None:
        """Make it last."""
        ...


class Database(Protocol):
    """Where units of work come from."""

    def unit_of_work(self) -> UnitOfWork:
        """A new one, to be entered."""
        ...

    async def ping(self) -> None:
        """Ask it for a sign of life.

        Raises:
            DatabaseUnavailableError: there was none.
        """
        ...
