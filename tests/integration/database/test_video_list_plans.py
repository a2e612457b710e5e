"""Cost of lists of videos, as Postgres plans them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event, text

from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.model.videos import VideoFilter, VideoState
from support.samples.persistence import add_request, add_user, add_video, principal_of

VIDEOS = 400
COPIES = """
INSERT INTO videos (owner_id, filename, object_key, sha256, size_bytes, width, height, frame_rate,
    frame_count, duration, rotation)
SELECT CASE WHEN n % 2 = 0 THEN :other ELSE owner_id END, filename, 'copy/' || n, sha256, size_bytes, width,
    height, frame_rate, frame_count, duration, rotation
FROM videos, generate_series(1, :number) AS n
"""
SHARES = """
INSERT INTO grants (video_id, user_id, role) SELECT id, :owner, 'viewer' FROM videos WHERE owner_id = :other
"""


def joined_rows(plan: dict[str, Any]) -> Iterator[int]:
    """Yield the numbers of pairs of rows that joins have compared in vain."""
    yield int(plan.get("Rows Removed by Join Filter", 0)) * int(plan.get("Actual Loops", 1))
    for part in plan.get("Plans", []):
        yield from joined_rows(part)


async def test_a_list_by_state_does_not_compare_every_video_with_every_grant(
    postgres_database: PostgresDatabase,
) -> None:
    owner, other = await add_user(postgres_database, "ada"), await add_user(postgres_database, "bob")
    await add_request(postgres_database, owner, await add_video(postgres_database, owner))
    engine = postgres_database._engine
    statements: list[tuple[str, tuple[Any, ...]]] = []

    def remember(
        _conn: object, _cursor: object, statement: str, parameters: tuple[Any, ...], *_: object
    ) -> None:
        statements.append((statement, parameters))

    async with engine.begin() as connection:
        await connection.execute(text(COPIES), {"other": other.id, "number": VIDEOS})
        await connection.execute(text(SHARES), {"owner": owner.id, "other": other.id})
        await connection.execute(text("ANALYZE videos, grants, requests"))
    event.listen(engine.sync_engine, "before_cursor_execute", remember)
    async with postgres_database.unit_of_work() as work:
        page = await work.videos.list(principal_of(owner), 24, 0, VideoFilter(state=VideoState.NEW))
    event.remove(engine.sync_engine, "before_cursor_execute", remember)
    assert page.total == VIDEOS
    listing, parameters = next(each for each in statements if "videos" in each[0])
    async with engine.connect() as connection:
        explained = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {listing}", parameters)
        (answer,) = explained.one()
    (plan,) = answer if isinstance(answer, list) else json.loads(answer)
    assert sum(joined_rows(plan["Plan"])) < 20 * VIDEOS
