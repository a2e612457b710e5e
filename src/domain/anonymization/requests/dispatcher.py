"""Scheduling: starts requests, and wakes idle workers for them in fair order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from uuid import UUID

from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.slices import PendingWork
from framecloak.domain.errors import DatabaseUnavailableError, QueueUnavailableError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.queue import JobQueue

WAKEUPS_PER_WORKER = 2
"""Queued wake-ups per worker: one is taken while the next is written."""

MIN_WAKEUPS = 4
"""Minimum of queued wake-ups, however few workers there are."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Scheduler that starts requests, wakes workers for them, and decides whose turn it is.

    A wake-up is a message that makes an idle worker poll for work. It carries no state: a lost one is written
    again, and a superfluous one has no effect. Every worker calls `run` before its next slice, so a request
    whose account had less work done need not wait behind earlier ones; see `slice_cost`.

    Args:
        database: database of requests.
        queue: queue of wake-ups.
        max_requests: maximum number of requests in progress, over all workers.
    """

    def __init__(self, database: Database, queue: JobQueue, max_requests: int) -> None:
        self._database = database
        self._queue = queue
        self._max_requests = max_requests

    async def run(self) -> list[UUID]:
        """Start requests and wake workers for them.

        The queue may be unavailable: idle workers also poll by calling this method from time to time.

        Returns:
            Ids of the requests that have a slice ready to start, in fair order.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            await work.slices.start_requests(self._max_requests)
            demands = await work.slices.pending_work()
            await work.commit()
        turns = fair_order(demands)
        if turns:
            try:
                await self._wake_workers(demands)
            except QueueUnavailableError as error:
                logger.warning("%s", error)
        return turns

    async def try_run(self) -> None:
        """Call `run`, but only log an unavailable database: a later run catches up."""
        try:
            await self.run()
        except DatabaseUnavailableError as error:
            logger.warning("%s", error)

    async def _wake_workers(self, pending: Sequence[PendingWork]) -> None:
        room = max(MIN_WAKEUPS, WAKEUPS_PER_WORKER * await self._queue.worker_count())
        counts = await self._queue.wakeup_counts()
        wanted = {pending_work.priority for pending_work in pending if pending_work.ready}
        if all(counts.get(priority, 0) >= room for priority in wanted):
            return
        waiting = await self._queue.wakeups()
        for request_id, priority in plan_wakeups(pending, waiting, room):
            await self._queue.wake_workers(request_id, priority)
            logger.debug("waking a worker", extra={"request_id": str(request_id)})


def fair_order(pending: Sequence[PendingWork]) -> list[UUID]:
    """Return the ids of the requests that have a slice ready to start, in fair order.

    The account that was charged the fewest frames comes first; see `slice_cost`. Among the requests of one
    account, and among accounts with equal charges, high priority comes first, then the oldest.

    Args:
        pending: pending work of the requests in progress.
    """
    ready = [pending_work for pending_work in pending if pending_work.ready]
    ready.sort(key=lambda pending_work: (pending_work.charged, *_order_in_account(pending_work)))
    return [pending_work.request_id for pending_work in ready]


def plan_wakeups(
    pending: Sequence[PendingWork], queued: Mapping[UUID, int], max_queued: int
) -> list[tuple[UUID, Priority]]:
    """Choose the wake-ups to write, in fair order; a wake-up is charged like the slice that it announces.

    Args:
        pending: pending work of the requests in progress.
        queued: number of wake-ups already queued, by request.
        max_queued: maximum number of queued wake-ups for each priority.

    Returns:
        Request and priority of each wake-up to write.
    """
    chosen: list[tuple[UUID, Priority]] = []
    for priority in (Priority.HIGH, Priority.NORMAL):
        candidates = sorted(
            (pending_work for pending_work in pending if pending_work.priority is priority),
            key=_order_in_account,
        )
        charged = {pending_work.user_id: pending_work.charged for pending_work in candidates}
        open_slices: dict[int, deque[tuple[int, int]]] = {}
        for position, pending_work in enumerate(candidates):
            announced = min(pending_work.ready, queued.get(pending_work.request_id, 0))
            charged[pending_work.user_id] += announced * pending_work.next_cost
            if unannounced := pending_work.ready - announced:
                open_slices.setdefault(pending_work.user_id, deque()).append((position, unannounced))
        # Accounts with open slices, by charge; among equals, the one whose request comes first.
        heap = [(charged[user_id], slices[0][0], user_id) for user_id, slices in open_slices.items()]
        heapify(heap)
        remaining = max_queued - sum(queued.get(pending_work.request_id, 0) for pending_work in candidates)
        while heap and remaining > 0:
            charge, position, user_id = heappop(heap)
            selected, slices = candidates[position], open_slices[user_id]
            chosen.append((selected.request_id, selected.priority))
            left = slices[0][1] - 1
            if left:
                slices[0] = position, left
            else:
                slices.popleft()
            if slices:
                heappush(heap, (charge + selected.next_cost, slices[0][0], user_id))
            remaining -= 1
    return chosen


def _order_in_account(pending_work: PendingWork) -> tuple[bool, datetime]:
    return pending_work.priority is not Priority.HIGH, pending_work.created_at
