"""Requests and download tokens in memory."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from fakes.persistence.tables import Transaction
from fakes.persistence.webhooks import FakeNoticeRepository
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    DownloadToken,
    Priority,
    RequestSpec,
    Status,
    StoredResult,
    WorkSpec,
)
from framecloak.domain.errors import (
    IdempotencyConflictError,
    RequestNotFoundError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Page, RequestFilter


class FakeRequestRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, user_id: int, order: RequestSpec, snapshot: WorkSpec, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        rows = await self._tx.write()
        if idempotency and (earlier := await self.find_by_idempotency_key(user_id, idempotency)):
            return earlier, False
        if order.video_id not in rows.videos:
            raise VideoNotFoundError(f"there is no video {order.video_id}")
        request = AnonymizationRequest(
            id=uuid4(),
            user_id=user_id,
            spec=replace(order, text_lists=None),
            status=Status.PENDING,
            total_frames=snapshot.frame_count,
            processed_frames=0,
            blanked_frames=0,
            created_at=self._tx.store.now(),
            started_at=None,
            completed_at=None,
            error=None,
            error_code=None,
            result_key=None,
            result_bytes=None,
        )
        rows.requests[request.id] = request
        rows.snapshots[request.id] = snapshot
        if idempotency:
            rows.idempotency[user_id, idempotency[0]] = request.id, idempotency[1]
        return request, True

    async def find_by_idempotency_key(
        self, user_id: int, idempotency: tuple[str, bytes]
    ) -> AnonymizationRequest | None:
        key, digest = idempotency
        earlier = self._tx.rows.idempotency.get((user_id, key))
        if earlier is None:
            return None
        if earlier[1] != digest:
            raise IdempotencyConflictError(
                "the idempotency key was used for a different request", "use a new key for a new request"
            )
        return self._tx.rows.requests[earlier[0]]

    async def high_priority_frames(self, user_id: int, period: timedelta) -> int:
        await self._tx.write()
        return sum(
            request.total_frames
            for request in self._tx.rows.requests.values()
            if request.user_id == user_id
            and request.spec.priority is Priority.HIGH
            and request.created_at > self._tx.store.now() - period
        )

    async def snapshot(self, request_id: UUID) -> WorkSpec:
        return self._tx.rows.snapshots.get(request_id, WorkSpec({}, ()))

    async def get(
        self, request_id: UUID, principal: Principal, *, for_review: bool = False
    ) -> AnonymizationRequest:
        request = self._tx.rows.requests.get(request_id)
        if request is None or not self._is_visible(request, principal, for_review=for_review):
            raise RequestNotFoundError(f"there is no request {request_id}")
        return request

    async def list(
        self, principal: Principal, criteria: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        found = [
            each
            for each in reversed(self._tx.rows.requests.values())
            if self._is_visible(each, principal, for_review=criteria.for_review)
            and criteria.video_id in {None, each.spec.video_id}
            and criteria.status in {None, each.status}
            and criteria.user_id in {None, each.user_id}
            and criteria.is_render in {None, each.spec.based_on is not None}
            and not (criteria.is_unreleased and (each.result_key is None or each.released_at))
            and each.user_id != criteria.not_user_id
            and (criteria.search or "").lower() in (each.spec.reference or "").lower()
        ]
        return Page(found[offset : offset + limit], len(found))

    def _is_visible(self, request: AnonymizationRequest, principal: Principal, *, for_review: bool) -> bool:
        if principal.is_admin or request.user_id == principal.user_id:
            return True
        rows, video_id = self._tx.rows, request.spec.video_id
        video = rows.videos.get(video_id)
        is_shared = (video_id, principal.user_id) in rows.grants
        return for_review and video is not None and (is_shared or video.owner_id == principal.user_id)

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        rows = await self._tx.write()
        request = rows.requests.get(request_id)
        if request is None or request.status is not Status.PENDING:
            return None
        rows.admitted[request_id] = now
        rows.requests[request_id] = replace(request, status=Status.PROCESSING, started_at=now)
        return rows.requests[request_id]

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: StoredResult | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> bool:
        rows = await self._tx.write()
        request = rows.requests.get(request_id)
        if request is None or request.status.is_final:
            return False
        completed = status is Status.COMPLETED
        rows.requests[request_id] = replace(
            request,
            status=status,
            completed_at=now,
            processed_frames=request.total_frames if completed else request.processed_frames,
            blanked_frames=blanked_frames,
            result_key=result.key if result else None,
            result_bytes=result.size_bytes if result else None,
            result_sha256=result.sha256 if result else None,
            error=error,
            error_code=error_code,
        )
        for key in [key for key in rows.slices if key[0] == request_id]:
            del rows.slices[key]
        rows.snapshots[request_id] = replace(
            rows.snapshots[request_id],
            boxes=None,
            earlier=None,
            history=None,
            earlier_text=None,
            text_lists=None,
        )
        if request.spec.webhook_url is not None:
            await FakeNoticeRepository(self._tx).add(request_id, request.spec.webhook_url, now)
        return True

    async def results_completed_before(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        return [
            (each.id, each.result_key)
            for each in self._tx.rows.requests.values()
            if each.result_key and each.completed_at and each.completed_at < moment
        ]

    async def without_result(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        requests = self._tx.rows.requests
        needed = {each.id for each in requests.values() if each.result_key or not each.status.is_final}
        return {*request_ids} - needed

    async def finished_or_missing(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        requests = self._tx.rows.requests
        return {*request_ids} - {each.id for each in requests.values() if not each.status.is_final}

    async def with_results(self, video_id: int) -> Sequence[AnonymizationRequest]:
        requests = self._tx.rows.requests.values()
        return [each for each in requests if each.spec.video_id == video_id and each.result_key]

    async def clear_result(self, request_id: UUID) -> None:
        rows = await self._tx.write()
        if request := rows.requests.get(request_id):
            rows.requests[request_id] = replace(
                request, result_key=None, result_bytes=None, result_sha256=None
            )
        rows.seen_frames = {key: seen for key, seen in rows.seen_frames.items() if key[0] != request_id}


class FakeDownloadTokenRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, token: DownloadToken) -> None:
        rows = await self._tx.write()
        rows.download_tokens[token.digest] = token

    async def get(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        token = self._tx.rows.download_tokens.get(digest)
        if token is None or token.request_id != request_id:
            raise TokenNotFoundError("there is no such download link", "ask for a new one")
        if token.used_at is not None:
            raise TokenUsedError("the download link has already been used", "ask for a new one")
        if token.expires_at <= now:
            raise TokenExpiredError("the download link has expired", "ask for a new one")
        return self._tx.rows.requests[request_id]

    async def holder(self, digest: bytes) -> int | None:
        token = self._tx.rows.download_tokens.get(digest)
        return token.user_id if token else None

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        rows = await self._tx.write()
        request = await self.get(digest, request_id, now)
        rows.download_tokens[digest] = replace(rows.download_tokens[digest], used_at=now)
        return request

    async def remove_without_result(self) -> int:
        rows = await self._tx.write()
        before = len(rows.download_tokens)
        rows.download_tokens = {
            digest: token
            for digest, token in rows.download_tokens.items()
            if rows.requests[token.request_id].result_key
        }
        return before - len(rows.download_tokens)
