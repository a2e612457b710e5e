"""Use case: inspect the result behind a download token before the token is used."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from framecloak.domain.errors import NotReadyError, ObjectNotFoundError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore, StoredObject


class DownloadService:
    """Results behind download tokens.

    Args:
        database: database of download tokens.
        store: object store of results.
        clock: current time (UTC).
        digest: returns the digest that is stored in place of a secret.
    """

    def __init__(
        self, database: Database, store: ObjectStore, clock: Clock, digest: Callable[[str], bytes]
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._digest = digest

    async def find_result(self, request_id: UUID, token: str) -> StoredObject:
        """Return the stored result that a download token is for. The token stays unused.

        Args:
            request_id: request whose result is downloaded.
            token: download token.

        Raises:
            TokenNotFoundError: the token does not exist for this request.
            TokenUsedError: the token was used.
            TokenExpiredError: the token has expired.
            NotReadyError: the result was deleted meanwhile, or its file is gone.
            StorageUnavailableError: the store cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            request = await work.download_tokens.get(self._digest(token), request_id, self._clock.now())
        try:
            return await self._store.stat(request.require_result())
        except ObjectNotFoundError as error:
            raise NotReadyError("the result's file is gone", "submit the order again") from error
