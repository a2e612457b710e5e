"""Postgres repository of slices of requests and of the leases on them.

Every transaction that changes a slice first locks the row of its request. Changes to one request are thus
serialised, and the worker that finishes the last slice sees all others finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, text

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.dispatching import (
    CAN_START,
    CHARGED,
    IN_WORK,
    pending_work,
    start_requests,
)
from framecloak.adapters.postgres.tables.slices import SliceRow
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.slices import (
    FinishedSlice,
    Lease,
    LeaseState,
    PendingWork,
    SliceKind,
    slice_cost,
)
from framecloak.domain.model.segments import Segment

_IS_READY = f"""
    slices.request_id = :request_id AND {CAN_START}
    AND (slices.kind = 'frames' OR NOT EXISTS (
        SELECT FROM slices AS others
        WHERE others.request_id = :request_id AND others.kind = 'frames' AND others.state <> 'completed'))
"""

_LOCK_REQUEST = text(
    f"SELECT {IN_WORK} FROM requests WHERE id = :request_id FOR NO KEY UPDATE"  # noqa: S608 -- constants
)

_TRY_LOCK_REQUEST = text(f"{_LOCK_REQUEST.text} SKIP LOCKED")

_READY = text(
    f"""
    SELECT number FROM slices JOIN requests ON requests.id = slices.request_id
    WHERE {IN_WORK} AND {_IS_READY}
    ORDER BY number
    """  # noqa: S608 -- as above
)

_LEASE = text(
    f"""
    UPDATE slices
    SET state = 'leased', owner = :owner, lease_until = clock_timestamp() + :lasts,
        attempts = slices.attempts + 1, processed_frames = 0, not_before = NULL
    FROM slices AS before
    WHERE {_IS_READY} AND slices.number = :number
        AND before.request_id = slices.request_id AND before.number = slices.number
    RETURNING slices.kind, slices.start_frame, slices.end_frame, slices.attempts, slices.failures,
        before.state = 'leased', slices.postponed
    """  # noqa: S608 -- as above
)

_MARK_PROCESSING = text(
    """
    UPDATE requests SET status = 'processing', started_at = coalesce(started_at, clock_timestamp())
    WHERE id = :request_id
    """
)

_CHARGE = text(
    f"""
    INSERT INTO account_shares (user_id, clock, charged)
    SELECT requests.user_id, turn.charged, turn.charged
        + CASE requests.priority WHEN 'high' THEN CAST(:high_cost AS bigint) ELSE :normal_cost END
    FROM requests LEFT JOIN account_shares USING (user_id), LATERAL (SELECT {CHARGED} AS charged) AS turn
    WHERE requests.id = :request_id
    ON CONFLICT (user_id) DO UPDATE SET
        clock = greatest(account_shares.clock, account_shares.charged, excluded.clock),
        charged = greatest(account_shares.charged, excluded.clock) + excluded.charged - excluded.clock
    """  # noqa: S608 -- put together from constants
)

_IS_HELD = """
    request_id = :request_id AND number = :number AND state = 'leased' AND owner = :owner
    AND attempts = :attempt AND lease_until > clock_timestamp()
"""

_RENEW = text(
    # One statement, because every worker renews its lease up to twice a second and holds the lock meanwhile.
    # After a crash of the server the last renewals may be missing, which the next ones make good, so their
    # commits do not wait for the disk. The progress that clients have seen never decreases.
    f"""
    WITH request AS (
        SELECT id, {IN_WORK} AS in_work FROM requests WHERE id = :request_id FOR NO KEY UPDATE
    ), renewed AS (
        UPDATE slices
        SET lease_until = clock_timestamp() + :lasts,
            processed_frames = CASE kind WHEN 'frames' THEN :processed_frames ELSE 0 END
        FROM request
        WHERE request.in_work AND {_IS_HELD}
        RETURNING number, processed_frames
    ), progress AS (
        UPDATE requests SET processed_frames = counted.frames
        FROM renewed, (
            SELECT coalesce(sum(processed_frames), 0) AS others FROM slices
            WHERE request_id = :request_id AND number <> :number
        ) AS others, LATERAL (SELECT others.others + renewed.processed_frames AS frames) AS counted
        WHERE id = :request_id AND status = 'processing' AND counted.frames > requests.processed_frames
    )
    SELECT (SELECT in_work FROM request), EXISTS (SELECT FROM renewed),
        set_config('synchronous_commit', 'off', true)
    """  # noqa: S608 -- as above
)

_FINISH = text(
    f"""
    UPDATE slices
    SET state = 'completed', owner = NULL, lease_until = NULL, blanked_frames = :blanked_frames,
        part_key = :key, part_sha256 = :sha256,
        processed_frames = CASE kind WHEN 'frames' THEN end_frame - start_frame ELSE 0 END
    WHERE {_IS_HELD}
    RETURNING number
    """  # noqa: S608 -- as above
)

_GIVE_BACK = text(
    f"""
    UPDATE slices
    SET state = 'waiting', owner = NULL, lease_until = NULL, processed_frames = 0,
        not_before = clock_timestamp() + :pause, failures = failures + :blame,
        attempts = attempts - 1 + :blame, postponed = postponed + :postponed
    WHERE {_IS_HELD}
    RETURNING failures
    """  # noqa: S608 -- as above
)

_COUNT_FRAMES = text(
    # Lost work is repeated, but the progress that clients have seen never decreases.
    """
    UPDATE requests SET processed_frames = counted.frames
    FROM (SELECT sum(processed_frames) AS frames FROM slices WHERE request_id = :request_id) AS counted
    WHERE id = :request_id AND status = 'processing' AND counted.frames > requests.processed_frames
    """
)

_PARTS = text(
    """
    SELECT number, part_key, part_sha256 FROM slices
    WHERE request_id = :request_id AND kind = 'frames' AND state = 'completed'
    ORDER BY number
    """
)

_IS_FINISHED = text(
    "SELECT number FROM slices WHERE request_id = :request_id AND number = :number AND part_key = :key"
)


class PostgresSliceRepository:
    """Postgres repository of slices; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, request_id: UUID, segments: Sequence[Segment]) -> None:
        """See the port."""
        all_frames = Segment(segments[0].start_frame, segments[-1].end_frame)
        planned = [(SliceKind.FRAMES, segment) for segment in segments] + [(SliceKind.ASSEMBLY, all_frames)]
        rows = [
            {
                "request_id": request_id,
                "number": number,
                "kind": kind,
                "start_frame": segment.start_frame,
                "end_frame": segment.end_frame,
            }
            for number, (kind, segment) in enumerate(planned)
        ]
        await self._connection.execute(insert(SliceRow), rows)

    async def start_requests(self, limit: int) -> None:
        """See the port."""
        await start_requests(self._connection, limit)

    async def pending_work(self) -> Sequence[PendingWork]:
        """See the port."""
        return await pending_work(self._connection)

    async def ready_numbers(self, request_id: UUID) -> Sequence[int]:
        """See the port."""
        return list((await self._connection.execute(_READY, {"request_id": request_id})).scalars())

    async def lease(
        self, request_id: UUID, number: int, owner: str, ttl: timedelta, *, wait: bool = True
    ) -> Lease | None:
        """See the port."""
        locking = _LOCK_REQUEST if wait else _TRY_LOCK_REQUEST
        if not (await self._connection.execute(locking, {"request_id": request_id})).scalar():
            return None
        values = {"request_id": request_id, "number": number, "owner": owner, "lasts": ttl}
        row = (await self._connection.execute(_LEASE, values)).one_or_none()
        if row is None:
            return None
        await self._connection.execute(_MARK_PROCESSING, {"request_id": request_id})
        kind, start_frame, end_frame, attempt, failures, recovered, postponed = row
        segment = Segment(start_frame, end_frame)
        costs = {
            f"{priority}_cost": slice_cost(SliceKind(kind), len(segment), priority) for priority in Priority
        }
        await self._connection.execute(_CHARGE, {"request_id": request_id, **costs})
        return Lease(
            request_id, number, SliceKind(kind), segment, owner, attempt, failures, recovered, postponed
        )

    async def renew(self, lease: Lease, ttl: timedelta, processed_frames: int) -> LeaseState:
        """See the port."""
        values = {**_lease_parameters(lease), "lasts": ttl, "processed_frames": processed_frames}
        in_work, is_renewed, _ = (await self._connection.execute(_RENEW, values)).one()
        if not in_work:
            return LeaseState.CANCELLED
        return LeaseState.HELD if is_renewed else LeaseState.LOST

    async def finish(self, lease: Lease, blanked_frames: int, sha256: str | None = None) -> LeaseState:
        """See the port."""
        if not await self._lock_request(lease.request_id):
            return LeaseState.CANCELLED
        values = {
            **_lease_parameters(lease),
            "blanked_frames": blanked_frames,
            "key": lease.key,
            "sha256": sha256,
        }
        if (await self._connection.execute(_FINISH, values)).one_or_none() is None:
            finished = await self._connection.execute(_IS_FINISHED, values)
            return LeaseState.LOST if finished.one_or_none() is None else LeaseState.HELD
        await self._connection.execute(_COUNT_FRAMES, {"request_id": lease.request_id})
        return LeaseState.HELD

    async def release(self, lease: Lease, pause: timedelta) -> None:
        """See the port."""
        await self._give_back(lease, pause)

    async def postpone(self, lease: Lease, pause: timedelta) -> None:
        """See the port."""
        await self._give_back(lease, pause, postponed=1)

    async def fail(self, lease: Lease, pause: timedelta) -> int | None:
        """See the port."""
        return await self._give_back(lease, pause, blame=1)

    async def parts(self, request_id: UUID) -> Sequence[FinishedSlice]:
        """See the port."""
        rows = await self._connection.execute(_PARTS, {"request_id": request_id})
        return [FinishedSlice(number, key, sha256) for number, key, sha256 in rows]

    async def _lock_request(self, request_id: UUID) -> bool:
        """Lock the request and its slices until the transaction ends; return whether it is in progress."""
        return bool((await self._connection.execute(_LOCK_REQUEST, {"request_id": request_id})).scalar())

    async def _give_back(
        self, lease: Lease, pause: timedelta, *, blame: int = 0, postponed: int = 0
    ) -> int | None:
        await self._lock_request(lease.request_id)
        values = {**_lease_parameters(lease), "pause": pause, "blame": blame, "postponed": postponed}
        row = (await self._connection.execute(_GIVE_BACK, values)).one_or_none()
        return None if row is None else int(row[0])


def _lease_parameters(lease: Lease) -> dict[str, object]:
    return {
        "request_id": lease.request_id,
        "number": lease.number,
        "owner": lease.owner,
        "attempt": lease.attempt,
    }
