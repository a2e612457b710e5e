"""Ports: limits on attempts and on calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class AttemptLimiter(Protocol):
    """Counter of attempts across all processes. Raises ``QueueUnavailableError`` if it cannot count."""

    async def hit(self, key: str, limit: int, window: timedelta) -> int:
        """Count an attempt unless ``limit`` attempts in the window were counted already.

        Returns:
            0 if the attempt was counted, otherwise the seconds until the next one is allowed.
        """
        ...

    async def give_back(self, key: str) -> None:
        """Undo one counted attempt; has no effect if its window has ended."""
        ...

    async def reset(self, key: str) -> None:
        """Reset the counter of a key."""
        ...


class CallLimiter(Protocol):
    """Rate limiter for calls across all processes. Raises ``QueueUnavailableError`` if it cannot count."""

    async def admit(self, key: str, limit: int, window: timedelta) -> int:
        """Count a call unless ``limit`` calls in the last ``window`` (whole seconds) were counted already.

        Returns:
            0 if the call was counted, otherwise the seconds until the next one may be allowed.
        """
        ...
