"""Use case: delete results, and videos with everything derived from them, and leave a receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from framecloak.domain.anonymization.model.object_keys import result_prefix
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.errors import NotReadyError, ResultDamagedError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.results import ResultIntegrity


@dataclass(frozen=True, slots=True)
class ErasedResult:
    """A deleted result, identified without its content.

    Attributes:
        request_id: id of its order.
        reference: reference of its order; None without one.
        result_bytes: size of the archive in bytes.
        manifest_sha256: hex digest of its manifest, by which copies elsewhere are recognised; None if the
            archive was gone, or was not the one that was made.
    """

    request_id: UUID
    reference: str | None
    result_bytes: int
    manifest_sha256: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Record of a deletion, which the audit log keeps.

    Attributes:
        id: id of the receipt, 128 random bits in hex.
        erased_at: UTC.
        username: name of the account that asked for it.
        video_id: id of the deleted video; None if only a result was deleted.
        video_sha256: hex digest of the deleted video; None if only a result was deleted.
        results: deleted results.
    """

    id: str
    erased_at: datetime
    username: str
    video_id: int | None
    video_sha256: str | None
    results: tuple[ErasedResult, ...]

    @property
    def details(self) -> dict[str, object]:
        """The receipt as an entry of the audit log."""
        return {
            "receipt": self.id,
            "video_sha256": self.video_sha256,
            "results": [
                {
                    "request_id": str(each.request_id),
                    "reference": each.reference,
                    "bytes": each.result_bytes,
                    "manifest_sha256": each.manifest_sha256,
                }
                for each in self.results
            ],
        }


class ErasureService:
    """Deletion of results and videos before the end of their retention.

    Args:
        database: storage of the records.
        store: object store of videos and results.
        integrity: reads the manifests of results.
        clock: current time (UTC).
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        integrity: ResultIntegrity,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._integrity = integrity
        self._clock = clock

    async def erase_result(self, principal: Principal, request_id: UUID) -> Receipt:
        """Delete the result of a request; the request itself stays as a record of the work.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result.
            StorageUnavailableError: the result cannot be deleted now; it is still there.
        """
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            request.require_result()
        digests = await self._manifest_digests([request])
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            request.require_result()
            receipt = self._receipt(principal, await self._identified([request], digests))
            await self._erase(work, receipt.results)
            await work.audit.add(principal, "result.erase", f"request:{request_id}", receipt.details)
            await work.commit()
        return receipt

    async def erase_video(self, principal: Principal, video_id: int) -> Receipt:
        """Delete a video with its marks and the results of all requests for it, of any account.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller does not own the video.
            VideoInUseError: an unfinished request needs the video.
            StorageUnavailableError: something cannot be deleted now; the video is still there.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.OWNER)
            requests = await work.requests.with_results(video_id)
        digests = await self._manifest_digests(requests)
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.OWNER)
            await work.videos.remove(video_id)
            results = await self._identified(await work.requests.with_results(video_id), digests)
            receipt = self._receipt(principal, results, video_id, video.facts.sha256)
            await self._erase(work, results)
            await work.audit.add(principal, "video.erase", f"video:{video_id}", receipt.details)
            await self._store.remove(video.object_key)
            await work.commit()
        return receipt

    async def _erase(self, work: UnitOfWork, results: Sequence[ErasedResult]) -> None:
        """Delete objects before the commit: if that fails, the records remain so that it can be retried."""
        for result in results:
            await work.requests.clear_result(result.request_id)
            await self._store.remove_prefix(result_prefix(result.request_id))

    async def _identified(
        self, requests: Sequence[AnonymizationRequest], digests: Mapping[UUID, str | None]
    ) -> tuple[ErasedResult, ...]:
        """Describe results by the digests of their manifests; those that are missing are computed."""
        completed = await self._manifest_digests([each for each in requests if each.id not in digests])
        known = {**digests, **completed}
        return tuple(
            ErasedResult(each.id, each.spec.reference, each.result_bytes or 0, known[each.id])
            for each in requests
        )

    async def _manifest_digests(self, requests: Sequence[AnonymizationRequest]) -> Mapping[UUID, str | None]:
        """Return the digests of manifests by request, which takes long: whole results are compared first."""
        digests: dict[UUID, str | None] = {}
        for request in requests:
            try:
                manifest = await self._integrity.read(request, MANIFEST_FILE)
                digests[request.id] = hashlib.sha256(manifest).hexdigest()
            except (NotReadyError, ResultDamagedError):
                # What is gone or altered is deleted all the same, but its manifest attests nothing.
                digests[request.id] = None
        return digests

    def _receipt(
        self,
        principal: Principal,
        results: tuple[ErasedResult, ...],
        video_id: int | None = None,
        video_sha256: str | None = None,
    ) -> Receipt:
        now = self._clock.now()
        return Receipt(uuid4().hex, now, principal.username, video_id, video_sha256, results)
