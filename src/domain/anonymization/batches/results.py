"""Use case: all results of a batch as one archive, with an index page, their reports and releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.requests.titles import named_titles
from framecloak.domain.anonymization.results.archive_writer import REPORT_FILE
from framecloak.domain.anonymization.results.proof.release_addendum import own_release
from framecloak.domain.anonymization.review.service import ReleaseSection
from framecloak.domain.errors import DomainError, ForbiddenError, NotReadyError, NotReleasedError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.results import ResultIntegrity
from framecloak.domain.videos.access import require_still_shared

INDEX_FILE = "index.html"
RESULTS_FOLDER = "results/"
REPORTS_FOLDER = "reports/"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An order on the index page.

    Attributes:
        item: the order in its batch.
        archive: path of its result in the bundle; None if there is none.
        report: path of its report in the bundle; None if there is none.
        release: path of its signed release in the bundle; None if there is none.
        ordered_by: name or code of the person who ordered it.
        is_unreleased: True if there is a result that has to be released before it is downloaded.
        is_unshared: True if there is a result, and its video is no longer shared with the caller.
    """

    item: BatchItem
    archive: str | None
    report: str | None
    release: str | None = None
    ordered_by: str = ""
    is_unreleased: bool = False
    is_unshared: bool = False


IndexRenderer = Callable[[Batch, Sequence[IndexEntry], Language], bytes]
"""Function that renders the index page as HTML."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The results of a batch.

    Attributes:
        filename: name of the archive.
        entries: paths and contents of its files, in order.
    """

    filename: str
    entries: AsyncIterator[tuple[str, AsyncIterator[bytes]]]


class BatchResultsService:
    """Results of batches.

    Args:
        database: storage of the batches.
        store: object store of the results.
        integrity: reads results, compared with what was made.
        render_index: renders the index page.
        add_release: adds a section on the release to a report.
        policy: rules for results.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        integrity: ResultIntegrity,
        render_index: IndexRenderer,
        add_release: ReleaseSection,
        policy: ResultPolicy,
    ) -> None:
        self._database = database
        self._store = store
        self._integrity = integrity
        self._render_index = render_index
        self._add_release = add_release
        self._policy = policy

    async def open(self, principal: Principal, batch_id: UUID, language: Language | None = None) -> Bundle:
        """Return all results of a batch that may be downloaded; the download is recorded in the audit log.

        Rights are asked again when the turn of a result comes, and its content is compared while it is read:
        an entry that fails ends the archive before its directory, so that no reader takes it for complete.

        Args:
            principal: caller.
            batch_id: batch of the results.
            language: language of the index page; None for that of the first report.

        Raises:
            BatchNotFoundError: no such batch is visible to the caller.
            NotReadyError: no order of the batch has a result.
            NotReleasedError: no result of the batch is released, and downloads require it.
            ForbiddenError: no video with a result is still shared with the caller.
            ResultDamagedError: a stored result has another size than the one that was made.
            StorageUnavailableError: the store cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            batch = await work.batches.get(batch_id, principal)
            stored = [request for request in batch.requests if await self._is_stored(request)]
            if not stored:
                raise NotReadyError("no order of the batch has a result", "wait until one is completed")
            withheld: dict[UUID, DomainError] = {}
            for request in stored:
                try:
                    await self._require_rights(work, principal, request)
                except (ForbiddenError, NotReleasedError) as error:
                    withheld[request.id] = error
            delivered = [request for request in stored if request.id not in withheld]
            if not delivered:
                raise withheld[stored[0].id]
            ordered_by = self._policy.name_of_user(await work.users.get(batch.user_id))
            names = _names(delivered, await named_titles(work, self._policy, delivered))
            ids = [str(request.id) for request in delivered]
            await work.audit.add(principal, "batch.download", f"batch:{batch_id}", {"requests": ids})
            await work.commit()
        rows = [replace(_row(item, names, withheld), ordered_by=ordered_by) for item in batch.items]
        page = self._render_index(batch, rows, language or delivered[0].spec.appearance.language)
        return Bundle(_filename(batch), self._entries(principal, page, rows))

    async def _entries(
        self, principal: Principal, page: bytes, rows: Sequence[IndexEntry]
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        yield INDEX_FILE, _once(page)
        for row in rows:
            request = row.item.request
            if request and row.archive and row.report:
                async with self._database.unit_of_work() as work:
                    await self._require_rights(work, principal, request)
                    addendum = await work.releases.document(request.id) if row.release else None
                yield row.archive, await self._result(request)
                # Costs no second reading: this version was compared while it was sent.
                report = await self._integrity.read(request, REPORT_FILE)
                if row.release and addendum:
                    yield row.release, _once(addendum)
                    language = request.spec.appearance.language
                    report = self._add_release(report, own_release(addendum), language)
                yield row.report, _once(report)

    async def _result(self, request: AnonymizationRequest) -> AsyncIterator[bytes]:
        """Return the content of a result, which is compared while it is read."""
        stored = await self._integrity.require_size(request)
        result = request.require_stored_result()
        content = self._store.read(result.key, version=stored.version)
        return self._integrity.delivered(result, stored, content)

    async def _is_stored(self, request: AnonymizationRequest) -> bool:
        """Return whether there is a result; checked before the download begins, when errors are possible."""
        try:
            await self._integrity.require_size(request)
        except NotReadyError:
            return False
        return True

    async def _require_rights(
        self, work: UnitOfWork, principal: Principal, request: AnonymizationRequest
    ) -> None:
        """Raise an error unless the caller may download a result now.

        Raises:
            ForbiddenError: its video is no longer shared with the caller.
            NotReleasedError: it is not released, and downloads require it.
        """
        await require_still_shared(work, principal, request.spec.video_id)
        request.require_release(self._policy.release)


def _row(item: BatchItem, names: Mapping[UUID, str], withheld: Mapping[UUID, DomainError]) -> IndexEntry:
    """Return the entry of an order on the index page."""
    if item.request is None:
        return IndexEntry(item, None, None)
    name = names.get(item.request.id)
    if name is None:
        reason = withheld.get(item.request.id)
        is_unreleased, is_unshared = (isinstance(reason, kind) for kind in (NotReleasedError, ForbiddenError))
        return IndexEntry(item, None, None, is_unreleased=is_unreleased, is_unshared=is_unshared)
    stem, is_released = name.removesuffix(".zip"), item.request.released_at is not None
    return IndexEntry(
        item,
        archive=f"{RESULTS_FOLDER}{name}",
        report=f"{REPORTS_FOLDER}{stem}.html",
        release=f"{RESULTS_FOLDER}{stem}.release.json" if is_released else None,
    )


def _names(requests: Sequence[AnonymizationRequest], titles: Mapping[UUID, str]) -> dict[UUID, str]:
    """Return a different file name for each result."""
    used = Counter[str]()
    names = {}
    for request in requests:
        name = request.archive_name(titles.get(request.id))
        used[name] += 1
        number = f"_{used[name]}" if used[name] > 1 else ""
        names[request.id] = f"{name.removesuffix('.zip')}{number}.zip"
    return names


def _filename(batch: Batch) -> str:
    day: date = batch.created_at.date()
    return f"batch_{day.isoformat()}_{str(batch.id)[:8]}.zip"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
