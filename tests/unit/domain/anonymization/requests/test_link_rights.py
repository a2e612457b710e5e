"""Download links end with the right of the account that created them."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from framecloak.domain.errors import ForbiddenError, TokenExpiredError
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.videos import GrantRole
from support.use_cases import FakeService

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)


class Shared:
    """A result that an editor ordered of a shared video."""

    def __init__(
        self, world: FakeService, owner: Principal, editor: Principal, video: int, request: UUID
    ) -> None:
        self.world, self.owner, self.editor, self.video, self.request = world, owner, editor, video, request

    async def link(self, principal: Principal) -> str:
        return (await self.world.anonymization.issue_download_token(principal, self.request)).token

    async def assert_refused(self, token: str) -> None:
        with pytest.raises(TokenExpiredError):
            await self.world.delivery.find_result(self.request, token)
        with pytest.raises(TokenExpiredError):
            await self.world.anonymization.redeem_download_token(self.request, token)


@pytest.fixture
async def shared(world: FakeService) -> Shared:
    owner, editor = await world.person("owner"), await world.person("editor")
    spec = await world.request_spec(owner, (0, 10))
    await world.sharing.grant(owner, spec.video_id, editor.user_id, GrantRole.EDITOR)
    request = (await world.submissions.submit(editor, spec)).request.id
    await world.complete(request)
    return Shared(world, owner, editor, spec.video_id, request)


async def test_a_link_of_a_disabled_account_is_refused(shared: Shared) -> None:
    token = await shared.link(shared.editor)
    await shared.world.administration.change_user(OPERATOR, shared.editor.user_id, disabled=True)
    await shared.assert_refused(token)
    await shared.world.administration.change_user(OPERATOR, shared.editor.user_id, disabled=False)
    assert await shared.world.anonymization.redeem_download_token(shared.request, token)


async def test_a_link_and_a_review_end_with_the_grant(shared: Shared) -> None:
    world, token = shared.world, await shared.link(shared.editor)
    await world.reviewing.manifest(shared.editor, shared.request)
    await world.sharing.revoke(shared.owner, shared.video, shared.editor.user_id)
    await shared.assert_refused(token)
    with pytest.raises(ForbiddenError):
        await shared.link(shared.editor)
    with pytest.raises(ForbiddenError):
        await world.reviewing.manifest(shared.editor, shared.request)


async def test_a_result_outlives_its_video(shared: Shared) -> None:
    token = await shared.link(shared.editor)
    await shared.world.collection.delete(shared.owner, shared.video)
    assert await shared.world.anonymization.redeem_download_token(shared.request, token)


async def test_a_link_of_an_administrator_ends_with_that_role(shared: Shared) -> None:
    boss, _ = [await shared.world.person(name, Role.ADMIN) for name in ("boss", "chief")]
    token = await shared.link(boss)
    await shared.world.administration.change_user(OPERATOR, boss.user_id, role=Role.USER)
    await shared.assert_refused(token)


async def test_a_link_without_a_recorded_account_is_that_of_the_request(shared: Shared) -> None:
    token = await shared.link(OPERATOR)
    assert (await shared.world.delivery.find_result(shared.request, token)).stored
    await shared.world.administration.change_user(OPERATOR, shared.editor.user_id, disabled=True)
    await shared.assert_refused(token)


async def test_the_account_is_recorded_with_the_link(shared: Shared) -> None:
    await shared.link(shared.editor)
    (token,) = shared.world.fake_database.store.tables.download_tokens.values()
    assert token == replace(token, user_id=shared.editor.user_id)
