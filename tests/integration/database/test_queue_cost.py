"""Cost of a lease against the length of the queue, in rows that Postgres reads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.requests.dispatcher import fair_order
from framecloak.domain.model.segments import Segment
from support.samples.persistence import add_user, add_video, request_spec_for, work_spec_for

ACCOUNTS = 20
LEASES = 5
SHORT, LONG = 20, 400
"""Requests queued for each account."""
CHANGED = {"id": "gen_random_uuid()", "created_at": "created_at + n * interval '1 second'"}
"""Columns of a copy that differ, with their expressions."""
COPIED = {
    column.name: CHANGED.get(column.name, column.name)
    for column in RequestRow.__table__.columns
    if column.computed is None
}
COPIES = f"""
INSERT INTO requests ({", ".join(COPIED)}) SELECT {", ".join(COPIED.values())}
FROM requests, generate_series(1, :number) AS n WHERE admitted_at IS NULL
"""  # noqa: S608 -- names of columns
SLICES = """
INSERT INTO slices (request_id, number, kind, start_frame, end_frame)
SELECT id, n, CASE n WHEN 3 THEN 'assembly' ELSE 'frames' END, 10 * n, 10 * n + 10
FROM requests, generate_series(0, 3) AS n WHERE id NOT IN (SELECT request_id FROM slices)
"""


async def queue(database: PostgresDatabase) -> None:
    """Queue a request of each account."""
    for number in range(ACCOUNTS):
        owner = await add_user(database, f"account-{number}")
        spec = request_spec_for(await add_video(database, owner))
        async with database.unit_of_work() as work:
            request, _ = await work.requests.add(owner.id, spec, work_spec_for(spec, 30), None)
            await work.slices.add(request.id, [Segment(start, start + 10) for start in (0, 10, 20)])
            await work.commit()


async def lengthen(database: PostgresDatabase, each: int) -> None:
    """Queue as many copies of each waiting request."""
    async with database._engine.begin() as connection:
        await connection.execute(text(COPIES), {"number": each})
        await connection.execute(text(SLICES))
    async with database._engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE requests, slices, account_shares"))


async def lease(database: PostgresDatabase, slots: int) -> None:
    """Lease a slice as workers do."""
    async with database.unit_of_work() as work:
        await work.slices.start_requests(slots)
        pending = await work.slices.pending_work()
        request_id = fair_order(pending)[0]
        number = (await work.slices.ready_numbers(request_id))[0]
        assert await work.slices.lease(request_id, number, "worker", timedelta(minutes=5))
        await work.commit()


def rows_read(plan: dict[str, Any]) -> float:
    """Return the number of requests and slices that a plan reads, whether it uses them or not."""
    own = 0.0
    if plan.get("Relation Name") in {"requests", "slices"}:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(rows_read(part) for part in plan.get("Plans", []))


async def rows_of_a_lease(database: PostgresDatabase, slots: int) -> float:
    """Return the rows that the statements of a lease read, when each is executed once more."""
    statements: list[tuple[str, tuple[Any, ...]]] = []

    def remember(
        _conn: object, _cursor: object, statement: str, parameters: tuple[Any, ...], *_: object
    ) -> None:
        statements.append((statement, parameters))

    event.listen(database._engine.sync_engine, "before_cursor_execute", remember)
    await lease(database, slots)
    event.remove(database._engine.sync_engine, "before_cursor_execute", remember)
    rows = 0.0
    async with database._engine.connect() as connection:
        for statement, parameters in statements:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            (answer,) = (await connection.exec_driver_sql(explain, parameters)).one()
            (plan,) = answer if isinstance(answer, list) else json.loads(answer)
            rows += rows_read(plan["Plan"])
    return rows


@pytest.mark.parametrize("slots", [ACCOUNTS // 2, 2 * ACCOUNTS], ids=["few slots", "slots for all"])
async def test_a_lease_costs_the_same_however_long_the_queue_is(
    slots: int, postgres_database: PostgresDatabase
) -> None:
    await queue(postgres_database)
    rows = []
    for each in (SHORT, LONG // SHORT):
        await lengthen(postgres_database, each)
        for _ in range(LEASES):
            await lease(postgres_database, slots)
        rows.append(await rows_of_a_lease(postgres_database, slots))
    short, long = rows
    # Differs a little with the plan, and with the number of slices of the request whose turn it is.
    assert long < 1.25 * short, rows
