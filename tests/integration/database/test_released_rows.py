"""Rows that the last release wrote itself, upgraded to the schema of this version and used by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.errors import InvalidCredentialsError, TokenUsedError
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.faces import Embedding
from framecloak.domain.model.videos import GrantRole, VideoState
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.ports.repositories.webhooks import NoticeEvent
from framecloak.domain.reid.galleries.service import GalleryService
from support.result_files import unzipped
from support.servers.postgres import PostgresServer
from support.use_cases import PASSWORD, FakeService, chunks
from support.worker_harness import WorkerHarness

RELEASE = "0016"
ROWS = Path(__file__).with_name(f"release_{RELEASE}.sql")

COMPLETED = UUID("4094e86c-f28c-434b-872e-f60f1f5b49bb")
WAITING = UUID("bdeb0f6d-413f-45c7-b61e-24814761495a")
RENDERED = UUID("3af37175-4907-4463-a169-ec77791b60e3")
CANCELLED = UUID("a9e8fd52-9154-4c29-9806-6c9f55080305")
WITH_PEOPLE = UUID("b3bfa193-e835-426a-b51a-0011201b022c")
GALLERY = UUID("139daff6-24bf-41fc-a20a-c51cfbc9b5b7")
VIDEO = 1

ANNA, ADMIN, BEN = (
    Principal(number, name, role, Means.SESSION)
    for number, name, role in ((1, "anna", Role.USER), (2, "admin", Role.ADMIN), (3, "Ben", Role.USER))
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def upgraded_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """Name of a database with the rows of the release before, upgraded to the schema of this version."""
    name = postgres_server.new_name()
    url = await postgres_server.create(name, "framecloak")
    schema = Schema(url)
    await schema.upgrade()
    await schema.downgrade(RELEASE)
    # Rows of a schema that this version downgraded would be rows of this version; these are not.
    connection = await asyncpg.connect(url)
    await connection.execute(ROWS.read_text())
    await connection.close()
    await schema.upgrade()
    yield name
    await postgres_server.drop(name)


@pytest.fixture
async def harness(
    postgres_server: PostgresServer, upgraded_database: str, tmp_path: Path
) -> AsyncIterator[WorkerHarness]:
    """A worker of this version on a copy of that database."""
    name = postgres_server.new_name()
    url = await postgres_server.create(name, upgraded_database)
    connection = await asyncpg.connect(url)
    stored = await connection.fetch("select object_key from videos")
    key, size = await connection.fetchrow(
        "select result_key, result_bytes from requests where id = $1", COMPLETED
    )
    await connection.close()
    database = PostgresDatabase(url)
    harness = WorkerHarness(FakeService(tmp_path, real_database=database))
    harness.anna = ANNA
    for (video_key,) in stored:
        await harness.world.store.put(video_key, chunks(b"film"))
    await harness.world.store.put(key, chunks(bytes(size)))
    yield harness
    await database.close()
    await postgres_server.drop(name)


def manifest(harness: WorkerHarness, request_id: UUID) -> Mapping[str, Any]:
    data = harness.world.fake_store.objects[f"requests/{request_id}/frames.zip"]
    document: Mapping[str, Any] = json.loads(unzipped(data)["manifest.json"])
    return document


async def test_accounts_of_the_last_release_sign_in(harness: WorkerHarness) -> None:
    world = harness.world
    signed_in = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    principal = await world.identity.authenticate_session(signed_in.secret)
    assert (principal.user_id, principal.display_name, principal.must_change_password) == (1, None, False)
    with pytest.raises(InvalidCredentialsError):
        await world.identity.sign_in("ben", PASSWORD, "10.0.0.1")
    assert await world.identity.sign_in("BEN", "another long password", "10.0.0.1")
    (key,) = await world.api_keys.list(BEN)
    assert (key.name, key.last_used_at) == ("script", None)
    users = await world.administration.list_users(ADMIN, 9, 0)
    assert [(user.username, user.role) for user in users.items] == [
        ("anna", Role.USER),
        ("admin", Role.ADMIN),
        ("Ben", Role.USER),
    ]


async def test_videos_and_their_marks_of_the_last_release_are_used(harness: WorkerHarness) -> None:
    world = harness.world
    (video,) = (await world.collection.list(ANNA, 9, 0)).items
    assert (video.id, video.title, video.tags, video.state) == (VIDEO, None, (), VideoState.ORDERED)
    assert (await world.collection.get(BEN, VIDEO)).access is GrantRole.EDITOR
    segments = await world.marking.segments(BEN, VIDEO)
    assert [(each.segment.start_frame, each.segment.end_frame) for each in segments] == [(0, 5), (10, 30)]
    (region,) = await world.marking.regions(ANNA, VIDEO)
    assert (region.region.x, region.region.width, region.region.segment) == (0, 4, None)


async def test_requests_of_the_last_release_are_listed_and_processed(harness: WorkerHarness) -> None:
    listed = (await harness.world.anonymization.list(ANNA, RequestFilter(), 9, 0)).items
    assert {request.id: request.status for request in listed} == {
        COMPLETED: Status.COMPLETED,
        WAITING: Status.PENDING,
        RENDERED: Status.PENDING,
        CANCELLED: Status.CANCELLED,
        WITH_PEOPLE: Status.PENDING,
    }
    assert {request.released_at for request in listed} == {None}
    for request_id in (WAITING, RENDERED, WITH_PEOPLE):
        await harness.process(request_id)
        done = await harness.request(request_id)
        assert (done.status, done.error) == (Status.COMPLETED, None)
        assert done.processed_frames == 25
        assert done.result_sha256
    order = manifest(harness, WAITING)["order"]
    assert (order["id"], order["reference"], order["ordered_by"]) == (str(WAITING), "STUDY-7", "anna")
    # The boxes and corrections of an edited result are packed in bytes, as the release wrote them.
    edited = manifest(harness, RENDERED)
    (correction,) = edited["corrections"]
    assert (correction["editor"], correction["result"]) == ("anna", str(COMPLETED))
    assert [edit["change"] for edit in correction["edits"]] == ["removed", "removed", "added"]
    assert manifest(harness, WITH_PEOPLE)["identities"]["mode"] == "except"


async def test_a_result_of_the_last_release_is_downloaded(harness: WorkerHarness) -> None:
    world = harness.world
    # Links of the release name no account: they are those of the account that submitted the request.
    assert await world.anonymization.redeem_download_token(COMPLETED, "secret-0000")
    with pytest.raises(TokenUsedError):
        await world.anonymization.redeem_download_token(COMPLETED, "secret-0000")


async def test_a_gallery_of_the_last_release_is_searched(harness: WorkerHarness) -> None:
    world = harness.world
    galleries = GalleryService(world.database, world.vault, world.clock, 10)
    (gallery,) = (await galleries.list(ANNA, 9, 0)).items
    assert (gallery.id, gallery.name, gallery.face_count) == (GALLERY, "staff", 1)
    (face,) = (await galleries.faces(ANNA, GALLERY, 9, 0)).items
    vector = np.eye(gallery.space.dimension, dtype=np.float32)[0]
    (match,) = await galleries.search(ANNA, GALLERY, Embedding(gallery.space, vector), 0.5, 1)
    assert (match.face.id, match.similarity) == (face.id, pytest.approx(1))


async def test_a_notice_of_the_last_release_is_delivered(harness: WorkerHarness) -> None:
    now = harness.world.clock.now()
    async with harness.world.database.unit_of_work() as work:
        (notice,) = await work.notices.take_due(now, now + timedelta(minutes=1), 9)
    assert (notice.event, notice.request.id) == (NoticeEvent.ENDED, CANCELLED)
