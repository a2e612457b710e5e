"""Limiter of calls, counted in Redis across all processes with the ``limits`` library."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from framecloak.adapters.redis.connection import RedisAdapter, key_digest, redis_errors

_PREFIX = "framecloak:calls"


class RedisCallLimiter(RedisAdapter):
    """Sliding-window limiter per key; see `domain.ports.limits.CallLimiter`.

    Calls of the previous window count in proportion to its overlap with the sliding window, so that a client
    cannot double its limit by calling around the end of a window.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=_PREFIX,
            connection_pool=self._redis.connection_pool,  # type: ignore[arg-type] # the library declares numbers
        )
        self._window = SlidingWindowCounterRateLimiter(storage)

    async def admit(self, key: str, limit: int, window: timedelta) -> int:
        """See the port."""
        item = RateLimitItemPerSecond(limit, math.ceil(window.total_seconds()))
        name = key_digest(key)
        with redis_errors(self._redis, "count the call"):
            if await self._window.hit(item, name):
                return 0
            reset_at, _ = await self._window.get_window_stats(item, name)
        return max(1, math.ceil(reset_at - time.time()))
