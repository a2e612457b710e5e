"""Failures of a real Postgres: unstorable values, lost connections, exhausted pools."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import asyncpg
import pytest

from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.processes import available_port
from framecloak.adapters.postgres import engine
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.errors import (
    DatabaseUnavailableError,
    DomainError,
    InvalidOptionError,
    SchemaOutdatedError,
)
from framecloak.domain.model.accounts import Role
from framecloak.domain.model.segments import Segment
from support.samples.persistence import add_user, add_video, principal_of


async def test_values_that_cannot_be_stored_are_refused(postgres_database: PostgresDatabase) -> None:
    user = await add_user(postgres_database, "ada")
    video = await add_video(postgres_database, user)
    async with postgres_database.unit_of_work() as work:
        with pytest.raises(InvalidOptionError):
            await work.users.add("a\x00b", "hash", Role.USER)
    async with postgres_database.unit_of_work() as work:
        with pytest.raises(InvalidOptionError):
            await work.marks.add_segment(video.id, Segment(0, 10**30), None)
    async with postgres_database.unit_of_work() as work:
        with pytest.raises(InvalidOptionError):
            await work.videos.list(principal_of(user), 10, 10**30)
    await postgres_database.ping()


async def test_an_offset_beyond_the_last_row_gives_an_empty_page(postgres_database: PostgresDatabase) -> None:
    user = await add_user(postgres_database, "ada")
    await add_video(postgres_database, user)
    async with postgres_database.unit_of_work() as work:
        page = await work.videos.list(principal_of(user), 10, 10**18)
    assert ([*page.items], page.total) == ([], 1)


async def test_an_unexpected_violation_is_a_domain_error(
    postgres_database: PostgresDatabase,
) -> None:
    async with postgres_database.unit_of_work() as work:
        with pytest.raises(DomainError, match="fk_api_keys_user_id_users"):
            await work.api_keys.add(77, "cron", "fc", bytes(32), None)


async def test_missing_tables_are_reported_as_an_outdated_schema(empty_database_url: str) -> None:
    database = PostgresDatabase(empty_database_url)
    async with database.unit_of_work() as work:
        with pytest.raises(SchemaOutdatedError, match="framecloak db upgrade"):
            await work.users.list(1, 0)
    await database.close()


async def test_the_audit_log_records_who_did_what(
    postgres_database: PostgresDatabase, database_url: str
) -> None:
    user = await add_user(postgres_database, "ada", Role.ADMIN)
    async with postgres_database.unit_of_work() as work:
        await work.audit.add(principal_of(user), "video.add", "video:1", {"frames": 3, "names": ["a"]})
        await work.audit.add(None, "login.fail", "user:ada", {})
        await work.commit()
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("select user_id, username, action, subject, details from audit_log")
    await connection.close()
    assert [(*row[:4], json.loads(row[4])) for row in rows] == [
        (user.id, "ada", "video.add", "video:1", {"frames": 3, "names": ["a"]}),
        (None, None, "login.fail", "user:ada", {}),
    ]


async def test_an_unreachable_server_is_reported_without_the_password() -> None:
    port = available_port(None)
    database = PostgresDatabase(f"postgresql://me:secret@127.0.0.1:{port}/cloak")
    with pytest.raises(DatabaseUnavailableError) as caught:
        await database.ping()
    assert "secret" not in str(caught.value)
    with pytest.raises(DatabaseUnavailableError):
        await database.unit_of_work().__aenter__()
    await database.close()


async def test_a_wrong_password_is_reported_as_unavailable(database_url: str) -> None:
    name, _, rest = database_url.partition("://")[2].partition("@")
    database = PostgresDatabase(f"postgresql://{name.partition(':')[0]}:wrong@{rest}")
    address = re.escape(rest.partition("/")[0])
    reason = f"database {rest.rpartition('/')[2]} on {address} .*password authentication failed for user"
    with pytest.raises(DatabaseUnavailableError, match=reason) as caught:
        await database.ping()
    assert "wrong" not in str(caught.value)
    await database.close()


async def test_a_missing_database_and_a_closed_port_are_named(database_url: str) -> None:
    server = database_url.rpartition("/")[0]
    port = available_port(None)
    for url, reason in (
        (f"{server}/nothing", r"database nothing on .*\(database \"nothing\" does not exist\)"),
        (f"postgresql://me@127.0.0.1:{port}/cloak", rf"cloak on 127\.0\.0\.1:{port} .*\(Connect"),
    ):
        database = PostgresDatabase(url)
        with pytest.raises(DatabaseUnavailableError, match=reason):
            await database.ping()
        await database.close()
        with pytest.raises(DatabaseUnavailableError, match=reason):
            await Schema(url).require_current()


async def test_connections_that_the_server_closed_are_replaced(
    postgres_database: PostgresDatabase, database_url: str
) -> None:
    await asyncio.gather(*(postgres_database.ping() for _ in range(4)))
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid()"
    )
    await connection.close()
    await asyncio.sleep(0.1)
    await asyncio.gather(*(postgres_database.ping() for _ in range(4)))


async def test_a_connection_lost_in_a_transaction_is_reported(
    postgres_database: PostgresDatabase, database_url: str
) -> None:
    async with postgres_database.unit_of_work() as work:
        await work.users.add("ada", "hash", Role.USER)
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )
        await connection.close()
        with pytest.raises(DatabaseUnavailableError):
            await work.users.list(1, 0)
    await add_user(postgres_database, "ada")


async def test_the_database_works_again_after_a_restart(tmp_path: Path) -> None:
    port = available_port(None)
    server = EmbeddedPostgres(tmp_path / "postgres", port, durable=False)
    async with server as url:
        await Schema(url).upgrade()
        database = PostgresDatabase(url)
        user = await add_user(database, "ada")
    with pytest.raises(DatabaseUnavailableError):
        await database.ping()
    async with server:
        async with database.unit_of_work() as work:
            assert await work.users.get(user.id) == user
        await database.close()


async def test_an_exhausted_pool_is_reported_as_busy(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "POOL_TIMEOUT_SECONDS", 0)
    database = PostgresDatabase(database_url, pool_size=1)
    async with database.unit_of_work():
        with pytest.raises(DatabaseUnavailableError, match="busy"):
            await database.ping()
    await database.ping()
    await database.close()


async def test_a_unit_of_work_that_was_never_entered_cannot_commit(
    postgres_database: PostgresDatabase,
) -> None:
    work = postgres_database.unit_of_work()
    with pytest.raises(RuntimeError, match="never entered"):
        await work.commit()
