"""Use case: delete expired and orphaned data."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from framecloak.domain.anonymization.model.object_keys import REQUESTS, parts_prefix, result_prefix
from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport, CleanupTally, Concern
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.videos.service import UPLOAD_LASTS, UPLOADS, VIDEOS

UPLOAD_KEPT = 2 * UPLOAD_LASTS
"""Retention of uploaded bytes; older ones cannot belong to an upload that is still open."""

PARTIAL_KEPT = timedelta(days=1)
"""Retention of partly stored objects; older ones were left by a killed process, as no upload takes longer."""

ORPHAN_KEPT = timedelta(days=1)
"""Minimum age of an orphaned video: a video is recorded within minutes of being stored, or never."""

NOTICE_KEPT = timedelta(days=7)
"""Retention of the delivery state of webhooks."""

LOOKED_UP_AT_ONCE = 500
"""Number of objects in one database query."""

_VIDEO = re.compile(re.escape(VIDEOS) + "[0-9a-f]{32}")
"""Keys that the service gives to videos; objects with other keys are not deleted."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Cleaner:
    """Use case that deletes expired and orphaned data.

    Args:
        database: database of all records.
        store: object store of results and uploads.
        clock: current time (UTC).
        result_lasts: retention period of results.
        sweep: deletes folders that killed processes left on this machine; returns their number.
        keep_parts: whether parts are kept for inspection.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        result_lasts: timedelta,
        sweep: Callable[[], Awaitable[int]],
        *,
        keep_parts: bool = False,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._result_lasts = result_lasts
        self._sweep = sweep
        self._keep_parts = keep_parts

    async def run(self) -> CleanupReport:
        """Run all steps of the clean-up, one after the other.

        Errors do not propagate: they are in the report, and the next run tries again.

        Returns:
            What was deleted, and what could not be.
        """
        tally = CleanupTally()
        now = self._clock.now()
        for concern, remove in (
            (Concern.RECORDS, self._forget_records),
            (Concern.GALLERIES, self._remove_galleries),
            (Concern.FOLDERS, self._sweep_folders),
            (Concern.UPLOADS, self._remove_uploads),
            (Concern.VIDEOS, self._remove_orphans),
            (Concern.RESULTS, self._remove_results),
            (Concern.DOWNLOAD_RIGHTS, self._forget_tokens),
            (Concern.REQUESTS, self._remove_leftovers),
            (Concern.UNFINISHED, self._remove_unfinished),
        ):
            with tally.about(concern):
                await remove(now, tally)
        return tally.report()

    async def _forget_records(self, now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            sessions = await work.sessions.remove_expired(now)
            await work.refresh_tokens.remove_expired(now)
            # An upload that expired just now may still be completing.
            uploads = await work.uploads.remove_expired(now - (UPLOAD_KEPT - UPLOAD_LASTS))
            await work.notices.remove_settled(now - NOTICE_KEPT)
            await work.commit()
        tally.removed.update(sessions=sessions, uploads=len(uploads))

    async def _remove_galleries(self, now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            galleries = await work.galleries.remove_expired(now)
            for gallery_id in galleries:
                await work.audit.add(None, "gallery.expire", f"gallery:{gallery_id}", {})
            await work.commit()
        tally.removed["galleries"] += len(galleries)

    async def _sweep_folders(self, _now: datetime, tally: CleanupTally) -> None:
        tally.removed["folders"] += await self._sweep()

    async def _remove_uploads(self, now: datetime, tally: CleanupTally) -> None:
        """Delete uploaded bytes by age: some arrive after their upload was completed or has expired."""
        before = now - UPLOAD_KEPT
        old = [stored.key async for stored in self._store.list(UPLOADS) if stored.modified_at < before]
        await self._each(old, self._store.remove, Concern.UPLOADS, tally)

    async def _remove_orphans(self, now: datetime, tally: CleanupTally) -> None:
        """Delete stored videos that have no record in the database.

        They are left by a process that was killed between storing and recording, or that could not undo the
        storing. Videos older than the first account belong to another database: a new database must not empty
        the object store of an old one.
        """
        async with self._database.unit_of_work() as work:
            first = (await work.users.list(1, 0)).items
        if not first:
            return
        since, before = first[0].created_at, now - ORPHAN_KEPT
        old = [
            stored.key
            async for stored in self._store.list(VIDEOS)
            if since <= stored.modified_at < before and _VIDEO.fullmatch(stored.key)
        ]

        async def remove(key: str) -> None:
            await self._store.remove(key)
            logger.warning("removed %s, which was stored and never recorded as a video", key)
            tally.removed["orphans"] += 1

        for batch in _batches(old):
            async with self._database.unit_of_work() as work:
                orphans = await work.videos.unclaimed(batch)
            await self._each(sorted(orphans), remove, Concern.VIDEOS, tally)

    async def _remove_results(self, now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            old = await work.requests.results_older_than(now - self._result_lasts)

        async def remove(result: tuple[UUID, str]) -> None:
            request_id, key = result
            # Bytes first, then the record: a crash in between leaves work for the next run, not an orphan.
            await self._store.remove(key)
            async with self._database.unit_of_work() as work:
                await work.requests.forget_result(request_id)
                await work.audit.add(None, "result.expire", f"request:{request_id}", {})
                await work.commit()
            tally.removed["results"] += 1

        await self._each(old, remove, Concern.RESULTS, tally)

    async def _forget_tokens(self, _now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            # While the result exists, used and expired tokens are distinguished from unknown ones.
            tally.removed["tokens"] += await work.download_tokens.remove_without_result()
            await work.commit()

    async def _remove_leftovers(self, _now: datetime, tally: CleanupTally) -> None:
        """Delete stored data of requests that no longer need it.

        A request without a result, for example one cancelled while the store was unavailable, loses all its
        data; a request with a result loses its parts.
        """
        # List everything first: an object store may not tolerate changes during a listing.
        has_parts: dict[UUID, bool] = {}
        async for stored in self._store.list(REQUESTS):
            if request_id := _request_id(stored.key):
                has_parts[request_id] = has_parts.get(request_id, False) or stored.key.startswith(
                    parts_prefix(request_id)
                )

        async def remove_all(request_id: UUID) -> None:
            await self._store.remove_all(result_prefix(request_id))
            tally.removed["leftovers"] += 1

        async def remove_parts(request_id: UUID) -> None:
            await self._store.remove_all(parts_prefix(request_id))
            tally.removed["parts"] += 1

        for batch in _batches(list(has_parts)):
            async with self._database.unit_of_work() as work:
                without_result = await work.requests.without_result(batch)
                over = await work.requests.over(batch)
            await self._each(list(without_result), remove_all, Concern.REQUESTS, tally)
            if not self._keep_parts:
                assembled = [request_id for request_id in over - without_result if has_parts[request_id]]
                await self._each(assembled, remove_parts, Concern.REQUESTS, tally)

    async def _remove_unfinished(self, now: datetime, tally: CleanupTally) -> None:
        tally.removed["unfinished"] += await self._store.remove_partial(now - PARTIAL_KEPT)

    async def _each(
        self,
        doomed: Sequence[T],
        remove: Callable[[T], Awaitable[None]],
        concern: Concern,
        tally: CleanupTally,
    ) -> None:
        """Remove items one by one; a failed removal does not stop the others.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, so the rest would fail too.
            StorageUnavailableError: the object store cannot be reached, so the rest would fail too.
        """
        for item in doomed:
            try:
                await remove(item)
            except DatabaseUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - counted and reported; the rest must still be removed
                tally.failed(concern, error)
                # Without this, each of thousands of removals would wait for its own timeout.
                await self._store.ping()


def _batches(found: Sequence[T]) -> list[Sequence[T]]:
    return [found[first : first + LOOKED_UP_AT_ONCE] for first in range(0, len(found), LOOKED_UP_AT_ONCE)]


def _request_id(key: str) -> UUID | None:
    """Return the id of the request that a key belongs to; None for a key that the service did not create."""
    name, slash, _ = key.removeprefix(REQUESTS).partition("/")
    try:
        request_id = UUID(name)
    except ValueError:
        return None
    return request_id if slash and name == str(request_id) else None
