"""Dynamic batching: concurrent callers share calls of one model.

One model call on many faces is cheaper than many calls. A model keeps a core or a whole GPU busy, which an
event loop must not do. Callers therefore put items into a queue and await their own results.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from framecloak.domain.errors import OverloadedError
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.reid.thread_lanes import ThreadLanes

Item = TypeVar("Item")
Result = TypeVar("Result")

_SMOOTHING = 0.1
"""Weight of the latest batch in the moving average of the time per item."""


class Batcher(Generic[Item, Result]):
    """Queue that batches items of many callers and runs them in lanes shared with other work.

    An item that arrives while nothing is running is processed immediately. While batches are running, items
    are collected until a lane is free, ``max_batch_delay`` is over, or a batch is full, whichever comes
    first. Waiting items are distributed over the free lanes, so that a single large caller can use the whole
    machine.

    Args:
        work: processes at most ``max_batch`` items and returns one result per item, in order; called in
            several lanes concurrently. If it raises on several items it is called again for each item alone,
            so that only the item at fault fails.
        max_batch: maximum number of items per call.
        lanes: threads to run in; closed by their creator after the batcher.
        max_waiting: number of items that may wait for a lane; more are refused, unless they belong to one
            caller and nothing else is waiting.
        max_batch_delay: maximum delay in seconds for filling a batch while a lane is free.
        urgent_after: seconds after which waiting items take precedence over other work in the lanes.
        meter: metrics of waiting items and of calls.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_batch: int,
        lanes: ThreadLanes,
        max_waiting: int,
        max_batch_delay: float = 0.0,
        urgent_after: float = 0.0,
        meter: ModelMeter = NULL_MODEL_METER,
    ) -> None:
        self._work = work
        self._max_batch = max_batch
        self._lanes = lanes
        self._max_waiting = max_waiting
        self._max_batch_delay = max_batch_delay
        self._urgent_after = urgent_after
        self._meter = meter
        self._waiting: dict[asyncio.Future[Result], Item] = {}
        self._waiting_since = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._seconds_per_item = 0.0
        lanes.register(self)

    @property
    def waiting(self) -> int:
        """Number of items not yet taken by a call."""
        return len(self._waiting)

    @property
    def urgent(self) -> bool:
        """True if a batch is full, or its first item has waited for ``urgent_after`` seconds."""
        if not self._waiting:
            return False
        waited = asyncio.get_running_loop().time() - self._waiting_since
        return len(self._waiting) >= self._max_batch or waited >= self._urgent_after

    def start(self) -> None:
        """Start batches in the free lanes."""
        self._start(waited=True)

    async def run(self, item: Item) -> Result:
        """Return the result for one item.

        Raises:
            OverloadedError: too many items are waiting.
            Exception: the error that ``work`` raised on this item.
        """
        (result,) = await self.run_all([item])
        return result

    async def run_all(self, items: Sequence[Item]) -> list[Result]:
        """Return the results for several items, in order. Cancelling the caller drops its waiting items.

        Raises:
            OverloadedError: too many items are waiting; none of these items was started.
            Exception: the error of the first of these items that failed; the others are dropped.
        """
        futures = self._enqueue(items)
        try:
            return list(await asyncio.gather(*futures))
        finally:
            self._drop(futures)

    async def outcomes(self, items: Sequence[Item]) -> list[Result | BaseException]:
        """Return the results as ``run_all`` does, with the exception in place of the result of a failed item.

        Raises:
            OverloadedError: too many items are waiting; none of these items was started.
        """
        futures = self._enqueue(items)
        try:
            return list(await asyncio.gather(*futures, return_exceptions=True))
        finally:
            self._drop(futures)

    def close(self) -> None:
        """Cancel the waiting items."""
        if self._timer:
            self._timer.cancel()
        self._drop(list(self._waiting))

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        # A large request is accepted if the queue is empty; otherwise it would never be accepted.
        if items and self._waiting and len(self._waiting) + len(items) > self._max_waiting:
            raise OverloadedError(
                f"{len(self._waiting)} faces or images are waiting already",
                "try again",
                self._retry_after(),
            )
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Result]] = [loop.create_future() for _ in items]
        if not self._waiting:
            self._waiting_since = loop.time()
        self._waiting.update(zip(futures, items, strict=True))
        self._start()
        return futures

    def _drop(self, futures: Sequence[asyncio.Future[Result]]) -> None:
        for future in futures:
            self._waiting.pop(future, None)
            if future.done() and not future.cancelled():
                future.exception()  # asyncio logs exceptions that are never retrieved
            future.cancel()
        self._meter.set_waiting(len(self._waiting))

    def _start(self, *, waited: bool = False) -> None:
        """Start batches in the free lanes, unless it is worth waiting for more items."""
        lanes = self._lanes
        immediate = waited or lanes.free == lanes.count or not self._max_batch_delay
        while self._waiting and lanes.free:
            if not immediate and len(self._waiting) < self._max_batch:
                self._delay_start()
                break
            size = min(self._max_batch, math.ceil(len(self._waiting) / lanes.free))
            batch = dict(islice(self._waiting.items(), size))
            for future in batch:
                del self._waiting[future]
            # The remaining items arrived later; their exact arrival times are not tracked.
            started = self._waiting_since = asyncio.get_running_loop().time()
            running = lanes.run(self._attempt, list(batch.values()))
            running.add_done_callback(partial(self._finish, list(batch), started))
        self._meter.set_waiting(len(self._waiting))

    def _delay_start(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._max_batch_delay, self._on_delay_over)

    def _on_delay_over(self) -> None:
        self._timer = None
        self.start()

    def _attempt(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Return the results, with exceptions in place of those that failed; runs in a thread."""
        try:
            results = self._work(items)
            if len(results) != len(items):
                raise ValueError(f"{len(results)} results for {len(items)} items")  # noqa: TRY301 - as any failure
            return list(results)
        except Exception as error:  # noqa: BLE001 - goes to the callers it belongs to
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._attempt([item])]

    def _finish(
        self,
        futures: Sequence[asyncio.Future[Result]],
        started: float,
        done: asyncio.Future[list[Result | Exception]],
    ) -> None:
        seconds = asyncio.get_running_loop().time() - started
        self._meter.record_call(len(futures), seconds)
        weight = _SMOOTHING if self._seconds_per_item else 1.0
        self._seconds_per_item += weight * (seconds / len(futures) - self._seconds_per_item)
        for future, outcome in zip(futures, done.result(), strict=True):
            if future.done():
                continue  # cancelled by its caller
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._lanes.release()

    def _retry_after(self) -> int:
        """Return the seconds until all items waiting now are done, rounded up."""
        return max(1, math.ceil(len(self._waiting) * self._seconds_per_item / self._lanes.count))
