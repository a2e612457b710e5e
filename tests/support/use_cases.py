"""The service's use cases on fakes, with helpers for users, videos and requests."""

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
from fakes.metrics import FakeMeter
from fakes.persistence.database import FakeDatabase
from fakes.persistence.galleries import FakeGalleryCipher, FakeGalleryIndexes
from fakes.queue import FakeAttemptLimiter, FakeCallLimiter, FakeJobQueue, FakeProgressBoard
from fakes.recognition import FakeFaceRecognizer
from fakes.results import FakeSigner, FakeVideoFrameExtractor, fake_preview, is_signed
from fakes.security import FakePasswordHasher, FakeTextListCipher, FakeTokenIssuer
from fakes.sign_on import FakeIdentityProvider
from fakes.storage import FakeObjectStore
from fakes.vision import FakeBoxDetector
from fakes.webhooks import FakeWebhookSender
from framecloak.adapters.report.batch_index import render_batch_index
from framecloak.adapters.report.release import add_release
from framecloak.adapters.storage.stored_archives import StoredZips
from framecloak.adapters.text.confusables import name_skeletons
from framecloak.adapters.text.re2_patterns import Re2Patterns
from framecloak.domain.accounts.secrets import SecretFactory
from framecloak.domain.accounts.sign_on.identity_provider import IdentityProvider
from framecloak.domain.accounts.sign_on.service import SignOnPolicy
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.request import HighPriorityUsers, RequestSpec, Status, StoredResult
from framecloak.domain.anonymization.model.text_policy import TextLists
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.anonymization.requests.retention import Retention
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector, FaceRecognizer
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.security import GalleryCipher, TokenIssuer
from framecloak.entrypoints.composition.inputs import Adapters, Limits
from framecloak.entrypoints.composition.use_cases import UseCases

PASSWORD = "correct horse battery"
GALLERY_CAPACITY = 3
INSTALLATION_PATTERN = "ward [0-9]"


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@dataclass
class FakeService:
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
    identity_provider: IdentityProvider = field(default_factory=FakeIdentityProvider)
    sign_on: SignOnPolicy | None = None
    results: ResultPolicy = field(default_factory=ResultPolicy)
    high_priority: HighPriorityPolicy = field(
        default_factory=lambda: HighPriorityPolicy(HighPriorityUsers.EVERYONE)
    )

    def __post_init__(self) -> None:
        self.fake_database = FakeDatabase(now=self.clock.now)
        self.database: Database = self.real_database or self.fake_database
        self.fake_store = FakeObjectStore(clock=self.clock)
        self.store: ObjectStore = self.real_store or self.fake_store
        self.limiter = FakeAttemptLimiter(clock=self.clock)
        self.call_limiter = FakeCallLimiter(clock=self.clock)
        numbers = count()
        secrets = SecretFactory(lambda prefix: f"{prefix}secret-{next(numbers):04d}", digest)
        self.meter = FakeMeter()
        self.available_levels = set(Level)
        self.free_bytes = 1 << 40
        self.frame_extractor = FakeVideoFrameExtractor()
        self.video_source: FrameSource = FakeSource("film.mp4", 100)
        self.text_detector: BoxDetector = FakeBoxDetector()
        self.text_cipher = FakeTextListCipher()
        adapters = Adapters(
            clock=self.clock,
            scratch=self.scratch,
            database=self.database,
            store=self.store,
            queue=self.queue,
            progress_board=self.board,
            attempt_limiter=self.limiter,
            password_hasher=self.hasher,
            tokens=self.tokens,
            secrets=secrets,
            name_skeletons=name_skeletons,
            video_prober=self.prober,
            open_video=lambda _: self.video_source,
            keyframes=lambda _: [],
            archives=StoredZips(self.store),
            render_batch_index=render_batch_index,
            add_release=add_release,
            frame_extractor=self.frame_extractor,
            preview_maker=fake_preview,
            public_key=lambda: FakeSigner().public_key,
            signer=FakeSigner,
            verify_signature=is_signed,
            load_text_detector=lambda: self.text_detector,
            load_recognizer=lambda: self.recognizer,
            level_is_available=lambda level: level in self.available_levels,
            models_present=_models_are_there,
            free_space=self.free_space,
            gallery_cipher=self.vault,
            gallery_indexes=FakeGalleryIndexes(),
            text_list_cipher=self.text_cipher,
            compile_patterns=Re2Patterns,
            webhook_sender=FakeWebhookSender(),
            webhook_secret="webhook secret",
            remove_stale_folders=no_stale_folders,
            identity_provider=self.identity_provider,
            damage_meter=self.meter,
        )
        limits = Limits(
            session_ttl=timedelta(hours=12),
            retention=Retention(token_ttl=timedelta(hours=1)),
            max_upload_bytes=1000,
            max_concurrent_requests=3,
            max_frames_per_request=80,
            slice_frames=20,
            gallery_capacity=GALLERY_CAPACITY,
            gallery_index_above=1000,
            high_priority=self.high_priority,
            min_free_bytes=1 << 30,
            results=self.results,
            text_lists=TextLists(patterns=(INSTALLATION_PATTERN,)),
            sign_on=self.sign_on,
        )
        self.use_cases = UseCases.build(adapters, limits)
        self.identity = self.use_cases.accounts
        self.administration = self.use_cases.account_administration
        self.api_keys = self.use_cases.api_keys
        self.collection = self.use_cases.videos
        self.uploads = self.use_cases.uploads
        self.sharing = self.use_cases.grants
        self.marking = self.use_cases.marks
        self.dispatcher = self.use_cases.dispatcher
        self.people = self.use_cases.gallery_people
        self.submissions = self.use_cases.submissions
        self.anonymization = self.use_cases.requests
        self.resubmissions = self.use_cases.rerenders
        self.reviewing = self.use_cases.reviews
        self.overlays = self.use_cases.overlays
        self.delivery = self.use_cases.downloads

    async def free_space(self) -> int:
        return self.free_bytes

    async def person(self, name: str, role: Role = Role.USER) -> Principal:
        operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
        user = await self.administration.create_user(operator, name, PASSWORD, role)
        return Principal(user.id, user.username, user.role, Means.SESSION)

    async def video(self, owner: Principal) -> Video:
        """Create a video of 100 frames."""
        return await self.uploads.upload(owner, "film.mp4", chunks(b"film"))

    async def request_spec(self, owner: Principal, *segments: tuple[int, int]) -> RequestSpec:
        video = await self.video(owner)
        ids = [
            (await self.marking.add_segment(owner, video.id, Segment(start, end), None)).id
            for start, end in segments
        ]
        return RequestSpec(video.id, tuple(ids), Level.FACES, Appearance(), verify=Verify.NONE)

    async def complete(
        self,
        request_id: UUID,
        sha256: str | None = hashlib.sha256(b"zip").hexdigest(),
        *,
        archive: bytes | None = None,
    ) -> None:
        """Complete a request within ten seconds, with an archive or three bytes in its place."""
        key, content = f"requests/{request_id}/frames.zip", archive or b"zip"
        sha256 = sha256 if archive is None else hashlib.sha256(archive).hexdigest()
        await self.store.put(key, chunks(content))
        async with self.database.unit_of_work() as work:
            await work.requests.claim(request_id, self.clock.now())
            self.clock.advance(timedelta(seconds=10))
            await work.requests.finish(
                request_id, Status.COMPLETED, self.clock.now(), result=StoredResult(key, len(content), sha256)
            )
            await work.commit()


async def no_stale_folders() -> int:
    """Stand in for removing the folders of killed processes: there are none."""
    return 0


async def _models_are_there() -> bool:
    return True
