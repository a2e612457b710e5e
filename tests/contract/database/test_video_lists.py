"""Contract of every database for searching, sorting and describing videos, and for their states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.model.accounts import Role, User
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole, Video, VideoFilter, VideoOrder, VideoState
from framecloak.domain.ports.database import Database
from support.samples.persistence import (
    NOW,
    add_request,
    add_user,
    add_video,
    principal_of,
    request_spec_for,
    work_spec_for,
)


async def _describe(database: Database, video: Video, title: str | None, *tags: str) -> None:
    async with database.unit_of_work() as work:
        await work.videos.describe(video.id, title, tags)
        await work.commit()


async def _ids(
    database: Database, user: User, criteria: VideoFilter, order: VideoOrder = VideoOrder.NEWEST
) -> list[int]:
    async with database.unit_of_work() as work:
        page = await work.videos.list(principal_of(user), 10, 0, criteria, order)
    assert page.total == len(page.items)
    return [video.id for video in page.items]


async def _finish(database: Database, user: User, video: Video, status: Status) -> None:
    request = await add_request(database, user, video)
    result = StoredResult("key", 1) if status is Status.COMPLETED else None
    async with database.unit_of_work() as work:
        await work.requests.claim(request.id, NOW)
        await work.requests.finish(request.id, status, NOW, result=result)
        await work.commit()


async def test_title_and_tags_are_kept(database: Database) -> None:
    owner = await add_user(database, "owner")
    video = await add_video(database, owner)
    await _describe(database, video, "Theatre 2", "ward 3", "Zebra")
    async with database.unit_of_work() as work:
        stored = await work.videos.get(video.id, principal_of(owner), GrantRole.OWNER)
        assert stored == replace(video, title="Theatre 2", tags=("ward 3", "Zebra"))
        assert stored.name == "Theatre 2"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (None, [1, 0]),
        ("", [1, 0]),
        ("FILM", [1, 0]),
        ("theatre", [0]),
        ("2 thea", [0]),
        ("ward", [0]),
        ("study-7", [1]),
        ("a film study", [1]),
        ("theatre study", []),
        ("%", []),
        ("\0", []),
    ],
)
async def test_all_words_are_searched(database: Database, search: str | None, found: list[int]) -> None:
    owner = await add_user(database, "owner")
    videos = [await add_video(database, owner), await add_video(database, owner)]
    await _describe(database, videos[0], "Theatre 2", "ward 3")
    async with database.unit_of_work() as work:
        spec = replace(request_spec_for(videos[1]), reference="STUDY-7")
        await work.requests.add(owner.id, spec, work_spec_for(spec, 10), None)
        await work.commit()
    listed = await _ids(database, owner, VideoFilter(search=search))
    assert listed == [videos[number].id for number in found]


async def test_references_of_other_users_are_not_searched(database: Database) -> None:
    owner, editor = await add_user(database, "owner"), await add_user(database, "editor")
    boss = await add_user(database, "boss", Role.ADMIN)
    video = await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.grants.put(video.id, editor.id, GrantRole.EDITOR)
        spec = replace(request_spec_for(video), reference="STUDY-7")
        await work.requests.add(editor.id, spec, work_spec_for(spec, 10), None)
        await work.commit()
    for user, ids in ((owner, []), (editor, [video.id]), (boss, [video.id])):
        assert await _ids(database, user, VideoFilter(search="study")) == ids


async def test_tags_are_listed_and_filtered(database: Database) -> None:
    owner, stranger = await add_user(database, "owner"), await add_user(database, "stranger")
    first, second, _ = [await add_video(database, owner) for _ in range(3)]
    await _describe(database, first, None, "ward 3", "Zebra")
    await _describe(database, second, None, "ward 3")
    async with database.unit_of_work() as work:
        assert dict(await work.videos.tags(principal_of(owner))) == {"ward 3": 2, "Zebra": 1}
        assert list(await work.videos.tags(principal_of(owner))) == ["ward 3", "Zebra"]
        assert dict(await work.videos.tags(principal_of(stranger))) == {}
    assert await _ids(database, owner, VideoFilter(tag="WARD 3")) == [second.id, first.id]
    assert await _ids(database, owner, VideoFilter(tag="ward")) == []


async def test_states_follow_marks_and_the_latest_request(database: Database) -> None:
    owner, other = await add_user(database, "owner"), await add_user(database, "other", Role.ADMIN)
    kinds = [*VideoState][:5]
    videos = {kind: await add_video(database, owner) for kind in kinds}
    segments = await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.marks.add_region(videos[VideoState.MARKED].id, Region(1, 1, 2, 2), None)
        await work.marks.add_segment(segments.id, Segment(0, 5), None)
        await work.commit()
    await _finish(database, owner, videos[VideoState.FAILED], Status.COMPLETED)
    await _finish(database, owner, videos[VideoState.FAILED], Status.FAILED)
    await _finish(database, owner, videos[VideoState.FAILED], Status.CANCELLED)
    await _finish(database, owner, videos[VideoState.READY], Status.COMPLETED)
    await add_request(database, owner, videos[VideoState.ORDERED])
    await add_request(database, other, videos[VideoState.NEW])
    states = {video.id: kind for kind, video in videos.items()} | {segments.id: VideoState.MARKED}
    async with database.unit_of_work() as work:
        page = await work.videos.list(principal_of(owner), 10, 0)
        assert {video.id: video.state for video in page.items} == states
        assert [video.id for video in page.items] == sorted(states, reverse=True)
    for kind in kinds:
        wanted = [video_id for video_id, state in states.items() if state is kind]
        assert await _ids(database, owner, VideoFilter(state=kind)) == wanted[::-1]
    by_state = await _ids(database, owner, VideoFilter(), VideoOrder.STATE)
    assert [states[video_id] for video_id in by_state] == sorted(states.values(), key=kinds.index)


async def test_videos_are_sorted(database: Database) -> None:
    owner = await add_user(database, "owner")
    first, second, third = [await add_video(database, owner) for _ in range(3)]
    await _describe(database, first, "b")
    await _describe(database, third, "A")
    orders = {
        VideoOrder.NEWEST: [third, second, first],
        VideoOrder.OLDEST: [first, second, third],
        VideoOrder.NAME: [third, second, first],
        VideoOrder.LONGEST: [third, second, first],
    }
    for order, videos in orders.items():
        assert await _ids(database, owner, VideoFilter(), order) == [video.id for video in videos]


async def test_a_page_behind_the_end_knows_the_total(database: Database) -> None:
    owner = await add_user(database, "owner")
    await add_video(database, owner)
    async with database.unit_of_work() as work:
        page = await work.videos.list(principal_of(owner), 10, 5, VideoFilter(state=VideoState.NEW))
    assert (list(page.items), page.total) == ([], 1)


async def test_results_of_all_accounts_for_a_video_are_found(database: Database) -> None:
    owner, editor = await add_user(database, "owner"), await add_user(database, "editor")
    video, other = await add_video(database, owner), await add_video(database, owner)
    for user, of in ((owner, video), (editor, video), (owner, other)):
        await _finish(database, user, of, Status.COMPLETED)
    await _finish(database, owner, video, Status.FAILED)
    await add_request(database, owner, video)
    async with database.unit_of_work() as work:
        found = await work.requests.with_results(video.id)
        assert [request.user_id for request in found] == [owner.id, editor.id]
        await work.requests.clear_result(found[0].id)
        assert list(await work.requests.with_results(video.id)) == [found[1]]
