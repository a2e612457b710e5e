"""Not asking somebody who has stopped to answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from framecloak.domain.errors import DomainError

Value = TypeVar("Value")


class CircuitBreaker:
    """Passes calls on to a server, until it fails several times in a row; then refuses them for a while.

    After that pause one call is let through as a trial while others are still refused. If it succeeds, all
    are passed on again; if it fails, the next pause is twice as long. After M. Nygard, "Release It!", 2007.
    It belongs to one event loop.

    Args:
        failures: in a row, after which calls are refused.
        pause: seconds until the first trial.
        longest_pause: seconds that no pause exceeds.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        failures: int = 3,
        pause: float = 5.0,
        longest_pause: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_failures = failures
        self._first_pause = pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._failures = 0
        self._pause = pause
        self._open_until: float | None = None
        self._trial = False

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        return self._open_until is not None and (self._trial or self._clock() < self._open_until)

    async def run(self, action: Callable[[], Awaitable[Value]], failure: type[DomainError]) -> Value:
        """Do something, unless it is known to be in vain.

        Args:
            action: does it; awaited at most once.
            failure: what it raises when the server does not answer. Other errors are answers, and whoever
                cancels a call has learnt nothing of the server.

        Raises:
            DomainError: that one; from the action, or at once because the call was refused.
        """
        if self.refuses:
            raise failure("it has failed several times and is left alone for a while", "try again later")
        is_trial = self._trial = self._open_until is not None
        try:
            value = await action()
        except failure:
            self._failed(is_trial=is_trial)
            raise
        except DomainError:
            self._answered()
            raise
        finally:
            if is_trial:
                self._trial = False
        self._answered()
        return value

    def _failed(self, *, is_trial: bool) -> None:
        self._failures += 1
        if is_trial:
            self._pause = min(2 * self._pause, self._longest_pause)
        elif self._open_until is not None or self._failures < self._most_failures:
            # Begun before the pause, or not yet often enough.
            return
        self._open_until = self._clock() + self._pause

    def _answered(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._open_until = None
