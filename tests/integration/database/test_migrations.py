"""Migrations of the schema, upwards and downwards, on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from framecloak.adapters.postgres.engine import asyncpg_url
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.tables import METADATA
from framecloak.domain.errors import (
    DatabaseUnavailableError,
    InvalidOptionError,
    InvalidSettingError,
    SchemaOutdatedError,
)

_TABLES = "select table_name from information_schema.tables where table_schema = 'public'"
_CHECKS = (
    "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'c' and conname like 'ck%'"
)


async def fetch(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def execute(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def test_the_schema_can_be_upgraded_downgraded_and_upgraded_again(empty_database_url: str) -> None:
    schema = Schema(empty_database_url)
    assert await schema.current_revision() is None
    await schema.upgrade()
    assert await schema.current_revision() == schema.required_revision is not None
    await schema.require_current()
    tables = {name for (name,) in await fetch(empty_database_url, _TABLES)}
    assert tables == {*METADATA.tables, "alembic_version"}

    await schema.downgrade("base")
    assert await schema.current_revision() is None
    assert await fetch(empty_database_url, _TABLES) == [("alembic_version",)]

    await schema.upgrade()
    await schema.require_current()


async def test_upgrading_a_current_schema_keeps_its_rows(database_url: str) -> None:
    await execute(database_url, "insert into users (username, password_hash, role) values ('a', 'b', 'user')")
    await Schema(database_url).upgrade()
    assert await fetch(database_url, "select username from users") == [("a",)]


async def test_migrations_and_tables_agree(database_url: str, empty_database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    engine = create_async_engine(asyncpg_url(database_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()

    # Alembic does not compare conditions, so they are compared as Postgres stores them.
    engine = create_async_engine(asyncpg_url(empty_database_url))
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()
    migrated = dict(await fetch(database_url, _CHECKS))
    assert len(migrated) > 30
    assert migrated == dict(await fetch(empty_database_url, _CHECKS))


async def test_a_difference_between_schema_and_tables_is_detected(database_url: str) -> None:
    await execute(database_url, "alter table users add column shoe_size integer")
    engine = create_async_engine(asyncpg_url(database_url))
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda synchronous: compare_metadata(MigrationContext.configure(synchronous), METADATA)
        )
    await engine.dispose()
    assert [change[0] for change in differences] == ["remove_column"]


async def test_an_empty_database_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SchemaOutdatedError, match=r"empty.*framecloak db upgrade"):
        await Schema(empty_database_url).require_current()


async def test_a_newer_database_is_refused(database_url: str) -> None:
    await execute(database_url, "update alembic_version set version_num = 'from_the_future'")
    schema = Schema(database_url)
    with pytest.raises(SchemaOutdatedError, match=r"newer than this version.*upgrade framecloak"):
        await schema.require_current()
    with pytest.raises(SchemaOutdatedError, match="newer than this version"):
        await schema.upgrade()


async def test_an_older_database_is_refused_until_it_is_upgraded(empty_database_url: str) -> None:
    schema = Schema(empty_database_url)
    await schema.upgrade()
    await schema.downgrade("0001")
    assert await schema.current_revision() == "0001"
    tables = {name for (name,) in await fetch(empty_database_url, _TABLES)}
    newer = {
        "request_segments",
        "request_regions",
        "request_boxes",
        "request_text_lists",
        "used_refresh_tokens",
        "webhook_notices",
        "galleries",
        "gallery_faces",
        "account_shares",
        "templates",
        "text_lists",
        "template_grants",
        "batches",
        "batch_items",
        "seen_frames",
        "external_identities",
    }
    assert tables == {*METADATA.tables, "alembic_version"} - newer
    with pytest.raises(SchemaOutdatedError, match=r"older schema 0001.*framecloak db upgrade"):
        await schema.require_current()
    await schema.upgrade()
    await schema.require_current()


async def test_an_upgrade_copies_marks_to_pending_requests(database_url: str) -> None:
    schema = Schema(database_url)
    await schema.downgrade("0001")
    await execute(
        database_url, "insert into users (username, password_hash, role) values ('ada', 'x', 'user')"
    )
    await execute(database_url, _VIDEO)
    for start, end in ((0, 6), (4, 10), (2, 3)):
        statement = "insert into segments (video_id, start_frame, end_frame) values (1, $1, $2)"
        await execute(database_url, statement, start, end)
    await execute(database_url, "insert into regions (video_id, x, y, width, height) values (1, 1, 2, 3, 4)")
    waiting, changed, cancelled = [UUID(int=number) for number in range(3)]
    for request in (
        old_request_with(id=f"'{waiting}'", segment_ids="'{2,1,1}'"),
        old_request_with(id=f"'{changed}'", segment_ids="'{1,99}'"),  # a segment that was removed
        old_request_with(
            id=f"'{cancelled}'", segment_ids="'{3}'", status="'cancelled'", completed_at="now()"
        ),
    ):
        await execute(database_url, request)
    await schema.upgrade()
    segments = "select segment_id, start_frame, end_frame from request_segments where request_id = $1"
    assert sorted(await fetch(database_url, segments, waiting)) == [(1, 0, 6), (2, 4, 10)]
    assert await fetch(database_url, segments, cancelled) == []
    regions = "select number, x, y, width, height, start_frame from request_regions where request_id = $1"
    assert await fetch(database_url, regions, waiting) == [(0, 1, 2, 3, 4, None)]
    error = "its segments were moved or removed after it was submitted: submit them again"
    assert await fetch(database_url, "select status, error from requests order by id") == [
        ("pending", None),
        ("failed", error),
        ("cancelled", None),
    ]
    assert await fetch(database_url, "select token_generation from users") == [(0,)]


async def test_concurrent_upgrades_wait_for_each_other(empty_database_url: str) -> None:
    # Alembic keeps its state in the process, so a connection that holds the lock plays the second upgrade.
    blocker = await asyncpg.connect(empty_database_url)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("select pg_advisory_xact_lock($1)", 0x46726D63)
    upgrading = asyncio.create_task(Schema(empty_database_url).upgrade())
    done, _ = await asyncio.wait([upgrading], timeout=0.5)
    assert not done
    await transaction.rollback()
    await upgrading
    await blocker.close()
    await Schema(empty_database_url).require_current()


@pytest.mark.parametrize("revision", ["no_such_revision", "-99"])
async def test_a_downgrade_to_an_unknown_revision_is_refused(database_url: str, revision: str) -> None:
    with pytest.raises(InvalidOptionError, match="cannot downgrade"):
        await Schema(database_url).downgrade(revision)
    await Schema(database_url).require_current()


async def test_an_unreachable_database_is_reported_without_the_password(unused_tcp_port: int) -> None:
    url = f"postgresql://user:secret@127.0.0.1:{unused_tcp_port}/nothing"
    with pytest.raises(DatabaseUnavailableError) as caught:
        await Schema(url).require_current()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://a@b/c", "postgresql://host"])
def test_an_invalid_database_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettingError, match="DATABASE_URL"):
        Schema(url)


def test_common_forms_of_database_urls_are_accepted() -> None:
    url = asyncpg_url("postgres://me:p%40ss@db.example:5433/cloak?sslmode=require")
    assert url.drivername == "postgresql+asyncpg"
    assert url.password == "p@ss"
    assert url.query == {"ssl": "require"}


_VIDEO = """
    insert into videos (owner_id, filename, object_key, sha256, size_bytes, width, height, frame_rate,
                        frame_count, duration, rotation)
    values (1, 'a.mp4', 'key', repeat('0', 64), 1, 1, 1, 25, 10, 0.4, 0)
"""
_THEN_REMOVE_THE_VIDEO = "; delete from videos"
_REQUEST: Mapping[str, str] = {
    "id": "gen_random_uuid()",
    "user_id": "1",
    "video_id": "1",
    "segment_ids": "'{1}'",
    "level": "'faces'",
    "output_format": "'jpg'",
    "quality": "90",
    "style": "'solid'",
    "shape": "'box'",
    "audio": "'drop'",
    "language": "'en'",
    "verify": "'sample'",
    "priority": "'normal'",
    "status": "'pending'",
    "total_frames": "10",
}


def old_request_with(**changes: str) -> str:
    """Like `request_with`, for the first schema, which had no audio, language and verify columns."""
    values = {
        name: value
        for name, value in (_REQUEST | changes).items()
        if name not in {"audio", "language", "verify"}
    }
    return _inserted(values)


def request_with(**changes: str) -> str:
    return _inserted({**_REQUEST, **changes})


def _inserted(values: Mapping[str, str]) -> str:
    return f"insert into requests ({', '.join(values)}) values ({', '.join(values.values())})"  # noqa: S608 -- literals from this file


def _copy_of_segment(frames: str) -> str:
    return f"insert into request_segments values (gen_random_uuid(), 1, {frames})"  # noqa: S608 -- as above


def _copy_of_region(number_and_size: str) -> str:
    columns = "request_id, x, y, number, width, height"
    return f"insert into request_regions ({columns}) values (gen_random_uuid(), 0, 0, {number_and_size})"  # noqa: S608 -- as above


def _notice(**changes: str) -> str:
    values = {
        "id": "gen_random_uuid()",
        "request_id": "gen_random_uuid()",
        "url": "'u'",
        "state": "'pending'",
        "due_at": "now()",
        **changes,
    }
    return f"insert into webhook_notices ({', '.join(values)}) values ({', '.join(values.values())})"  # noqa: S608 -- as above


def _gallery(**changes: str) -> str:
    values = {
        "id": "gen_random_uuid()",
        "owner_id": "1",
        "name": "'n'",
        "model_name": "'m'",
        "model_sha256": "repeat('0', 64)",
        "dimension": "3",
        "key_id": "'k'",
        **changes,
    }
    return f"insert into galleries ({', '.join(values)}) values ({', '.join(values.values())})"  # noqa: S608 -- as above


def _face(person: str) -> str:
    values = f"gen_random_uuid(), gen_random_uuid(), 'k', convert_to({person}, 'UTF8'), 'l', 'm', '[1,2,3]'"
    return f"insert into gallery_faces values ({values})"  # noqa: S608 -- as above


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "insert into users (username, password_hash, role) values ('ADA', 'x', 'user')",
            "uq_users_username",
        ),
        ("insert into users (username, password_hash, role) values ('', 'x', 'user')", "ck_users_username"),
        ("insert into users (username, password_hash, role) values ('b', 'x', 'king')", "ck_users_role"),
        ("insert into sessions values ('short', 1, now())", "ck_sessions_digest"),
        ("insert into used_refresh_tokens values ('short', 1, now())", "ck_used_refresh_tokens_digest"),
        ("insert into segments (video_id, start_frame, end_frame) values (1, 5, 5)", "ck_segments_frames"),
        ("insert into segments (video_id, start_frame, end_frame) values (1, -1, 5)", "ck_segments_frames"),
        ("insert into segments (video_id, start_frame, end_frame) values (2, 0, 5)", "fk_segments_video_id"),
        ("insert into regions (video_id, x, y, width, height) values (1, 0, 0, 0, 1)", "ck_regions_area"),
        (
            "insert into regions (video_id, x, y, width, height, start_frame) values (1, 0, 0, 1, 1, 0)",
            "ck_regions_both_frames",
        ),
        ("insert into grants values (1, 1, 'owner')", "ck_grants_role"),
        ("update videos set size_bytes = 0", "ck_videos_size_bytes"),
        ("update videos set sha256 = 'x'", "ck_videos_sha256"),
        (_VIDEO, "uq_videos_object_key"),
        ("delete from users", "fk_videos_owner_id_users"),
        ("update users set token_generation = -1", "ck_users_token_generation"),
        (_copy_of_segment("0, 0"), "ck_request_segments_frames"),
        (_copy_of_segment("0, 1"), "fk_request_segments_request_id"),
        (_copy_of_region("0, 1, 0"), "ck_request_regions_area"),
        (_copy_of_region("-1, 1, 1"), "ck_request_regions_number"),
        (request_with(quality="0"), "ck_requests_quality"),
        (request_with(quality="101"), "ck_requests_quality"),
        (request_with(output_format="'avi'"), "ck_requests_output_format"),
        (request_with(audio="'loud'"), "ck_requests_audio"),
        (request_with(language="'fr'"), "ck_requests_language"),
        (request_with(verify="'twice'"), "ck_requests_verify"),
        (request_with(segment_ids="'{}'"), "ck_requests_segment_ids"),
        (request_with(status="'lost'", completed_at="now()"), "ck_requests_status"),
        (request_with(level="'none'"), "ck_requests_level"),
        (request_with(status="'completed'"), "ck_requests_completed_at"),
        (request_with(processed_frames="11"), "ck_requests_processed_frames"),
        (request_with(blanked_frames="-1"), "ck_requests_blanked_frames"),
        (request_with(started_at="now()", admitted_at="now()"), "ck_requests_started_at"),
        (request_with(started_at="now()", status="'processing'"), "ck_requests_admitted_at"),
        (request_with(result_key="'k'", result_bytes="1"), "ck_requests_result_key"),
        (request_with(video_id="2"), "fk_requests_needed_video_id"),
        (_notice(url="''"), "ck_webhook_notices_url"),
        (_notice(state="'lost'", due_at="null", settled_at="now()"), "ck_webhook_notices_state"),
        (_notice(due_at="null"), "ck_webhook_notices_due_at"),
        (_notice(settled_at="now()"), "ck_webhook_notices_settled_at"),
        (_notice(attempts="-1"), "ck_webhook_notices_attempts"),
        (_notice(state="'given_up'", due_at="null", settled_at="now()"), "ck_webhook_notices_failure"),
        (_notice(), "fk_webhook_notices_request_id"),
        (_gallery(model_sha256="'x'"), "ck_galleries_model_sha256"),
        (_gallery(dimension="0"), "ck_galleries_dimension"),
        (_gallery(dimension="4001"), "ck_galleries_dimension"),
        (_gallery(old_key_id="'k'"), "ck_galleries_old_key_id"),
        (_gallery(face_count="-1"), "ck_galleries_face_count"),
        (_gallery(owner_id="2"), "fk_galleries_owner_id_users"),
        (_face("repeat('p', 15)"), "ck_gallery_faces_person"),
        (_face("repeat('p', 16)"), "fk_gallery_faces_gallery_id_galleries"),
        (request_with() + _THEN_REMOVE_THE_VIDEO, "fk_requests_needed_video_id"),
    ],
)
async def test_the_database_refuses_inconsistent_rows(
    database_url: str, statement: str, constraint: str
) -> None:
    await execute(
        database_url, "insert into users (username, password_hash, role) values ('ada', 'x', 'user')"
    )
    await execute(database_url, _VIDEO)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await execute(database_url, statement)
    assert str(caught.value.constraint_name).startswith(constraint)


@pytest.mark.parametrize(
    "statement", ["update audit_log set action = 'y'", "delete from audit_log", "truncate audit_log"]
)
async def test_the_audit_log_is_append_only(database_url: str, statement: str) -> None:
    await execute(
        database_url, "insert into audit_log (action, subject, details) values ('x', 'user:1', '{}')"
    )
    with pytest.raises(asyncpg.RaiseError, match="only ever added"):
        await execute(database_url, statement)
    assert await fetch(database_url, "select action from audit_log") == [("x",)]
