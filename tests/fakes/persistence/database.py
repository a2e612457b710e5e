"""An in-memory database with the guarantees of ``framecloak.domain.ports.database``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from fakes.persistence.accounts import (
    FakeApiKeyRepository,
    FakeAuditLogRepository,
    FakeExternalIdentityRepository,
    FakeRefreshTokenRepository,
    FakeSessionRepository,
    FakeUserRepository,
)
from fakes.persistence.batches import FakeBatchRepository, FakeTemplateRepository
from fakes.persistence.galleries import FakeGalleryFaceRepository, FakeGalleryRepository
from fakes.persistence.releases import FakeReleaseRepository
from fakes.persistence.requests import FakeDownloadTokenRepository, FakeRequestRepository
from fakes.persistence.slices import FakeSliceRepository
from fakes.persistence.statistics import FakeStatisticsRepository
from fakes.persistence.tables import Store, Tables, Transaction
from fakes.persistence.text_lists import FakeTextListRepository
from fakes.persistence.videos import (
    FakeGrantRepository,
    FakeMarkRepository,
    FakeUploadRepository,
    FakeVideoRepository,
)
from fakes.persistence.webhooks import FakeNoticeRepository
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.database import (
    ApiKeyRepository,
    AuditLogRepository,
    BatchRepository,
    DownloadTokenRepository,
    ExternalIdentityRepository,
    GalleryFaceRepository,
    GalleryRepository,
    GrantRepository,
    MarkRepository,
    NoticeRepository,
    RefreshTokenRepository,
    ReleaseRepository,
    RequestRepository,
    SessionRepository,
    SliceRepository,
    StatisticsRepository,
    TemplateRepository,
    TextListRepository,
    UploadRepository,
    UserRepository,
    VideoRepository,
)


class FakeUnitOfWork:
    """A unit of work whose writes are visible to others after ``commit`` only."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database
        self._transaction = Transaction(database.store)
        self.users: UserRepository = FakeUserRepository(self._transaction)
        self.sessions: SessionRepository = FakeSessionRepository(self._transaction)
        self.external_identities: ExternalIdentityRepository = FakeExternalIdentityRepository(
            self._transaction
        )
        self.refresh_tokens: RefreshTokenRepository = FakeRefreshTokenRepository(self._transaction)
        self.api_keys: ApiKeyRepository = FakeApiKeyRepository(self._transaction)
        self.videos: VideoRepository = FakeVideoRepository(self._transaction)
        self.marks: MarkRepository = FakeMarkRepository(self._transaction)
        self.grants: GrantRepository = FakeGrantRepository(self._transaction)
        self.uploads: UploadRepository = FakeUploadRepository(self._transaction)
        self.requests: RequestRepository = FakeRequestRepository(self._transaction)
        self.statistics: StatisticsRepository = FakeStatisticsRepository(self._transaction)
        self.slices: SliceRepository = FakeSliceRepository(self._transaction)
        self.download_tokens: DownloadTokenRepository = FakeDownloadTokenRepository(self._transaction)
        self.notices: NoticeRepository = FakeNoticeRepository(self._transaction)
        self.galleries: GalleryRepository = FakeGalleryRepository(self._transaction)
        self.gallery_faces: GalleryFaceRepository = FakeGalleryFaceRepository(self._transaction)
        self.templates: TemplateRepository = FakeTemplateRepository(self._transaction)
        self.batches: BatchRepository = FakeBatchRepository(self._transaction)
        self.releases: ReleaseRepository = FakeReleaseRepository(self._transaction)
        self.text_lists: TextListRepository = FakeTextListRepository(self._transaction)
        self.audit: AuditLogRepository = FakeAuditLogRepository(self._transaction)

    async def __aenter__(self) -> Self:
        await self._database.ping()
        self._database.open += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transaction.rollback()
        self._database.open -= 1

    async def commit(self) -> None:
        await self._database.ping()
        self._transaction.commit()
        self._database.commits += 1


class FakeDatabase:
    """Keeps rows in memory.

    Args:
        now: current time, used for ``created_at``.

    Attributes:
        reachable: set it to False to make every unit of work fail.
        commits: number of commits.
        open: number of open units of work.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = Store(now=now)
        self.reachable = True
        self.commits = 0
        self.open = 0

    @property
    def tables(self) -> Tables:
        """The committed rows, for tests."""
        return self.store.tables

    def unit_of_work(self) -> FakeUnitOfWork:
        return FakeUnitOfWork(self)

    async def ping(self) -> None:
        if not self.reachable:
            raise DatabaseUnavailableError(
                "the database cannot be reached", "start it, or check DATABASE_URL"
            )
