"""Permission to use high priority, with a daily quota of frames for each account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from framecloak.domain.anonymization.model.request import HighPriorityUsers, Priority, RequestSpec
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import UnitOfWork

QUOTA_PERIOD = timedelta(days=1)
"""Period to which the quota applies."""


@dataclass(frozen=True, slots=True)
class HighPriorityPolicy:
    """Rules for high priority.

    Attributes:
        users: accounts that may use it.
        daily_frames: frames of high-priority requests that one account may submit in 24 hours.
    """

    users: HighPriorityUsers = HighPriorityUsers.ADMINS
    daily_frames: int = 50_000

    async def granted(
        self, work: UnitOfWork, principal: Principal, spec: RequestSpec, frames: int
    ) -> RequestSpec:
        """Return the specification, with normal priority if the caller may not use the high one.

        An order that asks for too much is accepted all the same, so that clients that always ask for high
        priority keep working; the stored request says which priority it has.

        Args:
            work: unit of work in which the request is stored.
            principal: caller.
            spec: specification of the request.
            frames: number of frames of the request.
        """
        if spec.priority is not Priority.HIGH:
            return spec
        if self.users is HighPriorityUsers.EVERYONE or principal.is_admin:
            used = await work.requests.high_priority_frames(principal.user_id, QUOTA_PERIOD)
            if used + frames <= self.daily_frames:
                return spec
        return replace(spec, priority=Priority.NORMAL)
