"""Use cases around requests for anonymised frames: follow, cancel, fetch, look after."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.request import AnonymizationRequest, DownloadToken, Status
from framecloak.domain.anonymization.model.throughput import RATED_REQUESTS, seconds_for, usual_rate
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.errors import StorageUnavailableError
from framecloak.domain.ports.database import Database, Page, RequestFilter
from framecloak.domain.ports.services import Clock, ObjectStore, ProgressBoard

DELETION_SECONDS = 5.0
"""How long anybody waits until an object store has deleted what the next cleaning would delete, too."""

LINK_LASTS = timedelta(minutes=1)
"""How long the presigned address behind a download token is good for."""


REQUESTS = "requests/"
"""What the keys of everything made for any request begin with."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept.

    Attributes:
        token_lasts: how long a download token waits to be used.
        result_lasts: how long results are kept.
    """

    token_lasts: timedelta = timedelta(hours=24)
    result_lasts: timedelta = timedelta(hours=168)


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

    token: str = field(repr=False)
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
        frames_done: frames of everything, finished or not, that were processed.
    """

    requests: Mapping[Status, int]
    frames_per_second: float | None
    average_seconds: float | None
    frames_waiting: int
    frames_done: int


class Anonymization:
    """Requests for anonymised frames, once they are submitted.

    Args:
        database: where they are recorded.
        store: where their results are.
        dispatcher: has the next begun when one is over.
        board: where listeners are told.
        clock: tells the time.
        retention: how long things are kept.
        new_secret: makes 256 random bits, for download tokens.
        digest: what is stored in place of a secret.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        dispatcher: Dispatcher,
        board: ProgressBoard,
        clock: Clock,
        retention: Retention,
        new_secret: Callable[[], str],
        digest: Callable[[str], bytes],
    ) -> None:
        self._database = database
        self._store = store
        self._dispatcher = dispatcher
        self._board = board
        self._clock = clock
        self._retention = retention
        self._new_secret = new_secret
        self._digest = digest

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
            rate = usual_rate(await work.requests.paces(RATED_REQUESTS))
            waiting = await work.requests.frames_waiting()
        return Progress(request, math.ceil(seconds_for(waiting, rate)))

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
            StorageUnavailableError: it is cancelled, and what was made of it could not be deleted (in time);
                the next cleaning will.
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
        await self._board.announce(request_id)
        await self._dispatcher.try_run()
        async with deleted_in_time():
            await self._store.remove_all(result_prefix(request_id))

    async def mint_download(self, principal: Principal, request_id: UUID) -> Download:
        """Give out the right to fetch a result once.

        Raises:
            RequestNotFoundError: there is none that the caller may see.
            NotReadyError: it has no result.
        """
        secret = self._new_secret()
        expires_at = self._clock.now() + self._retention.token_lasts
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
            paces = await work.requests.paces(RATED_REQUESTS)
            counts = await work.requests.counts()
            waiting = await work.requests.frames_waiting()
            done = await work.requests.frames_done()
        frames, seconds = sum(one.frames for one in paces), sum(one.seconds for one in paces)
        return Statistics(
            requests={status: counts.get(status, 0) for status in Status},
            frames_per_second=frames / seconds if seconds else None,
            average_seconds=seconds / len(paces) if paces else None,
            frames_waiting=sum(waiting.values()),
            frames_done=done,
        )


def result_prefix(request_id: UUID) -> str:
    """What the keys of everything made for a request begin with."""
    return f"{REQUESTS}{request_id}/"


def parts_prefix(request_id: UUID) -> str:
    """What the keys of a request's parts begin with."""
    return f"{result_prefix(request_id)}slices/"


@asynccontextmanager
async def deleted_in_time() -> AsyncIterator[None]:
    """Delete something of a request that is over; not for long, because the object store may hang.

    Raises:
        StorageUnavailableError: it took too long; the next cleaning deletes what is left.
    """
    try:
        async with asyncio.timeout(DELETION_SECONDS):
            yield
    except TimeoutError as error:
        raise StorageUnavailableError(
            "the request is over; what was made of it could not be deleted yet",
            "nothing is left to do: the next cleaning deletes it",
        ) from error
