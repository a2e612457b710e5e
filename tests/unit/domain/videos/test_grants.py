"""Permissions on videos, and how grants change them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from framecloak.domain.errors import (
    ForbiddenError,
    GrantNotFoundError,
    InvalidOptionError,
    UserNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole, VideoGrant
from support.use_cases import FakeService

Action = Callable[[FakeService, Principal, int, int], Awaitable[object]]


async def share_with_viewer(world: FakeService, principal: Principal, video_id: int) -> None:
    viewer = next(user.id for user in world.fake_database.tables.users.values() if user.username == "viewer")
    await world.sharing.grant(principal, video_id, viewer, GrantRole.EDITOR)


async def unshare_with_viewer(world: FakeService, principal: Principal, video_id: int) -> None:
    viewer = next(user.id for user in world.fake_database.tables.users.values() if user.username == "viewer")
    await world.sharing.revoke(principal, video_id, viewer)


async def remove_region(world: FakeService, principal: Principal, video_id: int) -> None:
    (region,) = world.fake_database.tables.regions
    await world.marking.remove_region(principal, video_id, region)


ACTIONS: dict[str, tuple[GrantRole, Action]] = {
    "get": (GrantRole.VIEWER, lambda w, p, v, _: w.collection.get(p, v)),
    "frame": (GrantRole.VIEWER, lambda w, p, v, _: w.collection.frame(p, v, 0, None)),
    "filmstrip": (GrantRole.VIEWER, lambda w, p, v, _: w.use_cases.filmstrips.filmstrip(p, v, 4)),
    "segments": (GrantRole.VIEWER, lambda w, p, v, _: w.marking.segments(p, v)),
    "segment": (GrantRole.VIEWER, lambda w, p, v, s: w.marking.segment(p, v, s)),
    "regions": (GrantRole.VIEWER, lambda w, p, v, _: w.marking.regions(p, v)),
    "add segment": (GrantRole.EDITOR, lambda w, p, v, _: w.marking.add_segment(p, v, Segment(1, 2), None)),
    "change segment": (GrantRole.EDITOR, lambda w, p, v, s: w.marking.change_segment(p, v, s, label="x")),
    "remove segment": (GrantRole.EDITOR, lambda w, p, v, s: w.marking.remove_segment(p, v, s)),
    "add region": (GrantRole.EDITOR, lambda w, p, v, _: w.marking.add_region(p, v, Region(0, 0, 9, 9), None)),
    "remove region": (GrantRole.EDITOR, lambda w, p, v, _: remove_region(w, p, v)),
    "grants": (GrantRole.OWNER, lambda w, p, v, _: w.sharing.grants(p, v)),
    "share": (GrantRole.OWNER, lambda w, p, v, _: share_with_viewer(w, p, v)),
    "unshare": (GrantRole.OWNER, lambda w, p, v, _: unshare_with_viewer(w, p, v)),
    "delete": (GrantRole.OWNER, lambda w, p, v, _: w.collection.delete(p, v)),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("username", ["owner", "admin", "editor", "viewer", "stranger"])
async def test_actions_require_their_role(world: FakeService, username: str, action: str) -> None:
    people = {
        name: await world.person(name, Role.ADMIN if name == "admin" else Role.USER)
        for name in ("owner", "admin", "editor", "viewer", "stranger")
    }
    video = await world.video(people["owner"])
    segment = await world.marking.add_segment(people["owner"], video.id, Segment(0, 10), None)
    await world.marking.add_region(people["owner"], video.id, Region(0, 0, 9, 9), None)
    for role in (GrantRole.EDITOR, GrantRole.VIEWER):
        await world.sharing.grant(people["owner"], video.id, people[role].user_id, role)
    needed, perform = ACTIONS[action]
    before = world.fake_database.tables
    role_of_user = (
        GrantRole.OWNER
        if username in {"owner", "admin"}
        else None
        if username == "stranger"
        else GrantRole(username)
    )
    if role_of_user is None:
        with pytest.raises(VideoNotFoundError):
            await perform(world, people[username], video.id, segment.id)
        assert world.fake_database.tables is before
    elif not role_of_user.allows(needed):
        with pytest.raises(ForbiddenError):
            await perform(world, people[username], video.id, segment.id)
        assert world.fake_database.tables is before
    else:
        await perform(world, people[username], video.id, segment.id)


async def test_lists_show_accessible_videos_only(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    boss = await world.person("boss", Role.ADMIN)
    shared, private = await world.video(anna), await world.video(anna)
    await world.sharing.grant(anna, shared.id, ben.user_id, GrantRole.VIEWER)
    assert [video.id for video in (await world.collection.list(ben, 10, 0)).items] == [shared.id]
    assert [video.id for video in (await world.collection.list(boss, 10, 0)).items] == [private.id, shared.id]
    await world.sharing.revoke(anna, shared.id, ben.user_id)
    assert (await world.collection.list(ben, 10, 0)).total == 0


async def test_ownership_and_grants_to_owners_or_unknown_users_are_refused(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    video = await world.video(anna)
    with pytest.raises(InvalidOptionError):
        await world.sharing.grant(anna, video.id, ben.user_id, GrantRole.OWNER)
    with pytest.raises(InvalidOptionError):
        await world.sharing.grant(anna, video.id, anna.user_id, GrantRole.VIEWER)
    with pytest.raises(UserNotFoundError):
        await world.sharing.grant(anna, video.id, 999, GrantRole.VIEWER)


async def test_a_grant_is_changed_listed_and_revoked_once(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    video = await world.video(anna)
    await world.sharing.grant(anna, video.id, ben.user_id, GrantRole.VIEWER)
    await world.sharing.grant(anna, video.id, ben.user_id, GrantRole.EDITOR)
    assert await world.sharing.grants(anna, video.id) == [
        VideoGrant(video.id, ben.user_id, "ben", GrantRole.EDITOR)
    ]
    await world.sharing.revoke(anna, video.id, ben.user_id)
    with pytest.raises(GrantNotFoundError):
        await world.sharing.revoke(anna, video.id, ben.user_id)
    with pytest.raises(VideoNotFoundError):
        await world.collection.get(ben, video.id)
