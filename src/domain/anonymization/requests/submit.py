"""Use case: accept requests for anonymised frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import TypeAlias

from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import (
    FRAMES_PER_GROUP,
    Level,
    require_available,
    require_faces,
)
from framecloak.domain.anonymization.model.orders.submissions import ServiceCapacity, Submitted
from framecloak.domain.anonymization.model.orders.throughput import Backlog, Workload
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.reference import parse_reference
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec, WorkSpec
from framecloak.domain.anonymization.model.text_policy import TextMode
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.estimates import TimeEstimator
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.anonymization.text_policy.orders import TextOrders
from framecloak.domain.anonymization.work.slice_planning import SLICE_FRAMES, plan_slices
from framecloak.domain.errors import InvalidOptionError, InvalidSegmentsError, TooManyFramesError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import require_within
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.models import FaceRecognizer
from framecloak.domain.ports.queue import JobQueue
from framecloak.domain.support.resilience import run_to_completion

MAX_SEGMENTS = 100
"""Maximum number of segments in one request."""


Marking: TypeAlias = Callable[[UnitOfWork, RequestSpec], Awaitable[RequestSpec]]
"""Function that marks the video of a request within its transaction, and completes the specification."""

Recording: TypeAlias = Callable[[UnitOfWork, AnonymizationRequest], Awaitable[None]]
"""Function that records an accepted request within its transaction."""

Preparation: TypeAlias = Callable[[UnitOfWork], Awaitable[tuple[RequestSpec, WorkSpec]]]
"""Function that checks permissions within a unit of work, and returns the two specifications of a request."""


class SubmitService:
    """Use case that accepts requests.

    Args:
        database: database of requests.
        queue: job queue; must be reachable, or no worker would learn of a new request.
        dispatcher: starts new requests.
        keyframes: extracts the indices of keyframes from a video's frame index.
        max_frames: maximum frames of one request.
        slice_frames: maximum frames of one slice.
        level_is_available: returns whether the models for a level are installed.
        people: resolves galleries to people; None where face recognition is not available.
        policy: rules for references; None for those of an installation without settings.
        high_priority: rules for high priority; None for those of an installation without settings.
        text: text policies of requests; None where all text is covered.
        estimator: estimates the end of requests.
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
        *,
        policy: ResultPolicy | None = None,
        high_priority: HighPriorityPolicy | None = None,
        text: TextOrders | None = None,
        estimator: TimeEstimator,
    ) -> None:
        self._database = database
        self._queue = queue
        self._dispatcher = dispatcher
        self._keyframes = keyframes
        self._max_frames = max_frames
        self._slice_frames = slice_frames
        self._level_is_available = level_is_available
        self._people = people
        self._policy = policy or ResultPolicy()
        self._high_priority = high_priority or HighPriorityPolicy()
        self._text = text
        self._estimator = estimator

    async def submit(
        self,
        principal: Principal,
        spec: RequestSpec,
        idempotency_key: str | None = None,
        *,
        marking: Marking | None = None,
        recording: Recording | None = None,
    ) -> Submitted:
        """Accept a request.

        The result is based on the segments and regions marked on the video at this moment. Later changes to
        segments do not affect it, and regions marked later are not redacted. The request is accepted as a
        whole or not at all, even if the caller disconnects meanwhile.

        Args:
            principal: caller.
            spec: specification of the result.
            idempotency_key: a repeated key with the same specification returns the request of the first call,
                even if the video and its segments have changed since.
            marking: marks the video before its marks are read, and completes the specification; its errors
                are passed on, and nothing is marked then.
            recording: records the request, also one accepted earlier with the same key.

        Returns:
            The new request, or the one accepted earlier with the same key.

        Raises:
            VideoNotFoundError: no such video is visible to the caller.
            ForbiddenError: the caller may see the video but not have it anonymised.
            InvalidSegmentsError: a segment belongs to another video, or there are none or too many.
            TooManyFramesError: the request exceeds the maximum number of frames.
            InvalidReferenceError: the reference may identify a person.
            LevelUnavailableError: this installation cannot deliver the level.
            InvalidOptionError: text is to be kept at a level that does not redact text, or people cannot be
                recognised at that level or with that gallery.
            InvalidRegionError, InvalidSegmentError: a region to keep text in does not fit the video.
            GalleryNotFoundError: no such gallery is usable by the caller.
            ModelMismatchError: the gallery was made with another recognition model.
            ModelMissingError: no recognition model is installed.
            IdempotencyConflictError: the key was used for a different request.
            QueueUnavailableError: no worker could be notified; nothing was stored.
        """
        spec, prepared = await self._preparation(principal, spec, marking)
        key = (idempotency_key, self.fingerprint(spec)) if idempotency_key else None
        return await run_to_completion(self._submit(principal, prepared, key, recording))

    async def cost_of(
        self, principal: Principal, spec: RequestSpec, marking: Marking | None = None
    ) -> Backlog:
        """Return what a request would add to the queue if `submit` accepted it; nothing is stored.

        Raises:
            DomainError: `submit` would reject the request with this error.
        """
        _, prepared = await self._preparation(principal, spec, marking)
        async with self._database.unit_of_work() as work:
            spec, snapshot = await prepared(work)
            facts = (await work.videos.get(spec.video_id, principal, GrantRole.EDITOR)).facts
        workload = Workload.of(spec, facts.width * facts.height)
        return Backlog(principal.user_id, workload, 1, snapshot.frame_count)

    async def _preparation(
        self, principal: Principal, spec: RequestSpec, marking: Marking | None
    ) -> tuple[RequestSpec, Preparation]:
        """Return the specification with a checked reference, and its preparation within a unit of work."""
        if spec.reference is not None:
            reference = parse_reference(spec.reference, self._policy.reference_pattern)
            spec = replace(spec, reference=reference)
        # Loading the model takes longer than a database connection should be held.
        recognizer = await self._load_recognizer() if spec.identities else None
        text_lists = await self._sealed_lists(spec)

        async def prepared(work: UnitOfWork) -> tuple[RequestSpec, WorkSpec]:
            complete = await marking(work, spec) if marking else spec
            snapshot = await self._snapshot(work, principal, complete, recognizer)
            return replace(complete, text_lists=None), replace(snapshot, text_lists=text_lists)

        return spec, prepared

    async def capacity(self) -> ServiceCapacity:
        """Return the current capacity and backlog of the installation."""
        async with self._database.unit_of_work() as work:
            backlog = await work.statistics.backlog()
            model = await self._estimator.model(work)
        levels = tuple(level for level in Level if self._level_is_available(level))
        frames = sum(each.frames for each in backlog)
        return ServiceCapacity(levels, self._max_frames, frames, model.seconds(backlog), model)

    async def submit_prepared(
        self, principal: Principal, prepare: Preparation, key: tuple[str, bytes] | None
    ) -> Submitted:
        """Accept a request that is not based on the current marks of a video.

        Args:
            principal: caller.
            prepare: checks permissions and builds the specifications; called only if the key is new. Its
                errors are passed on.
            key: idempotency key, and a digest that differs for different specifications.

        Returns:
            The new request, or the one accepted earlier with the same key.

        Raises:
            IdempotencyConflictError: the key was used for a different request.
            QueueUnavailableError: no worker could be notified; nothing was stored.
        """
        return await run_to_completion(self._submit(principal, prepare, key))

    async def find_submitted(self, principal: Principal, key: tuple[str, bytes]) -> Submitted | None:
        """Return the request accepted earlier with a key; None if there is none.

        Args:
            principal: owner of the key.
            key: idempotency key, and a digest that differs for different specifications.

        Raises:
            IdempotencyConflictError: the key was used for a different request.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.find_by_idempotency_key(principal.user_id, key)
            return Submitted(request, await self._estimator.until_end(work, request)) if request else None

    async def _submit(
        self,
        principal: Principal,
        prepare: Preparation,
        key: tuple[str, bytes] | None,
        recording: Recording | None = None,
    ) -> Submitted:
        # Ping first: a stored request is visible to others immediately and cannot be withdrawn.
        await self._queue.ping()
        async with self._database.unit_of_work() as work:
            request = await work.requests.find_by_idempotency_key(principal.user_id, key) if key else None
            is_new = False
            if request is None:
                spec, snapshot = await prepare(work)
                spec = await self._high_priority.granted(work, principal, spec, snapshot.frame_count)
                request, is_new = await work.requests.add(principal.user_id, spec, snapshot, key)
                if is_new:
                    await self._plan_slices(work, principal, request, snapshot)
            if recording:
                await recording(work, request)
            estimated = await self._estimator.until_end(work, request)
            await work.commit()
        if is_new:
            await self._dispatcher.try_run()
        return Submitted(request, estimated)

    async def _load_recognizer(self) -> FaceRecognizer:
        if self._people is None:
            raise InvalidOptionError("this installation cannot recognise people", "leave identities out")
        return await self._people.recognizer()

    async def _sealed_lists(self, spec: RequestSpec) -> bytes | None:
        if self._text:
            return await self._text.seal(spec)
        if spec.text.mode is not TextMode.ALL:
            raise InvalidOptionError("this installation cannot read text", "use text policy all")
        return None

    def fingerprint(self, spec: RequestSpec) -> bytes:
        """Return a digest that differs for different specifications, and does not reveal their lists."""
        lists = self._text.digest(spec.text_lists) if self._text and spec.text_lists else b""
        values = asdict(replace(spec, text_lists=None)) | {"text_lists": lists.hex()}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=_comparable).encode()).digest()

    async def _plan_slices(
        self, work: UnitOfWork, principal: Principal, request: AnonymizationRequest, snapshot: WorkSpec
    ) -> None:
        """Store the slices of a new request, and add it to the audit log."""
        spec = request.spec
        keyframes = self._keyframes(await work.videos.frame_index(spec.video_id))
        unit = FRAMES_PER_GROUP if spec.appearance.output_format.is_video else 1
        slices = plan_slices(snapshot.ranges, keyframes, self._slice_frames, unit)
        await work.slices.add(request.id, slices)
        details: dict[str, object] = {
            "video_id": spec.video_id,
            "level": spec.level,
            "frames": request.total_frames,
        }
        if spec.reference:
            details["reference"] = spec.reference
        if spec.text.mode is not TextMode.ALL:
            details["text"] = spec.text.mode
        if spec.based_on:
            details["based_on"] = str(spec.based_on.request_id)
        if spec.identities and spec.recognises_faces:
            details |= {"gallery_id": str(spec.identities.gallery_id), "identities": spec.identities.mode}
        await work.audit.add(principal, "request.submit", f"request:{request.id}", details)

    async def _snapshot(
        self, work: UnitOfWork, principal: Principal, spec: RequestSpec, recognizer: FaceRecognizer | None
    ) -> WorkSpec:
        """Check a specification, and return the marks, frames and people that it is based on."""
        require_available(spec.level, self._level_is_available)
        if spec.identities:
            require_faces(spec.level)
        facts = (await work.videos.get(spec.video_id, principal, GrantRole.EDITOR)).facts
        if spec.keep_text and spec.level is not Level.FULL:
            raise InvalidOptionError(
                f"level {spec.level} leaves text alone, so there is none to keep",
                "leave keep_text out, or use level full",
            )
        size = facts.width, facts.height
        require_within([], spec.keep_text, size=size, frame_count=facts.frame_count)
        if not 1 <= len(spec.segment_ids) <= MAX_SEGMENTS:
            raise InvalidSegmentsError("Invalid segments", f"name 1 to {MAX_SEGMENTS} segments of the video")
        marked = {mark.id: mark.segment for mark in await work.marks.segments(spec.video_id)}
        unknown = [str(segment_id) for segment_id in spec.segment_ids if segment_id not in marked]
        if unknown:
            hint = f"segments {', '.join(unknown)} do not belong to video {spec.video_id}"
            raise InvalidSegmentsError("Invalid segments", hint)
        regions = tuple(mark.region for mark in await work.marks.regions(spec.video_id))
        snapshot = WorkSpec({segment_id: marked[segment_id] for segment_id in spec.segment_ids}, regions)
        frames = snapshot.frame_count
        if frames > self._max_frames:
            message = f"the request has {frames} frames, more than the maximum of {self._max_frames}"
            raise TooManyFramesError(message, "split it into several requests")
        if spec.identities and self._people and recognizer:
            people = await self._people.pin(work, principal, spec.identities, recognizer)
            return replace(snapshot, people=people)
        return snapshot


def _comparable(value: object) -> object:
    # The order of a set differs between processes.
    return sorted(value) if isinstance(value, frozenset) else str(value)
