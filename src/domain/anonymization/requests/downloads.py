"""Use case: inspect the result behind a download token before the token is used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple
from uuid import UUID

from framecloak.domain.anonymization.model.request import StoredResult
from framecloak.domain.anonymization.requests.link_rights import require_link_rights
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import StoredObject
from framecloak.domain.storage.results import ResultIntegrity


class FoundResult(NamedTuple):
    """Result behind a download token.

    Attributes:
        result: recorded size and digest.
        stored: metadata of its file.
    """

    result: StoredResult
    stored: StoredObject


class DownloadService:
    """Results behind download tokens.

    Args:
        database: database of download tokens.
        integrity: compares results with what was made.
        clock: current time (UTC).
        digest: returns the digest that is stored in place of a secret.
    """

    def __init__(
        self, database: Database, integrity: ResultIntegrity, clock: Clock, digest: Callable[[str], bytes]
    ) -> None:
        self._database = database
        self._integrity = integrity
        self._clock = clock
        self._digest = digest

    async def find_result(
        self, request_id: UUID, token: str, *, checked_while_read: bool = False
    ) -> FoundResult:
        """Return the stored result that a download token is for. The token stays unused.

        Args:
            request_id: request whose result is downloaded.
            token: download token.
            checked_while_read: True if the caller reads all of it through `checked`; otherwise its content is
                compared now, unless that has been done before.

        Raises:
            TokenNotFoundError: the token does not exist for this request.
            TokenUsedError: the token was used.
            TokenExpiredError: the token has expired, or its account may no longer use it.
            NotReadyError: the result was deleted meanwhile, or its file is gone.
            ResultDamagedError: the stored result is not the one that was made.
            StorageUnavailableError: the store cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            digest = self._digest(token)
            request = await work.download_tokens.get(digest, request_id, self._clock.now())
            await require_link_rights(work, digest, request)
        check = self._integrity.require_size if checked_while_read else self._integrity.require_intact
        return FoundResult(request.require_stored_result(), await check(request))

    def checked(self, found: FoundResult, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield all bytes of a result; its end is withheld until the content has been compared.

        Raises:
            ResultDamagedError: the stored result is not the one that was made.
        """
        return self._integrity.delivered(found.result, found.stored, chunks)
