"""Use case: all results of a batch as one archive with an index page."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.requests.titles import named_titles
from framecloak.domain.anonymization.results.archive_writer import REPORT_FILE
from framecloak.domain.errors import NotReadyError, ObjectNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.archives import StoredArchives
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore

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
        is_unreleased: True if there is a result that has to be released before it is downloaded.
    """

    item: BatchItem
    archive: str | None
    report: str | None
    is_unreleased: bool = False


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
        archives: reads the reports from results.
        render_index: renders the index page.
        policy: rules for results.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        archives: StoredArchives,
        render_index: IndexRenderer,
        policy: ResultPolicy,
    ) -> None:
        self._database = database
        self._store = store
        self._archives = archives
        self._render_index = render_index
        self._policy = policy

    async def open(self, principal: Principal, batch_id: UUID, language: Language | None = None) -> Bundle:
        """Return all results of a batch that may be downloaded; the download is recorded in the audit log.

        Args:
            principal: caller.
            batch_id: batch of the results.
            language: language of the index page; None for that of the first report.

        Raises:
            BatchNotFoundError: no such batch is visible to the caller.
            NotReadyError: no order of the batch has a result.
            NotReleasedError: no result of the batch is released, and downloads require it.
            StorageUnavailableError: the store cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            batch = await work.batches.get(batch_id, principal)
            names = _names(batch.requests, await named_titles(work, self._policy, batch.requests))
            stored = [request for request in batch.requests if await self._is_stored(request)]
            if not stored:
                raise NotReadyError("no order of the batch has a result", "wait until one is completed")
            held_back: set[UUID] = set()
            if self._policy.release.is_required:
                released = [request for request in stored if request.released_at is not None]
                if not released:
                    stored[0].require_release(self._policy.release)
                held_back = {request.id for request in stored} - {request.id for request in released}
                stored = released
            ids = [str(request.id) for request in stored]
            await work.audit.add(principal, "batch.download", f"batch:{batch_id}", {"requests": ids})
            await work.commit()
        found = {request.id for request in stored}
        rows = []
        for item in batch.items:
            has_result = item.request is not None and item.request.id in found
            name = names[item.request.id] if item.request and has_result else None
            report = f"{REPORTS_FOLDER}{name.removesuffix('.zip')}.html" if name else None
            archive = f"{RESULTS_FOLDER}{name}" if name else None
            is_unreleased = item.request is not None and item.request.id in held_back
            rows.append(IndexEntry(item, archive, report, is_unreleased=is_unreleased))
        page = self._render_index(batch, rows, language or stored[0].spec.appearance.language)
        return Bundle(_filename(batch), self._entries(page, rows))

    async def _entries(
        self, page: bytes, rows: Sequence[IndexEntry]
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        yield INDEX_FILE, _once(page)
        for row in rows:
            if row.item.request and row.archive and row.report:
                key = row.item.request.require_result()
                yield row.report, _once(await self._archives.read(key, REPORT_FILE))
                yield row.archive, self._store.read(key)

    async def _is_stored(self, request: AnonymizationRequest) -> bool:
        """Return whether there is a result; checked before the download begins, when errors are possible."""
        try:
            await self._store.stat(request.require_result())
        except (NotReadyError, ObjectNotFoundError):
            return False
        return True


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
