"""The complete list of use cases of the service, built from the adapters.

The API, the workers, the commands and the tests get their use cases from here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Self

from framecloak.domain.accounts.api_keys import ApiKeyService
from framecloak.domain.accounts.audit import AuditService
from framecloak.domain.accounts.names import NameSkeletons
from framecloak.domain.accounts.removal import AccountRemoval
from framecloak.domain.accounts.secrets import SecretFactory
from framecloak.domain.accounts.service import AccountService
from framecloak.domain.accounts.sign_on.identity_provider import IdentityProvider
from framecloak.domain.accounts.sign_on.service import SignOnPolicy, SignOnService
from framecloak.domain.anonymization.batches.results import BatchResultsService, IndexRenderer
from framecloak.domain.anonymization.batches.service import BatchService
from framecloak.domain.anonymization.batches.templates import TemplateService
from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.text_policy import NO_LISTS, TextLists
from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.erasure import ErasureService
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.requests.retention import Retention
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.anonymization.review.releases import ReleaseService
from framecloak.domain.anonymization.review.service import ReleaseSection, ReviewService
from framecloak.domain.anonymization.text_policy.installation import TextListService
from framecloak.domain.anonymization.text_policy.orders import TextOrders
from framecloak.domain.operations.health import HealthService
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.domain.ports.archives import StoredArchives
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.models import BoxDetector, FaceRecognizer
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.pixels import PreviewMaker
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.ports.queue import JobQueue
from framecloak.domain.ports.repositories.galleries import GalleryIndexes
from framecloak.domain.ports.security import (
    GalleryCipher,
    PasswordHasher,
    SignatureCheck,
    Signer,
    TextListCipher,
    TokenIssuer,
)
from framecloak.domain.ports.text import TextPatterns
from framecloak.domain.ports.video import VideoFrameExtractor, VideoProber
from framecloak.domain.ports.webhooks import WebhookSender
from framecloak.domain.reid.galleries.maintenance import GalleryMaintenance
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.storage.alarm import NULL_DAMAGE_METER, DamageMeter
from framecloak.domain.storage.originals import Originals
from framecloak.domain.storage.results import ResultIntegrity
from framecloak.domain.storage.verification import StorageVerification
from framecloak.domain.videos.filmstrips import FilmstripService
from framecloak.domain.videos.grants import GrantService
from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Implementations of the ports, and functions of the adapters.

    Attributes:
        clock: current time (UTC).
        scratch: folder of this process for short-lived temporary files.
        database: database.
        store: object store of videos and results.
        queue: job queue of the workers.
        progress_board: publishes the progress of requests.
        attempt_limiter: limits failed sign-ins.
        password_hasher: hashes passwords.
        tokens: issues access and refresh tokens.
        secrets: generates and hashes secrets.
        name_skeletons: returns the skeletons of a user name; names that share one look alike.
        video_prober: examines uploaded videos.
        open_video: opens a video file for decoding.
        keyframes: returns the indices of keyframes from the stored frame index of a video.
        archives: reads single entries of stored results.
        render_batch_index: renders the index page of the results of a batch.
        add_release: adds a section on the release to a report.
        frame_extractor: decodes a single frame of a result video.
        preview_maker: downscales images.
        public_key: returns the key that verifies signatures of this installation.
        signer: returns the signer of this installation.
        verify_signature: checks the signature of a manifest.
        load_text_detector: loads the text detector.
        load_recognizer: loads the face recogniser.
        level_is_available: checks whether the models of a level are installed.
        models_present: checks whether the files of the face detector are installed.
        free_space: returns the free bytes of the fullest disk that the service writes to.
        gallery_cipher: encrypts galleries.
        gallery_indexes: indexes of large galleries.
        text_list_cipher: encrypts the lists of text policies.
        compile_patterns: compiles regular expressions that text is searched for.
        webhook_sender: sends webhooks.
        webhook_secret: secret that signs webhooks.
        remove_stale_folders: deletes the temporary folders of dead processes and returns their number.
        identity_provider: identity provider of single sign-on; None without one.
        damage_meter: counts damaged files.
    """

    clock: Clock
    scratch: Path
    database: Database
    store: ObjectStore
    queue: JobQueue
    progress_board: ProgressBoard
    attempt_limiter: AttemptLimiter
    password_hasher: PasswordHasher
    tokens: TokenIssuer
    secrets: SecretFactory
    name_skeletons: NameSkeletons
    video_prober: VideoProber
    open_video: Callable[[Path], FrameSource]
    keyframes: Callable[[bytes], Sequence[int]]
    archives: StoredArchives
    render_batch_index: IndexRenderer
    add_release: ReleaseSection
    frame_extractor: VideoFrameExtractor
    preview_maker: PreviewMaker
    public_key: Callable[[], bytes]
    signer: Callable[[], Signer]
    verify_signature: SignatureCheck
    load_text_detector: Callable[[], BoxDetector]
    load_recognizer: Callable[[], FaceRecognizer]
    level_is_available: Callable[[Level], bool]
    models_present: Callable[[], Awaitable[bool]]
    free_space: Callable[[], Awaitable[int]]
    gallery_cipher: GalleryCipher
    gallery_indexes: GalleryIndexes
    text_list_cipher: TextListCipher
    compile_patterns: Callable[[Iterable[str]], TextPatterns]
    webhook_sender: WebhookSender
    webhook_secret: str = field(repr=False)
    remove_stale_folders: Callable[[], Awaitable[int]]
    identity_provider: IdentityProvider | None = None
    damage_meter: DamageMeter = NULL_DAMAGE_METER


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the use cases, as configured in the settings.

    Attributes:
        session_ttl: lifetime of a browser session.
        retention: lifetimes of results and download links.
        max_upload_bytes: maximum size of a video in bytes.
        max_concurrent_requests: maximum number of requests processed at the same time.
        max_frames_per_request: maximum number of frames of a request.
        slice_frames: maximum number of frames of a slice.
        gallery_capacity: maximum number of faces in a gallery.
        gallery_index_above: number of faces above which a gallery gets an index of its own.
        keep_parts: True to keep the parts of results for debugging.
        results: rules for results.
        high_priority: rules for high priority.
        min_free_bytes: free bytes of a disk below which the installation counts as degraded.
        text_lists: patterns and device terms that apply to each text policy.
        sign_on: rules of single sign-on; None without an identity provider.
    """

    session_ttl: timedelta
    retention: Retention
    max_upload_bytes: int
    max_concurrent_requests: int
    max_frames_per_request: int
    slice_frames: int
    gallery_capacity: int
    gallery_index_above: int
    keep_parts: bool = False
    results: ResultPolicy = field(default_factory=ResultPolicy)
    high_priority: HighPriorityPolicy = field(default_factory=HighPriorityPolicy)
    min_free_bytes: int = 0
    text_lists: TextLists = NO_LISTS
    sign_on: SignOnPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The use cases of the service. HTTP handlers receive them by these names.

    Attributes:
        accounts: accounts, sessions and API keys.
        sign_on: single sign-on; None without an identity provider.
        account_removal: removal of accounts.
        api_keys: API keys of accounts.
        audit: audit log.
        videos: stored videos.
        grants: access grants to videos.
        marks: segments and regions marked on videos.
        submissions: new requests.
        requests: progress, lists and cancellation of requests.
        downloads: downloads of results by token.
        erasures: deletion of results and videos, with receipts.
        reviews: review of results.
        releases: frames seen in reviews, and releases of results.
        rerenders: results rendered again with edits.
        templates: templates of orders.
        batches: orders of many videos at once.
        batch_results: all results of a batch as one archive.
        overlays: proposed regions of static overlays.
        galleries: galleries of enrolled faces.
        gallery_people: people of the gallery that a request names.
        gallery_maintenance: indexes and encryption keys of galleries.
        text_orders: text policies of requests.
        text_lists: lists of text of the installation.
        dispatcher: order in which requests are processed.
        cleanup: deletion of expired results, uploads and tokens.
        webhooks: notification of receivers when requests end.
        storage_verification: comparison of all stored files with what was stored.
        health: health checks of the installation.
        service_metrics: metrics of the installation.
    """

    accounts: AccountService
    sign_on: SignOnService | None
    account_removal: AccountRemoval
    api_keys: ApiKeyService
    audit: AuditService
    videos: VideoService
    filmstrips: FilmstripService
    grants: GrantService
    marks: MarkService
    submissions: SubmitService
    requests: RequestService
    downloads: DownloadService
    erasures: ErasureService
    reviews: ReviewService
    releases: ReleaseService
    rerenders: RerenderService
    templates: TemplateService
    batches: BatchService
    batch_results: BatchResultsService
    overlays: OverlayService
    galleries: GalleryService
    gallery_people: GalleryPeople
    gallery_maintenance: GalleryMaintenance
    text_orders: TextOrders
    text_lists: TextListService
    dispatcher: Dispatcher
    cleanup: CleanupService
    webhooks: Webhooks
    storage_verification: StorageVerification
    health: HealthService
    service_metrics: ServiceMetrics

    @classmethod
    def build(cls, adapters: Adapters, limits: Limits) -> Self:
        """Build every use case from the adapters."""
        clock, database, store, queue = adapters.clock, adapters.database, adapters.store, adapters.queue
        originals = Originals(store, adapters.damage_meter)
        integrity = ResultIntegrity(store, adapters.damage_meter)
        secrets, scratch, cipher = adapters.secrets, adapters.scratch, adapters.gallery_cipher
        dispatcher = Dispatcher(database, queue, limits.max_concurrent_requests)
        gallery_people = GalleryPeople(database, cipher, clock, adapters.load_recognizer)
        text_orders = TextOrders(
            adapters.text_list_cipher, adapters.compile_patterns, database, limits.text_lists
        )
        submissions = SubmitService(
            database,
            queue,
            dispatcher,
            adapters.keyframes,
            limits.max_frames_per_request,
            limits.slice_frames,
            adapters.level_is_available,
            gallery_people,
            policy=limits.results,
            high_priority=limits.high_priority,
            text=text_orders,
        )
        health = HealthService(
            database, store, queue, adapters.models_present, adapters.free_space, limits.min_free_bytes
        )
        requests = RequestService(
            database,
            store,
            dispatcher,
            adapters.progress_board,
            clock,
            limits.retention,
            lambda: secrets.new(""),
            secrets.digest,
            policy=limits.results,
        )
        tool = f"framecloak {version('framecloak')}"
        reviews = ReviewService(
            database,
            store,
            adapters.archives,
            integrity,
            adapters.frame_extractor,
            adapters.preview_maker,
            scratch,
            adapters.add_release,
            reviewers=limits.results.reviewers,
        )
        return cls(
            accounts=AccountService(
                database,
                adapters.password_hasher,
                adapters.tokens,
                adapters.attempt_limiter,
                secrets,
                clock,
                adapters.name_skeletons,
                limits.session_ttl,
            ),
            sign_on=_sign_on(adapters, limits),
            account_removal=AccountRemoval(database),
            api_keys=ApiKeyService(database, secrets, clock),
            audit=AuditService(database),
            videos=VideoService(
                database, store, adapters.video_prober, clock, scratch, limits.max_upload_bytes, originals
            ),
            filmstrips=FilmstripService(
                database, originals, adapters.video_prober, adapters.keyframes, scratch
            ),
            grants=GrantService(database),
            marks=MarkService(database),
            submissions=submissions,
            requests=requests,
            templates=TemplateService(database),
            batches=BatchService(database, submissions, requests),
            batch_results=BatchResultsService(
                database, store, adapters.archives, adapters.render_batch_index, limits.results.release
            ),
            downloads=DownloadService(database, integrity, clock, secrets.digest),
            erasures=ErasureService(database, store, adapters.archives, clock),
            reviews=reviews,
            releases=ReleaseService(
                database, reviews, adapters.archives, adapters.signer, clock, limits.results, tool
            ),
            rerenders=RerenderService(
                database,
                submissions,
                adapters.archives,
                adapters.public_key,
                adapters.verify_signature,
                clock,
                limits.results,
                integrity,
            ),
            overlays=OverlayService(
                database, originals, scratch, adapters.open_video, adapters.load_text_detector
            ),
            galleries=GalleryService(database, cipher, clock, limits.gallery_capacity),
            gallery_people=gallery_people,
            gallery_maintenance=GalleryMaintenance(
                database, cipher, adapters.gallery_indexes, limits.gallery_index_above
            ),
            text_orders=text_orders,
            text_lists=TextListService(database, adapters.compile_patterns),
            dispatcher=dispatcher,
            cleanup=CleanupService(
                database,
                store,
                clock,
                limits.retention.result_retention,
                adapters.remove_stale_folders,
                keep_parts=limits.keep_parts,
            ),
            webhooks=Webhooks(database, adapters.webhook_sender, clock, adapters.webhook_secret),
            storage_verification=StorageVerification(database, store),
            health=health,
            service_metrics=ServiceMetrics(database, queue, clock, health),
        )


def _sign_on(adapters: Adapters, limits: Limits) -> SignOnService | None:
    if adapters.identity_provider is None or limits.sign_on is None:
        return None
    return SignOnService(
        adapters.database,
        adapters.identity_provider,
        adapters.attempt_limiter,
        adapters.secrets,
        adapters.clock,
        adapters.name_skeletons,
        limits.sign_on,
        limits.session_ttl,
    )
