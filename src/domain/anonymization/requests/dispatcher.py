"""Who is next: which requests are taken into work, and which of them workers are called for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.slices import Demand
from framecloak.domain.errors import DatabaseUnavailableError, QueueUnavailableError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import JobQueue

TICKETS_PER_WORKER = 2
"""Tickets that wait for each worker: one is taken while the next is written."""

FEWEST_TICKETS = 4
"""Tickets that may wait however few workers there are."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Takes requests into work, calls workers for them, and says whose turn it is.

    A ticket wakes a worker that has nothing to do, and is no truth of its own: a lost one is written again,
    and one too many finds nothing. Whoever is awake asks here what is next, so that a request that is more
    urgent, or of somebody who has less in work, need not wait behind what came before it.

    Args:
        database: where requests are.
        queue: where workers look.
        max_requests: in work at the same time, over all workers.
    """

    def __init__(self, database: Database, queue: JobQueue, max_requests: int) -> None:
        self._database = database
        self._queue = queue
        self._max_requests = max_requests

    async def run(self) -> list[UUID]:
        """Take requests into work and call workers for them.

        The queue may be away: workers that have nothing to do ask here by themselves now and then.

        Returns:
            Requests of which a slice could be begun now, in the order of their turn.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            await work.slices.admit_requests(self._max_requests)
            demands = await work.slices.demands()
            await work.commit()
        turns = in_turn(demands)
        if turns:
            try:
                await self._call(demands)
            except QueueUnavailableError as error:
                logger.warning("%s", error)
        return turns

    async def try_run(self) -> None:
        """As `run`; what cannot be done now is done when somebody runs it the next time."""
        try:
            await self.run()
        except DatabaseUnavailableError as error:
            logger.warning("%s", error)

    async def _call(self, demands: Sequence[Demand]) -> None:
        waiting = await self._queue.tickets()
        room = max(FEWEST_TICKETS, TICKETS_PER_WORKER * len(await self._queue.workers()))
        for request_id, priority in choose_tickets(demands, waiting, room):
            await self._queue.call_for(request_id, priority)
            logger.debug("calls a worker", extra={"request_id": str(request_id)})


def in_turn(demands: Sequence[Demand]) -> list[UUID]:
    """Requests of which a slice could be begun, the one whose turn it is first.

    The urgent come before all others; among equals whoever has the least in work, and of that person the
    oldest request.
    """
    busy = Counter[int]()
    for one in demands:
        busy[one.user_id] += one.leased
    ready = [one for one in demands if one.ready]
    ready.sort(key=lambda one: (one.priority is not Priority.HIGH, busy[one.user_id], one.created_at))
    return [one.request_id for one in ready]


def choose_tickets(
    demands: Sequence[Demand], waiting: Mapping[UUID, int], room: int
) -> list[tuple[UUID, Priority]]:
    """Which tickets to write, in turns as `in_turn` has them; tickets that wait count as work.

    Args:
        demands: of the requests in work.
        waiting: tickets in the queue already, by request.
        room: tickets that may wait at most, for each priority.
    """
    chosen: list[tuple[UUID, Priority]] = []
    for priority in (Priority.HIGH, Priority.NORMAL):
        mine = sorted((one for one in demands if one.priority is priority), key=lambda one: one.created_at)
        open_slices = {one.request_id: one.ready - waiting.get(one.request_id, 0) for one in mine}
        busy = Counter[int]()
        for one in mine:
            busy[one.user_id] += one.leased + min(one.ready, waiting.get(one.request_id, 0))
        left = room - sum(waiting.get(one.request_id, 0) for one in mine)
        while left > 0:
            candidates = [one for one in mine if open_slices[one.request_id] > 0]
            if not candidates:
                break
            # `min` takes the first of equals, which is the oldest.
            turn = min(candidates, key=lambda one: busy[one.user_id])
            chosen.append((turn.request_id, turn.priority))
            open_slices[turn.request_id] -= 1
            busy[turn.user_id] += 1
            left -= 1
    return chosen
