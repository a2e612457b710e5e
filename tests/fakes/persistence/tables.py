"""The rows of the in-memory database, and transactions on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from framecloak.domain.anonymization.model.orders.batch import Batch
from framecloak.domain.anonymization.model.orders.template import Template
from framecloak.domain.anonymization.model.request import AnonymizationRequest, DownloadToken, WorkSpec
from framecloak.domain.anonymization.model.slices import SliceKind
from framecloak.domain.anonymization.model.text_policy import InstallationLists
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import ApiKey, Session, User
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import GrantRole, MarkedRegion, MarkedSegment, PendingUpload, Video
from framecloak.domain.ports.database import AuditEntry
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery
from framecloak.domain.ports.repositories.webhooks import NoticeEvent, NoticeState


@dataclass(frozen=True)
class SliceEntry:
    """A row of slices; ``lease_until`` applies while it is leased, ``not_before`` while it waits."""

    kind: SliceKind
    segment: Segment
    state: str = "waiting"
    owner: str | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None
    attempts: int = 0
    failures: int = 0
    postponed: int = 0
    processed_frames: int = 0
    blanked_frames: int = 0
    part_key: str | None = None
    part_sha256: str | None = None


@dataclass(frozen=True)
class NoticeEntry:
    """A row of the webhook notices."""

    request_id: UUID
    url: str
    due_at: datetime | None
    event: NoticeEvent = NoticeEvent.ENDED
    state: NoticeState = NoticeState.PENDING
    attempts: int = 0
    settled_at: datetime | None = None
    failure: str | None = None


@dataclass
class Tables:
    """Rows by primary key, in insertion order."""

    users: dict[int, User] = field(default_factory=dict)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    external_identities: dict[tuple[str, str], int] = field(default_factory=dict)
    used_refresh_tokens: dict[bytes, datetime] = field(default_factory=dict)
    api_keys: dict[int, ApiKey] = field(default_factory=dict)
    videos: dict[int, Video] = field(default_factory=dict)
    frame_indexes: dict[int, bytes] = field(default_factory=dict)
    segments: dict[int, MarkedSegment] = field(default_factory=dict)
    regions: dict[int, MarkedRegion] = field(default_factory=dict)
    grants: dict[tuple[int, int], GrantRole] = field(default_factory=dict)
    named_grants: dict[tuple[int, int], bool] = field(default_factory=dict)
    uploads: dict[str, PendingUpload] = field(default_factory=dict)
    requests: dict[UUID, AnonymizationRequest] = field(default_factory=dict)
    snapshots: dict[UUID, WorkSpec] = field(default_factory=dict)
    admitted: dict[UUID, datetime] = field(default_factory=dict)
    slices: dict[tuple[UUID, int], SliceEntry] = field(default_factory=dict)
    charged: dict[int, int] = field(default_factory=dict)
    clocks: dict[int, int] = field(default_factory=dict)
    idempotency: dict[tuple[int, str], tuple[UUID, bytes]] = field(default_factory=dict)
    download_tokens: dict[bytes, DownloadToken] = field(default_factory=dict)
    notices: dict[UUID, NoticeEntry] = field(default_factory=dict)
    galleries: dict[UUID, EncryptedGallery] = field(default_factory=dict)
    gallery_faces: dict[UUID, tuple[EncryptedFace, FloatArray]] = field(default_factory=dict)
    templates: dict[UUID, Template] = field(default_factory=dict)
    batches: dict[UUID, Batch] = field(default_factory=dict)
    batch_keys: dict[tuple[int, str], tuple[UUID, bytes]] = field(default_factory=dict)
    seen_frames: dict[tuple[UUID, int], frozenset[int]] = field(default_factory=dict)
    release_documents: dict[UUID, bytes] = field(default_factory=dict)
    text_lists: dict[int, InstallationLists] = field(default_factory=dict)
    audit: dict[int, AuditEntry] = field(default_factory=dict)

    def copy(self) -> Tables:
        return Tables(**{each.name: dict(getattr(self, each.name)) for each in fields(self)})


@dataclass
class Store:
    """The committed rows, and the single lock of writers, like row locks in Postgres."""

    tables: Tables = field(default_factory=Tables)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    writer: asyncio.Task[object] | None = None
    _ids: count[int] = field(default_factory=lambda: count(1))

    def new_id(self) -> int:
        """Return an id that is never reused, not even after a rollback."""
        return next(self._ids)


class Transaction:
    """Reads committed rows until the first write, then a private copy until ``commit``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._working: Tables | None = None

    @property
    def rows(self) -> Tables:
        """Rows for reading only."""
        return self.store.tables if self._working is None else self._working

    async def write(self) -> Tables:
        """Return rows for writing, after any other writer has finished."""
        if self._working is None:
            task = asyncio.current_task()
            if self.store.writing.locked() and self.store.writer is task:
                raise AssertionError("a unit of work writes while another of the same task has not committed")
            await self.store.writing.acquire()
            self.store.writer = task
            self._working = self.store.tables.copy()
        return self._working

    def commit(self) -> None:
        if self._working is not None:
            self.store.tables = self._working
        self.rollback()

    def rollback(self) -> None:
        if self._working is not None:
            self._working = None
            self.store.writer = None
            self.store.writing.release()
