"""Use case: mark the frames of a result as seen, and release the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.release import Release, ReleaseRule
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.proof.release_addendum import sign_release
from framecloak.domain.anonymization.review.ranking import Ranking
from framecloak.domain.anonymization.review.service import ReviewService
from framecloak.domain.anonymization.work.jobs import WORKER
from framecloak.domain.errors import (
    AlreadyReleasedError,
    FrameNotFoundError,
    NotReleasedError,
    RequestNotFoundError,
    SecondPersonRequiredError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.repositories.webhooks import NoticeEvent
from framecloak.domain.ports.security import Signer
from framecloak.domain.storage.results import ResultIntegrity
from framecloak.domain.videos.access import require_still_shared

MAX_FRAMES_PER_MARK = 1000
"""Maximum number of frames that one call marks as seen."""


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """Progress of a person's review of a result.

    Attributes:
        request: request whose result is reviewed.
        frames: number of frames in the result.
        seen: number of frames that this person has seen.
        risky: number of frames with weak evidence.
        seen_risky: number of frames with weak evidence that this person has seen.
        next_unseen: riskiest of the frames with weak evidence that this person has not seen; None if all
            were seen.
        may_release: True if this person may release the result now.
    """

    request: AnonymizationRequest
    frames: int
    seen: int
    risky: int
    seen_risky: int
    next_unseen: int | None
    may_release: bool


class ReleaseService:
    """Use case that records what reviewers have seen, and their releases.

    Args:
        database: database of requests.
        reviews: results as reviewers see them.
        integrity: reads the manifests of results.
        signer: returns the signer of this installation.
        clock: current time (UTC).
        policy: rules for results.
        tool: name and version of the program.
    """

    def __init__(
        self,
        database: Database,
        reviews: ReviewService,
        integrity: ResultIntegrity,
        signer: Callable[[], Signer],
        clock: Clock,
        policy: ResultPolicy,
        tool: str,
    ) -> None:
        self._database = database
        self._reviews = reviews
        self._integrity = integrity
        self._signer = signer
        self._clock = clock
        self._policy = policy
        self._tool = tool

    async def progress(self, principal: Principal, request_id: UUID) -> ReviewProgress:
        """Return how much of a result the caller has seen.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, ranking = await self._reviews.ranked(principal, request_id)
        async with self._database.unit_of_work() as work:
            seen = await work.releases.seen(request_id, principal.user_id)
            is_second = await self._is_second_person(work, principal, request)
        return _progress(request, ranking, seen, may_release=request.released_at is None and is_second)

    async def mark_seen(
        self, principal: Principal, request_id: UUID, frames: Sequence[int]
    ) -> ReviewProgress:
        """Record that the caller has seen frames of a result.

        Args:
            principal: caller.
            request_id: request whose result is reviewed.
            frames: indices of the frames in the source video.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            FrameNotFoundError: a frame is not in the result; none is marked.
            StorageUnavailableError: the store cannot be reached.
        """
        _, ranking = await self._reviews.ranked(principal, request_id)
        foreign = {*frames} - {*ranking.table.frames.tolist()}
        if foreign:
            raise FrameNotFoundError(
                f"the result has no frame {min(foreign)}", "use a frame of the segments that were requested"
            )
        async with self._database.unit_of_work() as work:
            # The result may have been deleted meanwhile, and its marks with it.
            (await self._request(work, principal, request_id)).require_result()
            await work.releases.mark_seen(request_id, principal.user_id, frames)
            await work.commit()
        return await self.progress(principal, request_id)

    async def release(self, principal: Principal, request_id: UUID) -> Release:
        """Release a result: sign an addendum to its manifest, record it and notify the webhook.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            AlreadyReleasedError: the result was released before.
            SecondPersonRequiredError: the caller ordered or corrected it, and another person has to release
                it.
            StorageUnavailableError: the store cannot be reached.
        """
        progress = await self.progress(principal, request_id)
        _require_unreleased(progress.request)
        if not progress.may_release:
            raise SecondPersonRequiredError(
                "the caller ordered or corrected this result", "ask another person to review and release it"
            )
        release = Release(
            request_id=request_id,
            manifest_sha256=sha256(await self._integrity.read(progress.request, MANIFEST_FILE)).hexdigest(),
            result_sha256=progress.request.result_sha256,
            released_at=self._clock.now(),
            released_by=self._policy.name_of(principal),
            frames=progress.frames,
            seen_frames=progress.seen,
            risky_frames=progress.risky,
            seen_risky_frames=progress.seen_risky,
        )
        document = sign_release(release, self._tool, self._signer())
        async with self._database.unit_of_work() as work:
            if not await work.releases.release(
                request_id, release.released_at, release.released_by, document
            ):
                request = await self._request(work, principal, request_id)
                _require_unreleased(request)
                request.require_result()
            details = {
                "manifest_sha256": release.manifest_sha256,
                "risky_frames": release.risky_frames,
                "seen_risky_frames": release.seen_risky_frames,
            }
            await work.audit.add(principal, "result.release", f"request:{request_id}", details)
            if (url := progress.request.spec.webhook_url) is not None:
                await work.notices.add(request_id, url, release.released_at, NoticeEvent.RELEASED)
            await work.commit()
        return release

    async def addendum(self, principal: Principal, request_id: UUID) -> bytes:
        """Return the signed addendum of a release, also after its result was deleted.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReleasedError: the result was not released.
        """
        async with self._database.unit_of_work() as work:
            request = await self._request(work, principal, request_id)
            await require_still_shared(work, principal, request.spec.video_id)
            document = await work.releases.document(request_id)
        if document is None:
            raise NotReleasedError("the result is not released", "review the result and release it")
        return document

    async def _request(
        self, work: UnitOfWork, principal: Principal, request_id: UUID
    ) -> AnonymizationRequest:
        colleagues = self._policy.reviewers.include_colleagues
        return await work.requests.get(request_id, principal, for_review=colleagues)

    async def _is_second_person(
        self, work: UnitOfWork, principal: Principal, request: AnonymizationRequest
    ) -> bool:
        """Return whether the rule lets this person release the result."""
        if self._policy.release is not ReleaseRule.SECOND_PERSON:
            return True
        ancestor: AnonymizationRequest | None = request
        while ancestor is not None:
            if ancestor.user_id == principal.user_id:
                return False
            base = ancestor.spec.based_on
            parent = base.request_id if base else None
            try:
                ancestor = await work.requests.get(parent, WORKER) if parent else None
            except RequestNotFoundError:
                # Its author is unknown, and may be this person.
                return False
        return True


def _require_unreleased(request: AnonymizationRequest) -> None:
    if request.released_at is not None:
        raise AlreadyReleasedError(
            f"the result was released by {request.released_by} before", "download the addendum of the release"
        )


def _progress(
    request: AnonymizationRequest, ranking: Ranking, seen: AbstractSet[int], *, may_release: bool
) -> ReviewProgress:
    risky = ranking.risky
    unseen = [frame for frame in risky if frame not in seen]
    return ReviewProgress(
        request=request,
        frames=len(ranking.order),
        seen=len(seen),
        risky=len(risky),
        seen_risky=len(risky) - len(unseen),
        next_unseen=unseen[0] if unseen else None,
        may_release=may_release,
    )
