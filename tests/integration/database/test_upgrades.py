"""Upgrades of a database with data in it, from the schema of the last release, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.tables import METADATA
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.template import TemplateMarks
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.text_policy import TextLists, TextMode, TextPolicyOptions
from framecloak.domain.errors import InvalidCredentialsError
from framecloak.domain.model.accounts import Role
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.ports.repositories.webhooks import NoticeEvent
from support.use_cases import PASSWORD, FakeService
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
    """Use the service: every table added since the last release has rows afterwards."""
    harness = WorkerHarness(FakeService(folder, real_database=database))
    completed = await harness.submit((0, 5), (10, 30))
    await harness.process(completed)
    assert (await harness.request(completed)).status is Status.COMPLETED
    await harness.world.anonymization.issue_download_token(harness.anna, completed)
    await harness.world.submissions.submit(harness.anna, harness.request_spec)
    identifying = replace(
        harness.request_spec,
        level=Level.FULL,
        text=TextPolicyOptions(TextMode.IDENTIFYING),
        text_lists=TextLists(names=("Ada Lovelace",)),
    )
    await harness.world.submissions.submit(harness.anna, identifying)
    ben = await harness.world.person("ben")
    await harness.world.api_keys.create(ben, "script", None)
    now, video_id = harness.world.clock.now(), harness.request_spec.video_id
    async with database.unit_of_work() as work:
        template = await work.templates.add(ben.user_id, "Tower B", {"quality": 80}, TemplateMarks())
        await work.templates.share(template, [harness.anna.user_id])
        batch, _ = await work.batches.add(harness.anna.user_id, "Tower B", None)
        await work.batches.accept(batch, 0, video_id, completed)
        await work.batches.reject(batch, 1, video_id, "no_segments", "the video has no segments")
        await work.releases.mark_seen(completed, ben.user_id, [0, 1])
        assert await work.releases.release(completed, now, "ben", b"signed")
        for event in NoticeEvent:
            await work.notices.add(completed, "https://hooks.example", now, event)
        cleo = await work.users.add("cleo", None, Role.USER)
        assert await work.external_identities.add("https://id.example", "cleo", cleo.id)
        await work.users.update(replace(cleo, display_name="Cleo Ng", language="de"))
        await work.text_lists.replace(("Tower B",), (), "admin")
        await work.commit()
    return harness


async def test_an_upgrade_from_the_last_release_keeps_all_data_and_a_downgrade_too(
    operated_database_url: str, tmp_path: Path
) -> None:
    url = operated_database_url
    schema, database = Schema(url), PostgresDatabase(url)
    harness = await use(database, tmp_path)
    used = await rows_of(url)
    assert all(used[name] for name in ADDED_SINCE)
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
        assert len(await work.slices.pending_work()) == 2
    assert await world.dispatcher.run()
    await database.close()


async def test_a_downgrade_loses_only_what_it_says(operated_database_url: str, tmp_path: Path) -> None:
    url = operated_database_url
    schema, database = Schema(url), PostgresDatabase(url)
    harness = await use(database, tmp_path)
    before = await rows_of(url)
    await schema.downgrade(LAST_RELEASE)
    released = await rows_of(url)
    for name in set(released) - {"webhook_notices"}:
        assert len(released[name]) == len(before[name]), name
    # The release before has one notice for each request: the one of its end.
    connection = await asyncpg.connect(url)
    notices = await connection.fetch("select state from webhook_notices")
    passwords = await connection.fetch("select username, password_hash from users where username <> 'ben'")
    await connection.close()
    assert [tuple(row) for row in notices] == [("pending",)]
    assert dict(map(tuple, passwords)) == {"anna": await harness.world.hasher.hash(PASSWORD), "cleo": "!"}

    await schema.upgrade()
    await database.close()
    database = PostgresDatabase(url)
    assert not any(rows for name, rows in (await rows_of(url)).items() if name in ADDED_SINCE)
    world = FakeService(tmp_path, real_database=database, clock=harness.world.clock)
    for password in ("!", "", PASSWORD):
        with pytest.raises(InvalidCredentialsError):
            await world.identity.sign_in("cleo", password, "10.0.0.1")
    async with database.unit_of_work() as work:
        (result,) = (
            request
            for request in (await work.requests.list(harness.anna, RequestFilter(), 9, 0)).items
            if request.status is Status.COMPLETED
        )
        (notice,) = await work.notices.take_due(
            world.clock.now(), world.clock.now() + timedelta(minutes=1), 9
        )
    assert (result.released_at, result.released_by) == (None, None)
    assert (notice.event, notice.request.id) == (NoticeEvent.ENDED, result.id)
    await database.close()
