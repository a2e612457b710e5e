"""Composition root of the service: use cases for the API, the worker and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from framecloak.adapters.clock import SystemClock
from framecloak.adapters.machine import slowdown
from framecloak.adapters.media.pictures.previews import make_preview
from framecloak.adapters.media.video.frame_extraction import extract_frame
from framecloak.adapters.media.video.probing import OpenVideoCache, PyAvProber, keyframe_numbers
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search.indexes import PostgresGalleryIndexes
from framecloak.adapters.redis.attempt_limiter import RedisAttemptLimiter
from framecloak.adapters.redis.call_limiter import RedisCallLimiter
from framecloak.adapters.redis.job_queue import ArqJobQueue
from framecloak.adapters.redis.progress_board import RedisProgressBoard
from framecloak.adapters.report.batch_index import render_batch_index
from framecloak.adapters.report.release import add_release
from framecloak.adapters.security.passwords import Argon2PasswordHasher
from framecloak.adapters.security.secrets import InstallationSecret, new_secret, secret_digest
from framecloak.adapters.security.signing import verify_signature
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.adapters.storage.disk_space import free_bytes
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.local_cache import PREVIEWS_PREFIX, LocalCache
from framecloak.adapters.storage.scratch_folder import ScratchFolder, remove_stale
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.adapters.storage.stored_archives import StoredZips
from framecloak.adapters.storage.threads import in_thread
from framecloak.adapters.text.confusables import name_skeletons
from framecloak.adapters.text.re2_patterns import Re2Patterns
from framecloak.adapters.vision.detection.factory import detector_is_installed
from framecloak.adapters.webhooks.http import HttpWebhookSender
from framecloak.domain.accounts.secrets import SecretFactory
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.request import HighPriorityUsers
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.anonymization.requests.retention import Retention
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.errors import OutputUnwritableError, StorageUnavailableError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.limits import CallLimiter
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import TextReader
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.alarm import NULL_DAMAGE_METER, DamageMeter
from framecloak.entrypoints.composition.inputs import Adapters, Limits
from framecloak.entrypoints.composition.issuer import issuer
from framecloak.entrypoints.composition.keys import (
    gallery_cipher,
    installation_secret,
    result_signer,
    text_list_cipher,
    webhook_secret,
)
from framecloak.entrypoints.composition.pipeline import (
    level_is_available,
    load_text_detector,
    recognizer_loader,
)
from framecloak.entrypoints.composition.sign_on import identity_provider, sign_on_policy
from framecloak.entrypoints.composition.use_cases import UseCases
from framecloak.entrypoints.composition.video_encoder import choose_video_encoder
from framecloak.entrypoints.settings import Settings

SCRATCH_PREFIX = "process-"
"""Name prefix of the scratch folders of processes."""

TEMPORARY_FOLDER_PREFIXES = (SCRATCH_PREFIX, PREVIEWS_PREFIX)
"""Name prefixes of folders with unredacted videos that a killed process may leave behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service: its use cases, and the adapters that entry points use beside them.

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
        progress_board: publishes the progress of requests.
        call_limiter: rate limiter shared by all processes.
        use_cases: use cases of callers, operators and workers.
    """

    settings: Settings
    secret: InstallationSecret
    clock: Clock
    database: Database
    store: ObjectStore
    scratch: Path
    signed_urls: SignedUrls | None
    queue: ArqJobQueue
    progress_board: RedisProgressBoard
    call_limiter: CallLimiter
    use_cases: UseCases

    def build_worker(
        self,
        name: str,
        pipeline_tools: Callable[[Level], PipelineTools],
        load_text_reader: Callable[[], TextReader],
        meter: Meter = NULL_METER,
    ) -> SliceWorker:
        """Build the slice worker; only worker processes need it and its models.

        Args:
            name: unique name of the worker.
            pipeline_tools: returns the tools of the pipeline for a level of redaction.
            load_text_reader: loads the model that reads text.
            meter: metrics of the work.

        Raises:
            EncoderUnavailableError: the video encoder of the settings does not work on this machine.
        """
        resources = WorkerResources(
            issuer=issuer(self.settings),
            scratch=self.scratch,
            open_video=OpenVideoCache().open,
            create_archive=ZipArchive,
            read_archive=ZipReader,
            pipeline_tools=pipeline_tools,
            time_limit=self.settings.slice_timeout_seconds,
            lease_ttl=timedelta(seconds=self.settings.lease_seconds),
            keep_parts=self.settings.debug,
            meter=meter,
            video_encoder=choose_video_encoder(self.settings.video_encoder, self.scratch),
            people=self.use_cases.gallery_people,
            policy=self.settings.result_policy,
            text=self.use_cases.text_orders,
            load_text_reader=load_text_reader,
        )
        return SliceWorker(self.database, self.store, self.clock, self.progress_board, resources, name)


@asynccontextmanager
async def build_service(
    settings: Settings, damage_meter: DamageMeter = NULL_DAMAGE_METER
) -> AsyncIterator[Service]:
    """Yield the service built from the settings; its connections are closed at the end of the block.

    Args:
        settings: settings with the addresses of a database and a Redis server, which may be embedded ones.
        damage_meter: metrics of damaged files.

    Raises:
        SchemaOutdatedError: the schema of the database is of another version; the hint names the command
            that upgrades it.
        DatabaseUnavailableError: the database cannot be reached.
        StorageUnavailableError: the object store cannot be reached.
        InvalidSettingError: an adapter rejects the value of a setting.
        OutputUnwritableError: the folder for temporary files cannot be created.
    """
    await Schema(settings.database_url).require_current()
    _create_private_folder(settings.temp_storage_path)
    clock = SystemClock()
    secret = installation_secret(settings)
    async with AsyncExitStack() as resources:
        with suppress(StorageUnavailableError):  # the regular clean-up reports it
            remove_stale(settings.temp_storage_path, *TEMPORARY_FOLDER_PREFIXES)
        scratch = resources.enter_context(ScratchFolder(settings.temp_storage_path, SCRATCH_PREFIX))
        database = PostgresDatabase(settings.database_url, signs_above=settings.gallery_hnsw_above)
        resources.push_async_callback(database.close)
        queue = await resources.enter_async_context(ArqJobQueue(settings.redis_url))
        progress_board = await resources.enter_async_context(RedisProgressBoard(settings.redis_url))
        attempt_limiter = await resources.enter_async_context(RedisAttemptLimiter(settings.redis_url))
        call_limiter = await resources.enter_async_context(RedisCallLimiter(settings.redis_url))
        urls = SignedUrls(settings.base_url, secret.derive_key("object addresses"), clock)
        store = await _object_store(settings, urls, resources)
        adapters = Adapters(
            clock=clock,
            scratch=scratch.path,
            database=database,
            store=store,
            queue=queue,
            progress_board=progress_board,
            attempt_limiter=attempt_limiter,
            password_hasher=Argon2PasswordHasher(),
            tokens=JwtIssuer(
                secret.derive_key("json web tokens"),
                clock,
                timedelta(minutes=settings.access_token_minutes),
                timedelta(hours=settings.refresh_token_hours),
            ),
            secrets=SecretFactory(new_secret, secret_digest),
            name_skeletons=name_skeletons,
            video_prober=PyAvProber(),
            open_video=OpenVideoCache().open,
            keyframes=keyframe_numbers,
            archives=StoredZips(store),
            render_batch_index=render_batch_index,
            add_release=add_release,
            frame_extractor=extract_frame,
            preview_maker=make_preview,
            public_key=lambda: result_signer(settings).public_key,
            signer=lambda: result_signer(settings),
            verify_signature=verify_signature,
            load_text_detector=lambda: load_text_detector(settings),
            load_recognizer=recognizer_loader(settings),
            level_is_available=level_is_available,
            models_present=lambda: _models_present(settings),
            free_space=lambda: in_thread(free_bytes, settings.data_dir, settings.temp_storage_path),
            gallery_cipher=gallery_cipher(settings),
            gallery_indexes=PostgresGalleryIndexes(settings.database_url),
            text_list_cipher=text_list_cipher(settings),
            compile_patterns=Re2Patterns,
            webhook_sender=HttpWebhookSender(allow_private=settings.webhook_allow_private),
            webhook_secret=webhook_secret(settings),
            remove_stale_folders=lambda: asyncio.to_thread(
                remove_stale, settings.temp_storage_path, *TEMPORARY_FOLDER_PREFIXES
            ),
            identity_provider=identity_provider(settings, clock),
            damage_meter=damage_meter,
            slowdown=slowdown,
        )
        yield Service(
            settings=settings,
            secret=secret,
            clock=clock,
            database=database,
            store=store,
            scratch=scratch.path,
            signed_urls=None if settings.minio_endpoint else urls,
            queue=queue,
            progress_board=progress_board,
            call_limiter=call_limiter,
            use_cases=UseCases.build(adapters, _limits(settings, secret)),
        )


def _limits(settings: Settings, secret: InstallationSecret) -> Limits:
    return Limits(
        session_ttl=timedelta(hours=settings.session_lifetime_hours),
        retention=Retention(
            token_ttl=timedelta(hours=settings.download_token_expiry_hours),
            result_retention=timedelta(hours=settings.result_retention_hours),
        ),
        max_upload_bytes=settings.max_upload_bytes,
        max_concurrent_requests=settings.max_concurrent_requests,
        max_frames_per_request=settings.max_frames_per_request,
        slice_frames=settings.slice_frames,
        gallery_capacity=settings.gallery_capacity,
        gallery_index_above=settings.gallery_hnsw_above,
        keep_parts=settings.debug,
        results=settings.result_policy,
        min_free_bytes=settings.min_free_disk_mb * 1024**2,
        high_priority=HighPriorityPolicy(
            HighPriorityUsers(settings.high_priority), settings.high_priority_daily_frames
        ),
        text_lists=settings.text_lists,
        sign_on=sign_on_policy(settings, secret),
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


def _create_private_folder(folder: Path) -> None:
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
