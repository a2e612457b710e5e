"""Contract of every database: transactions, accounts, sessions and keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from framecloak.domain.errors import (
    ApiKeyNotFoundError,
    GrantNotFoundError,
    RegionNotFoundError,
    SegmentNotFoundError,
    UploadNotFoundError,
    UsernameTakenError,
    UserNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Role, Session, User
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database, RequestFilter
from support.samples.persistence import (
    CONCURRENT_CALLERS,
    NOW,
    add_user,
    add_video,
    concurrently,
    digest,
    principal_of,
)

SECOND = timedelta(seconds=1)


async def test_committed_rows_are_kept(database: Database) -> None:
    user = await add_user(database, "Ada")
    async with database.unit_of_work() as work:
        assert await work.users.get(user.id) == user
    assert user.created_at.utcoffset() == timedelta(0)
    await database.ping()


async def test_leaving_without_commit_undoes_everything(database: Database) -> None:
    async with database.unit_of_work() as work:
        user = await work.users.add("ada", "hash", Role.USER)
        assert await work.users.get(user.id) == user
    async with database.unit_of_work() as work:
        assert await work.users.find_by_name("ada") is None


async def test_an_error_rolls_back_to_the_last_commit(database: Database) -> None:
    async def fail() -> None:
        async with database.unit_of_work() as work:
            await work.users.add("first", "hash", Role.USER)
            await work.commit()
            await work.users.add("second", "hash", Role.USER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.unit_of_work() as work:
        assert [user.username for user in (await work.users.list(10, 0)).items] == ["first"]


async def test_uncommitted_rows_are_invisible_to_others(database: Database) -> None:
    async with database.unit_of_work() as work, database.unit_of_work() as other:
        await work.users.add("ada", "hash", Role.USER)
        assert await other.users.find_by_name("ada") is None
        await work.commit()
        assert await other.users.find_by_name("ada") is not None


async def test_a_cancelled_unit_of_work_leaves_nothing(database: Database) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.unit_of_work() as work:
            await work.users.add("ada", "hash", Role.USER)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add_user(database, "ADA")


async def test_a_name_is_taken_whatever_its_case(database: Database) -> None:
    user = await add_user(database, "Zoë")
    async with database.unit_of_work() as work:
        with pytest.raises(UsernameTakenError):
            await work.users.add("zOË", "hash", Role.ADMIN)
        # The transaction continues.
        assert await work.users.find_by_name("ZOË") == user


async def test_accounts_are_listed_oldest_first(database: Database) -> None:
    for name in ("b", "a", "c"):
        await add_user(database, name)
    async with database.unit_of_work() as work:
        page = await work.users.list(2, 1)
        beyond = await work.users.list(5, 50)
    assert [user.username for user in page.items] == ["a", "c"]
    assert (page.total, [*beyond.items], beyond.total) == (3, [], 3)


async def test_accounts_can_be_changed(database: Database) -> None:
    user = await add_user(database, "ada")
    changed = replace(user, role=Role.ADMIN, password_hash="other", disabled=True, token_generation=3)
    async with database.unit_of_work() as work:
        await work.users.update(changed)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.users.get(user.id) == changed
        with pytest.raises(UserNotFoundError):
            await work.users.update(replace(user, id=user.id + 1000))
        with pytest.raises(UserNotFoundError):
            await work.users.get(user.id + 1000)


async def test_each_lock_of_an_account_returns_the_previous_update(
    database: Database,
) -> None:
    user = await add_user(database, "ada")

    async def raise_generation() -> None:
        async with database.unit_of_work() as work:
            locked = await work.users.lock(user.id)
            await asyncio.sleep(0)
            await work.users.update(replace(locked, token_generation=locked.token_generation + 1))
            await work.commit()

    await asyncio.gather(*(raise_generation() for _ in range(20)))
    async with database.unit_of_work() as work:
        assert (await work.users.get(user.id)).token_generation == 20
        with pytest.raises(UserNotFoundError):
            await work.users.lock(user.id + 1000)


async def test_disabled_administrators_do_not_count(database: Database) -> None:
    users = [await add_user(database, name, Role.ADMIN) for name in ("a", "b", "c")]
    await add_user(database, "d")

    async def remove(user: User) -> int:
        async with database.unit_of_work() as work:
            count = await work.users.lock_administrators()
            await work.users.update(replace(user, disabled=True))
            await work.commit()
            return count

    assert sorted(await asyncio.gather(*map(remove, users))) == [1, 2, 3]
    async with database.unit_of_work() as work:
        assert await work.users.lock_administrators() == 0


async def test_sessions_expire_and_can_be_removed(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    async with database.unit_of_work() as work:
        for name, owner, seconds in (("a", user, 10), ("b", user, 20), ("c", other, 30)):
            await work.sessions.add(Session(digest(name), owner.id, NOW + seconds * SECOND))
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.sessions.find_user(digest("a"), NOW) == user
        assert await work.sessions.find_user(digest("a"), NOW + 10 * SECOND) is None
        assert await work.sessions.find_user(digest("d"), NOW) is None
        assert await work.sessions.remove_expired(NOW + 10 * SECOND) == 1
        await work.sessions.remove(digest("c"))
        await work.sessions.remove(digest("c"))
        assert await work.sessions.find_user(digest("c"), NOW) is None
        assert await work.sessions.find_user(digest("b"), NOW) == user
        await work.sessions.remove_all_of_user(user.id)
        assert await work.sessions.find_user(digest("b"), NOW) is None


async def test_only_one_of_many_uses_of_a_refresh_token_succeeds(database: Database) -> None:
    user = await add_user(database, "ada")
    answers = await concurrently(
        database, lambda work: work.refresh_tokens.mark_used(digest("a"), user.id, NOW + 10 * SECOND)
    )
    assert sorted(map(str, answers)) == ["False"] * (CONCURRENT_CALLERS - 1) + ["True"]


async def test_used_refresh_tokens_are_remembered_until_they_expire(database: Database) -> None:
    user = await add_user(database, "ada")
    async with database.unit_of_work() as work:
        assert await work.refresh_tokens.mark_used(digest("a"), user.id, NOW + 10 * SECOND)
        # Without a commit it is not used up.
    async with database.unit_of_work() as work:
        assert await work.refresh_tokens.mark_used(digest("a"), user.id, NOW + 10 * SECOND)
        assert await work.refresh_tokens.mark_used(digest("b"), user.id, NOW + 20 * SECOND)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.refresh_tokens.remove_expired(NOW + 10 * SECOND) == 1
        assert not await work.refresh_tokens.mark_used(digest("b"), user.id, NOW + 20 * SECOND)


async def test_api_keys_are_found_until_they_expire(database: Database) -> None:
    user = await add_user(database, "ada")
    async with database.unit_of_work() as work:
        lasting = await work.api_keys.add(user.id, "cron", "fc_1", digest("1"), None)
        ending = await work.api_keys.add(user.id, "try", "fc_2", digest("2"), NOW + SECOND)
        assert await work.api_keys.list(user.id) == [ending, lasting]
        assert await work.api_keys.find(digest("1"), NOW + timedelta(days=9999)) == (lasting, user)
        assert await work.api_keys.find(digest("2"), NOW) == (ending, user)
        assert await work.api_keys.find(digest("2"), NOW + SECOND) is None
        await work.api_keys.touch(lasting.id, NOW)
        [_, touched] = await work.api_keys.list(user.id)
        assert touched == replace(lasting, last_used_at=NOW.replace(second=0, microsecond=0))


async def test_only_its_owner_revokes_a_key(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    async with database.unit_of_work() as work:
        key = await work.api_keys.add(user.id, "cron", "fc_1", digest("1"), None)
        with pytest.raises(ApiKeyNotFoundError):
            await work.api_keys.remove(key.id, other.id)
        assert await work.api_keys.remove(key.id, user.id) == key
        with pytest.raises(ApiKeyNotFoundError):
            await work.api_keys.remove(key.id, user.id)
        assert await work.api_keys.find(digest("1"), NOW) is None


IMPOSSIBLE_IDS = (0, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30)


@pytest.mark.parametrize("number", IMPOSSIBLE_IDS)
async def test_an_impossible_id_is_not_found(database: Database, number: int) -> None:
    owner = await add_user(database, "owner")
    principal, video = principal_of(owner), await add_video(database, owner)
    async with database.unit_of_work() as work:
        marked = await work.marks.add_segment(video.id, Segment(0, 1), None)
        for lookup in (work.users.get, work.users.lock):
            with pytest.raises(UserNotFoundError):
                await lookup(number)
        with pytest.raises(UserNotFoundError):
            await work.users.update(replace(owner, id=number))
        with pytest.raises(UserNotFoundError):
            await work.grants.put(video.id, number, GrantRole.VIEWER)
        for grant in ((number, owner.id), (video.id, number)):
            with pytest.raises(GrantNotFoundError):
                await work.grants.remove(*grant)
        with pytest.raises(ApiKeyNotFoundError):
            await work.api_keys.remove(number, owner.id)
        with pytest.raises(VideoNotFoundError):
            await work.videos.get(number, principal, GrantRole.VIEWER)
        with pytest.raises(VideoNotFoundError):
            await work.videos.frame_index(number)
        for ids in ((number, marked.id), (video.id, number)):
            for act in (work.marks.segment, work.marks.remove_segment):
                with pytest.raises(SegmentNotFoundError):
                    await act(*ids)
            with pytest.raises(RegionNotFoundError):
                await work.marks.remove_region(*ids)
        with pytest.raises(SegmentNotFoundError):
            await work.marks.update_segment(replace(marked, id=number))
        assert (await work.requests.list(principal, RequestFilter(video_id=number), 1, 0)).total == 0


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "no such thing"])
async def test_an_impossible_name_is_not_found(database: Database, text: str) -> None:
    owner = await add_user(database, "ab")
    async with database.unit_of_work() as work:
        assert await work.users.find_by_name(text) is None
        with pytest.raises(UploadNotFoundError):
            await work.uploads.claim(text, owner.id, NOW)


async def test_every_part_of_an_account_that_can_change_is_stored(database: Database) -> None:
    user = await add_user(database, "ada")
    changed = replace(
        user,
        role=Role.ADMIN,
        password_hash="another hash",
        disabled=True,
        token_generation=3,
        must_change_password=True,
        display_name="Ada L.",
        language="de",
    )
    async with database.unit_of_work() as work:
        await work.users.update(changed)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.users.get(user.id) == changed
        assert await work.users.find_by_name("ADA") == changed
