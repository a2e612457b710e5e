"""Upgrades of a database with data in it, from the schema of the last release, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.tables import METADATA
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.model.request import Status
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness

LAST_RELEASE = "0016"
"""Schema of the last release; raised with each release."""

ADDED_SINCE = frozenset(
    {
        "account_shares",
        "batch_items",
        "batches",
        "external_identities",
        "request_text_lists",
        "seen_frames",
        "template_grants",
        "templates",
        "text_lists",
    }
)
"""Tables added since the last release."""

Rows = Mapping[str, list[tuple[object, ...]]]


async def rows_of(url: str) -> Rows:
    """Return the rows of all tables in a fixed order."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "select table_name from information_schema.tables where table_schema = 'public'"
            " and table_name <> 'alembic_version' order by 1"
        )
        found = {}
        for (name,) in tables:
            rows = await connection.fetch(f"select * from {name} order by {name}::text")  # noqa: S608 -- a table
            found[name] = [tuple(row) for row in rows]
        return found
    finally:
        await connection.close()


async def use(database: PostgresDatabase, folder: Path) -> WorkerHarness:
    """Use the service: accounts, a shared video with marks, a completed and a waiting request."""
    harness = WorkerHarness(FakeService(folder, real_database=database))
    completed = await harness.submit((0, 5), (10, 30))
    await harness.process(completed)
    assert (await harness.request(completed)).status is Status.COMPLETED
    await harness.world.anonymization.issue_download_token(harness.anna, completed)
    await harness.world.submissions.submit(harness.anna, harness.request_spec)
    ben = await harness.world.person("ben")
    await harness.world.api_keys.create(ben, "script", None)
    return harness


async def test_an_upgrade_from_the_last_release_keeps_all_data_and_a_downgrade_too(
    operated_database_url: str, tmp_path: Path
) -> None:
    url = operated_database_url
    schema, database = Schema(url), PostgresDatabase(url)
    harness = await use(database, tmp_path)
    await schema.downgrade(LAST_RELEASE)
    released = await rows_of(url)
    assert set(released) == set(METADATA.tables) - ADDED_SINCE
    assert all(released[name] for name in ("users", "videos", "requests", "slices", "audit_log", "api_keys"))

    await schema.upgrade()
    upgraded = await rows_of(url)
    for name, rows in released.items():
        # Columns are added at the end.
        assert [row[: len(old)] for row, old in zip(upgraded[name], rows, strict=True)] == rows, name
    await schema.downgrade(LAST_RELEASE)
    assert await rows_of(url) == released

    await schema.upgrade()
    await database.close()
    database = PostgresDatabase(url)
    world = FakeService(tmp_path, real_database=database, clock=harness.world.clock)
    async with database.unit_of_work() as work:
        assert (await work.statistics.counts())[Status.COMPLETED] == 1
        assert len(await work.slices.pending_work()) == 1
    assert await world.dispatcher.run()
    await database.close()
