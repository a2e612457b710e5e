"""Contract of identities of the identity provider, of accounts without a password, and of their sessions."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from framecloak.domain.errors import UsernameTakenError
from framecloak.domain.model.accounts import Role, Session
from framecloak.domain.ports.database import Database
from support.samples.persistence import NOW, add_user, digest

ISSUER = "https://identity.test"


async def test_an_identity_belongs_to_one_account(database: Database) -> None:
    ada, bob = await add_user(database, "ada"), await add_user(database, "bob")
    async with database.unit_of_work() as work:
        assert await work.external_identities.find_user(ISSUER, "1") is None
        assert await work.external_identities.add(ISSUER, "1", ada.id)
        assert not await work.external_identities.add(ISSUER, "1", bob.id)
        assert await work.external_identities.add("https://another.test", "1", bob.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.external_identities.find_user(ISSUER, "1") == ada
        assert await work.external_identities.find_user("https://another.test", "1") == bob
        # Neither case nor a character that Postgres cannot store makes one identity another.
        for issuer, subject in ((ISSUER, "2"), (ISSUER.upper(), "1"), (ISSUER, "1 "), (ISSUER, "1\0")):
            assert await work.external_identities.find_user(issuer, subject) is None
        assert await work.external_identities.is_linked(ada.id)
        await work.external_identities.remove_all_of_user(ada.id)
        assert not await work.external_identities.is_linked(ada.id)
        assert await work.external_identities.is_linked(bob.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.external_identities.find_user(ISSUER, "1") is None


async def test_one_of_two_concurrent_first_sign_ins_gets_the_identity(database: Database) -> None:
    users = [await add_user(database, name) for name in ("ada", "bob")]

    async def link(user_id: int) -> bool:
        async with database.unit_of_work() as work:
            added = await work.external_identities.add(ISSUER, "1", user_id)
            await work.commit()
            return added

    assert sorted(await asyncio.gather(*(link(user.id) for user in users))) == [False, True]


async def test_an_account_without_a_password_is_stored_as_such(database: Database) -> None:
    async with database.unit_of_work() as work:
        user = await work.users.add("ada", None, Role.USER)
        assert await work.external_identities.add(ISSUER, "1", user.id)
        with pytest.raises(UsernameTakenError):
            await work.users.add("ADA", None, Role.USER)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.users.get(user.id)).password_hash is None
        await work.users.remove(user.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.external_identities.find_user(ISSUER, "1") is None


async def test_a_session_keeps_the_id_token_that_began_it(database: Database) -> None:
    ada = await add_user(database, "ada")
    sessions = [
        Session(digest(name), ada.id, NOW + timedelta(hours=1), id_token)
        for name, id_token in (("a", None), ("b", ""), ("c", "x" * 4096))
    ]
    async with database.unit_of_work() as work:
        for session in sessions:
            await work.sessions.add(session)
        await work.commit()
    async with database.unit_of_work() as work:
        for session in sessions:
            assert await work.sessions.find(session.digest) == session
        assert await work.sessions.find(digest("d")) is None
