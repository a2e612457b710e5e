"""Counting attempts in Redis, over all processes."""

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
"""Counts in a window that the first hit opens, and tells the milliseconds until it closes; 0 to go on.

The count only lives as long as the window, so refused hits do not prolong the wait; nor do they count, so
that each one given back lets another pass. A key that lost its expiry, as after a restore, is given one
again instead of locking somebody out for ever.
"""

_GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
"""
"""Never leaves less than none: a hit whose window is over must not buy more in the next than its limit."""


class RedisAttemptLimiter(RedisAdapter):
    """A fixed window for each key; see `framecloak.domain.ports.services.AttemptLimiter`.

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
        with redis_errors("count the attempt"):
            left = await self._hit(keys=[_name(key)], args=[limit, milliseconds])
        return math.ceil(int(left) / 1000)

    async def give_back(self, key: str) -> None:
        """See the port."""
        with redis_errors("give the attempt back"):
            await self._give_back(keys=[_name(key)])

    async def forget(self, key: str) -> None:
        """See the port."""
        with redis_errors("forget the attempts"):
            await self._redis.delete(_name(key))


def _name(key: str) -> str:
    return f"{_PREFIX}{key_digest(key)}"
