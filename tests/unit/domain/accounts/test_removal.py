"""Removal of accounts."""

from __future__ import annotations

from uuid import UUID

import pytest

from framecloak.domain.errors import (
    AccountInUseError,
    ForbiddenError,
    GalleryNotFoundError,
    InvalidOptionError,
    NotAuthenticatedError,
    RequestNotFoundError,
    UserNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.repositories.audit import AuditFilter
from support.use_cases import PASSWORD, FakeService

SPACE = EmbeddingSpace("model", "0" * 64, 4)


async def owner_of_everything(world: FakeService) -> tuple[Principal, int, UUID, UUID]:
    """Create an account with a video, a request and a gallery."""
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    request = (await world.submissions.submit(anna, spec, "key")).request.id
    gallery = (await world.use_cases.galleries.create(anna, "people", SPACE)).id
    return anna, spec.video_id, request, gallery


async def test_an_account_that_owns_something_is_kept(world: FakeService) -> None:
    anna, *_ = await owner_of_everything(world)
    boss = await world.person("boss", Role.ADMIN)
    with pytest.raises(AccountInUseError, match="owns 1 videos, 1 requests and 1 galleries"):
        await world.use_cases.account_removal.remove(boss, anna.user_id)
    assert await world.administration.get_user(boss, anna.user_id)


async def test_what_an_account_owns_is_handed_over(world: FakeService) -> None:
    anna, video, request, gallery = await owner_of_everything(world)
    boss, heir = await world.person("boss", Role.ADMIN), await world.person("heir")
    other = await world.person("other")
    await world.sharing.grant(anna, video, heir.user_id, GrantRole.VIEWER)
    await world.sharing.grant(anna, video, other.user_id, GrantRole.VIEWER)
    await world.use_cases.account_removal.remove(boss, anna.user_id, heir.user_id)
    assert (await world.collection.get(heir, video)).owner_id == heir.user_id
    assert [grant.user_id for grant in await world.sharing.grants(heir, video)] == [other.user_id]
    assert (await world.anonymization.status(heir, request)).request.user_id == heir.user_id
    assert await world.use_cases.galleries.get(heir, gallery)
    with pytest.raises(UserNotFoundError):
        await world.administration.get_user(boss, anna.user_id)
    (entry,) = await world.use_cases.audit.entries(boss, AuditFilter(username="boss"), 10)
    assert (entry.subject, entry.username) == (f"user:{anna.user_id}", "boss")
    assert entry.details == {
        "username": "anna",
        "role": "user",
        "transferred_to": heir.user_id,
        "videos": 1,
        "requests": 1,
        "galleries": 1,
    }


async def test_sessions_end_and_the_name_is_free_again(world: FakeService) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    session = await world.identity.sign_in("anna", PASSWORD, "192.0.2.1")
    await world.use_cases.account_removal.remove(boss, anna.user_id)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(session.secret)
    again = await world.person("anna")
    assert again.user_id != anna.user_id


async def test_a_namesake_gets_nothing(world: FakeService) -> None:
    anna, video, request, gallery = await owner_of_everything(world)
    boss, heir = await world.person("boss", Role.ADMIN), await world.person("heir")
    await world.use_cases.account_removal.remove(boss, anna.user_id, heir.user_id)
    again = await world.person("anna")
    with pytest.raises(VideoNotFoundError):
        await world.collection.get(again, video)
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.status(again, request)
    with pytest.raises(GalleryNotFoundError):
        await world.use_cases.galleries.get(again, gallery)


async def test_some_accounts_cannot_be_removed(world: FakeService) -> None:
    anna, boss = await world.person("anna"), await world.person("boss", Role.ADMIN)
    remove = world.use_cases.account_removal.remove
    with pytest.raises(ForbiddenError):
        await remove(anna, boss.user_id)
    with pytest.raises(InvalidOptionError):
        await remove(boss, boss.user_id)
    with pytest.raises(InvalidOptionError):
        await remove(boss, anna.user_id, anna.user_id)
    with pytest.raises(UserNotFoundError):
        await remove(boss, 999)
    with pytest.raises(UserNotFoundError):
        await remove(boss, anna.user_id, 999)
    operator = Principal(0, "operator", Role.ADMIN, boss.auth_method)
    with pytest.raises(InvalidOptionError, match="last administrator"):
        await remove(operator, boss.user_id)
