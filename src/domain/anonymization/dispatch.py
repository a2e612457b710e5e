"""Who is next: which requests are taken into work, and which of them workers are called for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.anonymization.lifecycle import Priority
from domain.anonymization.slices import Demand
from domain.errors import QueueUnavailableError
from domain.ports.persistence import Database
from domain.ports.services import JobQueue, ProgressBoard

TICKETS_PER_WORKER = 2
"""Tickets that wait for each worker: one is taken while the next is written."""

FEWEST_TICKETS = 4
"""Tickets that may wait however few workers there are."""


class Dispatcher:
    """Keeps requests in work and tickets in the queue.

    A ticket says that a request has something to do. It is no truth of its own: a lost one is written again,
    and one too many finds nothing to do. Only a few are written ahead, so that a request that comes later and
    is more urgent, or is of somebody who waits for the first time, need not wait behind all of them.

    Args:
        database: where requests are.
        queue: where workers look.
        board: where listeners are told.
        max_requests: in work at the same time, over all workers.
    """

    def __init__(self, database: Database, queue: JobQueue, board: ProgressBoard, max_requests: int) -> None:
        self._database = database
        self._queue = queue
        self._board = board
        self._max_requests = max_requests

    async def run(self) -> int:
        """Take requests into work and write tickets for them; returns how many tickets.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
            QueueUnavailableError: the queue cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            started = await work.slices.start_requests(self._max_requests)
            demands = await work.slices.demands()
            await work.commit()
        for request_id in started:
            await self._board.announce(request_id)
        if not any(demand.ready for demand in demands):
            return 0
        waiting = await self._queue.tickets()
        room = max(FEWEST_TICKETS, TICKETS_PER_WORKER * len(await self._queue.workers()))
        chosen = choose_tickets(demands, waiting, room)
        for request_id, priority in chosen:
            await self._queue.call_for(request_id, priority)
        return len(chosen)

    async def try_run(self) -> None:
        """As `run`; what cannot be done now is done when somebody runs it the next time."""
        try:
            await self.run()
        except QueueUnavailableError:
            return


def choose_tickets(
    demands: Sequence[Demand], waiting: Mapping[UUID, int], room: int
) -> list[tuple[UUID, Priority]]:
    """Which tickets to write.

    The urgent come before all others. Among equals it is the turn of whoever has the least in work and in the
    queue, and of the oldest request of that person.

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
