"""A request for anonymised frames, from its submission to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from framecloak.domain.anonymization.model.identities import Identities, PinnedPeople
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.errors import AlreadyFinishedError, NotReadyError
from framecloak.domain.videos.segments import Region, Segment, union


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class Priority(StrEnum):
    """Which queue a request waits in."""

    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for; checked against the video and the limits before it becomes a request.

    Attributes:
        video_id: of a video that the caller may edit.
        segment_ids: of segments marked on that video, at least one.
        level: what is redacted.
        appearance: how the frames look.
        priority: which queue it waits in.
        webhook_url: where to tell about its end, or None.
        keep_text: areas in which text stays readable; at level ``full`` only.
        based_on: the manifest whose boxes, edited, are redacted; None where they are looked for.
        identities: whose faces are redacted; None for everybody's.
        verify: which of the redacted frames are searched again.
    """

    video_id: int
    segment_ids: tuple[int, ...]
    level: Level
    appearance: Appearance
    priority: Priority = Priority.NORMAL
    webhook_url: str | None = field(default=None, repr=False)
    keep_text: tuple[Region, ...] = ()
    based_on: BasedOn | None = None
    identities: Identities | None = None
    verify: Verify = Verify.SAMPLE

    @property
    def tells_people_apart(self) -> bool:
        """Whether faces are recognised; those of known boxes were when the boxes were made."""
        return self.identities is not None and self.based_on is None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was marked on the video when an order was submitted; this is worked on, whatever happens to marks.

    Attributes:
        segments: those of the order, by their ids.
        regions: all of the video; of a result that is made again, without the frames that were uncovered.
        boxes: what to redact where that is known, as `BoxTable.packed` has it; None where it is looked for.
        earlier: what the result that they come from says of people, as `EarlierIdentities.packed` has it;
            None where that says nothing.
        people: who was enrolled in the order's gallery; None where it names none.
    """

    segments: Mapping[int, Segment]
    regions: tuple[Region, ...]
    boxes: bytes | None = None
    people: PinnedPeople | None = None
    earlier: bytes | None = None

    @property
    def stretches(self) -> tuple[Segment, ...]:
        """The frames to deliver, each once: disjoint and ascending."""
        return tuple(union(self.segments.values()))

    @property
    def frame_count(self) -> int:
        """Frames to deliver; overlaps between segments count once."""
        return sum(len(stretch) for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class AnonymizationRequest:
    """An order that was accepted.

    Attributes:
        id: random.
        user_id: who submitted it.
        order: what was asked for.
        status: where it stands.
        total_frames: frames to deliver; overlaps between segments count once.
        processed_frames: of these, done.
        blanked_frames: of these, black because they could not be examined, or showed too much; counted when
            the result is put together.
        created_at, started_at, completed_at: UTC; None for what has not happened.
        error: why it failed, for people; None otherwise.
        error_code: the same as a stable code; None where nothing failed, or nobody noted it.
        result_key: where the ZIP lies in the object store; None until it is complete.
        result_bytes: size of the ZIP.
    """

    id: UUID
    user_id: int
    order: Order
    status: Status
    total_frames: int
    processed_frames: int
    blanked_frames: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    error_code: str | None
    result_key: str | None
    result_bytes: int | None

    @property
    def progress(self) -> int:
        """Whole percent, rounded down; 100 only when completed."""
        if self.status is Status.COMPLETED:
            return 100
        return min(99, 100 * self.processed_frames // max(1, self.total_frames))

    @property
    def known_blanked_frames(self) -> int | None:
        """How many frames of the result are black; None while there is none."""
        return self.blanked_frames if self.status is Status.COMPLETED else None

    def require_unfinished(self) -> None:
        """Refuse to change what is over.

        Raises:
            AlreadyFinishedError: it is.
        """
        if self.status.is_final:
            raise AlreadyFinishedError(f"the request is {self.status} already")

    def require_result(self) -> str:
        """The key of the ZIP.

        Raises:
            NotReadyError: there is none.
        """
        if self.status is not Status.COMPLETED:
            hint = "submit the order again" if self.status.is_final else "wait until it is completed"
            raise NotReadyError(f"the request is {self.status}", hint)
        if self.result_key is None:
            raise NotReadyError("the result was kept for its time and then deleted", "submit the order again")
        return self.result_key


@dataclass(frozen=True, slots=True)
class DownloadToken:
    """The right to fetch one result, once.

    Attributes:
        digest: SHA-256 of the secret; the secret itself is not kept.
        request_id: whose result.
        expires_at: UTC.
        used_at: UTC, or None while it is good.
    """

    digest: bytes
    request_id: UUID
    expires_at: datetime
    used_at: datetime | None
