"""Use case: render a result again with boxes edited by a reviewer, without running detection again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from uuid import UUID

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.options import AppearanceChanges, Verify
from framecloak.domain.anonymization.model.orders.submissions import Submitted
from framecloak.domain.anonymization.model.record.history import (
    MAX_CORRECTIONS,
    BoxEdit,
    Correction,
)
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.provenance import BasedOn
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    Priority,
    RequestSpec,
    WorkSpec,
)
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.results.edited_manifest import EditedManifest, read_edited_manifest
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.proof.manifest_signature import (
    SIGNATURE_FILE,
    signature_fields,
    signature_state,
)
from framecloak.domain.anonymization.review.edits import FrameEdit, apply_edits, record_edits
from framecloak.domain.anonymization.review.region_coverage import cover_regions, remaining_regions
from framecloak.domain.errors import (
    InvalidOptionError,
    ManifestMismatchError,
    RequestNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region
from framecloak.domain.model.videos import GrantRole, VideoFacts
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.security import SignatureCheck
from framecloak.domain.storage.results import ResultIntegrity

MAX_CONCURRENT_EDITS = 2
"""Maximum number of manifests edited concurrently: each takes memory and a CPU core for a moment."""

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class RerenderSpec:
    """Changes to make when a result is rendered again.

    Attributes:
        edits: frames whose boxes are replaced; all other frames keep theirs.
        choices: changes to the appearance of the result.
        priority: priority of the new request.
        webhook_url: URL to call when the new request is over, or None.
        source_sha256: SHA-256 of the video that the edits were made for, if the caller supplies it.
        verify: frames that undergo the residual check; None for those of the original order.
    """

    edits: tuple[FrameEdit, ...]
    choices: AppearanceChanges = field(default_factory=AppearanceChanges)
    priority: Priority = Priority.NORMAL
    webhook_url: str | None = field(default=None, repr=False)
    source_sha256: str | None = None
    verify: Verify | None = None


@dataclass(frozen=True, slots=True)
class _Base:
    """Result that is edited.

    Attributes:
        request: its request.
        snapshot: work specification of that request.
        facts: the video.
        verify: extent of the residual check that was ordered first.
    """

    request: AnonymizationRequest
    snapshot: WorkSpec
    facts: VideoFacts
    verify: Verify


class RerenderService:
    """Use case that accepts edits of results.

    Args:
        database: database of requests.
        submissions: accepts requests.
        public_key: returns the public signing key of this installation.
        is_signed: verifies signatures.
        clock: current time (UTC), which is recorded with each correction.
        policy: reasons for edits, and the form in which people are named.
        integrity: reads results, compared with what was made.
    """

    def __init__(
        self,
        database: Database,
        submissions: SubmitService,
        public_key: Callable[[], bytes],
        is_signed: SignatureCheck,
        clock: Clock,
        policy: ResultPolicy,
        integrity: ResultIntegrity,
    ) -> None:
        self._database = database
        self._submissions = submissions
        self._public_key = public_key
        self._is_signed = is_signed
        self._clock = clock
        self._policy = policy
        self._integrity = integrity
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_EDITS)

    async def submit(
        self, principal: Principal, request_id: UUID, spec: RerenderSpec, idempotency_key: str | None = None
    ) -> Submitted:
        """Submit a request that renders an existing result again with edited boxes.

        Args:
            principal: caller.
            request_id: request whose result is edited.
            spec: changes to make.
            idempotency_key: a repeated key with the same edits of the same result returns the request of the
                first call, even if the result has changed since.

        Returns:
            The new request, or the one accepted earlier with the same key.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            VideoNotFoundError: the video was deleted, or is no longer visible to the caller.
            ForbiddenError: the caller may see the video but not have it anonymised.
            NotReadyError: the request has no result.
            ResultDamagedError: the stored result is not the one that was made.
            ManifestMismatchError: the edits are for another video.
            InvalidManifestError: an edit is not possible.
            TooManyBoxesError: there are more boxes than a result can hold.
            InvalidOptionError: sound is requested for an image format, or a reason is unknown.
            IdempotencyConflictError: the key was used for a different request.
            QueueUnavailableError: no worker could be notified; nothing was stored.
            StorageUnavailableError: the result cannot be read at the moment.
        """
        self._require_known_reasons(spec.edits)
        key = (idempotency_key, _fingerprint(request_id, spec)) if idempotency_key else None
        previous = await self._submissions.find_submitted(principal, key) if key else None
        if previous:
            return previous
        async with self._database.unit_of_work() as work:
            base = await _load_base(work, principal, request_id)
        # Fetching and reading a result takes a while, so no database connection is held meanwhile.
        new_spec, snapshot = await self._prepare(principal, base, spec)

        async def still_allowed(work: UnitOfWork) -> tuple[RequestSpec, WorkSpec]:
            await _load_base(work, principal, request_id)
            return new_spec, snapshot

        return await self._submissions.submit_prepared(principal, still_allowed, key)

    async def _prepare(
        self, principal: Principal, base: _Base, spec: RerenderSpec
    ) -> tuple[RequestSpec, WorkSpec]:
        previous, snapshot, facts = base.request.spec, base.snapshot, base.facts
        if spec.source_sha256 not in {None, facts.sha256}:
            raise ManifestMismatchError(
                f"the edits are for the file with the SHA-256 {str(spec.source_sha256)[:_SHOWN_DIGITS]}..., "
                f"and the video of the request has {facts.sha256[:_SHOWN_DIGITS]}...",
                "edit the result of that video",
            )
        appearance = spec.choices.applied_to(previous.appearance)
        await self._integrity.require_intact(base.request)
        async with self._slots:
            document = await self._integrity.read(base.request, MANIFEST_FILE)
            signature = await self._integrity.read(base.request, SIGNATURE_FILE)
            manifest = await asyncio.to_thread(read_edited_manifest, document)
            size = facts.width, facts.height
            boxes, regions, edits = await asyncio.to_thread(_packed_boxes, manifest, spec, snapshot, size)
        state = signature_state(manifest.sha256, signature, self._public_key, self._is_signed)
        new_spec = RequestSpec(
            previous.video_id,
            previous.segment_ids,
            previous.level,
            appearance,
            spec.priority,
            spec.webhook_url,
            previous.keep_text,
            BasedOn(manifest.sha256, state, base.request.id, edited_here=bool(spec.edits)),
            # The choice of faces to redact was made together with the boxes.
            previous.identities,
            verify=spec.verify or base.verify,
            pixel_aspect=previous.pixel_aspect,
            reference=previous.reference,
            text=previous.text,
        )
        correction = Correction(
            manifest.sha256,
            state,
            signature_fields(signature),
            str(base.request.id),
            self._policy.name_of(principal),
            self._clock.now().isoformat(timespec="seconds"),
            edits,
        )
        history = manifest.history.with_correction(correction)
        earlier = manifest.identities.of_source(*manifest.sources).to_bytes() if manifest.identities else None
        text = manifest.text.of_source(*manifest.sources).to_bytes() if manifest.text else None
        return new_spec, WorkSpec(
            snapshot.segments, regions, boxes, snapshot.people, earlier, history.to_bytes(), text
        )

    def _require_known_reasons(self, edits: Iterable[FrameEdit]) -> None:
        known = self._policy.edit_reasons
        unknown = frozenset[str]().union(*(edit.reasons for edit in edits)) - set(known)
        if unknown:
            message = f"there is no reason {min(unknown)!r:.80} for an edit"
            raise InvalidOptionError(message, f"use one of {', '.join(known)}")


async def _load_base(work: UnitOfWork, principal: Principal, request_id: UUID) -> _Base:
    """Load the result to edit, after checking that the caller may edit it.

    Raises:
        DomainError: the caller may not, or there is no result; see `RerenderService.submit`.
    """
    request = await work.requests.get(request_id, principal)
    video = await work.videos.get(request.spec.video_id, principal, GrantRole.EDITOR)
    request.require_result()
    verify = (await _first_order(work, principal, request)).spec.verify
    return _Base(request, await work.requests.snapshot(request_id), video.facts, verify)


async def _first_order(
    work: UnitOfWork, principal: Principal, request: AnonymizationRequest
) -> AnonymizationRequest:
    """Return the order at the root of all corrections, as far as the orders still exist."""
    for _ in range(MAX_CORRECTIONS):
        parent = request.spec.based_on.request_id if request.spec.based_on else None
        if parent is None:
            break
        try:
            request = await work.requests.get(parent, principal)
        except RequestNotFoundError:
            break
    return request


def _packed_boxes(
    manifest: EditedManifest, spec: RerenderSpec, snapshot: WorkSpec, size: tuple[int, int]
) -> tuple[bytes, tuple[Region, ...], tuple[BoxEdit, ...]]:
    """Return the packed boxes of every frame, the remaining regions, and all changes. CPU-bound.

    An edit states everything that is redacted in its frame, so it may uncover a region there; the region then
    no longer applies to that frame. In every other frame the region is covered, whatever the boxes say. It is
    also covered in a frame that was black, because such a frame had no box that could have been removed.
    """
    (table,) = manifest.tables.values()
    base = cover_regions(table.clipped_to(*size), snapshot.regions, size)
    edited_table: BoxTable = apply_edits(base, spec.edits).clipped_to(*size)
    final = cover_regions(edited_table, snapshot.regions, size, base.blanked).restricted_to(snapshot.ranges)
    edits = record_edits(base, edited_table, spec.edits)
    return final.packed(), remaining_regions(final, snapshot.regions, size), edits


def _fingerprint(request_id: UUID, spec: RerenderSpec) -> bytes:
    """Return a digest that differs for different edits or different results."""
    return sha256(json.dumps([str(request_id), asdict(spec)], sort_keys=True).encode()).digest()
