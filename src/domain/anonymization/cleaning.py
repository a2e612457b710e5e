"""Use case: remove what has had its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.anonymization.service import REQUESTS, parts_prefix, result_prefix
from domain.collection import UPLOAD_LASTS, UPLOADS
from domain.ports.persistence import Database
from domain.ports.services import Clock, ObjectStore

UPLOAD_KEPT = 2 * UPLOAD_LASTS
"""Bytes older than that belong to no upload that can be, or is being, completed."""

PARTIAL_KEPT = timedelta(days=1)
"""What was begun to be stored earlier belongs to a process that was killed: no upload takes so long."""

NOTICE_KEPT = timedelta(days=7)
"""How long it can be looked up what became of a webhook."""

LOOKED_UP_AT_ONCE = 500
"""Requests that one question to the database is about."""


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What was removed.

    Attributes:
        tokens: download tokens of results that are gone.
        sessions: browsers whose sign-in ran out.
        results: ZIPs that were kept long enough.
        uploads: uploads that were begun and never completed.
        leftovers: requests without a result of which something was still in the object store.
        parts: finished requests of which a part was; of a worker that was too late, or killed.
        folders: of processes on this machine that were killed.
        galleries: those whose time was over, with everybody enrolled in them.
        unfinished: objects of which a part was stored; of processes that were killed.
    """

    tokens: int
    sessions: int
    results: int
    uploads: int
    leftovers: int = 0
    parts: int = 0
    folders: int = 0
    galleries: int = 0
    unfinished: int = 0

    def counts(self) -> dict[str, int]:
        """All of it by name; tokens under one that no log takes for that of a secret."""
        counted = asdict(self)
        return {"download_rights": counted.pop("tokens"), **counted}


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
        """Remove it now.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
            StorageUnavailableError: the object store cannot be reached; what was removed before stays so.
        """
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            sessions = await work.sessions.remove_expired(now)
            await work.refresh_tokens.remove_expired(now)
            # One that expired just now may be in the middle of being completed.
            uploads = await work.uploads.remove_expired(now - (UPLOAD_KEPT - UPLOAD_LASTS))
            await work.notices.remove_settled(now - NOTICE_KEPT)
            galleries = await work.galleries.remove_expired(now)
            for gallery_id in galleries:
                await work.audit.add(None, "gallery.expire", f"gallery:{gallery_id}", {})
            old = await work.requests.results_older_than(now - self._result_lasts)
            await work.commit()
        await self._remove_uploads(now - UPLOAD_KEPT)
        for request_id, key in old:
            # First the bytes, then the note of them: a crash between leaves something to do, not to find.
            await self._store.remove(key)
            async with self._database.unit_of_work() as work:
                await work.requests.forget_result(request_id)
                await work.audit.add(None, "result.expire", f"request:{request_id}", {})
                await work.commit()
        async with self._database.unit_of_work() as work:
            # Used and expired ones are told apart from unknown ones for as long as there is a result.
            tokens = await work.download_tokens.remove_without_result()
            await work.commit()
        leftovers, parts = await self._remove_leftovers()
        folders = await self._sweep()
        unfinished = await self._store.remove_partial(now - PARTIAL_KEPT)
        return CleanupReport(
            tokens, sessions, len(old), len(uploads), leftovers, parts, folders, len(galleries), unfinished
        )

    async def _remove_uploads(self, before: datetime) -> None:
        """Remove bytes by their age: some come after their upload was completed, or expired."""
        found = [one async for one in self._store.list(UPLOADS)]
        for stored in found:
            if stored.modified_at < before:
                await self._store.remove(stored.key)

    async def _remove_leftovers(self) -> tuple[int, int]:
        """Remove what is there of requests that need it no more; counts those without a result, and others.

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
        ids, leftovers, parts = list(found), 0, 0
        for first in range(0, len(ids), LOOKED_UP_AT_ONCE):
            some = ids[first : first + LOOKED_UP_AT_ONCE]
            async with self._database.unit_of_work() as work:
                doomed = await work.requests.without_result(some)
                over = await work.requests.over(some)
            for request_id in doomed:
                await self._store.remove_all(result_prefix(request_id))
            leftovers += len(doomed)
            if not self._keep_parts:
                bound = [one for one in over - doomed if found[one]]
                for request_id in bound:
                    await self._store.remove_all(parts_prefix(request_id))
                parts += len(bound)
        return leftovers, parts


def _request_id(key: str) -> UUID | None:
    """Whose object it is; None for one that the service did not put there."""
    name, slash, _ = key.removeprefix(REQUESTS).partition("/")
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if slash and name == str(found) else None
