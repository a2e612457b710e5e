"""Use cases around requests for anonymised frames: submit, follow, cancel, fetch, look after."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.accounts import Principal
from domain.anonymization.lifecycle import AnonymizationRequest, DownloadToken, Order, Snapshot, Status
from domain.anonymization.request import Level
from domain.errors import (
    InvalidSegmentsError,
    LevelUnavailableError,
    QueueUnavailableError,
    TooManyFramesError,
)
from domain.library import GrantRole
from domain.ports.persistence import Database, Page, RequestFilter, UnitOfWork
from domain.ports.services import Clock, JobQueue, ObjectStore
from domain.resilience import uninterrupted

MOST_SEGMENTS = 100
"""Segments one order may name."""

RATED_REQUESTS = 50
"""Completed requests that estimates are made from."""

PRIOR_RATE = 20.0
"""Frames a second to expect of an installation that has not completed anything yet."""

LINK_LASTS = timedelta(minutes=1)
"""How long the presigned address behind a download token is good for."""


REQUESTS = "requests/"
"""What the keys of everything made for any request begin with."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one installation allows.

    Attributes:
        max_frames: frames of one request.
        token_lasts: how long a download token waits to be used.
        result_lasts: how long results are kept.
    """

    max_frames: int = 10_000
    token_lasts: timedelta = timedelta(hours=24)
    result_lasts: timedelta = timedelta(hours=168)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that was taken in.

    Attributes:
        request: as stored.
        estimated_seconds: whole seconds until it should be done, those waiting before it included.
    """

    request: AnonymizationRequest
    estimated_seconds: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request stands.

    Attributes:
        request: as stored.
        estimated_seconds: whole seconds until it should be done; None when it is over.
    """

    request: AnonymizationRequest
    estimated_seconds: int | None


@dataclass(frozen=True, slots=True)
class Download:
    """A right to fetch a result once.

    Attributes:
        token: the secret; shown this once.
        request_id: whose result.
        expires_at: UTC.
    """

    token: str
    request_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an installation has done.

    Attributes:
        requests: by status.
        frames_per_second: of the last completed requests; None before the first.
        average_seconds: likewise, of a whole request.
        frames_waiting: frames of unfinished requests.
    """

    requests: Mapping[Status, int]
    frames_per_second: float | None
    average_seconds: float | None
    frames_waiting: int


class Anonymization:
    """Requests for anonymised frames.

    Args:
        database: where they are recorded.
        store: where their results are.
        queue: hands them to workers.
        clock: tells the time.
        limits: what is allowed.
        new_secret: makes 256 random bits, for download tokens.
        digest: what is stored in place of a secret.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        clock: Clock,
        limits: Limits,
        new_secret: Callable[[], str],
        digest: Callable[[str], bytes],
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._clock = clock
        self._limits = limits
        self._new_secret = new_secret
        self._digest = digest

    async def submit(
        self, principal: Principal, order: Order, idempotency_key: str | None = None
    ) -> Submitted:
        """Take in an order.

        The result is made from what is marked on the video at this moment. Segments that are moved or
        removed later are delivered as they were ordered, and a region that is marked later is not redacted.
        An order is taken in as a whole, or not at all, even when the caller goes away meanwhile.

        Args:
            principal: who asks.
            order: what for.
            idempotency_key: the same key with the same order gives the request of the first time, whatever
                has happened to the video and its segments since.

        Raises:
            VideoNotFoundError: there is no such video that the caller may see.
            ForbiddenError: the caller may see it and not have it anonymised.
            InvalidSegmentsError: one is not of that video, or there are none or too many.
            TooManyFramesError: more frames than one request may have.
            LevelUnavailableError: this version cannot deliver the level.
            IdempotencyConflictError: the key was used with a different order.
            QueueUnavailableError: nobody could be told to do it; nothing was stored.
        """
        # Between the commit and the queue nobody else would know that there is something to do.
        return await uninterrupted(self._take_in(principal, order, idempotency_key))

    async def status(self, principal: Principal, request_id: UUID) -> Progress:
        """Where a request stands.

        Raises:
            RequestNotFoundError: there is none that the caller may see.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            if request.status.is_final:
                return Progress(request, None)
            if request.status is Status.PROCESSING and request.processed_frames and request.started_at:
                # The worker's clock, which noted the start, may be ahead of this one.
                elapsed = max(0.0, (self._clock.now() - request.started_at).total_seconds())
                left = request.total_frames - request.processed_frames
                return Progress(request, math.ceil(left * elapsed / request.processed_frames))
            rate = _rate(await work.requests.rates(RATED_REQUESTS))
            left = await work.requests.frames_waiting()
        return Progress(request, math.ceil(left / rate))

    async def list(
        self, principal: Principal, wanted: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Requests that the caller may see, newest first."""
        async with self._database.unit_of_work() as work:
            return await work.requests.list(principal, wanted, limit, offset)

    async def cancel(self, principal: Principal, request_id: UUID) -> None:
        """Have a request not done (any further).

        Raises:
            RequestNotFoundError: there is none that the caller may see.
            AlreadyFinishedError: it is over.
            StorageUnavailableError: it is cancelled, and what was made of it could not be deleted; the
                next cleaning will.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            request.require_unfinished()
            cancelled = await work.requests.finish(request_id, Status.CANCELLED, self._clock.now())
            if not cancelled:
                request = await work.requests.get(request_id, principal)
                request.require_unfinished()
            await work.audit.add(principal, "request.cancel", f"request:{request_id}", {})
            await work.commit()
        await self._store.remove_all(result_prefix(request_id))

    async def mint_download(self, principal: Principal, request_id: UUID) -> Download:
        """Give out the right to fetch a result once.

        Raises:
            RequestNotFoundError: there is none that the caller may see.
            NotReadyError: it has no result.
        """
        secret = self._new_secret()
        expires_at = self._clock.now() + self._limits.token_lasts
        async with self._database.unit_of_work() as work:
            (await work.requests.get(request_id, principal)).require_result()
            await work.download_tokens.add(DownloadToken(self._digest(secret), request_id, expires_at, None))
            await work.audit.add(principal, "download.mint", f"request:{request_id}", {})
            await work.commit()
        return Download(secret, request_id, expires_at)

    async def redeem_download(self, request_id: UUID, token: str) -> str:
        """Exchange a download token for the address of the result.

        Raises:
            TokenNotFoundError: there is none like that for this request.
            TokenUsedError: it was used.
            TokenExpiredError: it came too late.
            NotReadyError: the result was deleted meanwhile.
            StorageUnavailableError: the store cannot be reached; the token is still good.
        """
        async with self._database.unit_of_work() as work:
            request = await work.download_tokens.redeem(self._digest(token), request_id, self._clock.now())
            key = request.require_result()
            await work.audit.add(None, "download.redeem", f"request:{request_id}", {})
            address = await self._store.presigned_get(key, f"{request_id}.zip", LINK_LASTS)
            await work.commit()
        return address

    async def statistics(self, principal: Principal) -> Statistics:
        """What the installation has done; for administrators.

        Raises:
            ForbiddenError: the caller is none.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            rates = await work.requests.rates(RATED_REQUESTS)
            counts = await work.requests.counts()
            waiting = await work.requests.frames_waiting()
        seconds = [took for _, took in rates]
        return Statistics(
            requests={status: counts.get(status, 0) for status in Status},
            frames_per_second=_rate(rates) if rates else None,
            average_seconds=sum(seconds) / len(seconds) if seconds else None,
            frames_waiting=waiting,
        )

    async def _take_in(self, principal: Principal, order: Order, idempotency_key: str | None) -> Submitted:
        key = (idempotency_key, _fingerprint(order)) if idempotency_key else None
        async with self._database.unit_of_work() as work:
            request = await work.requests.submitted_before(principal.user_id, key) if key else None
            is_new = False
            if request is None:
                snapshot = await self._snapshot(work, principal, order)
                request, is_new = await work.requests.add(principal.user_id, order, snapshot, key)
            waiting = 0 if request.status.is_final else await work.requests.frames_waiting()
            rate = _rate(await work.requests.rates(RATED_REQUESTS))
            if is_new:
                details = {
                    "video_id": order.video_id,
                    "level": order.level,
                    "frames": request.total_frames,
                }
                await work.audit.add(principal, "request.submit", f"request:{request.id}", details)
            await work.commit()
        if is_new:
            await self._enqueue(request)
        return Submitted(request, math.ceil(waiting / rate))

    async def _snapshot(self, work: UnitOfWork, principal: Principal, order: Order) -> Snapshot:
        """What an order is to be made from, once everything about it is allowed."""
        if order.level is Level.FULL:
            raise LevelUnavailableError(
                "level full is not available in this version: it does not find text and licence plates yet",
                "use level faces, and mark texts and plates as regions",
            )
        await work.videos.get(order.video_id, principal, GrantRole.EDITOR)
        if not 1 <= len(order.segment_ids) <= MOST_SEGMENTS:
            raise InvalidSegmentsError("Invalid segments", f"name 1 to {MOST_SEGMENTS} segments of the video")
        marked = {one.id: one.segment for one in await work.marks.segments(order.video_id)}
        unknown = [str(one) for one in order.segment_ids if one not in marked]
        if unknown:
            hint = f"segments {', '.join(unknown)} do not belong to video {order.video_id}"
            raise InvalidSegmentsError("Invalid segments", hint)
        regions = tuple(one.region for one in await work.marks.regions(order.video_id))
        snapshot = Snapshot({one: marked[one] for one in order.segment_ids}, regions)
        frames = snapshot.frame_count
        if frames > self._limits.max_frames:
            message = f"the request has {frames} frames, and may have {self._limits.max_frames}"
            raise TooManyFramesError(message, "split it into several requests")
        return snapshot

    async def _enqueue(self, request: AnonymizationRequest) -> None:
        try:
            await self._queue.anonymize(request.id, request.order.priority)
        except QueueUnavailableError:
            async with self._database.unit_of_work() as work:
                await work.requests.withdraw(request.id)
                await work.commit()
            raise


def result_prefix(request_id: UUID) -> str:
    """What the keys of everything made for a request begin with."""
    return f"{REQUESTS}{request_id}/"


def _rate(recent: Sequence[tuple[int, float]]) -> float:
    """Frames a second over recent requests."""
    frames = sum(count for count, _ in recent)
    seconds = sum(took for _, took in recent)
    return frames / seconds if frames and seconds > 0 else PRIOR_RATE


def _fingerprint(order: Order) -> bytes:
    """A digest that two orders share only when they are the same."""
    return hashlib.sha256(json.dumps(asdict(order), sort_keys=True).encode()).digest()
