"""Stored videos: what is kept, who may do what with it, and what is marked on it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from domain.accounts import Principal, Role
from domain.errors import (
    DomainError,
    ForbiddenError,
    FrameNotFoundError,
    InvalidOptionError,
    InvalidRegionError,
    InvalidSegmentError,
    SegmentNotFoundError,
    UnreadableVideoError,
    UploadNotFoundError,
    UploadTooLargeError,
    UserNotFoundError,
    VideoInUseError,
    VideoNotFoundError,
)
from domain.library import GrantRole
from domain.videos import Region, Segment
from world import World, chunks

Act = Callable[[World, Principal, int, int], Awaitable[object]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_an_upload_is_hashed_probed_and_recorded(world: World) -> None:
    anna = await world.person("anna")
    video = await world.collection.upload(anna, "film.mp4", chunks(b"fi", b"lm"))
    assert world.store.objects == {video.object_key: b"film"}
    assert video.facts.sha256 == hashlib.sha256(b"film").hexdigest()
    assert (video.facts.size_bytes, video.facts.frame_count) == (4, 100)
    assert (await world.collection.list(anna, 10, 0)).items == [video]


async def test_what_is_no_video_is_not_kept(world: World) -> None:
    anna = await world.person("anna")
    with pytest.raises(UnreadableVideoError):
        await world.collection.upload(anna, "a.mp4", chunks(b"not a video"))
    assert world.store.objects == {}
    assert (await world.collection.list(anna, 10, 0)).total == 0


async def test_what_is_too_large_is_not_kept(world: World) -> None:
    anna = await world.person("anna")
    with pytest.raises(UploadTooLargeError):
        await world.collection.upload(anna, "a.mp4", chunks(b"x" * 600, b"x" * 401))
    assert world.store.objects == {}


async def test_an_upload_that_breaks_off_is_not_kept(world: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"fi"
        raise ConnectionResetError

    anna = await world.person("anna")
    with pytest.raises(ConnectionResetError):
        await world.collection.upload(anna, "a.mp4", broken())
    assert world.store.objects == {}


async def test_a_failing_database_leaves_no_bytes_behind(world: World) -> None:
    anna = await world.person("anna")
    world.fake_database.reachable = False
    with pytest.raises(DomainError):
        await world.video(anna)
    assert world.store.objects == {}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Jane\\film.mp4", "film.mp4"),
        ("fi\r\nlm\x00\u202e.mp4", "film.mp4"),
        ("", "video"),
        ("..", "video"),
        ("x" * 10_000, "x" * 255),
    ],
)
async def test_file_names_are_tidied(world: World, sent: str, kept: str) -> None:
    anna = await world.person("anna")
    video = await world.collection.upload(anna, sent, chunks(b"film"))
    assert video.filename == kept
    assert set(video.object_key) <= set("videos/0123456789abcdef")


async def test_a_direct_upload_becomes_a_video_once(world: World) -> None:
    anna = await world.person("anna")
    started = await world.collection.begin_upload(anna, "film.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    video = await world.collection.complete_upload(anna, started.upload.id)
    assert world.store.objects == {video.object_key: b"film"}
    with pytest.raises(UploadNotFoundError):
        await world.collection.complete_upload(anna, started.upload.id)


async def test_a_direct_upload_that_never_came_is_late_or_is_not_ours_is_refused(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    missing = await world.collection.begin_upload(anna, "a.mp4")
    with pytest.raises(UploadNotFoundError, match="nothing was uploaded"):
        await world.collection.complete_upload(anna, missing.upload.id)
    started = await world.collection.begin_upload(anna, "a.mp4")
    with pytest.raises(UploadNotFoundError):
        await world.collection.complete_upload(ben, started.upload.id)
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(UploadNotFoundError):
        await world.collection.complete_upload(anna, started.upload.id)


async def share_with_viewer(world: World, principal: Principal, video_id: int) -> None:
    (viewer,) = [one.id for one in world.fake_database.tables.users.values() if one.username == "viewer"]
    await world.collection.share(principal, video_id, viewer, GrantRole.EDITOR)


ACTS: dict[str, tuple[GrantRole, Act]] = {
    "get": (GrantRole.VIEWER, lambda w, p, v, _: w.collection.get(p, v)),
    "frame": (GrantRole.VIEWER, lambda w, p, v, _: w.collection.frame(p, v, 0, None)),
    "segments": (GrantRole.VIEWER, lambda w, p, v, _: w.marking.segments(p, v)),
    "segment": (GrantRole.VIEWER, lambda w, p, v, s: w.marking.segment(p, v, s)),
    "regions": (GrantRole.VIEWER, lambda w, p, v, _: w.marking.regions(p, v)),
    "add segment": (GrantRole.EDITOR, lambda w, p, v, _: w.marking.add_segment(p, v, Segment(1, 2), None)),
    "change segment": (GrantRole.EDITOR, lambda w, p, v, s: w.marking.change_segment(p, v, s, label="x")),
    "remove segment": (GrantRole.EDITOR, lambda w, p, v, s: w.marking.remove_segment(p, v, s)),
    "add region": (GrantRole.EDITOR, lambda w, p, v, _: w.marking.add_region(p, v, Region(0, 0, 9, 9), None)),
    "grants": (GrantRole.OWNER, lambda w, p, v, _: w.collection.grants(p, v)),
    "share": (GrantRole.OWNER, lambda w, p, v, _: share_with_viewer(w, p, v)),
    "delete": (GrantRole.OWNER, lambda w, p, v, _: w.collection.delete(p, v)),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["owner", "admin", "editor", "viewer", "stranger"])
async def test_who_may_do_what(world: World, who: str, act: str) -> None:
    people = {
        name: await world.person(name, Role.ADMIN if name == "admin" else Role.USER)
        for name in ("owner", "admin", "editor", "viewer", "stranger")
    }
    video = await world.video(people["owner"])
    segment = await world.marking.add_segment(people["owner"], video.id, Segment(0, 10), None)
    for role in (GrantRole.EDITOR, GrantRole.VIEWER):
        await world.collection.share(people["owner"], video.id, people[role].user_id, role)
    needed, perform = ACTS[act]
    has = GrantRole.OWNER if who in {"owner", "admin"} else None if who == "stranger" else GrantRole(who)
    if has is None:
        with pytest.raises(VideoNotFoundError):
            await perform(world, people[who], video.id, segment.id)
    elif not has.allows(needed):
        with pytest.raises(ForbiddenError):
            await perform(world, people[who], video.id, segment.id)
    else:
        await perform(world, people[who], video.id, segment.id)


async def test_a_list_shows_what_one_may_see(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    boss = await world.person("boss", Role.ADMIN)
    shared, private = await world.video(anna), await world.video(anna)
    await world.collection.share(anna, shared.id, ben.user_id, GrantRole.VIEWER)
    assert [video.id for video in (await world.collection.list(ben, 10, 0)).items] == [shared.id]
    assert [video.id for video in (await world.collection.list(boss, 10, 0)).items] == [private.id, shared.id]
    await world.collection.unshare(anna, shared.id, ben.user_id)
    assert (await world.collection.list(ben, 10, 0)).total == 0


async def test_ownership_is_not_granted_nor_anything_to_nobody(world: World) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    video = await world.video(anna)
    with pytest.raises(InvalidOptionError):
        await world.collection.share(anna, video.id, ben.user_id, GrantRole.OWNER)
    with pytest.raises(InvalidOptionError):
        await world.collection.share(anna, video.id, anna.user_id, GrantRole.VIEWER)
    with pytest.raises(UserNotFoundError):
        await world.collection.share(anna, video.id, 999, GrantRole.VIEWER)


async def test_deleting_removes_the_bytes_unless_a_request_needs_them(world: World) -> None:
    anna = await world.person("anna")
    order = await world.order(anna, (0, 10))
    submitted = await world.anonymization.submit(anna, order)
    with pytest.raises(VideoInUseError):
        await world.collection.delete(anna, order.video_id)
    assert len(world.store.objects) == 1
    await world.anonymization.cancel(anna, submitted.request.id)
    await world.collection.delete(anna, order.video_id)
    assert world.store.objects == {}


async def test_a_frame_beyond_the_end_is_not_found(world: World) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    with pytest.raises(FrameNotFoundError):
        await world.collection.frame(anna, video.id, 100, None)


async def test_marks_fit_the_video_and_change_in_parts(world: World) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    marked = await world.marking.add_segment(anna, video.id, Segment(10, 20), "entry")
    changed = await world.marking.change_segment(anna, video.id, marked.id, end_frame=100)
    assert (changed.segment, changed.label) == (Segment(10, 100), "entry")
    with pytest.raises(InvalidSegmentError):
        await world.marking.change_segment(anna, video.id, marked.id, end_frame=101)
    with pytest.raises(InvalidSegmentError):
        await world.marking.change_segment(anna, video.id, marked.id, start_frame=100)
    with pytest.raises(InvalidRegionError):
        await world.marking.add_region(anna, video.id, Region(600, 0, 41, 10), None)
    with pytest.raises(InvalidOptionError):
        await world.marking.add_region(anna, video.id, Region(0, 0, 4, 4), "x" * 201)
    other = await world.video(anna)
    with pytest.raises(SegmentNotFoundError):
        await world.marking.segment(anna, other.id, marked.id)
    assert (await world.marking.segment(anna, video.id, marked.id)).segment == Segment(10, 100)
