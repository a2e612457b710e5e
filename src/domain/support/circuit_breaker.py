"""Circuit breaker: stops calls to a server that does not respond."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from framecloak.domain.errors import DomainError

Value = TypeVar("Value")


class CircuitBreaker:
    """Circuit breaker that refuses calls to a server for a while after several consecutive failures.

    After the pause one call is let through as a trial while the others are still refused. If it succeeds, all
    calls are forwarded again; if it fails, the next pause is twice as long. After M. Nygard, "Release It!",
    2007. An instance belongs to one event loop.

    Args:
        max_failures: number of consecutive failures after which calls are refused.
        pause: seconds until the first trial.
        max_pause: maximum pause in seconds.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        max_failures: int = 3,
        pause: float = 5.0,
        max_pause: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._first_pause = pause
        self._max_pause = max_pause
        self._clock = clock
        self._failures = 0
        self._pause = pause
        self._open_until: float | None = None
        self._trial_running = False

    @property
    def is_open(self) -> bool:
        """True if a call would be refused now."""
        return self._open_until is not None and (self._trial_running or self._clock() < self._open_until)

    async def run(self, action: Callable[[], Awaitable[Value]], failure: type[DomainError]) -> Value:
        """Run an action unless the circuit is open.

        Args:
            action: the call; awaited at most once.
            failure: error that the action raises when the server does not respond. Any other domain error
                counts as a response. A cancelled call counts as neither.

        Raises:
            DomainError: ``failure``, either from the action or because the call was refused.
        """
        if self.is_open:
            raise failure("the server failed several times and is not called for a while", "try again later")
        is_trial = self._trial_running = self._open_until is not None
        try:
            value = await action()
        except failure:
            self._record_failure(is_trial=is_trial)
            raise
        except DomainError:
            self._record_success()
            raise
        finally:
            if is_trial:
                self._trial_running = False
        self._record_success()
        return value

    def _record_failure(self, *, is_trial: bool) -> None:
        self._failures += 1
        if is_trial:
            self._pause = min(2 * self._pause, self._max_pause)
        elif self._open_until is not None or self._failures < self._max_failures:
            # Started before the pause, or too few failures so far.
            return
        self._open_until = self._clock() + self._pause

    def _record_success(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._open_until = None
