"""Single sign-on on fakes: attempts, roles, names and concurrent first sign-ins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.clock import NOON
from fakes.sign_on import FakeIdentityProvider
from framecloak.domain.accounts.passwords import MAX_FAILURES_PER_ADDRESS, TooManySignInsError
from framecloak.domain.accounts.sign_on.attempts import ATTEMPT_TTL, Attempts
from framecloak.domain.accounts.sign_on.group_roles import GroupRoles
from framecloak.domain.accounts.sign_on.identity_provider import ExternalIdentity
from framecloak.domain.accounts.sign_on.service import Answer, SignOnPolicy, SignOnService
from framecloak.domain.errors import (
    ForbiddenError,
    IdentityProviderUnavailableError,
    NoLocalPasswordError,
    NotAdmittedError,
    SignOnExpiredError,
    SignOnStateError,
)
from framecloak.domain.model.accounts import Means, Principal, Role
from support.use_cases import PASSWORD, FakeService

POLICY = SignOnPolicy("Clinic", "https://framecloak.test/back", "https://framecloak.test/", key=b"k" * 32)
ADA = ExternalIdentity("", "1234", "ada", "Ada L.")
ADDRESS = "192.0.2.1"
texts = st.text(max_size=200)


@pytest.fixture
def provider() -> FakeIdentityProvider:
    return FakeIdentityProvider()


@pytest.fixture
def world(tmp_path: Path, provider: FakeIdentityProvider) -> FakeService:
    return FakeService(tmp_path, identity_provider=provider, sign_on=POLICY)


@pytest.fixture
def sign_on(world: FakeService) -> SignOnService:
    assert world.use_cases.sign_on is not None
    return world.use_cases.sign_on


async def answered(
    sign_on: SignOnService, provider: FakeIdentityProvider, identity: ExternalIdentity = ADA
) -> tuple[Answer, str]:
    """Return the provider's answer and the secret of the browser."""
    url, secret = await sign_on.begin()
    fields = provider.sign_in(url, identity)
    return Answer(fields["state"], fields["code"]), secret


@given(secret=texts, state=texts)
def test_nothing_that_a_browser_invents_is_an_attempt(secret: str, state: str) -> None:
    with pytest.raises((SignOnStateError, SignOnExpiredError)):
        Attempts(b"k" * 32, "https://framecloak.test/back").resume(secret, state, NOON)


def test_the_values_of_an_attempt_reveal_neither_each_other_nor_the_secret() -> None:
    attempts = Attempts(b"k" * 32, "https://framecloak.test/back")
    secret, attempt = attempts.begin("random", NOON)
    values = {attempt.state, attempt.nonce, attempt.code_verifier}
    assert len(values) == 3
    assert all("random" not in value and 43 <= len(value) <= 128 for value in values)
    assert attempts.resume(secret, attempt.state, NOON) == attempt
    assert attempts.begin("another", NOON)[1] != attempt
    assert Attempts(b"l" * 32, "https://framecloak.test/back").begin("random", NOON)[1] != attempt
    # Another time in the cookie does not make an old attempt young.
    late = NOON + ATTEMPT_TTL + timedelta(seconds=1)
    with pytest.raises(SignOnExpiredError):
        attempts.resume(secret, attempt.state, late)
    with pytest.raises(SignOnStateError):
        attempts.resume(f"{int(late.timestamp())}.random", attempt.state, late)


@given(
    roles=st.dictionaries(st.sampled_from(["a", "b", "c", "*"]), st.sampled_from(Role)),
    groups=st.frozensets(st.sampled_from(["a", "b", "c", "d"])),
)
def test_the_highest_role_of_the_groups_counts(roles: dict[str, Role], groups: frozenset[str]) -> None:
    found = {role for group, role in roles.items() if group in {*groups, "*"}}
    if not roles:
        assert GroupRoles(roles).role_of(groups) is None
    elif not found:
        with pytest.raises(NotAdmittedError):
            GroupRoles(roles).role_of(groups)
    else:
        assert GroupRoles(roles).role_of(groups) is (Role.ADMIN if Role.ADMIN in found else Role.USER)


def test_a_group_called_like_the_placeholder_is_not_everybody() -> None:
    assert GroupRoles({"*": Role.USER, "admins": Role.ADMIN}).role_of(frozenset({"*"})) is Role.USER


async def test_concurrent_first_sign_ins_make_one_account(
    world: FakeService, sign_on: SignOnService, provider: FakeIdentityProvider
) -> None:
    answers = [await answered(sign_on, provider) for _ in range(5)]
    sessions = await asyncio.gather(*(sign_on.finish(*each, ADDRESS) for each in answers))
    assert len({session.user.id for session in sessions}) == 1
    assert len(world.fake_database.tables.users) == 1


@pytest.mark.parametrize("name", ["", "  ", "\u202eada", "a" * 151, "\ud800", "\0"])
async def test_names_that_are_not_allowed_are_replaced(
    sign_on: SignOnService, provider: FakeIdentityProvider, name: str
) -> None:
    identity = replace(ADA, username=name, display_name=name)
    user = (await sign_on.finish(*await answered(sign_on, provider, identity), ADDRESS)).user
    assert user.username.startswith("user-")
    assert user.display_name is None or len(user.display_name) <= 100


async def test_a_sign_in_ends_the_previous_session_of_the_browser(
    world: FakeService, sign_on: SignOnService, provider: FakeIdentityProvider
) -> None:
    first = await sign_on.finish(*await answered(sign_on, provider), ADDRESS)
    await sign_on.finish(*await answered(sign_on, provider), ADDRESS, first.secret)
    assert len(world.fake_database.tables.sessions) == 1


async def test_outages_do_not_count_as_failures(
    sign_on: SignOnService, provider: FakeIdentityProvider
) -> None:
    for _ in range(MAX_FAILURES_PER_ADDRESS + 1):
        answer = await answered(sign_on, provider)
        provider.is_reachable = False
        with pytest.raises(IdentityProviderUnavailableError):
            await sign_on.finish(*answer, ADDRESS)
        provider.is_reachable = True
    await sign_on.finish(*await answered(sign_on, provider), ADDRESS)
    for _ in range(MAX_FAILURES_PER_ADDRESS):
        with pytest.raises(SignOnStateError):
            await sign_on.finish(Answer("x", "y"), None, ADDRESS)
    with pytest.raises(TooManySignInsError):
        await sign_on.finish(*await answered(sign_on, provider), ADDRESS)


async def test_a_long_id_token_and_an_outage_do_not_prevent_sign_out(
    sign_on: SignOnService, provider: FakeIdentityProvider
) -> None:
    identity = replace(ADA, subject="s" * 5000)
    session = await sign_on.finish(*await answered(sign_on, provider, identity), ADDRESS)
    url = await sign_on.end_session_url(session.secret)
    assert url is not None
    assert "sss" not in url
    provider.is_reachable = False
    assert await sign_on.end_session_url(session.secret) is None
    assert await sign_on.end_session_url("unknown") is None


async def test_only_administrators_link_identities(world: FakeService, sign_on: SignOnService) -> None:
    ada, bob = await world.person("ada"), await world.person("bob")
    with pytest.raises(ForbiddenError):
        await sign_on.link(ada, bob.user_id, "1234")
    with pytest.raises(ForbiddenError):
        await sign_on.unlink(ada, bob.user_id)


async def test_the_operator_sets_a_password_in_an_emergency(
    world: FakeService, sign_on: SignOnService, provider: FakeIdentityProvider
) -> None:
    user = (await sign_on.finish(*await answered(sign_on, provider), ADDRESS)).user
    root = await world.person("root", Role.ADMIN)
    with pytest.raises(NoLocalPasswordError):
        await world.administration.change_user(root, user.id, password=PASSWORD)
    operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
    await world.administration.change_user(operator, user.id, password=PASSWORD)
    session = await world.identity.sign_in("ada", PASSWORD, ADDRESS)
    assert session.user.id == user.id
    # The identity stays linked.
    assert (await sign_on.finish(*await answered(sign_on, provider), ADDRESS)).user.id == user.id


async def test_the_last_administrator_loses_the_role_with_the_group(
    tmp_path: Path, provider: FakeIdentityProvider
) -> None:
    roles = GroupRoles({"admins": Role.ADMIN, "*": Role.USER})
    world = FakeService(tmp_path, identity_provider=provider, sign_on=replace(POLICY, group_roles=roles))
    sign_on = world.use_cases.sign_on
    assert sign_on is not None
    for groups, role in ((frozenset({"admins"}), Role.ADMIN), (None, Role.USER)):
        identity = replace(ADA, groups=groups)
        session = await sign_on.finish(*await answered(sign_on, provider, identity), ADDRESS)
        assert session.user.role is role
