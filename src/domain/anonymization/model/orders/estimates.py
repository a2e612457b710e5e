"""Time estimates of requests as ranges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.throughput import DEFAULT_EFFORTS, Backlog, Efforts


@dataclass(frozen=True, slots=True)
class EstimatedTime:
    """Estimated processing time with its range, in seconds.

    Attributes:
        shortest: lower end of the range.
        seconds: estimate.
        longest: upper end of the range.
    """

    shortest: float
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Model of processing times on an installation, with the spread of its deviations.

    Attributes:
        startup_seconds: time of a request that does not depend on its frames.
        frame_seconds: time in which one worker processes a reference frame.
        lower_factor: lower end of a range, relative to the estimate; in (0, 1).
        upper_factor: upper end of a range, relative to the estimate; above 1.
        model_seconds: time to load the models of levels whose models no worker has loaded.
        efforts: times of frames relative to a reference frame, as measured on the installation.
        workers: number of workers.
        slice_frames: number of frames that one worker processes in one go.
    """

    startup_seconds: float
    frame_seconds: float
    lower_factor: float
    upper_factor: float
    model_seconds: Mapping[Level, float] = field(default_factory=dict)
    efforts: Efforts = DEFAULT_EFFORTS
    workers: int = 1
    slice_frames: int = 250

    def seconds(self, backlog: Sequence[Backlog]) -> float:
        """Return the estimated seconds that workers need for unfinished requests."""
        return self._loading(backlog) + self._busy_seconds(backlog) / self._parallel(backlog)

    def estimate(self, backlog: Sequence[Backlog], user_id: int) -> EstimatedTime:
        """Return the estimated time until the requests of an account are completed.

        Workers serve accounts in turn, so another account delays it by no more than its own requests take.

        Args:
            backlog: unfinished requests of all accounts, of this account those up to the one in question.
            user_id: id of the account.
        """
        by_account: dict[int, float] = {}
        for each in backlog:
            by_account[each.user_id] = by_account.get(each.user_id, 0.0) + self._busy_seconds([each])
        own = by_account.get(user_id, 0.0)
        loading = self._loading(each for each in backlog if each.user_id == user_id)
        busy = sum(min(own, of_account) for of_account in by_account.values())
        seconds = loading + busy / self._parallel(backlog)
        return EstimatedTime(seconds * self.lower_factor, seconds, seconds * self.upper_factor)

    def _busy_seconds(self, backlog: Iterable[Backlog]) -> float:
        return sum(
            each.requests * self.startup_seconds
            + self.efforts.total(each.workload, each.frames, each.requests) * self.frame_seconds
            for each in backlog
        )

    def _parallel(self, backlog: Iterable[Backlog]) -> int:
        """Return the number of workers that can share the work: a slice is not divided."""
        slices = sum(max(each.requests, math.ceil(each.frames / self.slice_frames)) for each in backlog)
        return max(1, min(self.workers, slices))

    def _loading(self, backlog: Iterable[Backlog]) -> float:
        levels = {each.workload.level for each in backlog}
        return sum(self.model_seconds.get(level, 0.0) for level in levels)
