"""Use cases: read the result behind a download token before the token is used, or as an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple
from uuid import UUID

from framecloak.domain.anonymization.model.record.release import ReleaseRule
from framecloak.domain.anonymization.model.request import StoredResult
from framecloak.domain.anonymization.requests.link_rights import require_link_rights
from framecloak.domain.errors import NotReleasedError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore, StoredObject
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
    """Results behind download tokens, and for operators.

    Args:
        database: database of download tokens and requests.
        store: object store of results.
        integrity: compares results with what was made.
        clock: current time (UTC).
        digest: returns the digest that is stored in place of a secret.
        release: condition for downloads.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        integrity: ResultIntegrity,
        clock: Clock,
        digest: Callable[[str], bytes],
        release: ReleaseRule,
    ) -> None:
        self._database = database
        self._store = store
        self._integrity = integrity
        self._clock = clock
        self._digest = digest
        self._release = release

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

    def require_fetchable_when_made(self, *, before_release: bool) -> None:
        """Raise an error if a result that is made now could not be fetched at once.

        Args:
            before_release: True to fetch it although downloads require a release.

        Raises:
            NotReleasedError: downloads require a release, which nobody can have given yet.
        """
        if self._release.is_required and not before_release:
            raise NotReleasedError(
                "results must be released before they are fetched",
                "leave out --output and release the result first, or add --before-release",
            )

    async def fetch(
        self, principal: Principal, request_id: UUID, *, before_release: bool = False
    ) -> AsyncIterator[bytes]:
        """Return the content of a result for an operator; the audit log records it first.

        The content is compared while it is read, and its end is withheld until then: an error raised by the
        iterator means that what was read so far must be discarded.

        Args:
            principal: administrator.
            request_id: request whose result is fetched.
            before_release: True to fetch it although it is not released and downloads require that; the audit
                log says so.

        Raises:
            ForbiddenError: the caller is not an administrator.
            RequestNotFoundError: the request does not exist.
            NotReadyError: the request has no result.
            NotReleasedError: the result is not released, and downloads require it.
            ResultDamagedError: the stored result is not the one that was made; also raised by the iterator.
            StorageUnavailableError: the store cannot be reached.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            result, details = request.require_stored_result(), dict[str, object]()
            if before_release and self._release.is_required and request.released_at is None:
                details["before_release"] = True
            else:
                request.require_release(self._release)
            stored = await self._integrity.require_size(request)
            await work.audit.add(principal, "result.fetch", f"request:{request_id}", details)
            await work.commit()
        content = self._store.read(result.key, version=stored.version)
        return self._integrity.delivered(result, stored, content)
