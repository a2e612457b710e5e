"""Use cases on submitted requests: status, cancellation, download, statistics."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from framecloak.domain.anonymization.model.object_keys import result_prefix
from framecloak.domain.anonymization.model.orders.throughput import (
    DEFAULT_EFFORTS,
    MAX_RATED_REQUESTS,
    Workload,
)
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.release import ReleaseRule
from framecloak.domain.anonymization.model.request import AnonymizationRequest, DownloadToken, Status
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.estimates import TimeEstimator
from framecloak.domain.anonymization.requests.link_rights import require_link_rights
from framecloak.domain.anonymization.requests.retention import Retention
from framecloak.domain.anonymization.requests.titles import named_titles
from framecloak.domain.anonymization.work.ended_request import log_request_ended
from framecloak.domain.anonymization.work.result_deletion import limited_deletion
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, Page, RequestFilter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.videos.access import require_still_shared

logger = logging.getLogger(__name__)

LINK_TTL = timedelta(minutes=1)
"""Validity of the presigned URL behind a download token."""


@dataclass(frozen=True, slots=True)
class RequestProgress:
    """State of a request with an estimate of its end.

    Attributes:
        request: the request as stored.
        estimated_seconds: estimated whole seconds until it is completed; None when it is over.
    """

    request: AnonymizationRequest
    estimated_seconds: int | None


@dataclass(frozen=True, slots=True)
class Download:
    """Permission to download a result once.

    Attributes:
        token: secret token; shown only here.
        request_id: request whose result may be downloaded.
        expires_at: expiry of the token (UTC).
    """

    token: str = field(repr=False)
    request_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of an installation.

    Attributes:
        requests: number of requests by status.
        frames_per_second: average speed of the latest completed requests; None before the first.
        average_seconds: average duration of the latest completed requests; None before the first.
        frames_waiting: frames of unfinished requests that still have to be processed.
        frames_done: number of frames ever processed, in finished and unfinished requests.
    """

    requests: Mapping[Status, int]
    frames_per_second: float | None
    average_seconds: float | None
    frames_waiting: int
    frames_done: int


class RequestService:
    """Use cases on submitted requests: status, cancellation, download, statistics.

    Args:
        database: database of requests.
        store: object store of results.
        dispatcher: starts the next request when one is over.
        board: announces changes to listeners.
        clock: current time (UTC).
        retention: retention periods.
        new_secret: returns a random secret of 256 bits for a download token.
        digest: returns the digest that is stored in place of a secret.
        policy: rules for results.
        estimator: estimates the end of requests.
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
        *,
        policy: ResultPolicy,
        estimator: TimeEstimator,
    ) -> None:
        self._database = database
        self._store = store
        self._dispatcher = dispatcher
        self._board = board
        self._clock = clock
        self._retention = retention
        self._new_secret = new_secret
        self._digest = digest
        self._policy = policy
        self._estimator = estimator

    async def status(self, principal: Principal, request_id: UUID) -> RequestProgress:
        """Return the state of a request with an estimate of its end; reviewers see it, too.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
        """
        async with self._database.unit_of_work() as work:
            colleagues = self._policy.reviewers.include_colleagues
            request = await work.requests.get(request_id, principal, for_review=colleagues)
            if request.status.is_final:
                return RequestProgress(request, None)
            if request.status is Status.PROCESSING and request.processed_frames and request.started_at:
                # The start was recorded by the worker's clock, which may be ahead of this one.
                elapsed = max(0.0, (self._clock.now() - request.started_at).total_seconds())
                return RequestProgress(request, math.ceil(elapsed * _left_by_done(request)))
            estimated = await self._estimator.until_end(work, request)
        return RequestProgress(request, math.ceil(estimated.seconds))

    async def list(
        self, principal: Principal, criteria: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Return the requests visible to the caller, newest first."""
        async with self._database.unit_of_work() as work:
            return await work.requests.list(principal, criteria, limit, offset)

    async def awaiting_release(
        self, principal: Principal, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Return the requests whose results the caller may review and release, newest first.

        Where a second person has to release results, those that the caller ordered are left out.
        """
        is_second = self._policy.release is ReleaseRule.SECOND_PERSON
        criteria = RequestFilter(
            is_unreleased=True,
            not_user_id=principal.user_id if is_second else None,
            for_review=self._policy.reviewers.include_colleagues,
        )
        return await self.list(principal, criteria, limit, offset)

    async def cancel(self, principal: Principal, request_id: UUID) -> None:
        """Cancel a request that is waiting or in progress.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            AlreadyFinishedError: the request is over.
            StorageUnavailableError: the request is cancelled, but its stored data could not be deleted in
                time; the next clean-up deletes it.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            request.require_unfinished()
            cancelled = await work.requests.finish(request_id, Status.CANCELLED, self._clock.now())
            if not cancelled:
                request = await work.requests.get(request_id, principal)
                request.require_unfinished()
            ended = await work.requests.get(request_id, principal)
            await work.audit.add(principal, "request.cancel", f"request:{request_id}", {})
            await work.commit()
        log_request_ended(logger, ended, None)
        await self._board.announce_cancellation(request_id)
        await self._dispatcher.try_run()
        async with limited_deletion():
            await self._store.remove_prefix(result_prefix(request_id))

    async def issue_download_token(self, principal: Principal, request_id: UUID) -> Download:
        """Issue a token that permits one download of a result.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result.
            NotReleasedError: the result is not released, and downloads require it.
        """
        secret = self._new_secret()
        expires_at = self._clock.now() + self._retention.token_ttl
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            await require_still_shared(work, principal, request.spec.video_id)
            request.require_result()
            request.require_release(self._policy.release)
            # The commands of the operator have no account; the link is then that of the request's.
            holder = principal.user_id or None
            token = DownloadToken(self._digest(secret), request_id, expires_at, None, holder)
            await work.download_tokens.add(token)
            await work.audit.add(principal, "download.mint", f"request:{request_id}", {})
            await work.commit()
        return Download(secret, request_id, expires_at)

    async def redeem_download_token(self, request_id: UUID, token: str) -> str:
        """Exchange a download token for the presigned URL of the result.

        Args:
            request_id: request whose result is downloaded.
            token: download token.

        Returns:
            A URL that is valid for one minute.

        Raises:
            TokenNotFoundError: the token does not exist for this request.
            TokenUsedError: the token was used.
            TokenExpiredError: the token has expired, or its account may no longer use it.
            NotReadyError: the result was deleted meanwhile.
            NotReleasedError: the result is not released, and downloads require it.
            StorageUnavailableError: the store cannot be reached; the token stays valid.
        """
        async with self._database.unit_of_work() as work:
            digest = self._digest(token)
            request = await work.download_tokens.redeem(digest, request_id, self._clock.now())
            await require_link_rights(work, digest, request)
            key = request.require_result()
            request.require_release(self._policy.release)
            await work.audit.add(None, "download.redeem", f"request:{request_id}", {})
            titles = await named_titles(work, self._policy, [request])
            name = request.archive_name(titles.get(request.id))
            address = await self._store.presigned_get(key, name, LINK_TTL)
            await work.commit()
        return address

    async def statistics(self, principal: Principal) -> Statistics:
        """Return the statistics of the installation; for administrators.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            paces = await work.statistics.recent_durations(MAX_RATED_REQUESTS)
            counts = await work.statistics.counts()
            backlog = await work.statistics.backlog()
            done = await work.statistics.processed_frames()
        frames, seconds = sum(pace.frames for pace in paces), sum(pace.seconds for pace in paces)
        return Statistics(
            requests={status: counts.get(status, 0) for status in Status},
            frames_per_second=frames / seconds if seconds else None,
            average_seconds=seconds / len(paces) if paces else None,
            frames_waiting=sum(each.frames for each in backlog),
            frames_done=done,
        )


def _left_by_done(request: AnonymizationRequest) -> float:
    """Return the work that is left of a request, relative to what is done, of which at least a frame is.

    The frames around those of the request are searched first, and take time without any progress.
    """
    workload = Workload.of(request.spec)
    left = (request.total_frames - request.processed_frames) * workload.effort
    return left / DEFAULT_EFFORTS.total(workload, request.processed_frames, 1)
