"""The complete list of use cases of the service, built from the adapters.

The API, the workers, the commands and the tests get their use cases from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

from framecloak.domain.accounts.administration import AccountAdministration
from framecloak.domain.accounts.api_keys import ApiKeyService
from framecloak.domain.accounts.audit import AuditService
from framecloak.domain.accounts.removal import AccountRemoval
from framecloak.domain.accounts.service import AccountService
from framecloak.domain.accounts.sign_on.service import SignOnService
from framecloak.domain.anonymization.batches.results import BatchResultsService
from framecloak.domain.anonymization.batches.service import BatchService
from framecloak.domain.anonymization.batches.templates import TemplateService
from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.erasure import ErasureService
from framecloak.domain.anonymization.requests.estimates import TimeEstimator
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.anonymization.review.releases import ReleaseService
from framecloak.domain.anonymization.review.service import ReviewService
from framecloak.domain.anonymization.text_policy.installation import TextListService
from framecloak.domain.anonymization.text_policy.orders import TextOrders
from framecloak.domain.operations.health import HealthService
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.domain.reid.galleries.maintenance import GalleryMaintenance
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.storage.originals import Originals
from framecloak.domain.storage.results import ResultIntegrity
from framecloak.domain.storage.verification import StorageVerification
from framecloak.domain.videos.filmstrips import FilmstripService
from framecloak.domain.videos.grants import GrantService
from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService
from framecloak.domain.videos.uploads import UploadService
from framecloak.entrypoints.composition.inputs import Adapters, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The use cases of the service. HTTP handlers receive them by these names.

    Attributes:
        accounts: sign-in, sessions, and what people change in their own accounts.
        account_administration: creation, lists and changes of accounts.
        sign_on: single sign-on; None without an identity provider.
        account_removal: removal of accounts.
        api_keys: API keys of accounts.
        audit: audit log.
        videos: stored videos.
        uploads: uploads of videos.
        filmstrips: thumbnails of a video along its timeline.
        grants: access grants to videos.
        marks: segments and regions marked on videos.
        submissions: new requests.
        requests: progress, lists and cancellation of requests.
        downloads: downloads of results by token, and by operators.
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
    account_administration: AccountAdministration
    sign_on: SignOnService | None
    account_removal: AccountRemoval
    api_keys: ApiKeyService
    audit: AuditService
    videos: VideoService
    uploads: UploadService
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
        integrity = ResultIntegrity(store, adapters.archives, adapters.damage_meter)
        secrets, scratch, cipher = adapters.secrets, adapters.scratch, adapters.gallery_cipher
        dispatcher = Dispatcher(database, queue, limits.max_concurrent_requests)
        gallery_people = GalleryPeople(database, cipher, clock, adapters.load_recognizer)
        text_orders = TextOrders(
            adapters.text_list_cipher, adapters.compile_patterns, database, limits.text_lists
        )
        estimator = TimeEstimator(queue, clock, adapters.slowdown, limits.slice_frames)
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
            estimator=estimator,
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
            estimator=estimator,
        )
        tool = f"framecloak {version('framecloak')}"
        reviews = ReviewService(
            database,
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
                limits.session_ttl,
            ),
            account_administration=AccountAdministration(
                database, adapters.password_hasher, adapters.attempt_limiter, adapters.name_skeletons
            ),
            sign_on=_sign_on(adapters, limits),
            account_removal=AccountRemoval(database),
            api_keys=ApiKeyService(database, secrets, clock),
            audit=AuditService(database),
            videos=VideoService(database, store, adapters.video_prober, scratch, originals),
            uploads=UploadService(
                database, store, adapters.video_prober, clock, scratch, limits.max_upload_bytes
            ),
            filmstrips=FilmstripService(
                database, originals, adapters.video_prober, adapters.keyframes, scratch
            ),
            grants=GrantService(database),
            marks=MarkService(database),
            submissions=submissions,
            requests=requests,
            templates=TemplateService(database),
            batches=BatchService(database, submissions, requests, estimator),
            batch_results=BatchResultsService(
                database,
                store,
                integrity,
                adapters.render_batch_index,
                adapters.add_release,
                limits.results,
            ),
            downloads=DownloadService(
                database, store, integrity, clock, secrets.digest, limits.results.release
            ),
            erasures=ErasureService(database, store, integrity, clock),
            reviews=reviews,
            releases=ReleaseService(
                database, reviews, integrity, adapters.signer, clock, limits.results, tool
            ),
            rerenders=RerenderService(
                database,
                submissions,
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
            webhooks=Webhooks(
                database, adapters.webhook_sender, clock, adapters.webhook_secret, limits.results
            ),
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
