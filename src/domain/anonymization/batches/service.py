"""Use cases of batches: order many videos at once, follow and cancel the orders."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from framecloak.domain.anonymization.batches.marking import marking_of
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchPlan, BatchVideo
from framecloak.domain.anonymization.model.orders.estimates import EstimatedTime
from framecloak.domain.anonymization.model.orders.throughput import Backlog
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec
from framecloak.domain.anonymization.requests.estimates import TimeEstimator
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.errors import AlreadyFinishedError, DomainError, StorageUnavailableError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database, Page, UnitOfWork
from framecloak.domain.support.resilience import run_to_completion


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """State of a batch with an estimate of its end.

    Attributes:
        batch: the batch as stored.
        estimated_seconds: estimated whole seconds until its last order is completed; None when it is over.
    """

    batch: Batch
    estimated_seconds: int | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A video that a batch would reject.

    Attributes:
        number: index in the batch, from 0.
        video_id: id of the video.
        error: reason.
    """

    number: int
    video_id: int
    error: DomainError


@dataclass(frozen=True, slots=True)
class BatchEstimate:
    """Preview of a batch.

    Attributes:
        accepted: number of orders that would be accepted.
        frames: number of frames of these orders.
        estimated: estimated time until the last one is completed, including the queue, and the time to load
            models and pack the results.
        rejected: videos that would be rejected.
    """

    accepted: int
    frames: int
    estimated: EstimatedTime
    rejected: tuple[Rejection, ...]


class BatchService:
    """Use cases of batches.

    Args:
        database: storage of the batches.
        submissions: accepts each order.
        requests: cancels orders.
        estimator: estimates the end of orders.
    """

    def __init__(
        self,
        database: Database,
        submissions: SubmitService,
        requests: RequestService,
        estimator: TimeEstimator,
    ) -> None:
        self._database = database
        self._estimator = estimator
        self._submissions = submissions
        self._requests = requests

    async def submit(
        self, principal: Principal, plan: BatchPlan, idempotency_key: str | None = None
    ) -> BatchProgress:
        """Order all videos of a batch. Each order is accepted or rejected independently of the others.

        Args:
            principal: caller.
            plan: what to order.
            idempotency_key: a repeated key with the same plan returns the batch of the first call, and orders
                only what that call did not reach.

        Raises:
            IdempotencyConflictError: the key was used for a different batch.
        """
        return await run_to_completion(self._submit(principal, plan, idempotency_key))

    async def _submit(
        self, principal: Principal, plan: BatchPlan, idempotency_key: str | None
    ) -> BatchProgress:
        key = (idempotency_key, self._fingerprint(plan)) if idempotency_key else None
        async with self._database.unit_of_work() as work:
            batch_id, _ = await work.batches.add(principal.user_id, plan.template_name, key)
            known = {item.number for item in (await work.batches.get(batch_id, principal)).items}
            details: dict[str, object] = {"videos": len(plan.videos), "template": plan.template_name}
            await work.audit.add(principal, "batch.submit", f"batch:{batch_id}", details)
            await work.commit()
        for number, video in enumerate(plan.videos):
            if number not in known:
                await self._order(principal, plan, batch_id, number, video)
        return await self.get(principal, batch_id)

    async def _order(
        self, principal: Principal, plan: BatchPlan, batch_id: UUID, number: int, video: BatchVideo
    ) -> None:
        async def record(work: UnitOfWork, request: AnonymizationRequest) -> None:
            await work.batches.accept(batch_id, number, video.video_id, request.id)

        # Clients' keys contain no blanks, so this one never equals the key of a single request.
        key = f"batch {batch_id} {number}"
        marking = marking_of(principal, video, plan.marks)
        try:
            await self._submissions.submit(
                principal, _spec(plan, video), key, marking=marking, recording=record
            )
        except DomainError as error:
            public = error.user_message()
            async with self._database.unit_of_work() as work:
                await work.batches.reject(batch_id, number, video.video_id, error.code, public.message)
                await work.commit()

    def _fingerprint(self, plan: BatchPlan) -> bytes:
        """Return a digest that differs for different plans, and does not reveal their lists."""
        values = {
            "videos": [asdict(video) for video in plan.videos],
            "marks": asdict(plan.marks),
            "template": plan.template_name,
            "spec": self._submissions.fingerprint(plan.spec).hex(),
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).digest()

    async def estimate(self, principal: Principal, plan: BatchPlan) -> BatchEstimate:
        """Return what a batch would cost and which videos it would reject; nothing is stored."""
        added: list[Backlog] = []
        rejected = []
        for number, video in enumerate(plan.videos):
            try:
                marking = marking_of(principal, video, plan.marks)
                added.append(await self._submissions.cost_of(principal, _spec(plan, video), marking))
            except DomainError as error:
                rejected.append(Rejection(number, video.video_id, error))
        async with self._database.unit_of_work() as work:
            estimated = await self._estimator.after_all(work, principal.user_id, added)
        frames = sum(each.frames for each in added)
        return BatchEstimate(len(added), frames, estimated, tuple(rejected))

    async def get(self, principal: Principal, batch_id: UUID) -> BatchProgress:
        """Return a batch with an estimate of its end.

        Raises:
            BatchNotFoundError: no such batch is visible to the caller.
        """
        async with self._database.unit_of_work() as work:
            batch = await work.batches.get(batch_id, principal)
            unfinished = [request for request in batch.requests if not request.status.is_final]
            if not unfinished:
                return BatchProgress(batch, None)
            last = max(unfinished, key=lambda request: (request.created_at, request.id))
            estimated = await self._estimator.until_end(work, last)
        return BatchProgress(batch, math.ceil(estimated.seconds))

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Batch]:
        """Return the batches visible to the caller, newest first."""
        async with self._database.unit_of_work() as work:
            return await work.batches.list(principal, limit, offset)

    async def cancel(self, principal: Principal, batch_id: UUID) -> BatchProgress:
        """Cancel all orders of a batch that have not ended; the newest first, so that none starts meanwhile.

        Raises:
            BatchNotFoundError: no such batch is visible to the caller.
            StorageUnavailableError: the orders are cancelled, but stored data could not be deleted in time;
                the next clean-up deletes them.
        """
        batch = (await self.get(principal, batch_id)).batch
        failures = []
        for request in reversed(batch.requests):
            if request.status.is_final:
                continue
            try:
                await self._requests.cancel(principal, request.id)
            except AlreadyFinishedError:
                continue
            except StorageUnavailableError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return await self.get(principal, batch_id)


def _spec(plan: BatchPlan, video: BatchVideo) -> RequestSpec:
    reference = video.reference or plan.spec.reference
    return replace(
        plan.spec, video_id=video.video_id, segment_ids=video.segment_ids or (), reference=reference
    )
