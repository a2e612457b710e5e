"""Use case: have a result made again with boxes that a person has edited, without looking for anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.options import Choices, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Order, Priority, Snapshot
from framecloak.domain.anonymization.requests.submit import Submissions, Submitted
from framecloak.domain.anonymization.results.edited_manifest import EditedManifest, read_edited
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.signature import SEAL_FILE, signature_state
from framecloak.domain.anonymization.review.edits import FrameEdit, edited
from framecloak.domain.anonymization.review.region_coverage import covered, still_covered
from framecloak.domain.errors import ManifestMismatchError, NotReadyError, ObjectNotFoundError
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.results import StoredArchives
from framecloak.domain.ports.signing import SignatureCheck
from framecloak.domain.videos.model import GrantRole, VideoFacts
from framecloak.domain.videos.segments import Region

MOST_AT_ONCE = 2
"""Manifests that are edited at the same time: each takes memory and a core for a moment."""

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Rework:
    """What is to be different.

    Attributes:
        edits: frames whose boxes are replaced; those of all others stay.
        choices: how the result is to look.
        priority: which queue it waits in.
        webhook_url: where to tell about its end, or None.
        source_sha256: of the video that the edits were made for, where the caller says so.
    """

    edits: tuple[FrameEdit, ...]
    choices: Choices = field(default_factory=Choices)
    priority: Priority = Priority.NORMAL
    webhook_url: str | None = field(default=None, repr=False)
    source_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class _Base:
    """What edits are made of."""

    request: AnonymizationRequest
    snapshot: Snapshot
    facts: VideoFacts


class Resubmissions:
    """Takes in edits of results.

    Args:
        database: where requests are recorded.
        submissions: takes in orders.
        archives: reads results.
        own_key: this installation's public key.
        is_signed: checks signatures.
    """

    def __init__(
        self,
        database: Database,
        submissions: Submissions,
        archives: StoredArchives,
        own_key: Callable[[], bytes],
        is_signed: SignatureCheck,
    ) -> None:
        self._database = database
        self._submissions = submissions
        self._archives = archives
        self._own_key = own_key
        self._is_signed = is_signed
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def submit(
        self, principal: Principal, request_id: UUID, rework: Rework, idempotency_key: str | None = None
    ) -> Submitted:
        """Have the frames of a result made again, as a request of its own.

        Args:
            principal: who asks.
            request_id: of the result.
            rework: what is to be different.
            idempotency_key: the same key with the same edits of the same result gives the request of the
                first time, whatever has happened to the result since.

        Raises:
            RequestNotFoundError: there is none that the caller may see.
            VideoNotFoundError: its video was deleted, or the caller may not see it any more.
            ForbiddenError: the caller may see the video, and not have it anonymised.
            NotReadyError: the request has no result.
            ManifestMismatchError: the edits are for another video.
            InvalidManifestError: an edit is not possible.
            TooManyBoxesError: there are more boxes than can be held.
            InvalidOptionError: pictures should keep the sound.
            IdempotencyConflictError: the key was used with something different.
            QueueUnavailableError: nobody could be told to do it; nothing was stored.
            StorageUnavailableError: the result cannot be read now.
        """
        key = (idempotency_key, _fingerprint(request_id, rework)) if idempotency_key else None
        before = await self._submissions.taken_before(principal, key) if key else None
        if before:
            return before
        async with self._database.unit_of_work() as work:
            base = await _base(work, principal, request_id)
        # It takes a while to fetch and read a result, and no connection of the database is held meanwhile.
        order, snapshot = await self._prepared(base, rework)

        async def still_allowed(work: UnitOfWork) -> tuple[Order, Snapshot]:
            await _base(work, principal, request_id)
            return order, snapshot

        return await self._submissions.take(principal, still_allowed, key)

    async def _prepared(self, base: _Base, rework: Rework) -> tuple[Order, Snapshot]:
        before, snapshot, facts = base.request.order, base.snapshot, base.facts
        if rework.source_sha256 not in {None, facts.sha256}:
            raise ManifestMismatchError(
                f"the edits are for the file with the SHA-256 {str(rework.source_sha256)[:_SHOWN]}..., and "
                f"the video of the request has {facts.sha256[:_SHOWN]}...",
                "edit the result of that video",
            )
        appearance = rework.choices.over(before.appearance)
        async with self._places:
            document, seal = await self._documents(base.request.require_result())
            manifest = await asyncio.to_thread(read_edited, document)
            size = facts.width, facts.height
            boxes, regions = await asyncio.to_thread(_packed, manifest, rework, snapshot, size)
        state = signature_state(manifest.sha256, seal, self._own_key, self._is_signed)
        order = Order(
            before.video_id,
            before.segment_ids,
            before.level,
            appearance,
            rework.priority,
            rework.webhook_url,
            before.keep_text,
            BasedOn(manifest.sha256, state, base.request.id, edited_here=bool(rework.edits)),
            # Whose faces are to be seen was decided with the boxes.
            before.identities,
            # The boxes are decided; nothing is looked for again.
            verify=Verify.NONE,
        )
        told = manifest.identities.of_source(*manifest.sources).packed() if manifest.identities else None
        return order, Snapshot(snapshot.segments, regions, boxes, snapshot.people, told)

    async def _documents(self, key: str) -> tuple[bytes, bytes]:
        try:
            document = await self._archives.read(key, MANIFEST_FILE)
            return document, await self._archives.read(key, SEAL_FILE)
        except ObjectNotFoundError as error:
            raise NotReadyError("the result's file is gone or damaged", "submit the order again") from error


async def _base(work: UnitOfWork, principal: Principal, request_id: UUID) -> _Base:
    """What the caller wants to edit, once it is known that they may.

    Raises:
        DomainError: they may not, or there is nothing to edit; see `Resubmissions.submit`.
    """
    request = await work.requests.get(request_id, principal)
    video = await work.videos.get(request.order.video_id, principal, GrantRole.EDITOR)
    request.require_result()
    return _Base(request, await work.requests.snapshot(request_id), video.facts)


def _packed(
    manifest: EditedManifest, rework: Rework, snapshot: Snapshot, size: tuple[int, int]
) -> tuple[bytes, tuple[Region, ...]]:
    """What to redact in every frame, and what is left of the regions; takes a moment.

    An edit says all that is redacted in its frame, so it may uncover a region there; then the region does not
    apply to that frame any more. In every other frame it is covered, whatever the boxes say, and in one that
    was black: nobody can have removed its box there.
    """
    (table,) = manifest.tables.values()
    base = covered(table.fitted(*size), snapshot.regions, size)
    changed: BoxTable = edited(base, rework.edits).fitted(*size)
    ordered = covered(changed, snapshot.regions, size, base.blanked).within(snapshot.stretches)
    return ordered.packed(), still_covered(ordered, snapshot.regions, size)


def _fingerprint(request_id: UUID, rework: Rework) -> bytes:
    """A digest that two orders share only when they are the same."""
    return sha256(json.dumps([str(request_id), asdict(rework)], sort_keys=True).encode()).digest()
