"""Use cases and adapters behind the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.accounts.service import Identity
from framecloak.domain.anonymization.overlays.service import OverlayProposals
from framecloak.domain.anonymization.requests.downloads import Delivery
from framecloak.domain.anonymization.requests.resubmit import Resubmissions
from framecloak.domain.anonymization.requests.service import Anonymization
from framecloak.domain.anonymization.requests.submit import Submissions
from framecloak.domain.anonymization.review.service import Reviewing
from framecloak.domain.operations.health import Health
from framecloak.domain.operations.service_metrics import Vitals
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.limits import CallLimiter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.reid.galleries.service import Galleries
from framecloak.domain.reid.lazy_analysis import Faces
from framecloak.domain.videos.grants import Sharing
from framecloak.domain.videos.marks import Marking
from framecloak.domain.videos.service import Collection


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
class Services:
    """Use cases and adapters of the HTTP API.

    Attributes:
        identity: accounts, sessions and API keys.
        collection: videos.
        sharing: access grants to videos.
        marking: segments and marked regions of videos.
        submissions: accepts new requests.
        overlays: proposes regions of static overlays.
        resubmissions: accepts requests to render a result again with edits.
        reviewing: review of results.
        anonymization: anonymisation requests.
        board: publishes the progress of requests.
        delivery: downloads of results by token.
        health: health checks of the installation.
        vitals: metrics of the installation.
        faces: analysis of faces in images.
        galleries: galleries of known faces.
        clock: current time (UTC).
        metrics: metrics of this process and their text format.
        limiter: rate limiter shared by all processes.
        objects: access to the folder store; None if clients fetch objects from the object store itself.
    """

    identity: Identity
    collection: Collection
    sharing: Sharing
    marking: Marking
    submissions: Submissions
    overlays: OverlayProposals
    resubmissions: Resubmissions
    reviewing: Reviewing
    anonymization: Anonymization
    board: ProgressBoard
    delivery: Delivery
    health: Health
    vitals: Vitals
    faces: Faces
    galleries: Galleries
    clock: Clock
    metrics: ApiMetrics
    limiter: CallLimiter
    objects: ObjectServer | None = None
