"""Administration of accounts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fakes.security import FakePasswordHasher
from framecloak.domain.accounts.service import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from framecloak.domain.errors import (
    ForbiddenError,
    InvalidCredentialsError,
    InvalidOptionError,
    NotAuthenticatedError,
    UsernameTakenError,
    UserNotFoundError,
    WeakPasswordError,
)
from framecloak.domain.model.accounts import Means, Principal, Role
from support.use_cases import PASSWORD, FakeService


async def test_accounts_are_for_administrators(world: FakeService) -> None:
    anna = await world.person("anna")
    boss = await world.person("boss", Role.ADMIN)
    with pytest.raises(ForbiddenError):
        await world.administration.create_user(anna, "new", PASSWORD, Role.ADMIN)
    with pytest.raises(ForbiddenError):
        await world.administration.list_users(anna, 10, 0)
    with pytest.raises(ForbiddenError):
        await world.administration.change_user(anna, anna.user_id, role=Role.ADMIN)
    with pytest.raises(ForbiddenError):
        await world.administration.get_user(anna, boss.user_id)
    assert (await world.administration.get_user(anna, anna.user_id)).username == "anna"
    assert (await world.administration.list_users(boss, 1, 0)).total == 2


async def test_administrators_cannot_lock_themselves_out(world: FakeService) -> None:
    boss = await world.person("boss", Role.ADMIN)
    with pytest.raises(InvalidOptionError):
        await world.administration.change_user(boss, boss.user_id, disabled=True)
    with pytest.raises(InvalidOptionError):
        await world.administration.change_user(boss, boss.user_id, role=Role.USER)


async def test_a_change_keeps_other_fields_and_other_sessions(world: FakeService) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    signed_in = await world.identity.sign_in("boss", PASSWORD, "10.0.0.1")
    before = await world.administration.get_user(boss, anna.user_id)
    after = await world.administration.change_user(boss, anna.user_id, role=Role.ADMIN)
    assert after == replace(before, role=Role.ADMIN, token_generation=before.token_generation + 1)
    assert await world.administration.get_user(boss, anna.user_id) == after
    assert await world.identity.authenticate_session(signed_in.secret) == boss


async def test_an_unknown_account_is_neither_shown_nor_changed(world: FakeService) -> None:
    boss = await world.person("boss", Role.ADMIN)
    with pytest.raises(UserNotFoundError):
        await world.administration.get_user(boss, 999)
    with pytest.raises(UserNotFoundError):
        await world.administration.change_user(boss, 999, disabled=True)


@pytest.mark.parametrize("length", [0, MIN_PASSWORD_LENGTH - 1, MAX_PASSWORD_LENGTH + 1])
async def test_passwords_of_an_invalid_length_are_refused(world: FakeService, length: int) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    with pytest.raises(WeakPasswordError):
        await world.administration.create_user(boss, "new", "x" * length, Role.USER)
    with pytest.raises(WeakPasswordError):
        await world.administration.change_user(boss, anna.user_id, password="x" * length)
    assert await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")


@pytest.mark.parametrize("length", [MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH])
async def test_passwords_of_a_valid_length_work(world: FakeService, length: int) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    await world.administration.change_user(boss, anna.user_id, password="x" * length)
    assert await world.identity.sign_in("anna", "x" * length, "10.0.0.1")


async def test_an_administrator_needs_the_old_password_for_a_new_one(world: FakeService) -> None:
    boss = await world.person("boss", Role.ADMIN)
    session = await world.identity.sign_in("boss", PASSWORD, "10.0.0.1")
    with pytest.raises(InvalidOptionError, match="the old one"):
        await world.administration.change_user(boss, boss.user_id, password="of whoever found the browser")
    assert await world.identity.authenticate_session(session.secret) == boss
    operator = Principal(boss.user_id, "operator", Role.ADMIN, Means.COMMAND)
    changed = await world.administration.change_user(operator, boss.user_id, password="a forgotten password")
    assert not changed.must_change_password


async def test_a_new_password_ends_all_sessions(world: FakeService) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    signed_in = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    await world.administration.change_user(boss, anna.user_id, password="another long password")
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(signed_in.secret)
    with pytest.raises(InvalidCredentialsError):
        await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    assert await world.identity.sign_in("anna", "another long password", "10.0.0.1")


CHANGES: dict[str, dict[str, Any]] = {
    "password": {"password": "another long password"},
    "role": {"role": Role.ADMIN},
    "disabled": {"disabled": True},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_tokens_do_not_survive_a_change_of_the_account(world: FakeService, change: str) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    await world.administration.change_user(boss, anna.user_id, **CHANGES[change])
    await world.administration.change_user(boss, anna.user_id, disabled=False)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_access_token(pair.access)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens(pair.refresh)
    password = CHANGES[change].get("password", PASSWORD)
    fresh = await world.identity.issue_tokens("anna", password, "10.0.0.1")
    renewed = await world.identity.refresh_tokens(fresh.refresh)
    assert (await world.identity.authenticate_access_token(renewed.access)).user_id == anna.user_id


@dataclass
class GatedHasher(FakePasswordHasher):
    """Returns the result of a verification only when the gate is open."""

    verified: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, password_hash: str, password: str) -> bool:
        matches = await super().verify(password_hash, password)
        self.verified.set()
        await self.gate.wait()
        return matches


@pytest.mark.parametrize("change", ["password", "disabled"])
async def test_a_sign_in_during_a_change_of_the_account_leaves_nothing(tmp_path: Path, change: str) -> None:
    hasher = GatedHasher()
    world = FakeService(tmp_path, hasher=hasher)
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    browser = asyncio.create_task(world.identity.sign_in("anna", PASSWORD, "10.0.0.1"))
    program = asyncio.create_task(world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1"))
    await hasher.verified.wait()
    await world.administration.change_user(boss, anna.user_id, **CHANGES[change])
    hasher.gate.set()
    with pytest.raises(InvalidCredentialsError):
        await browser
    assert world.fake_database.tables.sessions == {}
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens((await program).refresh)


async def test_one_of_two_administrators_who_remove_each_other_stays(world: FakeService) -> None:
    boss, chief = [await world.person(name, Role.ADMIN) for name in ("boss", "chief")]
    await world.administration.change_user(
        boss, (await world.person("late", Role.ADMIN)).user_id, disabled=True
    )
    results = await asyncio.gather(
        world.administration.change_user(boss, chief.user_id, role=Role.USER),
        world.administration.change_user(chief, boss.user_id, disabled=True),
        return_exceptions=True,
    )
    (refused,) = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(refused, InvalidOptionError)
    assert "is the last administrator" in refused.message
    users = world.fake_database.tables.users.values()
    assert sum(user.is_administrator for user in users) == 1


async def test_names_are_unique_and_printable(world: FakeService) -> None:
    boss = await world.person("boss", Role.ADMIN)
    with pytest.raises(UsernameTakenError):
        await world.administration.create_user(boss, "BOSS", PASSWORD, Role.USER)
    for name in ("an\nna", " ", "x" * 151):
        with pytest.raises(InvalidOptionError):
            await world.administration.create_user(boss, name, PASSWORD, Role.USER)


async def test_the_first_administrator_is_created_once(world: FakeService) -> None:
    first = await world.administration.create_first_administrator("admin", PASSWORD)
    assert first is not None
    assert first.role is Role.ADMIN
    assert await world.administration.create_first_administrator("admin2", PASSWORD) is None


async def test_the_first_administrator_needs_a_real_password(world: FakeService) -> None:
    with pytest.raises(WeakPasswordError):
        await world.administration.create_first_administrator("admin", "short")
    assert world.fake_database.tables.users == {}


@dataclass
class YieldingHasher(FakePasswordHasher):
    async def hash(self, password: str) -> str:
        await asyncio.sleep(0)
        return await super().hash(password)


async def test_one_of_many_starting_processes_creates_the_first_administrator(tmp_path: Path) -> None:
    world = FakeService(tmp_path, hasher=YieldingHasher())
    created = await asyncio.gather(
        *(world.administration.create_first_administrator("admin", PASSWORD) for _ in range(5))
    )
    assert [user for user in created if user] == list(world.fake_database.tables.users.values())
    assert len(world.fake_database.tables.users) == 1


async def test_administration_is_recorded(world: FakeService) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    key, _ = await world.api_keys.create(anna, "script")
    await world.api_keys.revoke(anna, key.id)
    await world.administration.change_user(
        boss, anna.user_id, disabled=True, password="another long password"
    )
    rows = [(row.username, row.action, row.subject) for row in world.fake_database.tables.audit.values()]
    assert rows[-3:] == [
        ("anna", "api_key.create", f"api_key:{key.id}"),
        ("anna", "api_key.revoke", f"api_key:{key.id}"),
        ("boss", "user.change", f"user:{anna.user_id}"),
    ]
    assert "another long password" not in repr(world.fake_database.tables.audit)


@pytest.mark.parametrize("twin", ["ADA", "аdа", "ａｄａ", "𝐚𝐝𝐚", " ada "])  # noqa: RUF001
async def test_a_name_that_looks_like_another_is_refused(world: FakeService, twin: str) -> None:
    await world.person("ada")
    with pytest.raises(UsernameTakenError):
        await world.person(twin)
    assert await world.person("ida")


async def test_of_two_twins_created_at_once_one_is_refused(world: FakeService) -> None:
    results = await asyncio.gather(world.person("ada"), world.person("аdа"), return_exceptions=True)  # noqa: RUF001
    assert {type(result) for result in results} == {Principal, UsernameTakenError}
