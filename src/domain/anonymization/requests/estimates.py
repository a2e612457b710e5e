"""Estimates of the time until requests are completed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from framecloak.domain.anonymization.model.orders.estimates import EstimatedTime, TimeModel, fit_time_model
from framecloak.domain.anonymization.model.orders.throughput import MAX_RATED_REQUESTS, Backlog
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.ports.database import UnitOfWork


class TimeEstimator:
    """Estimates from the measured speed of the installation and the requests in its queue.

    Args:
        slowdown: returns the factor by which other work on this machine delays requests at the moment. It is
            used until the speed of the installation has been measured.
    """

    def __init__(self, slowdown: Callable[[], float] = lambda: 1.0) -> None:
        self._slowdown = slowdown

    async def model(self, work: UnitOfWork) -> TimeModel:
        """Return the time model of the installation."""
        return fit_time_model(await work.statistics.recent_durations(MAX_RATED_REQUESTS), self._slowdown())

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
