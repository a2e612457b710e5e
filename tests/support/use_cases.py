"""The service's use cases on fakes, with a few people and videos in it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

from fakes.clock import FakeClock
from fakes.media import FakeSource, FakeVideoProber
from fakes.persistence.database import FakeDatabase
from fakes.persistence.galleries import FakeGalleryCipher
from fakes.queue import FakeAttemptLimiter, FakeCallLimiter, FakeJobQueue, FakeProgressBoard
from fakes.recognition import FakeFaceRecognizer
from fakes.results import FakeSigner, FakeVideoFrameExtractor, fake_preview, is_signed
from fakes.security import FakePasswordHasher, FakeTokenIssuer
from fakes.storage import FakeObjectStore
from fakes.vision import FakeAreaDetector
from framecloak.adapters.storage.stored_archives import StoredZips
from framecloak.domain.accounts.service import AccountService, SecretFactory
from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.request import RequestSpec, Status
from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.requests.service import RequestService, Retention
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.review.service import ReviewService
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector, FaceRecognizer
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.security import GalleryCipher, TokenIssuer
from framecloak.domain.videos.grants import GrantService
from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService

PASSWORD = "correct horse battery"


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@dataclass
class World:
    scratch: Path
    clock: FakeClock = field(default_factory=FakeClock)
    queue: FakeJobQueue = field(default_factory=FakeJobQueue)
    board: FakeProgressBoard = field(default_factory=FakeProgressBoard)
    prober: FakeVideoProber = field(default_factory=FakeVideoProber)
    hasher: FakePasswordHasher = field(default_factory=FakePasswordHasher)
    tokens: TokenIssuer = field(default_factory=FakeTokenIssuer)
    real_database: Database | None = None
    real_store: ObjectStore | None = None
    vault: GalleryCipher = field(default_factory=FakeGalleryCipher)
    recognizer: FaceRecognizer = field(default_factory=FakeFaceRecognizer)

    def __post_init__(self) -> None:
        self.fake_database = FakeDatabase(now=self.clock.now)
        self.database: Database = self.real_database or self.fake_database
        self.fake_store = FakeObjectStore(clock=self.clock)
        self.store: ObjectStore = self.real_store or self.fake_store
        self.limiter = FakeAttemptLimiter(clock=self.clock)
        self.call_limiter = FakeCallLimiter(clock=self.clock)
        numbers = count()
        secrets = SecretFactory(lambda prefix: f"{prefix}secret-{next(numbers):04d}", digest)
        self.identity = AccountService(
            self.database, self.hasher, self.tokens, self.limiter, secrets, self.clock
        )
        self.collection = VideoService(
            self.database, self.store, self.prober, self.clock, self.scratch, max_upload_bytes=1000
        )
        self.sharing = GrantService(self.database)
        self.marking = MarkService(self.database)
        self.dispatcher = Dispatcher(self.database, self.queue, max_requests=3)
        self.available_levels = set(Level)
        self.people = GalleryPeople(self.database, self.vault, self.clock, lambda: self.recognizer)
        self.submissions = SubmitService(
            self.database,
            self.queue,
            self.dispatcher,
            lambda _: [],
            max_frames=80,
            slice_frames=20,
            level_is_available=lambda level: level in self.available_levels,
            people=self.people,
        )
        self.anonymization = RequestService(
            self.database,
            self.store,
            self.dispatcher,
            self.board,
            self.clock,
            Retention(token_ttl=timedelta(hours=1)),
            lambda: secrets.new(""),
            digest,
        )
        archives = StoredZips(self.store)
        self.resubmissions = RerenderService(
            self.database, self.submissions, archives, lambda: FakeSigner().public_key, is_signed
        )
        self.films = FakeVideoFrameExtractor()
        self.reviewing = ReviewService(
            self.database, self.store, archives, self.films, fake_preview, self.scratch
        )
        self.film: FrameSource = FakeSource("film.mp4", 100)
        self.text_detector: BoxDetector = FakeAreaDetector()
        self.overlays = OverlayService(
            self.database,
            self.store,
            self.scratch,
            lambda _: self.film,
            lambda: self.text_detector,
        )
        self.delivery = DownloadService(self.database, self.store, self.clock, digest)

    async def person(self, name: str, role: Role = Role.USER) -> Principal:
        operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
        user = await self.identity.create_user(operator, name, PASSWORD, role)
        return Principal(user.id, user.username, user.role, Means.SESSION)

    async def video(self, owner: Principal) -> Video:
        """A video of 100 frames."""
        return await self.collection.upload(owner, "film.mp4", chunks(b"film"))

    async def order(self, owner: Principal, *segments: tuple[int, int]) -> RequestSpec:
        video = await self.video(owner)
        ids = [
            (await self.marking.add_segment(owner, video.id, Segment(start, end), None)).id
            for start, end in segments
        ]
        return RequestSpec(video.id, tuple(ids), Level.FACES, Appearance(), verify=Verify.NONE)

    async def complete(self, request_id: UUID) -> None:
        """Have a request completed within ten seconds, with a ZIP of three bytes."""
        key = f"requests/{request_id}/frames.zip"
        await self.store.put(key, chunks(b"zip"))
        async with self.database.unit_of_work() as work:
            await work.requests.claim(request_id, self.clock.now())
            self.clock.advance(timedelta(seconds=10))
            await work.requests.finish(request_id, Status.COMPLETED, self.clock.now(), result=(key, 3))
            await work.commit()


async def nothing_to_sweep() -> int:
    """No process was killed."""
    return 0
