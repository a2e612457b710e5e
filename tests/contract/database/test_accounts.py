"""Contract of account repositories: what an account owns, and its removal."""

from __future__ import annotations

import pytest

from framecloak.domain.errors import UserNotFoundError
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.accounts import Owned
from support.samples.galleries import encrypted_gallery
from support.samples.persistence import add_request, add_user, add_video, principal_of


async def test_an_account_hands_over_what_it_owns_and_is_removed(database: Database) -> None:
    ada, heir, ben = [await add_user(database, name) for name in ("ada", "heir", "ben")]
    video, other = await add_video(database, ada), await add_video(database, ben)
    request = await add_request(database, ada, video)
    async with database.unit_of_work() as work:
        gallery = encrypted_gallery(ada)
        await work.galleries.add(gallery)
        await work.grants.put(video.id, heir.id, GrantRole.EDITOR)
        await work.grants.put(video.id, ben.id, GrantRole.VIEWER)
        await work.grants.put(other.id, ada.id, GrantRole.VIEWER)
        assert await work.users.owned(ada.id) == Owned(1, 1, 1)
        assert await work.users.owned(heir.id) == Owned(0, 0, 0)
        await work.users.transfer(ada.id, heir.id)
        assert await work.users.owned(ada.id) == Owned(0, 0, 0)
        assert await work.users.owned(heir.id) == Owned(1, 1, 1)
        await work.users.remove(ada.id)
        await work.commit()
    async with database.unit_of_work() as work:
        with pytest.raises(UserNotFoundError):
            await work.users.get(ada.id)
        owned = await work.videos.get(video.id, principal_of(heir), GrantRole.OWNER)
        assert owned.owner_id == heir.id
        assert [grant.user_id for grant in await work.grants.list(video.id)] == [ben.id]
        assert [grant.user_id for grant in await work.grants.list(other.id)] == []
        assert (await work.requests.get(request.id, principal_of(heir))).user_id == heir.id


async def test_an_account_that_owns_nothing_is_removed_alone(database: Database) -> None:
    ada, ben = await add_user(database, "ada"), await add_user(database, "ben")
    video = await add_video(database, ben)
    async with database.unit_of_work() as work:
        assert not (await work.users.owned(ada.id)).is_anything
        await work.users.remove(ada.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.users.list(10, 0)).items == [ben]
        assert await work.videos.get(video.id, principal_of(ben), GrantRole.OWNER)
