"""Use case: take in an order for anonymised frames."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Level, require_available, require_faces
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Order, Snapshot
from framecloak.domain.anonymization.model.throughput import RATED_REQUESTS, seconds_for, usual_rate
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.results.video_writer import GROUP_FRAMES
from framecloak.domain.anonymization.work.slice_planning import SLICE_FRAMES, plan_slices
from framecloak.domain.errors import InvalidOptionError, InvalidSegmentsError, TooManyFramesError
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.ports.services import JobQueue
from framecloak.domain.support.resilience import uninterrupted
from framecloak.domain.videos.model import GrantRole
from framecloak.domain.videos.segments import require_within

MOST_SEGMENTS = 100
"""Segments one order may name."""


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
class Outlook:
    """What somebody can expect who submits an order now.

    Attributes:
        levels: that this installation can deliver.
        max_frames: that one request may have.
        frames_per_second: that are usual (`rates.Workload.effort`), from the requests completed last, or what
            is expected of a new installation.
        frames_waiting: of unfinished requests, which come before a new one.
        seconds_waiting: how long these will take.
    """

    levels: tuple[Level, ...]
    max_frames: int
    frames_per_second: float
    frames_waiting: int
    seconds_waiting: float


Preparation: TypeAlias = Callable[[UnitOfWork], Awaitable[tuple[Order, Snapshot]]]
"""Makes an order, and what is to be worked on, once everything about it is allowed."""


class Submissions:
    """Takes in orders.

    Args:
        database: where requests are recorded.
        queue: has to be there, or nobody would hear of what was submitted.
        dispatcher: has the work begun.
        keyframes: reads the numbers of keyframes out of a video's frame index.
        max_frames: frames that one request may have.
        slice_frames: frames that a slice may have.
        level_is_available: whether the installation has the models that a level takes.
        people: says who is meant by a gallery; None where nobody is to be told from others.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        dispatcher: Dispatcher,
        keyframes: Callable[[bytes], Sequence[int]],
        max_frames: int = 10_000,
        slice_frames: int = SLICE_FRAMES,
        level_is_available: Callable[[Level], bool] = lambda _: True,
        people: GalleryPeople | None = None,
    ) -> None:
        self._database = database
        self._queue = queue
        self._dispatcher = dispatcher
        self._keyframes = keyframes
        self._max_frames = max_frames
        self._slice_frames = slice_frames
        self._level_is_available = level_is_available
        self._people = people

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
            LevelUnavailableError: this installation cannot deliver the level.
            InvalidOptionError: text is to be kept at a level that leaves it alone.
            InvalidRegionError, InvalidSegmentError: an area to keep text in does not fit the video.
            GalleryNotFoundError: there is no such gallery that the caller may use.
            ModelMismatchError: it is of another model than faces are recognised with here.
            InvalidOptionError: nobody can be told apart at that level, or with that gallery.
            ModelMissingError: there is nothing to recognise faces with.
            IdempotencyConflictError: the key was used with a different order.
            QueueUnavailableError: nobody could be told to do it; nothing was stored.
        """
        # Loading it takes longer than a connection of the database should be held.
        recognizer = await self._recognizer() if order.identities else None

        async def prepared(work: UnitOfWork) -> tuple[Order, Snapshot]:
            return order, await self._snapshot(work, principal, order, recognizer)

        key = (idempotency_key, _fingerprint(order)) if idempotency_key else None
        return await uninterrupted(self._take_in(principal, prepared, key))

    async def outlook(self) -> Outlook:
        """What somebody can expect who submits an order now."""
        async with self._database.unit_of_work() as work:
            waiting = await work.requests.frames_waiting()
            rate = usual_rate(await work.requests.paces(RATED_REQUESTS))
        levels = tuple(level for level in Level if self._level_is_available(level))
        seconds = seconds_for(waiting, rate)
        return Outlook(levels, self._max_frames, rate, sum(waiting.values()), seconds)

    async def take(
        self, principal: Principal, prepare: Preparation, key: tuple[str, bytes] | None
    ) -> Submitted:
        """Take in an order that is made from something else than what is marked on a video.

        Args:
            principal: who asks; that they may has been found out by ``prepare``.
            prepare: what for; only asked where the key has not been used before. Its errors come through.
            key: an idempotency key, and a digest that two orders share only when they are the same.

        Raises:
            IdempotencyConflictError: the key was used with a different order.
            QueueUnavailableError: nobody could be told to do it; nothing was stored.
        """
        return await uninterrupted(self._take_in(principal, prepare, key))

    async def taken_before(self, principal: Principal, key: tuple[str, bytes]) -> Submitted | None:
        """What was taken in with a key, if anything was.

        Args:
            principal: whose key it is.
            key: an idempotency key, and a digest that two orders share only when they are the same.

        Raises:
            IdempotencyConflictError: the key was used with a different order.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.submitted_before(principal.user_id, key)
            return Submitted(request, await _estimate(work, request)) if request else None

    async def _take_in(
        self, principal: Principal, prepare: Preparation, key: tuple[str, bytes] | None
    ) -> Submitted:
        # Asked first, because what is stored may be found by others at once and cannot be taken back.
        await self._queue.ping()
        async with self._database.unit_of_work() as work:
            request = await work.requests.submitted_before(principal.user_id, key) if key else None
            is_new = False
            if request is None:
                order, snapshot = await prepare(work)
                request, is_new = await work.requests.add(principal.user_id, order, snapshot, key)
                if is_new:
                    await self._plan(work, principal, request, snapshot)
            seconds = await _estimate(work, request)
            await work.commit()
        if is_new:
            await self._dispatcher.try_run()
        return Submitted(request, seconds)

    async def _recognizer(self) -> FaceRecognizer:
        if self._people is None:
            raise InvalidOptionError("people cannot be told apart here", "say nothing about identities")
        return await self._people.recognizer()

    async def _plan(
        self, work: UnitOfWork, principal: Principal, request: AnonymizationRequest, snapshot: Snapshot
    ) -> None:
        """Say what there is to do for a new request."""
        order = request.order
        keyframes = self._keyframes(await work.videos.frame_index(order.video_id))
        unit = GROUP_FRAMES if order.appearance.output_format.is_film else 1
        slices = plan_slices(snapshot.stretches, keyframes, self._slice_frames, unit)
        await work.slices.add(request.id, slices)
        details: dict[str, object] = {
            "video_id": order.video_id,
            "level": order.level,
            "frames": request.total_frames,
        }
        if order.based_on:
            details["based_on"] = str(order.based_on.request_id)
        if order.identities and order.tells_people_apart:
            details |= {"gallery_id": str(order.identities.gallery_id), "identities": order.identities.mode}
        await work.audit.add(principal, "request.submit", f"request:{request.id}", details)

    async def _snapshot(
        self, work: UnitOfWork, principal: Principal, order: Order, recognizer: FaceRecognizer | None
    ) -> Snapshot:
        """What an order is to be made from, once everything about it is allowed."""
        require_available(order.level, self._level_is_available)
        if order.identities:
            require_faces(order.level)
        facts = (await work.videos.get(order.video_id, principal, GrantRole.EDITOR)).facts
        if order.keep_text and order.level is not Level.FULL:
            raise InvalidOptionError(
                f"level {order.level} leaves text alone, so there is none to keep",
                "leave keep_text out, or ask for level full",
            )
        size = facts.width, facts.height
        require_within([], order.keep_text, size=size, frame_count=facts.frame_count)
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
        if frames > self._max_frames:
            message = f"the request has {frames} frames, and may have {self._max_frames}"
            raise TooManyFramesError(message, "split it into several requests")
        if order.identities and self._people and recognizer:
            people = await self._people.pin(work, principal, order.identities, recognizer)
            return replace(snapshot, people=people)
        return snapshot


async def _estimate(work: UnitOfWork, request: AnonymizationRequest) -> int:
    """Whole seconds until a request should be done, those waiting before it included."""
    if request.status.is_final:
        return 0
    waiting = await work.requests.frames_waiting()
    return math.ceil(seconds_for(waiting, usual_rate(await work.requests.paces(RATED_REQUESTS))))


def _fingerprint(order: Order) -> bytes:
    """A digest that two orders share only when they are the same."""
    return hashlib.sha256(json.dumps(asdict(order), sort_keys=True, default=str).encode()).digest()
