"""Statements of the dispatcher: which requests get slots, and what work they have."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from framecloak.adapters.postgres.connection import Connection
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.slices import MAX_DEFICIT_FRAMES, PendingWork

_DISPATCH_LOCK_KEY = 7_203_518_264
"""Key of the advisory lock that admits one dispatcher at a time; arbitrary, but unique in the database."""

CAN_START = """
    (slices.state = 'waiting' AND coalesce(slices.not_before <= clock_timestamp(), true)
     OR slices.state = 'leased' AND slices.lease_until <= clock_timestamp())
"""
"""Condition of a slice that may be leased."""

IN_WORK = "requests.admitted_at IS NOT NULL AND requests.completed_at IS NULL"
"""Condition of a request that has a slot."""

CHARGED = f"""
    greatest(coalesce(account_shares.charged, 0),
        (SELECT coalesce(max(clock), 0) FROM account_shares) - {MAX_DEFICIT_FRAMES})
"""  # noqa: S608 -- a constant
"""Frames charged to an account; one that was idle is only so much ahead of those that were not."""

_IS_WAITING = "admitted_at IS NULL AND completed_at IS NULL"

# Steps from one account to the next along the index, so that the cost does not grow with the queue.
_WAITING_ACCOUNTS = f"""
    waiting_accounts AS (
        (SELECT user_id FROM requests WHERE {_IS_WAITING} ORDER BY user_id LIMIT 1)
        UNION ALL
        SELECT (SELECT requests.user_id FROM requests
                WHERE {_IS_WAITING} AND requests.user_id > waiting_accounts.user_id
                ORDER BY requests.user_id LIMIT 1)
        FROM waiting_accounts WHERE waiting_accounts.user_id IS NOT NULL
    )
"""  # noqa: S608 -- a constant

_SLOTS_ARE_DUE = text(
    # A slot is free, or an account without one can get that of a request that has not begun.
    f"""
    WITH RECURSIVE {_WAITING_ACCOUNTS}, in_work AS MATERIALIZED (
        SELECT user_id, started_at FROM requests WHERE {IN_WORK}
    )
    SELECT EXISTS (SELECT FROM requests WHERE {_IS_WAITING})
        AND ((SELECT count(*) FROM in_work) < :limit
             OR EXISTS (SELECT FROM in_work WHERE started_at IS NULL)
                AND EXISTS (SELECT user_id FROM waiting_accounts WHERE user_id IS NOT NULL
                            EXCEPT SELECT user_id FROM in_work))
    """  # noqa: S608 -- put together from constants
)

_SHARE_SLOTS = text(
    f"""
    WITH RECURSIVE {_WAITING_ACCOUNTS}, started AS (
        SELECT user_id, count(*) AS requests FROM requests
        WHERE {IN_WORK} AND started_at IS NOT NULL GROUP BY user_id
    ), slots AS MATERIALIZED (
        SELECT greatest(0, :limit - coalesce(sum(requests), 0)) AS free FROM started
    ), waiting AS MATERIALIZED (
        SELECT user_id, coalesce(started.requests, 0) AS begun
        FROM waiting_accounts LEFT JOIN started USING (user_id) WHERE user_id IS NOT NULL
    ), compared AS MATERIALIZED (
        -- Turns up to which accounts have enough waiting requests for all free slots, of 1, 2, 4 and so on.
        -- Later turns get no slot, so the cost grows neither with the queue nor with slots by accounts.
        SELECT coalesce((
            SELECT turns FROM unnest(CAST(:doubled AS integer[])) AS turns
            WHERE (SELECT count(*) FROM waiting CROSS JOIN LATERAL (
                SELECT FROM requests WHERE {_IS_WAITING} AND requests.user_id = waiting.user_id
                LIMIT greatest(0, turns - waiting.begun)) AS first) >= (SELECT free FROM slots)
            LIMIT 1), :limit) AS turns
    ), movable AS (
        SELECT first.* FROM waiting CROSS JOIN LATERAL (
            SELECT id, user_id, priority, created_at FROM requests
            WHERE {_IS_WAITING} AND requests.user_id = waiting.user_id
            ORDER BY priority, created_at, id
            LIMIT (SELECT greatest(0, least(turns - waiting.begun, free)) FROM compared, slots)) AS first
        UNION ALL
        SELECT id, user_id, priority, created_at FROM requests WHERE {IN_WORK} AND started_at IS NULL
    ), turns AS (
        SELECT id, created_at, {CHARGED} AS charged, coalesce(started.requests, 0) + row_number() OVER (
            -- 'high' precedes 'normal'
            PARTITION BY user_id ORDER BY priority, created_at, id) AS turn
        FROM movable LEFT JOIN started USING (user_id) LEFT JOIN account_shares USING (user_id)
    ), ranked AS (
        SELECT id, turn <= :most_of_one AND :limit >= (SELECT coalesce(sum(requests), 0) FROM started)
            + row_number() OVER (ORDER BY turn > :most_of_one, turn, charged, created_at, id) AS is_due
        FROM turns
    )
    UPDATE requests SET admitted_at = CASE WHEN ranked.is_due THEN clock_timestamp() END
    FROM ranked
    WHERE requests.id = ranked.id AND requests.started_at IS NULL AND requests.completed_at IS NULL
        AND (requests.admitted_at IS NULL) = ranked.is_due
    """  # noqa: S608 -- put together from constants
)

_PENDING_WORK = text(
    f"""
    SELECT requests.id, requests.user_id, requests.priority, requests.created_at,
        CASE WHEN counted.unfinished = 0 THEN counted.assemblies ELSE counted.ready END, counted.leased,
        {CHARGED}, coalesce(counted.longest, 0)
    FROM requests CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE kind = 'frames' AND state <> 'completed') AS unfinished,
            count(*) FILTER (WHERE kind = 'frames' AND {CAN_START}) AS ready,
            count(*) FILTER (WHERE kind = 'assembly' AND {CAN_START}) AS assemblies,
            count(*) FILTER (WHERE state = 'leased' AND lease_until > clock_timestamp()) AS leased,
            max(end_frame - start_frame) FILTER (WHERE kind = 'frames' AND {CAN_START}) AS longest
        FROM slices WHERE slices.request_id = requests.id
    ) AS counted LEFT JOIN account_shares ON account_shares.user_id = requests.user_id
    WHERE {IN_WORK} AND EXISTS (SELECT FROM slices WHERE slices.request_id = requests.id)
    ORDER BY requests.created_at, requests.id
    """  # noqa: S608 -- put together from constants
)


async def start_requests(connection: Connection, limit: int) -> None:
    """Share the slots of requests in progress among the accounts; see `SliceRepository`."""
    if not (await connection.execute(_SLOTS_ARE_DUE, {"limit": limit})).scalar():
        return
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DISPATCH_LOCK_KEY})
    doubled = [1 << power for power in range(limit.bit_length())]
    values = {"limit": limit, "most_of_one": max(1, limit - 1), "doubled": doubled}
    await connection.execute(_SHARE_SLOTS, values)


async def pending_work(connection: Connection) -> Sequence[PendingWork]:
    """Return the work of the requests in progress, the oldest first; see `SliceRepository`."""
    rows = await connection.execute(_PENDING_WORK)
    return [
        PendingWork(request_id, user_id, Priority(priority), *figures)
        for request_id, user_id, priority, *figures in rows
    ]
