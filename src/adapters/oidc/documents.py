"""Documents of the identity provider: its configuration and its keys, cached and fetched again in bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from framecloak.adapters.oidc.http import JsonObject
from framecloak.domain.errors import IdentityProviderUnavailableError

TTL_SECONDS = 3600.0
"""Age from which a document is fetched again."""

MAX_AGE_SECONDS = 24 * 3600.0
"""Age up to which a document is used while the provider cannot be reached."""

MIN_REFETCH_SECONDS = 30.0
"""Minimum time between two fetches that unknown keys cause: anybody can send tokens with invented keys."""

MIN_RETRY_SECONDS = 5.0
"""Minimum time between two attempts while the provider does not answer."""


class CachedDocument:
    """A document that is fetched when it is needed, by one caller at a time.

    Args:
        fetch: fetches and checks the document; raises ``IdentityProviderUnavailableError``.
        clock: monotonic time in seconds.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[JsonObject]], clock: Callable[[], float] = monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._document: JsonObject | None = None
        self._fetched_at = 0.0
        self._attempted_at = float("-inf")
        self._failure: IdentityProviderUnavailableError | None = None

    async def get(self) -> JsonObject:
        """Return the document; an old one while the provider does not answer.

        Raises:
            IdentityProviderUnavailableError: there is no document that is young enough.
        """
        if self._document is not None and self._age() < TTL_SECONDS:
            return self._document
        async with self._lock:
            if self._document is None or self._age() >= TTL_SECONDS:
                await self._attempt(MIN_RETRY_SECONDS)
            return self._current()

    async def renewed(self) -> JsonObject:
        """Return the document, fetched again unless that happened moments ago.

        Raises:
            IdentityProviderUnavailableError: there is no document, or it could not be fetched again.
        """
        async with self._lock:
            await self._attempt(MIN_REFETCH_SECONDS)
            if self._failure is not None:
                raise self._failure
            return self._current()

    async def _attempt(self, min_seconds: float) -> None:
        if self._clock() - self._attempted_at < min_seconds:
            return
        try:
            self._document = await self._fetch()
            self._fetched_at, self._failure = self._clock(), None
        except IdentityProviderUnavailableError as error:
            self._failure = error
        finally:
            # A fetch that was cancelled counts, too.
            self._attempted_at = self._clock()

    def _current(self) -> JsonObject:
        if self._document is not None and self._age() < MAX_AGE_SECONDS:
            return self._document
        raise self._failure or IdentityProviderUnavailableError(
            "the identity provider has not answered yet", "try again"
        )

    def _age(self) -> float:
        return self._clock() - self._fetched_at
