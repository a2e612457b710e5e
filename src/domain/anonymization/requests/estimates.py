"""Estimates of the time until requests are completed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from framecloak.domain.anonymization.model.orders.estimates import EstimatedTime, TimeModel
from framecloak.domain.anonymization.model.orders.fitting import fit_time_model
from framecloak.domain.anonymization.model.orders.pace import Pace
from framecloak.domain.anonymization.model.orders.throughput import MAX_RATED_REQUESTS, Backlog
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.work.slice_planning import SLICE_FRAMES
from framecloak.domain.errors import QueueUnavailableError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import UnitOfWork
from framecloak.domain.ports.queue import JobQueue

PACE_TTL = timedelta(seconds=2)
"""Time for which the workers are not asked again; they announce themselves at this interval."""


class TimeEstimator:
    """Estimates from the measured speed of the installation and the requests in its queue.

    Args:
        queue: queue at which the workers announce their speed.
        clock: current time (UTC).
        slowdown: returns the factor by which other work on this machine delays requests at the moment. It is
            used until a worker has measured its speed or a request is completed.
        slice_frames: maximum frames of one slice.
    """

    def __init__(
        self,
        queue: JobQueue,
        clock: Clock,
        slowdown: Callable[[], float] = lambda: 1.0,
        slice_frames: int = SLICE_FRAMES,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._slowdown = slowdown
        self._slice_frames = slice_frames
        self._known: tuple[datetime, Pace] | None = None

    async def model(self, work: UnitOfWork) -> TimeModel:
        """Return the time model of the installation."""
        recent = await work.statistics.recent_durations(MAX_RATED_REQUESTS)
        return fit_time_model(recent, await self._pace(), self._slowdown(), self._slice_frames)

    async def until_end(self, work: UnitOfWork, request: AnonymizationRequest) -> EstimatedTime:
        """Return the estimated time until a stored request is completed, including those before it."""
        if request.status.is_final:
            return EstimatedTime(0.0, 0.0, 0.0)
        backlog = await work.statistics.backlog(until=request)
        return (await self.model(work)).estimate(backlog, request.user_id)

    async def after_all(self, work: UnitOfWork, user_id: int, added: Sequence[Backlog] = ()) -> EstimatedTime:
        """Return the estimated time until all requests of an account are completed.

        Args:
            work: unit of work.
            user_id: id of the account.
            added: requests of that account that are not stored yet.
        """
        backlog = [*await work.statistics.backlog(), *added]
        return (await self.model(work)).estimate(backlog, user_id)

    async def _pace(self) -> Pace:
        """Return what the workers announced last; without the queue, what was known before."""
        now = self._clock.now()
        if self._known and now - self._known[0] < PACE_TTL:
            return self._known[1]
        try:
            pace = Pace.of([worker.speed for worker in await self._queue.workers()])
        except QueueUnavailableError:
            pace = self._known[1] if self._known else Pace()
        self._known = now, pace
        return pace
