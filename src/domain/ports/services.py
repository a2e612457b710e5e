"""What the service asks of its object store, its queue, its clock and its locksmith."""

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
    """Something in the object store.

    Attributes:
        key: its path there: letters, digits, ``.``, ``_``, ``-`` and ``/``.
        size: bytes.
        modified_at: UTC.
    """

    key: str
    size: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Videos and results. An object is there as a whole, or not at all.

    Every method raises ``StorageUnavailableError`` when the store cannot be reached or refuses, and
    ``StorageFullError`` when it is full.
    """

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream of any length without holding it in memory; replaces what was there.

        Whatever the iterator raises comes through, and nothing stays behind.
        """
        ...

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a file; it stays where it is."""
        ...

    def local(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """The object as a file that can be read while the block lasts; fetched into ``scratch`` if need be.

        Raises:
            ObjectNotFoundError: on entering, there is none.
        """
        ...

    def kept(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """As ``local``, for what is looked into again and again: what was fetched may be kept for a while.

        What was deleted is not kept, though who has it open may read it to the end.

        Raises:
            ObjectNotFoundError: on entering, there is none.
        """
        ...

    def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes ``[start, stop)`` in chunks.

        Raises:
            ObjectNotFoundError: at the first chunk, there is none.
        """
        ...

    async def stat(self, key: str) -> StoredObject:
        """What is there.

        Raises:
            ObjectNotFoundError: nothing.
        """
        ...

    async def remove(self, key: str) -> None:
        """Delete an object; no matter if it is not there."""
        ...

    async def remove_all(self, prefix: str) -> int:
        """Delete everything whose key begins so; returns how many."""
        ...

    async def remove_partial(self, before: datetime) -> int:
        """Delete what never became an object because its process was killed; returns how many.

        Args:
            before: begun, or last added to, before that time; what is being stored now must be younger.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Everything whose key begins so, in order of keys."""
        ...

    async def presigned_get(self, key: str, filename: str, lasts: timedelta) -> str:
        """An address that hands out the object, to be saved under a name, until it expires."""
        ...

    async def presigned_put(self, key: str, lasts: timedelta) -> str:
        """An address that takes an object in by HTTP PUT until it expires."""
        ...

    async def ping(self) -> None:
        """Ask it for a sign of life."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process that gave a sign of life not long ago.

    Attributes:
        name: host and process.
        queues: what it works on.
        seen_at: UTC.
    """

    name: str
    queues: tuple[str, ...]
    seen_at: datetime


class JobQueue(Protocol):
    """Calls workers; a transport, not the truth. What is to be done stands in the database.

    Every method raises ``QueueUnavailableError`` when the queue cannot be reached.
    """

    async def call_for(self, request_id: UUID, priority: Priority) -> None:
        """Write a ticket: some worker shall do a slice of a request. One too many does no harm."""
        ...

    async def tickets(self) -> Mapping[UUID, int]:
        """How many tickets of which requests wait."""
        ...

    async def clean_up(self) -> None:
        """Have what expired removed."""
        ...

    async def workers(self) -> Sequence[WorkerInfo]:
        """Who does slices; not who tidies up alone."""
        ...

    async def ping(self) -> None:
        """Ask it for a sign of life."""
        ...


class Listener(Protocol):
    """Hears that something about one request has changed."""

    async def changed(self, patience: float) -> bool:
        """Wait for a change since the last call, or since it began to listen.

        Args:
            patience: seconds to wait at most.

        Returns:
            False when there was none in that time, as far as is known.
        """
        ...


class ProgressBoard(Protocol):
    """Tells whoever listens, in any process, that a request has changed. What has changed says the database.

    It may lose an announcement, so listeners look by themselves now and then.
    """

    async def announce(self, request_id: UUID) -> None:
        """Say that something has changed; never raises."""
        ...

    def listen(self, request_id: UUID) -> AbstractContextManager[Listener]:
        """Listen to a request while the block lasts."""
        ...


class AttemptLimiter(Protocol):
    """Counts tries, over all processes; raises ``QueueUnavailableError`` when it cannot count."""

    async def hit(self, key: str, limit: int, window: timedelta) -> int:
        """Count one try, unless there were ``limit`` in the window already.

        Returns:
            0 when it was counted, else seconds until the next is welcome.
        """
        ...

    async def give_back(self, key: str) -> None:
        """Take back one try that was counted; no matter if its window is over."""
        ...

    async def forget(self, key: str) -> None:
        """Start counting anew."""
        ...


class CallLimiter(Protocol):
    """Counts calls, over all processes; raises ``QueueUnavailableError`` when it cannot count."""

    async def admit(self, key: str, limit: int, window: timedelta) -> int:
        """Count a call, unless there were ``limit`` in the last ``window``, in whole seconds.

        Returns:
            0 when it was counted, else seconds until the next may be welcome.
        """
        ...


class PasswordHasher(Protocol):
    """Keeps passwords unreadable. Slow by intention; runs off the event loop."""

    async def hash(self, password: str) -> str:
        """An Argon2id hash in PHC format."""
        ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Whether they belong together."""
        ...

    async def verify_nothing(self) -> None:
        """Take as long as ``verify`` does, so that an unknown name is not told apart by time."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a program signs in with, for a while.

    Attributes:
        access: a JWT for ``Authorization: Bearer``.
        refresh: a JWT that gets the next pair.
        expires_in: seconds that ``access`` is good for.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """Whose token it is, and when in the account's life it was issued.

    Attributes:
        user_id: of the account.
        generation: the account's ``token_generation`` at that time.
    """

    user_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that is good, unless it was used.

    Attributes:
        id: told apart from every other by it.
        subject: whose it is.
        expires_at: UTC.
    """

    id: str
    subject: TokenSubject
    expires_at: datetime


class TokenIssuer(Protocol):
    """Issues and checks JSON Web Tokens (RFC 7519), signed with the installation's key."""

    def issue(self, user_id: int, generation: int) -> TokenPair:
        """A new pair for an account in that generation of its tokens."""
        ...

    def verify_access(self, token: str) -> TokenSubject:
        """Whose access token it is.

        Raises:
            NotAuthenticatedError: it is altered, expired, of another kind or of another installation.
        """
        ...

    def verify_refresh(self, token: str) -> RefreshToken:
        """Which refresh token it is, and whose.

        Raises:
            NotAuthenticatedError: as for ``verify_access``.
        """
        ...


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Now, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """What a video file turned out to be.

    Attributes:
        width, height: pixels of a frame as displayed.
        frame_rate: average frames a second.
        frame_count: frames in presentation order.
        duration: seconds.
        rotation: degrees clockwise applied to show it upright.
        frame_index: where its frames are; opaque to everyone but the prober.
    """

    width: int
    height: int
    frame_rate: float
    frame_count: int
    duration: float
    rotation: int
    frame_index: bytes


class VideoProber(Protocol):
    """Looks at video files; blocking, to be called off the event loop."""

    def probe(self, path: Path) -> ProbedVideo:
        """Find out what a file is.

        Raises:
            UnreadableVideoError: no video, or one that cannot be decoded.
            TruncatedVideoError: it ends early.
            DomainError: as for opening a video.
        """
        ...

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        """One original frame as JPEG, shrunk to a width when one is given.

        Raises:
            FrameNotFoundError: there is no such frame.
        """
        ...
