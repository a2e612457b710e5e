"""Contract of every database for releases of results and frames seen in reviews."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status, StoredResult
from framecloak.domain.errors import RequestNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole, VideoState
from framecloak.domain.ports.database import Database, RequestFilter
from framecloak.domain.ports.repositories.webhooks import NoticeEvent
from support.samples.persistence import NOW, add_request, add_user, add_video, principal_of

LATER = NOW + timedelta(minutes=1)


async def _completed(database: Database) -> tuple[Principal, AnonymizationRequest]:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    async with database.unit_of_work() as work:
        await work.requests.finish(request.id, Status.COMPLETED, NOW, result=StoredResult("key", 3))
        await work.commit()
    return principal_of(user), request


async def test_seen_frames_add_up_for_each_person(database: Database) -> None:
    ada, request = await _completed(database)
    bob = principal_of(await add_user(database, "bob"))
    for person, frames in ((ada, [3, 1]), (ada, [1, 2, 2]), (ada, []), (bob, [7])):
        async with database.unit_of_work() as work:
            await work.releases.mark_seen(request.id, person.user_id, frames)
            await work.commit()
    async with database.unit_of_work() as work:
        assert await work.releases.seen(request.id, ada.user_id) == {1, 2, 3}
        assert await work.releases.seen(request.id, bob.user_id) == {7}
        assert await work.releases.seen(uuid4(), ada.user_id) == set()


async def test_seen_frames_are_deleted_with_the_result_and_the_release_is_kept(database: Database) -> None:
    ada, request = await _completed(database)
    async with database.unit_of_work() as work:
        await work.releases.mark_seen(request.id, ada.user_id, [1])
        assert await work.releases.release(request.id, LATER, "Ada", b"signed")
        await work.requests.clear_result(request.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.releases.seen(request.id, ada.user_id) == set()
        assert await work.releases.document(request.id) == b"signed"
        assert (await work.requests.get(request.id, ada)).released_by == "Ada"


async def test_a_result_is_released_once(database: Database) -> None:
    ada, request = await _completed(database)
    async with database.unit_of_work() as work:
        assert await work.releases.document(request.id) is None
        assert await work.releases.release(request.id, LATER, "Ada", b"signed")
        await work.commit()
    async with database.unit_of_work() as work:
        assert not await work.releases.release(request.id, LATER, "Bob", b"other")
        released = await work.requests.get(request.id, ada)
        assert (released.released_at, released.released_by) == (LATER, "Ada")
        assert await work.releases.document(request.id) == b"signed"


async def test_only_results_are_released(database: Database) -> None:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    async with database.unit_of_work() as work:
        assert not await work.releases.release(request.id, LATER, "Ada", b"signed")
        assert not await work.releases.release(uuid4(), LATER, "Ada", b"signed")
        assert await work.releases.document(uuid4()) is None


async def test_a_video_is_released_while_its_latest_result_is(database: Database) -> None:
    ada, request = await _completed(database)

    async def states() -> list[VideoState]:
        async with database.unit_of_work() as work:
            page = await work.videos.list(ada, 10, 0)
        return [video.state for video in page.items]

    assert await states() == [VideoState.READY]
    async with database.unit_of_work() as work:
        await work.releases.release(request.id, LATER, "Ada", b"signed")
        await work.commit()
    assert await states() == [VideoState.RELEASED]


async def test_a_request_has_a_notice_for_its_end_and_one_for_its_release(database: Database) -> None:
    _, request = await _completed(database)
    async with database.unit_of_work() as work:
        await work.notices.add(request.id, "https://hooks.example/done", LATER, NoticeEvent.RELEASED)
        await work.commit()
    async with database.unit_of_work() as work:
        notices = await work.notices.take_due(LATER, LATER + timedelta(minutes=1), 10)
    assert {notice.event for notice in notices} == {NoticeEvent.ENDED, NoticeEvent.RELEASED}


async def test_people_who_may_see_the_video_see_its_results_for_review(database: Database) -> None:
    owner, request = await _completed(database)
    others = [await add_user(database, name) for name in ("viewer", "stranger", "orderer")]
    viewer, stranger, orderer = [principal_of(user) for user in others]
    async with database.unit_of_work() as work:
        await work.grants.put(request.spec.video_id, viewer.user_id, GrantRole.VIEWER)
        await work.commit()
    waiting = RequestFilter(is_unreleased=True, for_review=True)
    async with database.unit_of_work() as work:
        for reader in (owner, viewer):
            assert (await work.requests.get(request.id, reader, for_review=True)).id == request.id
            found = await work.requests.list(reader, waiting, 9, 0)
            assert [each.id for each in found.items] == [request.id]
            mine = replace(waiting, not_user_id=owner.user_id)
            assert (await work.requests.list(reader, mine, 9, 0)).total == 0
        for reader, for_review in ((stranger, True), (orderer, True), (viewer, False)):
            with pytest.raises(RequestNotFoundError):
                await work.requests.get(request.id, reader, for_review=for_review)
            listed = replace(waiting, for_review=for_review)
            assert (await work.requests.list(reader, listed, 9, 0)).total == 0
        await work.releases.release(request.id, LATER, "viewer", b"signed")
        assert (await work.requests.list(viewer, waiting, 9, 0)).total == 0
        await work.requests.clear_result(request.id)
        assert (await work.requests.list(viewer, waiting, 9, 0)).total == 0


async def test_the_owner_of_a_video_sees_the_results_of_an_editor_for_review(database: Database) -> None:
    owner, editor = [await add_user(database, name) for name in ("owner", "editor")]
    video = await add_video(database, owner)
    request = await add_request(database, editor, video)
    async with database.unit_of_work() as work:
        assert (await work.requests.get(request.id, principal_of(owner), for_review=True)).id == request.id
        with pytest.raises(RequestNotFoundError):
            await work.requests.get(request.id, principal_of(owner))
