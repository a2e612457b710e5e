"""The audit log: entries are added, listed by filter, and written to the log once committed."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.ports.database import AuditFilter, Database
from support.samples.persistence import add_user, principal_of


async def actions(database: Database, limit: int = 10, **filters: object) -> list[str]:
    async with database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(**filters), limit)  # type: ignore[arg-type]
    return [entry.action for entry in entries]


async def add_entries(database: Database) -> None:
    ada, bob = [principal_of(await add_user(database, name)) for name in ("Ada", "bob")]
    for principal, action, subject in (
        (ada, "first", "video:1"),
        (None, "second", "video:1"),
        (bob, "third", "video:10"),
        (ada, "fourth", "video:1"),
    ):
        async with database.unit_of_work() as work:
            await work.audit.add(principal, action, subject, {"index": 3})
            await work.commit()


async def test_entries_come_newest_first(database: Database) -> None:
    await add_entries(database)
    assert await actions(database) == ["fourth", "third", "second", "first"]
    assert await actions(database, limit=2) == ["fourth", "third"]
    async with database.unit_of_work() as work:
        newest, _, anonymous, oldest = await work.audit.list(AuditFilter(), 10)
    assert (newest.username, newest.subject, newest.details) == ("Ada", "video:1", {"index": 3})
    assert (anonymous.user_id, anonymous.username) == (None, None)
    assert newest.id > oldest.id
    assert newest.created_at >= oldest.created_at
    assert newest.created_at.utcoffset() == timedelta()


async def test_entries_are_filtered_by_subject_user_and_time(database: Database) -> None:
    await add_entries(database)
    assert await actions(database, subject="video:1") == ["fourth", "second", "first"]
    assert await actions(database, username="ADA") == ["fourth", "first"]
    assert await actions(database, username="ada", subject="video:10") == []
    async with database.unit_of_work() as work:
        _, third, *_ = await work.audit.list(AuditFilter(), 10)
    assert await actions(database, since=third.created_at) == ["fourth", "third"]
    assert await actions(database, since=third.created_at + timedelta(hours=1)) == []


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "no such thing"])
async def test_an_impossible_name_or_subject_matches_no_entry(database: Database, text: str) -> None:
    await add_entries(database)
    assert await actions(database, subject=text) == await actions(database, username=text) == []


async def test_an_uncommitted_entry_is_neither_stored_nor_logged(
    postgres_database: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "audit")
    ada = principal_of(await add_user(postgres_database, "ada"))
    async with postgres_database.unit_of_work() as work:
        await work.audit.add(ada, "undone", "video:1", {})
    async with postgres_database.unit_of_work() as work:
        await work.audit.add(ada, "done", "video:1", {"index": 3})
        assert caplog.records == []
        await work.commit()
        await work.commit()
    assert await actions(postgres_database) == ["done"]
    (record,) = caplog.records
    facts = {"user_id": ada.user_id, "username": "ada", "action": "done", "subject": "video:1"}
    assert (record.name, record.getMessage()) == ("audit", "audit")
    assert vars(record) | facts | {"details": {"index": 3}, "means": ada.auth_method} == vars(record)
