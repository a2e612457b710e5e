"""Composition root of the service: use cases for the API, the worker and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from framecloak.adapters.clock import SystemClock
from framecloak.adapters.media.pictures.previews import preview
from framecloak.adapters.media.video.frame_extraction import film_frame
from framecloak.adapters.media.video.probing import PyAvProber, VideoShelf, keyframes
from framecloak.adapters.media.video.x264 import X264Studio
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search.indexes import GalleryIndexes
from framecloak.adapters.redis.attempt_limiter import RedisAttemptLimiter
from framecloak.adapters.redis.call_limiter import RedisCallLimiter
from framecloak.adapters.redis.job_queue import ArqJobQueue
from framecloak.adapters.redis.progress_board import RedisProgressBoard
from framecloak.adapters.security.passwords import Argon2PasswordHasher
from framecloak.adapters.security.secrets import InstallationSecret, digest, new_secret
from framecloak.adapters.security.signing import is_signed
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.local_cache import PREVIEWS, LocalCache
from framecloak.adapters.storage.process_folder import OwnFolder, sweep
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.adapters.storage.stored_archives import StoredZips
from framecloak.adapters.vision.detection.factory import detector_is_installed
from framecloak.adapters.webhooks.http import HttpWebhookSender
from framecloak.domain.accounts.audit import Auditing
from framecloak.domain.accounts.service import Identity, Secrets
from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.overlays.service import OverlayProposals
from framecloak.domain.anonymization.pipeline.config import Instruments
from framecloak.domain.anonymization.requests.cleanup import Cleaner
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.downloads import Delivery
from framecloak.domain.anonymization.requests.resubmit import Resubmissions
from framecloak.domain.anonymization.requests.service import Anonymization, Retention
from framecloak.domain.anonymization.requests.submit import Submissions
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.anonymization.review.service import Reviewing
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.anonymization.work.worker_resources import Workshop
from framecloak.domain.errors import OutputUnwritableError, StorageUnavailableError
from framecloak.domain.operations.health import Health
from framecloak.domain.operations.service_metrics import Vitals
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.limits import CallLimiter
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.reid.galleries.maintenance import GalleryUpkeep
from framecloak.domain.reid.galleries.service import Galleries
from framecloak.domain.videos.grants import Sharing
from framecloak.domain.videos.marks import Marking
from framecloak.domain.videos.service import Collection
from framecloak.entrypoints.composition.issuer import imprint
from framecloak.entrypoints.composition.keys import (
    gallery_vault,
    installation_secret,
    result_signer,
    webhook_secret,
)
from framecloak.entrypoints.composition.pipeline import level_is_available, load_text_detector, recognizer_of
from framecloak.entrypoints.settings import Settings

SCRATCH = "process-"
"""Name prefix of the scratch folders of processes."""

OWN_FOLDERS = (SCRATCH, PREVIEWS)
"""Name prefixes of folders with unredacted videos that a killed process may leave behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Use cases and adapters for the entry points of the service.

    Attributes:
        settings: settings of the installation.
        secret: secret from which keys are derived.
        clock: current time (UTC).
        database: database.
        store: object store of videos and results.
        scratch: folder of this process for short-lived temporary files.
        signed_urls: checks the signed URLs of a folder store; None if the object store serves its objects
            itself.
        queue: job queue of the workers.
        call_limiter: rate limiter shared by all processes.
        identity: accounts, sessions and API keys.
        collection: videos.
        sharing: access grants to videos.
        marking: segments and marked regions of videos.
        board: publishes the progress of requests.
        dispatcher: decides which request is served next.
        submissions: accepts new requests.
        overlays: proposes regions of static overlays.
        resubmissions: accepts requests to render a result again with edits.
        reviewing: review of results.
        anonymization: anonymisation requests.
        delivery: downloads of results by token.
        health: health checks of the installation.
        vitals: metrics of the installation.
        auditing: audit log.
        cleaner: deletes expired results, uploads and tokens.
        webhooks: notifies receivers when requests end.
        galleries: galleries of known faces.
        gallery_upkeep: maintains the indexes and encryption keys of galleries.
        people: resolves the people of a gallery that a request names.
    """

    settings: Settings
    secret: InstallationSecret
    clock: Clock
    database: Database
    store: ObjectStore
    scratch: Path
    signed_urls: SignedUrls | None
    queue: ArqJobQueue
    call_limiter: CallLimiter
    identity: Identity
    collection: Collection
    sharing: Sharing
    marking: Marking
    board: RedisProgressBoard
    dispatcher: Dispatcher
    submissions: Submissions
    overlays: OverlayProposals
    resubmissions: Resubmissions
    reviewing: Reviewing
    anonymization: Anonymization
    delivery: Delivery
    health: Health
    vitals: Vitals
    auditing: Auditing
    cleaner: Cleaner
    webhooks: Webhooks
    galleries: Galleries
    gallery_upkeep: GalleryUpkeep
    people: GalleryPeople

    def worker(
        self, name: str, instruments: Callable[[Level], Instruments], meter: Meter = NULL_METER
    ) -> SliceWorker:
        """Build the slice worker; only worker processes need it and its models.

        Args:
            name: unique name of the worker.
            instruments: returns the tools of the pipeline for a level of redaction.
            meter: metrics of the work.
        """
        workshop = Workshop(
            imprint=imprint(self.settings),
            scratch=self.scratch,
            open_video=VideoShelf().open,
            create_archive=ZipArchive,
            read_archive=ZipReader,
            instruments=instruments,
            time_limit=self.settings.slice_timeout_seconds,
            lease=timedelta(seconds=self.settings.lease_seconds),
            keep_parts=self.settings.debug,
            meter=meter,
            studio=X264Studio(self.scratch),
            people=self.people,
        )
        return SliceWorker(self.database, self.store, self.clock, self.board, workshop, name)


@asynccontextmanager
async def build_service(settings: Settings) -> AsyncIterator[Service]:
    """Yield the service built from the settings; its connections are closed at the end of the block.

    Args:
        settings: settings with the addresses of a database and a Redis server, which may be embedded ones.

    Raises:
        SchemaOutdatedError: the schema of the database is of another version; the hint names the command
            that upgrades it.
        DatabaseUnavailableError: the database cannot be reached.
        StorageUnavailableError: the object store cannot be reached.
        InvalidSettingError: an adapter rejects the value of a setting.
        OutputUnwritableError: the folder for temporary files cannot be created.
    """
    await Schema(settings.database_url).require_current()
    _make_private(settings.temp_storage_path)
    clock = SystemClock()
    secret = installation_secret(settings)
    async with AsyncExitStack() as resources:
        with suppress(StorageUnavailableError):  # the regular clean-up reports it
            sweep(settings.temp_storage_path, *OWN_FOLDERS)
        scratch = resources.enter_context(OwnFolder(settings.temp_storage_path, SCRATCH))
        database = PostgresDatabase(settings.database_url)
        resources.push_async_callback(database.close)
        queue = await resources.enter_async_context(ArqJobQueue(settings.redis_url))
        board = await resources.enter_async_context(RedisProgressBoard(settings.redis_url))
        dispatcher = Dispatcher(database, queue, settings.max_concurrent_requests)
        limiter = await resources.enter_async_context(RedisAttemptLimiter(settings.redis_url))
        call_limiter = await resources.enter_async_context(RedisCallLimiter(settings.redis_url))
        urls = SignedUrls(settings.base_url, secret.derive_key("object addresses"), clock)
        store = await _object_store(settings, urls, resources)
        tokens = JwtIssuer(
            secret.derive_key("json web tokens"),
            clock,
            timedelta(minutes=settings.access_token_minutes),
            timedelta(hours=settings.refresh_token_hours),
        )
        retention = Retention(
            token_lasts=timedelta(hours=settings.download_token_expiry_hours),
            result_lasts=timedelta(hours=settings.result_retention_hours),
        )
        vault = gallery_vault(settings)
        people = GalleryPeople(database, vault, clock, recognizer_of(settings))
        archives = StoredZips(store)
        submissions = Submissions(
            database,
            queue,
            dispatcher,
            keyframes,
            settings.max_frames_per_request,
            settings.slice_frames,
            level_is_available,
            people,
        )
        health = Health(database, store, queue, lambda: _models_present(settings))
        yield Service(
            settings=settings,
            secret=secret,
            clock=clock,
            database=database,
            store=store,
            scratch=scratch.path,
            signed_urls=None if settings.minio_endpoint else urls,
            queue=queue,
            call_limiter=call_limiter,
            identity=Identity(
                database,
                Argon2PasswordHasher(),
                tokens,
                limiter,
                Secrets(new_secret, digest),
                clock,
                timedelta(hours=settings.session_lifetime_hours),
            ),
            collection=Collection(
                database,
                store,
                PyAvProber(),
                clock,
                scratch.path,
                settings.max_upload_bytes,
            ),
            sharing=Sharing(database),
            marking=Marking(database),
            board=board,
            dispatcher=dispatcher,
            submissions=submissions,
            overlays=OverlayProposals(
                database, store, scratch.path, VideoShelf().open, lambda: load_text_detector(settings)
            ),
            resubmissions=Resubmissions(
                database, submissions, archives, lambda: result_signer(settings).public_key, is_signed
            ),
            reviewing=Reviewing(database, store, archives, film_frame, preview, scratch.path),
            anonymization=Anonymization(
                database, store, dispatcher, board, clock, retention, new_secret, digest
            ),
            delivery=Delivery(database, store, clock, digest),
            health=health,
            vitals=Vitals(database, queue, clock, health),
            auditing=Auditing(database),
            cleaner=Cleaner(
                database,
                store,
                clock,
                retention.result_lasts,
                lambda: asyncio.to_thread(sweep, settings.temp_storage_path, *OWN_FOLDERS),
                keep_parts=settings.debug,
            ),
            webhooks=Webhooks(
                database,
                HttpWebhookSender(allow_private=settings.webhook_allow_private),
                clock,
                webhook_secret(settings),
            ),
            galleries=Galleries(database, vault, clock, settings.gallery_capacity),
            gallery_upkeep=GalleryUpkeep(
                database, vault, GalleryIndexes(settings.database_url), settings.gallery_hnsw_above
            ),
            people=people,
        )


async def _object_store(settings: Settings, urls: SignedUrls, resources: AsyncExitStack) -> ObjectStore:
    if not settings.minio_endpoint:
        return FilesystemStore(settings.data_dir / "objects", urls)
    # Imported only if needed: the SDK with its cryptography library is slow to import.
    from framecloak.adapters.storage.minio import MinioStore  # noqa: PLC0415

    store = MinioStore(
        settings.minio_endpoint,
        settings.minio_access_key,
        settings.minio_secret_key,
        settings.minio_bucket,
        secure=settings.minio_secure,
        region=settings.minio_region,
        public_endpoint=settings.minio_public_endpoint or None,
        # Large enough for any video, which is then fetched only once while its frames are viewed.
        cache=LocalCache(settings.temp_storage_path, settings.max_upload_bytes),
    )
    resources.push_async_callback(store.close)
    # Creates the bucket if it is missing, and fails early if the credentials are wrong.
    await store.ping()
    return store


async def _models_present(settings: Settings) -> bool:
    return await asyncio.to_thread(detector_is_installed, settings.detector, settings.models)


def _make_private(folder: Path) -> None:
    """Create a folder for unredacted temporary files, accessible to this user only.

    Raises:
        OutputUnwritableError: the folder cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot create the folder {folder} ({error.strerror})", "set TEMP_STORAGE_PATH to another folder"
        ) from error
