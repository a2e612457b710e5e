"""Slices and leases in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from fakes.persistence.tables import SliceEntry, Transaction
from framecloak.domain.anonymization.model.request import Priority, Status
from framecloak.domain.anonymization.model.slices import (
    MAX_DEFICIT_FRAMES,
    FinishedSlice,
    Lease,
    LeaseState,
    PendingWork,
    SliceKind,
    slice_cost,
)
from framecloak.domain.model.segments import Segment


class FakeSliceRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, request_id: UUID, segments: Sequence[Segment]) -> None:
        rows = await self._tx.write()
        whole = Segment(segments[0].start_frame, segments[-1].end_frame)
        for number, segment in enumerate(segments):
            rows.slices[request_id, number] = SliceEntry(SliceKind.FRAMES, segment)
        rows.slices[request_id, len(segments)] = SliceEntry(SliceKind.ASSEMBLY, whole)

    async def start_requests(self, limit: int) -> None:
        rows = await self._tx.write()
        live = [request for request in rows.requests.values() if not request.status.is_final]
        started = [request for request in live if request.started_at and request.id in rows.admitted]
        movable = [request for request in live if request not in started]
        movable.sort(key=lambda request: (request.spec.priority is not Priority.HIGH, request.created_at))
        taken, turns = Counter(request.user_id for request in started), []
        for position, request in enumerate(movable):
            taken[request.user_id] += 1
            if taken[request.user_id] <= max(1, limit - 1):
                charged = self._charged(request.user_id)
                age = (request.created_at, position)
                turns.append((taken[request.user_id], charged, *age, request.id))
        chosen = {turn[-1] for turn in sorted(turns)[: max(0, limit - len(started))]}
        for request in movable:
            if request.id not in chosen:
                rows.admitted.pop(request.id, None)
            elif request.id not in rows.admitted:
                rows.admitted[request.id] = self._tx.store.now()

    async def pending_work(self) -> Sequence[PendingWork]:
        now = self._tx.store.now()
        by_request: dict[UUID, list[SliceEntry]] = {}
        for (request_id, _), entry in self._tx.rows.slices.items():
            by_request.setdefault(request_id, []).append(entry)
        found = []
        for request in self._tx.rows.requests.values():
            if self._in_work(request.id):
                held = sum(
                    bool(entry.lease_until and entry.lease_until > now)
                    for entry in by_request.get(request.id, [])
                )
                ready = self._ready(request.id)
                lengths = [len(self._tx.rows.slices[request.id, number].segment) for number in ready]
                found.append(
                    PendingWork(
                        request.id,
                        request.user_id,
                        request.spec.priority,
                        request.created_at,
                        len(ready),
                        held,
                        self._charged(request.user_id),
                        max(lengths, default=0),
                    )
                )
        return found

    async def ready_numbers(self, request_id: UUID) -> Sequence[int]:
        return self._ready(request_id)

    async def lease(
        self, request_id: UUID, number: int, owner: str, ttl: timedelta, *, wait: bool = True
    ) -> Lease | None:
        if not wait and self._tx.store.writing.locked():
            return None
        rows = await self._tx.write()
        if number not in self._ready(request_id):
            return None
        now, before = self._tx.store.now(), rows.slices[request_id, number]
        entry = replace(
            before,
            state="leased",
            owner=owner,
            lease_until=now + ttl,
            not_before=None,
            attempts=before.attempts + 1,
            processed_frames=0,
        )
        rows.slices[request_id, number] = entry
        request = rows.requests[request_id]
        started_at = request.started_at or now
        rows.requests[request_id] = replace(request, status=Status.PROCESSING, started_at=started_at)
        charged = self._charged(request.user_id)
        rows.clocks[request.user_id] = charged
        cost = slice_cost(entry.kind, len(entry.segment), request.spec.priority)
        rows.charged[request.user_id] = charged + cost
        recovered = before.state == "leased"
        return Lease(
            request_id,
            number,
            entry.kind,
            entry.segment,
            owner,
            entry.attempts,
            entry.failures,
            recovered,
            entry.postponed,
        )

    async def renew(self, lease: Lease, ttl: timedelta, processed_frames: int) -> LeaseState:
        counted = processed_frames if lease.kind is SliceKind.FRAMES else 0
        lease_until = self._tx.store.now() + ttl
        return await self._change(lease, lease_until=lease_until, processed_frames=counted)

    async def finish(self, lease: Lease, blanked_frames: int, sha256: str | None = None) -> LeaseState:
        return await self._change(
            lease,
            state="completed",
            owner=None,
            lease_until=None,
            part_key=lease.key,
            part_sha256=sha256,
            blanked_frames=blanked_frames,
            processed_frames=len(lease.segment) if lease.kind is SliceKind.FRAMES else 0,
        )

    async def release(self, lease: Lease, pause: timedelta) -> None:
        await self._give_back(lease, pause)

    async def postpone(self, lease: Lease, pause: timedelta) -> None:
        await self._give_back(lease, pause, postponed=1)

    async def fail(self, lease: Lease, pause: timedelta) -> int | None:
        return await self._give_back(lease, pause, blame=1)

    async def parts(self, request_id: UUID) -> Sequence[FinishedSlice]:
        return [
            FinishedSlice(number, entry.part_key, entry.part_sha256)
            for (owner, number), entry in sorted(self._tx.rows.slices.items(), key=lambda item: item[0][1])
            if owner == request_id and entry.kind is SliceKind.FRAMES and entry.part_key
        ]

    def _charged(self, user_id: int) -> int:
        lowest = max(self._tx.rows.clocks.values(), default=0) - MAX_DEFICIT_FRAMES
        return max(self._tx.rows.charged.get(user_id, 0), lowest)

    def _in_work(self, request_id: UUID) -> bool:
        request = self._tx.rows.requests.get(request_id)
        return request is not None and not request.status.is_final and request_id in self._tx.rows.admitted

    def _ready(self, request_id: UUID) -> list[int]:
        if not self._in_work(request_id):
            return []
        now = self._tx.store.now()
        entries = {
            number: entry for (owner, number), entry in self._tx.rows.slices.items() if owner == request_id
        }
        frames_done = all(
            entry.state == "completed" for entry in entries.values() if entry.kind is SliceKind.FRAMES
        )
        return [
            number
            for number, entry in sorted(entries.items())
            if (frames_done or entry.kind is SliceKind.FRAMES)
            and (
                (entry.state == "waiting" and (entry.not_before is None or entry.not_before <= now))
                or (entry.lease_until is not None and entry.lease_until <= now)
            )
        ]

    def _held(self, lease: Lease) -> SliceEntry | None:
        entry = self._tx.rows.slices.get((lease.request_id, lease.number))
        if entry is None or entry.lease_until is None or entry.lease_until <= self._tx.store.now():
            return None
        return entry if (entry.owner, entry.attempts) == (lease.owner, lease.attempt) else None

    async def _change(self, lease: Lease, **changes: object) -> LeaseState:
        rows = await self._tx.write()
        if not self._in_work(lease.request_id):
            return LeaseState.CANCELLED
        request = rows.requests[lease.request_id]
        entry = self._held(lease)
        if entry is None:
            known = rows.slices[lease.request_id, lease.number]
            finished = changes.get("part_key")
            return LeaseState.HELD if finished and known.part_key == finished else LeaseState.LOST
        rows.slices[lease.request_id, lease.number] = replace(entry, **changes)  # type: ignore[arg-type]
        done = sum(entry.processed_frames for (owner, _), entry in rows.slices.items() if owner == request.id)
        rows.requests[request.id] = replace(request, processed_frames=max(request.processed_frames, done))
        return LeaseState.HELD

    async def _give_back(
        self, lease: Lease, pause: timedelta, *, blame: int = 0, postponed: int = 0
    ) -> int | None:
        rows = await self._tx.write()
        entry = self._held(lease)
        if entry is None:
            return None
        rows.slices[lease.request_id, lease.number] = replace(
            entry,
            state="waiting",
            owner=None,
            lease_until=None,
            not_before=self._tx.store.now() + pause,
            processed_frames=0,
            failures=entry.failures + blame,
            attempts=entry.attempts - 1 + blame,
            postponed=entry.postponed + postponed,
        )
        return entry.failures + blame
