"""Concurrent callers share calls of one model.

A model call on many faces is cheaper than many calls, a model keeps a core or a whole GPU busy, and an event
loop must do neither. So callers leave what they have in a queue and await their own results.
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
from framecloak.domain.reid.thread_lanes import Lanes

Item = TypeVar("Item")
Result = TypeVar("Result")

_SMOOTHING = 0.1
"""Weight of the latest batch in the average time of an item."""


class Batcher(Generic[Item, Result]):
    """Runs work on items of many callers, in batches, in lanes that may be shared with other work.

    Whoever comes while nothing is running is served at once. While batches are running, what arrives is
    collected until a lane becomes free, ``linger`` is over, or a batch is full, whichever is first. Items
    that wait are spread over the lanes that are free, so that a single large caller gets all of the machine.

    Args:
        work: takes at most ``max_batch`` items and returns as many results, in their order; called in
            several lanes at once. When it raises an exception on several items it is called again on each
            of them alone, so that only the one to blame fails.
        max_batch: the most items of one call.
        lanes: where it runs; whoever made them closes them after this.
        max_waiting: items that may wait for a lane; more are refused, unless they are of one caller and
            nothing else waits.
        linger: the most seconds that an item waits for company while a lane is free.
        patience: seconds that an item waits for company while lanes are wanted for other work, too; then it
            goes first.
        meter: told how many items wait, and of every call.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_batch: int,
        lanes: Lanes,
        max_waiting: int,
        linger: float = 0.0,
        patience: float = 0.0,
        meter: ModelMeter = NULL_MODEL_METER,
    ) -> None:
        self._work = work
        self._max_batch = max_batch
        self._lanes = lanes
        self._max_waiting = max_waiting
        self._linger = linger
        self._patience = patience
        self._meter = meter
        self._waiting: dict[asyncio.Future[Result], Item] = {}
        self._waiting_since = math.inf
        self._alarm: asyncio.TimerHandle | None = None
        self._seconds_per_item = 0.0
        lanes.join(self)

    @property
    def waiting(self) -> int:
        """Items that no call has taken yet."""
        return len(self._waiting)

    @property
    def urgent(self) -> bool:
        """Whether a batch is full, or something has waited long for one to be."""
        if not self._waiting:
            return False
        waited = asyncio.get_running_loop().time() - self._waiting_since
        return len(self._waiting) >= self._max_batch or waited >= self._patience

    def start(self) -> None:
        """Take the lanes that are free, because another batch has just left one."""
        self._start(waited=True)

    async def run(self, item: Item) -> Result:
        """The result for one item.

        Raises:
            OverloadedError: too many items are waiting.
            Exception: what the work raised on this item.
        """
        (result,) = await self.run_all([item])
        return result

    async def run_all(self, items: Sequence[Item]) -> list[Result]:
        """The results for some items, in their order. When the caller is cancelled, what waits is dropped.

        Raises:
            OverloadedError: too many items are waiting; none of these was begun.
            Exception: what the work raised on the first of these items that failed; the others are dropped.
        """
        futures = self._enqueue(items)
        try:
            return list(await asyncio.gather(*futures))
        finally:
            self._drop(futures)

    async def outcomes(self, items: Sequence[Item]) -> list[Result | BaseException]:
        """Like ``run_all``, with the exception in the place of the result where an item failed.

        Raises:
            OverloadedError: too many items are waiting; none of these was begun.
        """
        futures = self._enqueue(items)
        try:
            return list(await asyncio.gather(*futures, return_exceptions=True))
        finally:
            self._drop(futures)

    def close(self) -> None:
        """Cancel what waits."""
        if self._alarm:
            self._alarm.cancel()
        self._drop(list(self._waiting))

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        # What finds nobody waiting is taken however much it is: it would never be taken otherwise.
        if items and self._waiting and len(self._waiting) + len(items) > self._max_waiting:
            raise OverloadedError(
                f"{len(self._waiting)} faces or pictures are waiting already",
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
                future.exception()  # looked at, or asyncio would log it as never retrieved
            future.cancel()
        self._meter.waiting(len(self._waiting))

    def _start(self, *, waited: bool = False) -> None:
        """Give free lanes what waits, unless it is worth waiting for more."""
        lanes = self._lanes
        at_once = waited or lanes.free == lanes.count or not self._linger
        while self._waiting and lanes.free:
            if not at_once and len(self._waiting) < self._max_batch:
                self._wait_for_company()
                break
            size = min(self._max_batch, math.ceil(len(self._waiting) / lanes.free))
            batch = dict(islice(self._waiting.items(), size))
            for future in batch:
                del self._waiting[future]
            # What is left came later than what goes; how much later is not worth a note for each.
            started = self._waiting_since = asyncio.get_running_loop().time()
            running = lanes.run(self._attempt, list(batch.values()))
            running.add_done_callback(partial(self._finish, list(batch), started))
        self._meter.waiting(len(self._waiting))

    def _wait_for_company(self) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(self._linger, self._stop_waiting)

    def _stop_waiting(self) -> None:
        self._alarm = None
        self.start()

    def _attempt(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Results, with exceptions in the place of those that failed; runs in a thread."""
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
        self._meter.called(len(futures), seconds)
        weight = _SMOOTHING if self._seconds_per_item else 1.0
        self._seconds_per_item += weight * (seconds / len(futures) - self._seconds_per_item)
        for future, outcome in zip(futures, done.result(), strict=True):
            if future.done():
                continue  # its caller went away meanwhile
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._lanes.leave()

    def _retry_after(self) -> int:
        """Whole seconds until what waits now will be done."""
        return max(1, math.ceil(len(self._waiting) * self._seconds_per_item / self._lanes.count))
