"""Use case: remove what has had its time."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport, CleanupTally, Concern
from framecloak.domain.anonymization.requests.service import REQUESTS, parts_prefix, result_prefix
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import Clock, ObjectStore
from framecloak.domain.videos.service import UPLOAD_LASTS, UPLOADS, VIDEOS

UPLOAD_KEPT = 2 * UPLOAD_LASTS
"""Bytes older than that belong to no upload that can be, or is being, completed."""

PARTIAL_KEPT = timedelta(days=1)
"""What was begun to be stored earlier belongs to a process that was killed: no upload takes so long."""

ORPHAN_KEPT = timedelta(days=1)
"""Bytes of a video older than that are recorded, or never will be: looking at them takes minutes."""

NOTICE_KEPT = timedelta(days=7)
"""How long it can be looked up what became of a webhook."""

LOOKED_UP_AT_ONCE = 500
"""Objects that one question to the database is about."""

_VIDEO = re.compile(re.escape(VIDEOS) + "[0-9a-f]{32}")
"""What the service calls videos; what somebody else put there is not its to remove."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Cleaner:
    """Keeps an installation from growing for ever.

    Args:
        database: where everything is recorded.
        store: where results and uploads are.
        clock: tells the time.
        result_lasts: how long results are kept.
        sweep: removes what killed processes left on this machine; returns how many did.
        keep_parts: whether parts stay, to be looked into.
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
        """Remove it now, one concern after the other.

        Raises nothing for what it deals with: what goes wrong is in the report, and what could not be removed
        is tried again the next time.
        """
        tally = CleanupTally()
        now = self._clock.now()
        for concern, see_to in (
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
                await see_to(now, tally)
        return tally.report()

    async def _forget_records(self, now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            sessions = await work.sessions.remove_expired(now)
            await work.refresh_tokens.remove_expired(now)
            # One that expired just now may be in the middle of being completed.
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
        """Remove bytes by their age: some come after their upload was completed, or expired."""
        before = now - UPLOAD_KEPT
        old = [stored.key async for stored in self._store.list(UPLOADS) if stored.modified_at < before]
        await self._each(old, self._store.remove, Concern.UPLOADS, tally)

    async def _remove_orphans(self, now: datetime, tally: CleanupTally) -> None:
        """Remove bytes of videos that nobody can see or delete, for they were never recorded.

        A process leaves them that was killed between the two, or that could not take them back. What is older
        than the first account is of another database: a new one must not empty the store of an old one.
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

        for some in _batches(old):
            async with self._database.unit_of_work() as work:
                orphans = await work.videos.unclaimed(some)
            await self._each(sorted(orphans), remove, Concern.VIDEOS, tally)

    async def _remove_results(self, now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            old = await work.requests.results_older_than(now - self._result_lasts)

        async def remove(result: tuple[UUID, str]) -> None:
            request_id, key = result
            # First the bytes, then the note of them: a crash between leaves something to do, not to find.
            await self._store.remove(key)
            async with self._database.unit_of_work() as work:
                await work.requests.forget_result(request_id)
                await work.audit.add(None, "result.expire", f"request:{request_id}", {})
                await work.commit()
            tally.removed["results"] += 1

        await self._each(old, remove, Concern.RESULTS, tally)

    async def _forget_tokens(self, _now: datetime, tally: CleanupTally) -> None:
        async with self._database.unit_of_work() as work:
            # Used and expired ones are told apart from unknown ones for as long as there is a result.
            tally.removed["tokens"] += await work.download_tokens.remove_without_result()
            await work.commit()

    async def _remove_leftovers(self, _now: datetime, tally: CleanupTally) -> None:
        """Remove what is there of requests that need it no more.

        Everything of a request without a result, as after a cancellation without a store; of one that has a
        result, the parts.
        """
        # Listed to the end first: an object store need not like it when a listed folder changes.
        found: dict[UUID, bool] = {}
        async for stored in self._store.list(REQUESTS):
            if request_id := _request_id(stored.key):
                found[request_id] = found.get(request_id, False) or stored.key.startswith(
                    parts_prefix(request_id)
                )

        async def remove_all(request_id: UUID) -> None:
            await self._store.remove_all(result_prefix(request_id))
            tally.removed["leftovers"] += 1

        async def remove_parts(request_id: UUID) -> None:
            await self._store.remove_all(parts_prefix(request_id))
            tally.removed["parts"] += 1

        for some in _batches(list(found)):
            async with self._database.unit_of_work() as work:
                doomed = await work.requests.without_result(some)
                over = await work.requests.over(some)
            await self._each(list(doomed), remove_all, Concern.REQUESTS, tally)
            if not self._keep_parts:
                bound = [one for one in over - doomed if found[one]]
                await self._each(bound, remove_parts, Concern.REQUESTS, tally)

    async def _remove_unfinished(self, now: datetime, tally: CleanupTally) -> None:
        tally.removed["unfinished"] += await self._store.remove_partial(now - PARTIAL_KEPT)

    async def _each(
        self,
        doomed: Sequence[T],
        remove: Callable[[T], Awaitable[None]],
        concern: Concern,
        tally: CleanupTally,
    ) -> None:
        """Remove one after the other; one that cannot be removed does not keep the rest.

        Raises:
            DatabaseUnavailableError: the database cannot be reached; nor would it be for the rest.
            StorageUnavailableError: likewise the object store.
        """
        for one in doomed:
            try:
                await remove(one)
            except DatabaseUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - counted and told; whatever it is, the rest has to go
                tally.failed(concern, error)
                # Else each of thousands would be waited for as long as it takes to give up.
                await self._store.ping()


def _batches(found: Sequence[T]) -> list[Sequence[T]]:
    return [found[first : first + LOOKED_UP_AT_ONCE] for first in range(0, len(found), LOOKED_UP_AT_ONCE)]


def _request_id(key: str) -> UUID | None:
    """Whose object it is; None for one that the service did not put there."""
    name, slash, _ = key.removeprefix(REQUESTS).partition("/")
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if slash and name == str(found) else None
