"""Contract of every database for videos, their marks and grants."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.errors import (
    ForbiddenError,
    GrantNotFoundError,
    RegionNotFoundError,
    SegmentNotFoundError,
    UploadNotFoundError,
    UserNotFoundError,
    VideoInUseError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Role, User
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole, PendingUpload, VideoState
from framecloak.domain.ports.database import Database
from support.samples.persistence import NOW, add_request, add_user, add_video, facts, principal_of

SECOND = timedelta(seconds=1)


async def _friends(database: Database) -> dict[str, User]:
    return {
        "owner": await add_user(database, "owner"),
        "viewer": await add_user(database, "viewer"),
        "editor": await add_user(database, "editor"),
        "admin": await add_user(database, "admin", Role.ADMIN),
        "stranger": await add_user(database, "stranger"),
    }


@pytest.mark.parametrize(
    ("who", "access"),
    [
        ("owner", GrantRole.OWNER),
        ("admin", GrantRole.OWNER),
        ("editor", GrantRole.EDITOR),
        ("viewer", GrantRole.VIEWER),
        ("stranger", None),
    ],
)
async def test_a_video_is_visible_to_users_with_access(
    database: Database, who: str, access: GrantRole | None
) -> None:
    friends = await _friends(database)
    video = await add_video(database, friends["owner"])
    other = await add_video(database, friends["admin"])
    async with database.unit_of_work() as work:
        for name, role in (("viewer", GrantRole.VIEWER), ("editor", GrantRole.EDITOR)):
            await work.grants.put(video.id, friends[name].id, role)
        await work.commit()
    principal = principal_of(friends[who])
    async with database.unit_of_work() as work:
        for needed in GrantRole:
            if access is None:
                with pytest.raises(VideoNotFoundError):
                    await work.videos.get(video.id, principal, needed)
            elif access.allows(needed):
                assert await work.videos.get(video.id, principal, needed) == replace(video, access=access)
            else:
                with pytest.raises(ForbiddenError):
                    await work.videos.get(video.id, principal, needed)
        page = await work.videos.list(principal, 10, 0)
    visible = [replace(video, access=access)] if access else []
    listed = [other, *visible] if who == "admin" else visible
    assert ([*page.items], page.total) == (listed, len(listed))


async def test_videos_are_listed_newest_first(database: Database) -> None:
    owner = await add_user(database, "owner")
    videos = [await add_video(database, owner) for _ in range(4)]
    async with database.unit_of_work() as work:
        page = await work.videos.list(principal_of(owner), 2, 1)
        with pytest.raises(VideoNotFoundError):
            await work.videos.get(videos[-1].id + 1000, principal_of(owner), GrantRole.VIEWER)
    assert ([*page.items], page.total) == ([videos[2], videos[1]], 4)


async def test_unreferenced_keys_are_those_without_a_video(database: Database) -> None:
    owner = await add_user(database, "owner")
    present, gone = await add_video(database, owner), await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.videos.remove(gone.id)
        await work.commit()
    unknown = ["videos/never", "videos/a\0b", "videos/\ud800", ""]
    async with database.unit_of_work() as work:
        keys = [present.object_key, gone.object_key, *unknown]
        assert await work.videos.unreferenced_keys(keys) == {gone.object_key, *unknown}
        assert await work.videos.unreferenced_keys([]) == set()


async def test_removing_a_video_removes_its_marks_and_grants(database: Database) -> None:
    owner, friend = await add_user(database, "owner"), await add_user(database, "friend")
    video = await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.marks.add_segment(video.id, Segment(0, 5), None)
        await work.marks.add_region(video.id, Region(0, 0, 1, 1), None)
        await work.grants.put(video.id, friend.id, GrantRole.VIEWER)
        await work.videos.remove(video.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.marks.segments(video.id) == []
        assert await work.marks.regions(video.id) == []
        assert await work.grants.list(video.id) == []
        with pytest.raises(VideoNotFoundError):
            await work.videos.get(video.id, principal_of(owner), GrantRole.VIEWER)


async def test_a_video_with_a_pending_request_cannot_be_removed(database: Database) -> None:
    owner = await add_user(database, "owner")
    video = await add_video(database, owner)
    await add_request(database, owner, video)
    async with database.unit_of_work() as work:
        with pytest.raises(VideoInUseError):
            await work.videos.remove(video.id)
    async with database.unit_of_work() as work:
        kept = await work.videos.get(video.id, principal_of(owner), GrantRole.OWNER)
        assert kept == replace(video, state=VideoState.ORDERED)


async def test_segments_are_listed_changed_and_removed(database: Database) -> None:
    owner = await add_user(database, "owner")
    video, other = await add_video(database, owner), await add_video(database, owner)
    async with database.unit_of_work() as work:
        late = await work.marks.add_segment(video.id, Segment(50, 60), "late")
        early = await work.marks.add_segment(video.id, Segment(0, 10), None)
        foreign = await work.marks.add_segment(other.id, Segment(0, 10), None)
        assert await work.marks.segments(video.id) == [early, late]
        moved = replace(late, segment=Segment(5, 7), label=None)
        await work.marks.update_segment(moved)
        assert await work.marks.segment(video.id, late.id) == moved
        await work.marks.remove_segment(video.id, early.id)
        assert await work.marks.segments(video.id) == [moved]
        with pytest.raises(SegmentNotFoundError):
            await work.marks.segment(video.id, foreign.id)
        with pytest.raises(SegmentNotFoundError):
            await work.marks.update_segment(replace(foreign, video_id=video.id))
        with pytest.raises(SegmentNotFoundError):
            await work.marks.remove_segment(video.id, foreign.id)
        assert await work.marks.segments(other.id) == [foreign]


async def test_regions_are_listed_and_removed(database: Database) -> None:
    owner = await add_user(database, "owner")
    video, other = await add_video(database, owner), await add_video(database, owner)
    async with database.unit_of_work() as work:
        whole = await work.marks.add_region(video.id, Region(1, 2, 3, 4), "plate")
        short = await work.marks.add_region(video.id, Region(0, 0, 9, 9, Segment(2, 3)), None)
        assert await work.marks.regions(video.id) == [whole, short]
        with pytest.raises(RegionNotFoundError):
            await work.marks.remove_region(other.id, whole.id)
        await work.marks.remove_region(video.id, whole.id)
        assert await work.marks.regions(video.id) == [short]


async def test_grants_are_added_changed_and_revoked(database: Database) -> None:
    owner, friend = await add_user(database, "owner"), await add_user(database, "friend")
    video = await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.grants.put(video.id, friend.id, GrantRole.VIEWER)
        grant = await work.grants.put(video.id, friend.id, GrantRole.EDITOR)
        assert (grant.username, grant.role, grant.is_named) == ("friend", GrantRole.EDITOR, False)
        assert await work.grants.list(video.id) == [grant]
        named = await work.grants.put(video.id, friend.id, GrantRole.VIEWER, is_named=True)
        assert await work.grants.put(video.id, friend.id, GrantRole.EDITOR) == replace(
            named, role=GrantRole.EDITOR
        )
        assert await work.grants.list(video.id) == [replace(named, role=GrantRole.EDITOR)]
        assert (named.is_named, named.display_name) == (True, friend.display_name)
        with pytest.raises(UserNotFoundError):
            await work.grants.put(video.id, friend.id + 1000, GrantRole.VIEWER)
        await work.grants.remove(video.id, friend.id)
        with pytest.raises(GrantNotFoundError):
            await work.grants.remove(video.id, friend.id)


async def test_only_one_of_many_claims_of_an_upload_succeeds(database: Database) -> None:
    owner, other = await add_user(database, "owner"), await add_user(database, "other")
    upload = PendingUpload("0f" * 16, owner.id, "a.mp4", "uploads/1", NOW + SECOND)
    async with database.unit_of_work() as work:
        await work.uploads.add(upload)
        await work.commit()
    async with database.unit_of_work() as work:
        for owner_id, now in ((other.id, NOW), (owner.id, NOW + SECOND)):
            with pytest.raises(UploadNotFoundError):
                await work.uploads.claim(upload.id, owner_id, now)

    async def take() -> PendingUpload:
        async with database.unit_of_work() as work:
            taken = await work.uploads.claim(upload.id, owner.id, NOW)
            await work.commit()
            return taken

    results = await asyncio.gather(*(take() for _ in range(50)), return_exceptions=True)
    assert [result for result in results if isinstance(result, PendingUpload)] == [upload]
    assert sum(isinstance(result, UploadNotFoundError) for result in results) == 49


async def test_an_upload_is_pending_until_it_is_claimed(database: Database) -> None:
    owner, other = await add_user(database, "owner"), await add_user(database, "other")
    upload = PendingUpload("0f" * 16, owner.id, "a.mp4", "uploads/1", NOW + SECOND)
    async with database.unit_of_work() as work:
        await work.uploads.add(upload)
        assert await work.uploads.get(upload.id, owner.id, NOW) == upload
        for upload_id, owner_id, now in (
            (upload.id, other.id, NOW),
            (upload.id, owner.id, NOW + SECOND),
            ("\0", owner.id, NOW),
        ):
            with pytest.raises(UploadNotFoundError):
                await work.uploads.get(upload_id, owner_id, now)
        keys = ("uploads/1", "uploads/2", "\0")
        assert [await work.uploads.is_pending(key) for key in keys] == [True, False, False]
        await work.uploads.claim(upload.id, owner.id, NOW)
        assert not await work.uploads.is_pending("uploads/1")


async def test_expired_uploads_are_removed(database: Database) -> None:
    owner = await add_user(database, "owner")
    uploads = [
        PendingUpload(f"{number:032x}", owner.id, "a.mp4", f"uploads/{number}", NOW + number * SECOND)
        for number in range(3)
    ]
    async with database.unit_of_work() as work:
        for upload in uploads:
            await work.uploads.add(upload)
        expired = await work.uploads.remove_expired(NOW + SECOND)
        assert sorted(upload.id for upload in expired) == [uploads[0].id, uploads[1].id]
        assert await work.uploads.claim(uploads[2].id, owner.id, NOW) == uploads[2]


async def test_video_facts_are_stored_unchanged(database: Database) -> None:
    owner = await add_user(database, "owner")
    odd = facts(size_bytes=2**40, frame_rate=1 / 3, duration=0.1 + 0.2, rotation=270)
    async with database.unit_of_work() as work:
        added = await work.videos.add(owner.id, "'; drop table videos; --", "key", odd, bytes(range(256)))
        found = await work.videos.get(added.id, principal_of(owner), GrantRole.OWNER)
        assert await work.videos.frame_index(added.id) == bytes(range(256))
        await work.videos.remove(added.id)
        with pytest.raises(VideoNotFoundError):
            await work.videos.frame_index(added.id)
    assert found == added
    assert (found.facts, found.filename) == (odd, "'; drop table videos; --")


async def test_stored_bytes_are_summed(database: Database) -> None:
    owner = await add_user(database, "owner")
    async with database.unit_of_work() as work:
        assert (await work.videos.stored_bytes(), await work.statistics.result_bytes()) == (0, 0)
        for number in range(3):
            await work.videos.add(owner.id, "a.mp4", f"videos/sum-{number}", facts(size_bytes=2**62), b"")
        assert await work.videos.stored_bytes() == 3 * 2**62
        await work.commit()
    video = await add_video(database, owner)
    done, other = [await add_request(database, owner, video) for _ in range(2)]
    async with database.unit_of_work() as work:
        await work.requests.finish(
            done.id, Status.COMPLETED, NOW, result=StoredResult("requests/a.zip", 2**40)
        )
        await work.requests.finish(other.id, Status.COMPLETED, NOW, result=StoredResult("requests/b.zip", 7))
        assert await work.statistics.result_bytes() == 2**40 + 7
        await work.requests.clear_result(done.id)
        assert await work.statistics.result_bytes() == 7
