"""Rate limits, counted across all processes."""

from __future__ import annotations

import logging
from time import monotonic

from framecloak.domain.errors import QueueUnavailableError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.limits import CallLimiter
from framecloak.entrypoints.asgi.problem_details import RateExceededError
from framecloak.entrypoints.http.config import RateLimits

logger = logging.getLogger(__name__)

WARNING_INTERVAL_SECONDS = 10.0
"""Minimum seconds between two warnings about an unavailable limiter, during thousands of requests."""


class RateLimiter:
    """Rate limiter of requests by address and by account.

    All requests are admitted while the counter is unavailable; sign-in has a limit of its own.

    Args:
        limiter: shared counter.
        limits: limits.
    """

    def __init__(self, limiter: CallLimiter, limits: RateLimits) -> None:
        self._limiter = limiter
        self._limits = limits
        self._warned_at = float("-inf")

    async def admit_address(self, address: str) -> None:
        """Count a request from an address.

        Raises:
            RateExceededError: the address has reached its limit.
        """
        await self._admit(f"rate:address:{address}", self._limits.per_address)

    async def admit_principal(self, principal: Principal) -> None:
        """Count a request of an account.

        Raises:
            RateExceededError: the account has reached its limit.
        """
        await self._admit(f"rate:principal:{principal.user_id}", self._limits.per_principal)

    async def _admit(self, key: str, limit: int) -> None:
        if not limit:
            return
        try:
            wait = await self._limiter.admit(key, limit, self._limits.window)
        except QueueUnavailableError as error:
            self._warn(error)
            return
        if wait:
            raise RateExceededError(limit, wait)

    def _warn(self, error: QueueUnavailableError) -> None:
        now = monotonic()
        if now - self._warned_at >= WARNING_INTERVAL_SECONDS:
            self._warned_at = now
            logger.warning("rate limits are not enforced: %s", error)
