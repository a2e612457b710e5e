"""Slices of requests, and the leases that workers hold on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.model.segments import Segment

LEASE_DURATION = timedelta(seconds=20)
"""Time without renewal after which a lease expires and another worker may take over the slice."""

MAX_FAILURES = 3
"""Failures caused by the slice itself after which its request fails."""

MAX_ATTEMPTS = 20
"""Attempts after which a slice is given up, so that one that crashes every worker ends as well."""


HIGH_PRIORITY_WEIGHT = 4
"""Weight of a high-priority request: its frames count as a quarter of the frames of a normal one."""

MAX_DEFICIT_FRAMES = 2_500
"""Frames by which an account may be behind the others and still catch up; see `slice_cost`."""

_FRAMES_PER_ASSEMBLED_FRAME = 50
"""Frames that are assembled in the time in which one frame is redacted."""


class SliceKind(StrEnum):
    """Kind of work in a slice."""

    FRAMES = "frames"
    """Redact frames into a part."""

    ASSEMBLY = "assembly"
    """Assemble the result from all parts; the last slice of a request."""


class LeaseState(StrEnum):
    """State of a lease."""

    HELD = "held"
    LOST = "lost"
    """It expired, and another worker may hold the slice."""

    CANCELLED = "cancelled"
    """The request was cancelled, or it failed in another slice."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Exclusive right to process one slice, valid as long as it is renewed.

    Attributes:
        request_id: id of the request.
        number: index of the slice within the request, from 0; the assembly is the last one.
        kind: kind of work.
        segment: frames of the video, in presentation order; for the assembly, from the first to the last.
        owner: id of the worker that holds it.
        attempt: number of leases on the slice, this one included, without those that were given back for
            reasons outside the slice. Together with the owner it identifies the lease: a worker may still run
            under an older one.
        failures: number of failures caused by the slice itself.
        recovered: True if the previous lease expired.
        postponed: number of leases that were given back because of a server or a full disk.
    """

    request_id: UUID
    number: int
    kind: SliceKind
    segment: Segment
    owner: str
    attempt: int
    failures: int
    recovered: bool
    postponed: int = 0

    @property
    def key(self) -> str:
        """Key of the part in the object store.

        Every attempt has its own key, so that a worker that resumes late cannot overwrite the current part.
        A worker that gives a lease back has ended its work, so the next attempt may reuse that key.
        """
        return f"requests/{self.request_id}/slices/{self.number:05d}-{self.attempt}.zip"


@dataclass(frozen=True, slots=True)
class FinishedSlice:
    """Completed part of a result.

    Attributes:
        number: index of the slice.
        key: key of the part in the object store.
        sha256: SHA-256 of the part, hex; None for parts of versions that did not record it.
    """

    number: int
    key: str
    sha256: str | None = None


def slice_cost(kind: SliceKind, frames: int, priority: Priority) -> int:
    """Return the frames that a slice is charged to its account; at least 1.

    Fair scheduling serves the account first that was charged the least so far. It is deficit round robin
    (Shreedhar and Varghese, 1995) with the deficits kept as one clock of charged frames, as in start-time
    fair queuing (Goyal, Vin and Cheng, 1996). The clock is the charge of the account served last, before that
    slice. No charge counts as more than `MAX_DEFICIT_FRAMES` below it, so that an account that was idle does
    not hold up the others for what it did not use.

    Args:
        kind: kind of work.
        frames: number of frames of the slice.
        priority: priority of its request.
    """
    work = frames if kind is SliceKind.FRAMES else frames // _FRAMES_PER_ASSEMBLED_FRAME
    return max(1, work // (HIGH_PRIORITY_WEIGHT if priority is Priority.HIGH else 1))


@dataclass(frozen=True, slots=True)
class PendingWork:
    """Pending work of a request in progress.

    Attributes:
        request_id: id of the request.
        user_id: id of the user who submitted it.
        priority: queue of its wakeups.
        created_at: UTC.
        ready: number of slices that could be started now.
        leased: number of slices that workers hold.
        charged: frames charged to the account so far; see `slice_cost`.
        slice_frames: number of frames of the longest ready slice; 0 without one.
    """

    request_id: UUID
    user_id: int
    priority: Priority
    created_at: datetime
    ready: int
    leased: int
    charged: int = 0
    slice_frames: int = 0

    @property
    def next_cost(self) -> int:
        """Frames that its next slice will be charged, at most."""
        return slice_cost(SliceKind.FRAMES, self.slice_frames, self.priority)
