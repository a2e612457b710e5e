"""Limiter of attempts, counted in Redis across all processes."""

from __future__ import annotations

import math
from datetime import timedelta

from framecloak.adapters.redis.connection import RedisAdapter, key_digest, redis_errors

_PREFIX = "framecloak:attempts:"

_HIT = """
local hits = redis.call('INCR', KEYS[1])
if hits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if hits <= tonumber(ARGV[1]) then return 0 end
redis.call('DECR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(ARGV[2])
end
return left
"""
"""Count a hit in a window that the first hit opens; return 0, or the milliseconds until the next is allowed.

The counter expires with the window, so refused hits do not prolong the wait. They are not counted either, so
that each hit given back allows another one. A key without expiry, as after a restore, receives a new one;
otherwise it would lock a user out indefinitely.
"""

_GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
"""
"""Decrement the counter, but not below 0: a hit of an earlier window must not raise the limit of the next."""


class RedisAttemptLimiter(RedisAdapter):
    """Fixed-window limiter per key; see `domain.ports.limits.AttemptLimiter`.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._hit = self._redis.register_script(_HIT)
        self._give_back = self._redis.register_script(_GIVE_BACK)

    async def hit(self, key: str, limit: int, window: timedelta) -> int:
        """See the port."""
        milliseconds = math.ceil(window.total_seconds() * 1000)
        with redis_errors(self._redis, "count the attempt"):
            remaining = await self._hit(keys=[_redis_key(key)], args=[limit, milliseconds])
        return math.ceil(int(remaining) / 1000)

    async def give_back(self, key: str) -> None:
        """See the port."""
        with redis_errors(self._redis, "take the attempt back"):
            await self._give_back(keys=[_redis_key(key)])

    async def reset(self, key: str) -> None:
        """See the port."""
        with redis_errors(self._redis, "reset the attempts"):
            await self._redis.delete(_redis_key(key))


def _redis_key(key: str) -> str:
    return f"{_PREFIX}{key_digest(key)}"
