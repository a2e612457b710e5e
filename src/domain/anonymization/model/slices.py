"""Slices of requests, and the leases that workers hold on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.videos.segments import Segment

LEASE = timedelta(seconds=20)
"""How long a worker may be silent before others take over what it does."""

MOST_FAILURES = 3
"""How often a slice may fail for reasons of its own."""

MOST_ATTEMPTS = 20
"""How often a slice may be begun: one that takes every worker down with it has to end too."""


class SliceKind(StrEnum):
    """What there is to do."""

    FRAMES = "frames"
    """Redact frames into a part."""

    ASSEMBLY = "assembly"
    """Make the result out of all parts; the last thing to do."""


class Standing(StrEnum):
    """What became of a lease."""

    HELD = "held"
    LOST = "lost"
    """It ran out, and somebody else may have the slice."""

    CANCELLED = "cancelled"
    """Nobody wants the request any more: it was cancelled, or it failed elsewhere."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one slice, for as long as it is renewed.

    Attributes:
        request_id: whose slice.
        number: counts from 0 within the request; the assembly is the last.
        kind: what there is to do.
        segment: frames of the video, in presentation order; of the assembly, from the first to the last.
        owner: the worker that holds it.
        attempt: how often the slice was leased and not given back without blame, this time included; with
            the owner it tells this lease from older ones that somebody may still work under.
        failures: how often it has failed for reasons of its own.
        recovered: whether the lease before ran out.
    """

    request_id: UUID
    number: int
    kind: SliceKind
    segment: Segment
    owner: str
    attempt: int
    failures: int
    recovered: bool

    @property
    def key(self) -> str:
        """Where the part lies in the object store.

        Every attempt has a place of its own: a worker that wakes up late must not write over what counts.
        Who gives a lease back has ended its work, so the next attempt may have that place.
        """
        return f"requests/{self.request_id}/slices/{self.number:05d}-{self.attempt}.zip"


@dataclass(frozen=True, slots=True)
class FinishedSlice:
    """A part that counts.

    Attributes:
        number: of the slice.
        key: where the part lies in the object store.
    """

    number: int
    key: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request in work still asks for.

    Attributes:
        request_id: of the request.
        user_id: who submitted it.
        priority: which queue its tickets wait in.
        created_at: UTC.
        ready: slices that could be begun now.
        leased: slices that workers hold.
    """

    request_id: UUID
    user_id: int
    priority: Priority
    created_at: datetime
    ready: int
    leased: int
