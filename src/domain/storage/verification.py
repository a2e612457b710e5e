"""Use case: compare everything in the object store with what was stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database, Page, RequestFilter
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.alarm import StoredKind
from framecloak.domain.storage.hashing import hash_stream

Value = TypeVar("Value")

_PAGE_SIZE = 500

_ADVICE = {
    StoredKind.ORIGINAL: "restore this object from a backup, or delete the video and upload it again; until "
    "then, requests for it fail",
    StoredKind.RESULT: "restore this object from a backup, or submit the request again; until then, it is "
    "not delivered",
    StoredKind.PART: "cancel this request and submit it again; otherwise it fails",
}


class ExpectedFile(NamedTuple):
    """File that should be in the object store.

    Attributes:
        kind: kind of the file.
        owner: object of the service that the file belongs to, such as ``video 3``.
        key: key in the object store.
        size_bytes: recorded size; None if none was recorded.
        sha256: recorded SHA-256, hex; None if none was recorded.
    """

    kind: StoredKind
    owner: str
    key: str
    size_bytes: int | None
    sha256: str | None


class DamagedFile(NamedTuple):
    """File that is missing or differs from what was stored.

    Attributes:
        file: file as it should be.
        problem: difference.
        advice: action that solves the problem.
    """

    file: ExpectedFile
    problem: str
    advice: str


@dataclass
class VerificationReport:
    """Outcome of a verification.

    Attributes:
        checked: number of compared files.
        checked_bytes: their total size in bytes.
        without_sha256: number of those that were compared by size alone, because no digest was recorded.
        damaged: files that are missing or differ.
    """

    checked: int = 0
    checked_bytes: int = 0
    without_sha256: int = 0
    damaged: list[DamagedFile] = field(default_factory=list)


class StorageVerification:
    """Use case that verifies the object store.

    Args:
        database: database of videos and requests.
        store: object store.
    """

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    async def verify(
        self,
        principal: Principal,
        on_checked: Callable[[int], None] = lambda _: None,
        *,
        sizes_only: bool = False,
    ) -> VerificationReport:
        """Compare all videos, results and parts with their recorded sizes and digests.

        Files deleted during the verification are not reported.

        Args:
            principal: caller, an administrator.
            on_checked: called with the number of files compared so far.
            sizes_only: True to compare sizes without reading the files.

        Raises:
            ForbiddenError: the caller is not an administrator.
            StorageUnavailableError: the store cannot be reached.
        """
        principal.require_admin()
        report = VerificationReport()
        expected = [file async for file in self._expected(principal)]
        for file in expected:
            problem = await self._problem(report, file, sizes_only=sizes_only)
            if problem and await self._is_expected(principal, file):
                report.damaged.append(DamagedFile(file, problem, _ADVICE[file.kind]))
            report.checked += 1
            on_checked(report.checked)
        async with self._database.unit_of_work() as work:
            details: dict[str, object] = {"files": report.checked, "damaged": len(report.damaged)}
            await work.audit.add(principal, "storage.verify", "storage", details)
            await work.commit()
        return report

    async def _problem(
        self, report: VerificationReport, file: ExpectedFile, *, sizes_only: bool
    ) -> str | None:
        try:
            size = (await self._store.stat(file.key)).size
            sha256 = None
            if not sizes_only and file.sha256 is not None:
                sha256, size = await hash_stream(self._store.read(file.key))
        except ObjectNotFoundError:
            return "it is missing"
        report.checked_bytes += size
        report.without_sha256 += file.sha256 is None
        if file.size_bytes not in {None, size}:
            return f"it has {size} bytes instead of {file.size_bytes}"
        if sha256 not in {None, file.sha256}:
            return f"it has the SHA-256 {sha256} instead of {file.sha256}"
        return None

    async def _is_expected(self, principal: Principal, file: ExpectedFile) -> bool:
        """Return whether a file still belongs to the service; it may have been deleted meanwhile."""
        return file.key in {other.key async for other in self._expected(principal)}

    async def _expected(self, principal: Principal) -> AsyncIterator[ExpectedFile]:
        async for video in _all(lambda offset: self._videos(principal, offset)):
            facts = video.facts
            owner = f"video {video.id} ({video.filename})"
            yield ExpectedFile(StoredKind.ORIGINAL, owner, video.object_key, facts.size_bytes, facts.sha256)
        async for request in _all(lambda offset: self._requests(principal, Status.COMPLETED, offset)):
            if request.result_key is not None:
                result = request.require_stored_result()
                owner = f"the result of request {request.id}"
                yield ExpectedFile(StoredKind.RESULT, owner, result.key, result.size_bytes, result.sha256)
        async for request in _all(lambda offset: self._requests(principal, Status.PROCESSING, offset)):
            async with self._database.unit_of_work() as work:
                parts = await work.slices.parts(request.id)
            for part in parts:
                owner = f"part {part.number} of request {request.id}"
                yield ExpectedFile(StoredKind.PART, owner, part.key, None, part.sha256)

    async def _videos(self, principal: Principal, offset: int) -> Page[Video]:
        async with self._database.unit_of_work() as work:
            return await work.videos.list(principal, _PAGE_SIZE, offset)

    async def _requests(
        self, principal: Principal, status: Status, offset: int
    ) -> Page[AnonymizationRequest]:
        async with self._database.unit_of_work() as work:
            return await work.requests.list(principal, RequestFilter(status=status), _PAGE_SIZE, offset)


async def _all(fetch: Callable[[int], Awaitable[Page[Value]]]) -> AsyncIterator[Value]:
    """Yield every item of a paginated list; an item that moves to the next page is yielded twice."""
    offset = 0
    while True:
        page = await fetch(offset)
        for item in page.items:
            yield item
        offset += len(page.items)
        if offset >= page.total or not page.items:
            return
