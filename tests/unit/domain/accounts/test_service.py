"""Authentication: signing in, tokens and API keys."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from framecloak.domain.accounts.passwords import (
    LOGIN_WINDOW,
    MAX_FAILURES_PER_ADDRESS,
    MAX_FAILURES_PER_NAME,
    MAX_FAILURES_PER_NAME_AND_ADDRESS,
)
from framecloak.domain.errors import (
    ApiKeyNotFoundError,
    InvalidCredentialsError,
    InvalidOptionError,
    NotAuthenticatedError,
    QueueUnavailableError,
    TooManyAttemptsError,
)
from framecloak.domain.model.accounts import Means, Role
from framecloak.domain.ports.security import TokenPair
from support.use_cases import PASSWORD, FakeService, digest


async def test_a_browser_signs_in_is_authenticated_and_signs_out(world: FakeService) -> None:
    anna = await world.person("Anna")
    signed_in = await world.identity.sign_in(" anna ", PASSWORD, "10.0.0.1")
    assert await world.identity.authenticate_session(signed_in.secret) == anna
    assert digest(signed_in.secret) in world.fake_database.tables.sessions
    await world.identity.sign_out(signed_in.secret)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(signed_in.secret)


async def test_a_session_expires(world: FakeService) -> None:
    await world.person("anna")
    signed_in = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    world.clock.advance(timedelta(hours=12, seconds=1))
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(signed_in.secret)


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("anna", "x" * 2000)]
)
async def test_wrong_credentials_have_the_same_error_message(
    world: FakeService, name: str, password: str
) -> None:
    await world.person("anna")
    with pytest.raises(InvalidCredentialsError, match="user name or password is wrong"):
        await world.identity.sign_in(name, password, "10.0.0.1")


@pytest.mark.parametrize(("name", "password"), [("nobody", PASSWORD), ("anna", "x" * 2000)])
async def test_sign_ins_that_need_no_verification_take_as_long(
    world: FakeService, name: str, password: str
) -> None:
    await world.person("anna")
    with pytest.raises(InvalidCredentialsError):
        await world.identity.sign_in(name, password, "10.0.0.1")
    assert world.hasher.dummy_verifications == 1


async def fail(world: FakeService, name: str, address: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        await world.identity.sign_in(name, "wrong", address)


@pytest.mark.parametrize("name", ["anna", "nobody"])
async def test_after_too_many_failures_even_the_right_password_has_to_wait(
    world: FakeService, name: str
) -> None:
    await world.person("anna")
    for _ in range(MAX_FAILURES_PER_NAME_AND_ADDRESS):
        await fail(world, name, "10.0.0.1")
    with pytest.raises(TooManyAttemptsError) as refused:
        await world.identity.sign_in(name.upper(), PASSWORD, "10.0.0.1")
    assert 0 < refused.value.retry_after <= LOGIN_WINDOW.total_seconds()
    world.clock.advance(LOGIN_WINDOW)
    assert await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")


async def test_failures_from_one_address_do_not_lock_the_name_for_others(world: FakeService) -> None:
    await world.person("anna")
    for _ in range(MAX_FAILURES_PER_NAME_AND_ADDRESS):
        await fail(world, "anna", "10.0.0.1")
    # Not even after many more attempts: refused ones do not count for the name.
    for _ in range(MAX_FAILURES_PER_NAME):
        with pytest.raises(TooManyAttemptsError):
            await world.identity.sign_in("anna", "wrong", "10.0.0.1")
    assert await world.identity.sign_in("anna", PASSWORD, "10.0.0.2")


@pytest.mark.parametrize("name", ["anna", "nobody"])
async def test_guessing_from_many_addresses_is_stopped(world: FakeService, name: str) -> None:
    await world.person("anna")
    for attempt in range(MAX_FAILURES_PER_NAME):
        await fail(world, name, f"10.0.{attempt}.1")
    with pytest.raises(TooManyAttemptsError):
        await world.identity.sign_in(name, PASSWORD, "10.1.0.1")


async def test_no_more_concurrent_guesses_than_allowed_are_verified(world: FakeService) -> None:
    await world.person("anna")
    tries = [world.identity.sign_in("anna", "wrong", "10.0.0.1") for _ in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert (
        sum(isinstance(result, InvalidCredentialsError) for result in results)
        == MAX_FAILURES_PER_NAME_AND_ADDRESS
    )
    assert (
        sum(isinstance(result, TooManyAttemptsError) for result in results)
        == 50 - MAX_FAILURES_PER_NAME_AND_ADDRESS
    )


async def test_a_success_resets_the_failures_of_its_name_and_address(world: FakeService) -> None:
    await world.person("anna")
    for _ in range(3):
        for _ in range(MAX_FAILURES_PER_NAME_AND_ADDRESS - 1):
            await fail(world, "anna", "10.0.0.1")
        assert await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")


async def test_successful_sign_ins_are_unlimited(world: FakeService) -> None:
    for number in range(2):
        await world.person(f"name{number}")
    for attempt in range(MAX_FAILURES_PER_NAME * 2):
        assert await world.identity.sign_in(f"name{attempt % 2}", PASSWORD, "10.0.0.1")


async def test_a_blocked_address_does_not_lock_out_other_addresses(world: FakeService) -> None:
    await world.person("anna")
    for attempt in range(MAX_FAILURES_PER_ADDRESS):
        await fail(world, f"name{attempt}", "10.0.0.1")
    for _ in range(MAX_FAILURES_PER_NAME):
        with pytest.raises(TooManyAttemptsError):
            await world.identity.sign_in("anna", "wrong", "10.0.0.1")
    assert await world.identity.sign_in("anna", PASSWORD, "10.0.0.2")


async def test_refused_attempts_for_a_blocked_name_do_not_count_for_the_address(world: FakeService) -> None:
    await world.person("anna")
    for _ in range(MAX_FAILURES_PER_NAME_AND_ADDRESS):
        await fail(world, "ben", "10.0.0.1")
    for _ in range(MAX_FAILURES_PER_ADDRESS):
        with pytest.raises(TooManyAttemptsError):
            await world.identity.sign_in("ben", "wrong", "10.0.0.1")
    assert await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")


async def test_sign_in_fails_when_attempts_cannot_be_counted(world: FakeService) -> None:
    await world.person("anna")
    world.limiter.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    assert world.fake_database.tables.sessions == {}


async def test_one_address_cannot_try_many_names(world: FakeService) -> None:
    for attempt in range(MAX_FAILURES_PER_ADDRESS):
        await fail(world, f"name{attempt}", "10.0.0.1")
    with pytest.raises(TooManyAttemptsError):
        await world.identity.sign_in("another", "wrong", "10.0.0.1")


async def test_a_disabled_account_is_refused_immediately_by_every_method(world: FakeService) -> None:
    boss = await world.person("boss", Role.ADMIN)
    anna = await world.person("anna")
    signed_in = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    _, key = await world.api_keys.create(anna, "script")
    await world.administration.change_user(boss, anna.user_id, disabled=True)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(signed_in.secret)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_access_token(pair.access)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens(pair.refresh)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_api_key(key)
    with pytest.raises(InvalidCredentialsError, match="user name or password is wrong"):
        await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    await world.administration.change_user(boss, anna.user_id, disabled=False)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_session(signed_in.secret)


async def test_a_changed_role_takes_effect_immediately(world: FakeService) -> None:
    boss, anna = await world.person("boss", Role.ADMIN), await world.person("anna")
    _, key = await world.api_keys.create(anna, "script")
    await world.administration.change_user(boss, anna.user_id, role=Role.ADMIN)
    assert (await world.identity.authenticate_api_key(key)).is_admin


async def test_expired_tokens_and_tokens_of_unknown_accounts_are_refused(world: FakeService) -> None:
    await world.person("anna")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    world.tokens.expired = {pair.access, pair.refresh}
    for token in (pair.access, "access.999.0.1"):
        with pytest.raises(NotAuthenticatedError):
            await world.identity.authenticate_access_token(token)
    for token in (pair.refresh, "refresh.999.0.1"):
        with pytest.raises(NotAuthenticatedError):
            await world.identity.refresh_tokens(token)


async def test_tokens_are_exchanged_and_kinds_are_not_confused(world: FakeService) -> None:
    anna = await world.person("anna")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    principal = await world.identity.authenticate_access_token(pair.access)
    assert (principal.user_id, principal.auth_method) == (anna.user_id, Means.JWT)
    assert (await world.identity.refresh_tokens(pair.refresh)).access != pair.access
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_access_token(pair.refresh)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens(pair.access)


async def test_a_reused_refresh_token_revokes_all_tokens_of_the_account(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    first, other = [await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1") for _ in range(2)]
    bens = await world.identity.issue_tokens("ben", PASSWORD, "10.0.0.1")
    browser = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    renewed = await world.identity.refresh_tokens(first.refresh)
    with pytest.raises(NotAuthenticatedError, match="used before"):
        await world.identity.refresh_tokens(first.refresh)
    for access in (first.access, renewed.access, other.access):
        with pytest.raises(NotAuthenticatedError):
            await world.identity.authenticate_access_token(access)
    for refresh in (first.refresh, renewed.refresh, other.refresh):
        with pytest.raises(NotAuthenticatedError, match="no longer valid"):
            await world.identity.refresh_tokens(refresh)
    assert await world.identity.authenticate_session(browser.secret) == anna
    assert (await world.identity.authenticate_access_token(bens.access)).user_id == ben.user_id
    assert [entry.action for entry in world.fake_database.tables.audit.values()].count("token.reuse") == 1
    assert first.refresh not in repr(world.fake_database.tables)
    # After signing in again, reuse of the old token no longer revokes the new ones.
    fresh = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens(first.refresh)
    assert await world.identity.refresh_tokens(fresh.refresh)


async def test_one_of_many_concurrent_refreshes_gets_tokens(world: FakeService) -> None:
    await world.person("anna")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    tries = [world.identity.refresh_tokens(pair.refresh) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, TokenPair) for result in results) == 1
    assert sum(isinstance(result, NotAuthenticatedError) for result in results) == 19


async def test_an_api_key_is_shown_once_and_stored_as_a_digest(world: FakeService) -> None:
    anna = await world.person("anna")
    key, secret = await world.api_keys.create(anna, " nightly ")
    assert (key.name, key.digest) == ("nightly", digest(secret))
    assert secret.startswith(key.prefix)
    assert secret not in repr(world.fake_database.tables)
    assert (await world.identity.authenticate_api_key(secret)).user_id == anna.user_id
    (listed,) = await world.api_keys.list(anna)
    assert listed.last_used_at == world.clock.now().replace(second=0, microsecond=0)


async def test_the_use_of_a_key_is_recorded_once_a_minute(world: FakeService) -> None:
    anna = await world.person("anna")
    _, secret = await world.api_keys.create(anna, "script")
    before = world.fake_database.commits
    for seconds in (0, 20, 20, 20):
        world.clock.advance(timedelta(seconds=seconds))
        assert (await world.identity.authenticate_api_key(secret)).auth_method is Means.API_KEY
    assert world.fake_database.commits == before + 2


async def test_users_list_their_own_keys_newest_first(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    for person, name in ((anna, "one"), (ben, "other"), (anna, "two")):
        await world.api_keys.create(person, name)
    assert [key.name for key in await world.api_keys.list(anna)] == ["two", "one"]
    assert [key.name for key in await world.api_keys.list(ben)] == ["other"]


async def test_revoked_expired_and_unknown_keys_are_refused(world: FakeService) -> None:
    anna = await world.person("anna")
    revoked, secret = await world.api_keys.create(anna, "one")
    await world.api_keys.revoke(anna, revoked.id)
    _, short = await world.api_keys.create(anna, "two", world.clock.now() + timedelta(hours=1))
    world.clock.advance(timedelta(hours=2))
    for bad in (secret, short, "fck_made-up"):
        with pytest.raises(NotAuthenticatedError):
            await world.identity.authenticate_api_key(bad)


async def test_only_the_owner_revokes_a_key(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    key, secret = await world.api_keys.create(anna, "one")
    with pytest.raises(ApiKeyNotFoundError):
        await world.api_keys.revoke(ben, key.id)
    with pytest.raises(ApiKeyNotFoundError):
        await world.api_keys.revoke(anna, 999)
    assert await world.identity.authenticate_api_key(secret)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
async def test_a_key_needs_a_name(world: FakeService, name: str) -> None:
    anna = await world.person("anna")
    with pytest.raises(InvalidOptionError):
        await world.api_keys.create(anna, name)


async def test_a_key_that_would_have_expired_already_is_refused(world: FakeService) -> None:
    anna = await world.person("anna")
    with pytest.raises(InvalidOptionError):
        await world.api_keys.create(anna, "one", world.clock.now())


async def test_signing_out_everywhere_keeps_only_api_keys(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    browsers = [await world.identity.sign_in(name, PASSWORD, "10.0.0.1") for name in ("anna", "anna", "ben")]
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    _, key = await world.api_keys.create(anna, "script")
    await world.identity.sign_out_everywhere(anna)
    for browser in browsers[:2]:
        with pytest.raises(NotAuthenticatedError):
            await world.identity.authenticate_session(browser.secret)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_access_token(pair.access)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.refresh_tokens(pair.refresh)
    assert (await world.identity.authenticate_api_key(key)).user_id == anna.user_id
    assert await world.identity.authenticate_session(browsers[2].secret) == ben
    assert await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
