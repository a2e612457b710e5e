"""Use case: look at what a download link leads to before it is used up."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from framecloak.domain.errors import NotReadyError, ObjectNotFoundError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import Clock, ObjectStore, StoredObject


class Delivery:
    """Results behind download tokens.

    Args:
        database: where tokens are recorded.
        store: where the results are.
        clock: tells the time.
        digest: what is stored in place of a secret.
    """

    def __init__(
        self, database: Database, store: ObjectStore, clock: Clock, digest: Callable[[str], bytes]
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._digest = digest

    async def result(self, request_id: UUID, token: str) -> StoredObject:
        """The result that a token is good for. The token still is afterwards, unless somebody is quicker.

        Raises:
            TokenNotFoundError: there is none like that for this request.
            TokenUsedError: it was used.
            TokenExpiredError: it came too late.
            NotReadyError: the result was deleted meanwhile, or its file is gone.
            StorageUnavailableError: the store cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            request = await work.download_tokens.get(self._digest(token), request_id, self._clock.now())
        try:
            return await self._store.stat(request.require_result())
        except ObjectNotFoundError as error:
            raise NotReadyError("the result's file is gone", "submit the order again") from error
