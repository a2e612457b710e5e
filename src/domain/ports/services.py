"""Interfaces to the object store, job queue, rate limiters, authentication, clock and video prober."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.request import Priority


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Metadata of an object in the object store.

    Attributes:
        key: Path in the store: letters, digits, ``.``, ``_``, ``-`` and ``/``.
        size: Size in bytes.
        modified_at: UTC.
    """

    key: str
    size: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Store of videos and results. Objects are written atomically.

    Every method raises ``StorageUnavailableError`` if the store cannot be reached or refuses, and
    ``StorageFullError`` if it is full.
    """

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream of any length without holding it in memory; an existing object is replaced.

        Exceptions of the iterator are passed on; nothing is stored then.
        """
        ...

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a copy of a file."""
        ...

    def local(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Provide an object as a readable file within the block, fetched into ``scratch`` if necessary.

        Raises:
            ObjectNotFoundError: The object does not exist; raised on entering.
        """
        ...

    def kept(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Provide an object like ``local``, but keep the fetched file in a cache for repeated access.

        Deleted objects are removed from the cache, although a file that is open remains readable.

        Raises:
            ObjectNotFoundError: The object does not exist; raised on entering.
        """
        ...

    def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes ``[start, stop)`` in chunks.

        Raises:
            ObjectNotFoundError: The object does not exist; raised with the first chunk.
        """
        ...

    async def stat(self, key: str) -> StoredObject:
        """Return the metadata of an object.

        Raises:
            ObjectNotFoundError: The object does not exist.
        """
        ...

    async def remove(self, key: str) -> None:
        """Delete an object; a missing one is ignored."""
        ...

    async def remove_all(self, prefix: str) -> int:
        """Delete all objects whose key starts with ``prefix`` and return their number."""
        ...

    async def remove_partial(self, before: datetime) -> int:
        """Delete incomplete uploads left behind by killed processes and return their number.

        Args:
            before: Only uploads last written to before this time; uploads in progress must be younger.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield all objects whose key starts with ``prefix``, in order of their keys."""
        ...

    async def presigned_get(self, key: str, filename: str, lasts: timedelta) -> str:
        """Return a temporary URL for downloading an object under a file name."""
        ...

    async def presigned_put(self, key: str, lasts: timedelta) -> str:
        """Return a temporary URL for uploading an object by HTTP PUT."""
        ...

    async def ping(self) -> None:
        """Check the connection."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process with a recent heartbeat.

    Attributes:
        name: Host and process.
        queues: Queues that it processes.
        seen_at: Time of the last heartbeat, UTC.
    """

    name: str
    queues: tuple[str, ...]
    seen_at: datetime


class JobQueue(Protocol):
    """Queue that wakes workers. The work itself is recorded in the database, which is authoritative.

    Every method raises ``QueueUnavailableError`` if the queue cannot be reached.
    """

    async def call_for(self, request_id: UUID, priority: Priority) -> None:
        """Enqueue a wake-up for one slice of a request. A superfluous wake-up does no harm."""
        ...

    async def tickets(self) -> Mapping[UUID, int]:
        """Return the number of waiting wake-ups by request."""
        ...

    async def clean_up(self) -> None:
        """Enqueue a clean-up of expired objects."""
        ...

    async def workers(self) -> Sequence[WorkerInfo]:
        """Return the workers that process slices, without those that only clean up."""
        ...

    async def ping(self) -> None:
        """Check the connection."""
        ...


class Listener(Protocol):
    """Subscription to the changes of one request."""

    async def changed(self, patience: float) -> bool:
        """Wait for a change since the last call, or since the subscription began.

        Args:
            patience: Timeout in seconds.

        Returns:
            True if a change was announced, False after the timeout.
        """
        ...


class ProgressBoard(Protocol):
    """Channel that notifies listeners in any process of changes to a request; the database holds its state.

    Notifications can be lost, so listeners also poll from time to time.
    """

    async def announce(self, request_id: UUID) -> None:
        """Notify the listeners of a request; never raises."""
        ...

    def listen(self, request_id: UUID) -> AbstractContextManager[Listener]:
        """Subscribe to a request within the block."""
        ...


class AttemptLimiter(Protocol):
    """Counter of attempts across all processes. Raises ``QueueUnavailableError`` if it cannot count."""

    async def hit(self, key: str, limit: int, window: timedelta) -> int:
        """Count an attempt unless ``limit`` attempts in the window were counted already.

        Returns:
            0 if the attempt was counted, otherwise the seconds until the next one is allowed.
        """
        ...

    async def give_back(self, key: str) -> None:
        """Undo one counted attempt; has no effect if its window has ended."""
        ...

    async def forget(self, key: str) -> None:
        """Reset the counter of a key."""
        ...


class CallLimiter(Protocol):
    """Rate limiter for calls across all processes. Raises ``QueueUnavailableError`` if it cannot count."""

    async def admit(self, key: str, limit: int, window: timedelta) -> int:
        """Count a call unless ``limit`` calls in the last ``window`` (whole seconds) were counted already.

        Returns:
            0 if the call was counted, otherwise the seconds until the next one may be allowed.
        """
        ...


class PasswordHasher(Protocol):
    """Password hashing. Slow by design; runs off the event loop."""

    async def hash(self, password: str) -> str:
        """Return an Argon2id hash in PHC format."""
        ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Return True if the password matches the hash."""
        ...

    async def verify_nothing(self) -> None:
        """Take as long as ``verify``, so that the response time does not reveal unknown user names."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Tokens that authenticate a program for a limited time.

    Attributes:
        access: JWT for ``Authorization: Bearer``.
        refresh: JWT that is exchanged for the next pair.
        expires_in: Lifetime of ``access`` in seconds.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """Account of a token, with the token generation at the time of issue.

    Attributes:
        user_id: Id of the account.
        generation: The account's ``token_generation`` when the token was issued.
    """

    user_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A valid refresh token, which may have been used before.

    Attributes:
        id: Unique id of the token.
        subject: Account of the token.
        expires_at: UTC.
    """

    id: str
    subject: TokenSubject
    expires_at: datetime


class TokenIssuer(Protocol):
    """Issuer and verifier of JSON Web Tokens (RFC 7519), signed with the key of the installation."""

    def issue(self, user_id: int, generation: int) -> TokenPair:
        """Return a new token pair for an account in a token generation."""
        ...

    def verify_access(self, token: str) -> TokenSubject:
        """Return the account of an access token.

        Raises:
            NotAuthenticatedError: The token is forged, expired, of another kind or of another installation.
        """
        ...

    def verify_refresh(self, token: str) -> RefreshToken:
        """Return the verified refresh token.

        Raises:
            NotAuthenticatedError: As for ``verify_access``.
        """
        ...


class Clock(Protocol):
    """Source of the current time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """Properties of a video file, determined by probing it.

    Attributes:
        width, height: Size of a frame in pixels as displayed.
        frame_rate: Average frames per second.
        frame_count: Number of frames in presentation order.
        duration: Duration in seconds.
        rotation: Clockwise rotation in degrees that makes the frames upright.
        frame_index: Positions of the frames in the file; opaque except to the prober.
    """

    width: int
    height: int
    frame_rate: float
    frame_count: int
    duration: float
    rotation: int
    frame_index: bytes


class VideoProber(Protocol):
    """Reader of video properties and single frames. Blocking; call it outside the event loop."""

    def probe(self, path: Path) -> ProbedVideo:
        """Determine the properties of a video file.

        Raises:
            UnreadableVideoError: The file is not a video, or cannot be decoded.
            TruncatedVideoError: The file ends prematurely.
            DomainError: As for opening a video.
        """
        ...

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        """Return an original frame as JPEG, scaled down to ``width`` pixels unless it is None.

        Raises:
            FrameNotFoundError: The video has no such frame.
        """
        ...
