"""Use case: delete expired and orphaned data."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from framecloak.domain.anonymization.model.object_keys import REQUESTS_PREFIX, parts_prefix, result_prefix
from framecloak.domain.anonymization.requests.cleanup_report import CleanupCounter, CleanupReport, CleanupStep
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.reid.galleries.removal import delete_in_steps
from framecloak.domain.videos.uploads import UPLOAD_KEY_PREFIX, UPLOAD_TTL, VIDEO_KEY_PREFIX

UPLOAD_RETENTION = 2 * UPLOAD_TTL
"""Retention of uploaded bytes; older ones cannot belong to an upload that is still open."""

PARTIAL_OBJECT_RETENTION = timedelta(days=1)
"""Retention of partly stored objects; older ones were left by a killed process, as no upload takes longer."""

MIN_ORPHAN_AGE = timedelta(days=1)
"""Minimum age of an orphaned video: a video is recorded within minutes of being stored, or never."""

NOTICE_RETENTION = timedelta(days=7)
"""Retention of the delivery state of webhooks."""

QUERY_BATCH = 500
"""Number of objects in one database query."""

_VIDEO_KEY = re.compile(re.escape(VIDEO_KEY_PREFIX) + "[0-9a-f]{32}")
"""Keys that the service gives to videos; objects with other keys are not deleted."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class CleanupService:
    """Use case that deletes expired and orphaned data.

    Args:
        database: database of all records.
        store: object store of results and uploads.
        clock: current time (UTC).
        result_retention: retention period of results.
        remove_stale_folders: deletes folders that killed processes left on this machine; returns their
            number.
        keep_parts: True if parts are kept for inspection.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        result_retention: timedelta,
        remove_stale_folders: Callable[[], Awaitable[int]],
        *,
        keep_parts: bool = False,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._result_retention = result_retention
        self._remove_stale_folders = remove_stale_folders
        self._keep_parts = keep_parts

    async def run(self) -> CleanupReport:
        """Run all steps of the clean-up, one after the other.

        Errors do not propagate: they are in the report, and the next run tries again.

        Returns:
            The numbers of deleted items, and the failures.
        """
        counter = CleanupCounter()
        now = self._clock.now()
        for step, remove in (
            (CleanupStep.RECORDS, self._remove_records),
            (CleanupStep.GALLERIES, self._remove_galleries),
            (CleanupStep.FOLDERS, self._remove_folders),
            (CleanupStep.UPLOADS, self._remove_uploads),
            (CleanupStep.VIDEOS, self._remove_orphans),
            (CleanupStep.RESULTS, self._remove_results),
            (CleanupStep.DOWNLOAD_RIGHTS, self._remove_tokens),
            (CleanupStep.REQUESTS, self._remove_leftovers),
            (CleanupStep.UNFINISHED, self._remove_unfinished),
        ):
            with counter.guarded(step):
                await remove(now, counter)
        return counter.report()

    async def _remove_records(self, now: datetime, counter: CleanupCounter) -> None:
        async with self._database.unit_of_work() as work:
            sessions = await work.sessions.remove_expired(now)
            await work.refresh_tokens.remove_expired(now)
            # An upload that expired just now may still be completing.
            uploads = await work.uploads.remove_expired(now - (UPLOAD_RETENTION - UPLOAD_TTL))
            await work.notices.remove_settled(now - NOTICE_RETENTION)
            await work.commit()
        counter.removed.update(sessions=sessions, uploads=len(uploads))

    async def _remove_galleries(self, now: datetime, counter: CleanupCounter) -> None:
        async with self._database.unit_of_work() as work:
            galleries = await work.galleries.expired(now)
        for gallery in galleries:
            # The deletion of a hidden gallery was recorded when its owner asked for it, and was interrupted.
            removed = await delete_in_steps(self._database, gallery.id, expired=not gallery.is_deleted)
            counter.removed["galleries"] += removed

    async def _remove_folders(self, _now: datetime, counter: CleanupCounter) -> None:
        counter.removed["folders"] += await self._remove_stale_folders()

    async def _remove_uploads(self, now: datetime, counter: CleanupCounter) -> None:
        """Delete uploaded bytes by age: some arrive after their upload was completed or has expired."""
        before = now - UPLOAD_RETENTION
        old = [
            stored.key async for stored in self._store.list(UPLOAD_KEY_PREFIX) if stored.modified_at < before
        ]
        await self._remove_each(old, self._store.remove, CleanupStep.UPLOADS, counter)

    async def _remove_orphans(self, now: datetime, counter: CleanupCounter) -> None:
        """Delete stored videos that have no record in the database.

        They are left by a process that was killed between storing and recording, or that could not undo the
        storing. Videos older than the first account belong to another database: a new database must not empty
        the object store of an old one.
        """
        async with self._database.unit_of_work() as work:
            first = (await work.users.list(1, 0)).items
        if not first:
            return
        since, before = first[0].created_at, now - MIN_ORPHAN_AGE
        old = [
            stored.key
            async for stored in self._store.list(VIDEO_KEY_PREFIX)
            if since <= stored.modified_at < before and _VIDEO_KEY.fullmatch(stored.key)
        ]

        async def remove(key: str) -> None:
            await self._store.remove(key)
            logger.warning("removed %s, which was stored and never recorded as a video", key)
            counter.removed["orphans"] += 1

        for batch in _batches(old):
            async with self._database.unit_of_work() as work:
                orphans = await work.videos.unreferenced_keys(batch)
            await self._remove_each(sorted(orphans), remove, CleanupStep.VIDEOS, counter)

    async def _remove_results(self, now: datetime, counter: CleanupCounter) -> None:
        async with self._database.unit_of_work() as work:
            old = await work.requests.results_completed_before(now - self._result_retention)

        async def remove(result: tuple[UUID, str]) -> None:
            request_id, key = result
            # Bytes first, then the record: a crash in between leaves work for the next run, not an orphan.
            await self._store.remove(key)
            async with self._database.unit_of_work() as work:
                await work.requests.clear_result(request_id)
                await work.audit.add(None, "result.expire", f"request:{request_id}", {})
                await work.commit()
            counter.removed["results"] += 1

        await self._remove_each(old, remove, CleanupStep.RESULTS, counter)

    async def _remove_tokens(self, _now: datetime, counter: CleanupCounter) -> None:
        async with self._database.unit_of_work() as work:
            # While the result exists, used and expired tokens are distinguished from unknown ones.
            counter.removed["tokens"] += await work.download_tokens.remove_without_result()
            await work.commit()

    async def _remove_leftovers(self, _now: datetime, counter: CleanupCounter) -> None:
        """Delete stored data of requests that no longer need it.

        A request without a result, for example one cancelled while the store was unavailable, loses all its
        data; a request with a result loses its parts.
        """
        # List everything first: an object store may not tolerate changes during a listing.
        has_parts: dict[UUID, bool] = {}
        async for stored in self._store.list(REQUESTS_PREFIX):
            if request_id := _request_id(stored.key):
                has_parts[request_id] = has_parts.get(request_id, False) or stored.key.startswith(
                    parts_prefix(request_id)
                )

        async def remove_all(request_id: UUID) -> None:
            await self._store.remove_prefix(result_prefix(request_id))
            counter.removed["leftovers"] += 1

        async def remove_parts(request_id: UUID) -> None:
            await self._store.remove_prefix(parts_prefix(request_id))
            counter.removed["parts"] += 1

        for batch in _batches(list(has_parts)):
            async with self._database.unit_of_work() as work:
                without_result = await work.requests.without_result(batch)
                over = await work.requests.finished_or_missing(batch)
            await self._remove_each(list(without_result), remove_all, CleanupStep.REQUESTS, counter)
            if not self._keep_parts:
                assembled = [request_id for request_id in over - without_result if has_parts[request_id]]
                await self._remove_each(assembled, remove_parts, CleanupStep.REQUESTS, counter)

    async def _remove_unfinished(self, now: datetime, counter: CleanupCounter) -> None:
        counter.removed["unfinished"] += await self._store.remove_partial(now - PARTIAL_OBJECT_RETENTION)

    async def _remove_each(
        self,
        items: Sequence[T],
        remove: Callable[[T], Awaitable[None]],
        step: CleanupStep,
        counter: CleanupCounter,
    ) -> None:
        """Remove items one by one; a failed removal does not stop the others.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, so the rest would fail too.
            StorageUnavailableError: the object store cannot be reached, so the rest would fail too.
        """
        for item in items:
            try:
                await remove(item)
            except DatabaseUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - counted and reported; the rest must still be removed
                counter.record_failure(step, error)
                # Without this, each of thousands of removals would wait for its own timeout.
                await self._store.ping()


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[first : first + QUERY_BATCH] for first in range(0, len(items), QUERY_BATCH)]


def _request_id(key: str) -> UUID | None:
    """Return the id of the request that a key belongs to; None for a key that the service did not create."""
    name, slash, _ = key.removeprefix(REQUESTS_PREFIX).partition("/")
    try:
        request_id = UUID(name)
    except ValueError:
        return None
    return request_id if slash and name == str(request_id) else None
