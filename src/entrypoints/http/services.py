"""Use cases and adapters behind the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.accounts.service import AccountService
from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.review.service import ReviewService
from framecloak.domain.operations.health import HealthService
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.limits import CallLimiter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.domain.videos.grants import GrantService
from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService


class UrlVerifier(Protocol):
    """Verifier of signed URLs, implemented by ``SignedUrls`` of the storage adapter."""

    def verify(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> str:
        """Verify a signed URL and return the file name that it was signed for, which may be empty.

        Raises:
            ForbiddenError: the URL was altered, is incomplete, or is for another method.
            TokenExpiredError: the URL has expired.
        """
        ...


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """Access to objects under signed URLs, for a store that does not serve them itself.

    Attributes:
        urls: verifier of the signed URLs.
        store: object store.
        clock: current time (UTC), to check the expiry of URLs.
    """

    urls: UrlVerifier
    store: ObjectStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class HttpServices:
    """Use cases and adapters of the HTTP API.

    Attributes:
        accounts: accounts, sessions and API keys.
        videos: videos.
        grants: access grants to videos.
        marks: segments and marked regions of videos.
        submit: accepts new requests.
        overlays: proposes regions of static overlays.
        rerender: accepts requests to render a result again with edits.
        reviews: review of results.
        requests: anonymisation requests.
        progress_board: publishes the progress of requests.
        downloads: downloads of results by token.
        health: health checks of the installation.
        service_metrics: metrics of the installation.
        faces: analysis of faces in images.
        galleries: galleries of known faces.
        clock: current time (UTC).
        metrics: metrics of this process and their text format.
        limiter: rate limiter shared by all processes.
        objects: access to the folder store; None if clients fetch objects from the object store itself.
    """

    accounts: AccountService
    videos: VideoService
    grants: GrantService
    marks: MarkService
    submit: SubmitService
    overlays: OverlayService
    rerender: RerenderService
    reviews: ReviewService
    requests: RequestService
    progress_board: ProgressBoard
    downloads: DownloadService
    health: HealthService
    service_metrics: ServiceMetrics
    faces: LazyFaceAnalyzer
    galleries: GalleryService
    clock: Clock
    metrics: ApiMetrics
    limiter: CallLimiter
    objects: ObjectServer | None = None
