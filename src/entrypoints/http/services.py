"""Use cases and adapters behind the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.limits import CallLimiter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.composition.use_cases import UseCases


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
    """Use cases and adapters behind the HTTP API.

    Attributes:
        use_cases: use cases; handlers receive them by the names of their fields.
        faces: analysis of face images.
        progress_board: progress of requests.
        clock: current time (UTC).
        metrics: metrics of this process.
        limiter: rate limiter shared by all processes.
        objects: set for a folder store; None if clients fetch objects from the store itself.
    """

    use_cases: UseCases
    faces: LazyFaceAnalyzer
    progress_board: ProgressBoard
    clock: Clock
    metrics: ApiMetrics
    limiter: CallLimiter
    objects: ObjectServer | None = None
