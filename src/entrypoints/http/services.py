"""What the HTTP API is handed: the use cases, and what only an API process needs beside them."""

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
from framecloak.domain.ports.services import CallLimiter, Clock, ObjectStore, ProgressBoard
from framecloak.domain.reid.galleries.service import Galleries
from framecloak.domain.reid.lazy_analysis import Faces
from framecloak.domain.videos.grants import Sharing
from framecloak.domain.videos.marks import Marking
from framecloak.domain.videos.service import Collection


class UrlVerifier(Protocol):
    """Checks addresses that carry their own permission; ``SignedUrls`` does."""

    def verify(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> str:
        """The file name that an address was signed for; may be empty.

        Raises:
            ForbiddenError: the address was altered, is incomplete, or is for another method.
            TokenExpiredError: it came too late.
        """
        ...


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """Hands out and takes in objects under signed addresses, for a store that cannot do so itself.

    Attributes:
        urls: checks the addresses.
        store: holds the objects.
        clock: tells whether an address has expired.
    """

    urls: UrlVerifier
    store: ObjectStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the HTTP API.

    Attributes:
        identity: accounts, sessions, keys.
        collection: videos.
        sharing: who may use them.
        marking: segments and regions.
        submissions: takes in orders.
        overlays: proposes regions.
        resubmissions: takes in edits of results.
        reviewing: results, to be looked over.
        anonymization: requests for frames.
        board: tells whoever listens how far requests are.
        delivery: results behind download links.
        health: how the installation is doing.
        vitals: the numbers that are watched.
        faces: analyses pictures of faces.
        galleries: faces that are to be found again.
        clock: tells the time.
        metrics: tells them, and what this process counts.
        limiter: counts calls, over all processes.
        objects: set for the folder store, None where clients fetch objects from the store itself.
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
