"""Contract of password hashers and token issuers, with their fakes, and tests of installation secrets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import jwt
import pytest
from argon2.profiles import CHEAPEST

from fakes.clock import NOON, FakeClock
from fakes.security import FakePasswordHasher, FakeTokenIssuer
from framecloak.adapters.security.passwords import Argon2PasswordHasher
from framecloak.adapters.security.secrets import InstallationSecret, derive_key, new_secret, secret_digest
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.domain.errors import InvalidSettingError, NotAuthenticatedError
from framecloak.domain.ports.security import PasswordHasher, TokenIssuer, TokenSubject

KEY = bytes(range(32))
CLAIMS: dict[str, str | int] = {
    "iss": "framecloak",
    "aud": "framecloak-api",
    "typ": "access",
    "sub": "7",
    "jti": "1",
    "gen": 0,
}


@pytest.fixture(params=["fake", "argon2"])
def hasher(request: pytest.FixtureRequest) -> PasswordHasher:
    return FakePasswordHasher() if request.param == "fake" else Argon2PasswordHasher(CHEAPEST)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> JwtIssuer:
    return JwtIssuer(KEY, clock)


@pytest.fixture(params=["fake", "jwt"])
def any_issuer(request: pytest.FixtureRequest, issuer: JwtIssuer) -> TokenIssuer:
    return FakeTokenIssuer() if request.param == "fake" else issuer


@pytest.mark.parametrize(
    "password", ["correct horse", "", "пароль", "x" * 5000, "\ud83d half a pair", "a\0b"]
)
async def test_a_password_matches_only_its_own_hash(hasher: PasswordHasher, password: str) -> None:
    hashed = await hasher.hash(password)
    assert await hasher.verify(hashed, password)
    assert not await hasher.verify(hashed, password + "x")
    assert not await hasher.verify(await hasher.hash("another"), password)


@pytest.mark.parametrize("broken", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$AAAA", "$2b$12$abc"])
async def test_a_malformed_hash_matches_no_password(hasher: PasswordHasher, broken: str) -> None:
    assert not await hasher.verify(broken, "")
    assert not await hasher.verify(broken, broken)
    await hasher.verify_dummy()


async def test_hashes_are_salted_argon2id_with_the_parameters_of_rfc_9106() -> None:
    hasher = Argon2PasswordHasher()
    first, second = await asyncio.gather(hasher.hash("same"), hasher.hash("same"))
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await hasher.verify(first, "same")


async def test_many_sign_ins_are_processed_in_two_threads() -> None:
    hasher = Argon2PasswordHasher(CHEAPEST, max_concurrent=2)
    hashed = await hasher.hash("secret")
    answers = await asyncio.gather(*(hasher.verify(hashed, "secret") for _ in range(200)))
    assert all(answers)
    assert len(hasher._threads._threads) == 2


def test_tokens_identify_their_user(any_issuer: TokenIssuer) -> None:
    pair = any_issuer.issue(42, 7)
    assert any_issuer.verify_access(pair.access) == TokenSubject(42, 7)
    assert any_issuer.verify_refresh(pair.refresh).subject == TokenSubject(42, 7)
    assert pair.expires_in == 900
    assert any_issuer.issue(42, 7).access != pair.access


def test_refresh_tokens_have_an_id_and_an_expiry(any_issuer: TokenIssuer) -> None:
    first, second = [any_issuer.verify_refresh(any_issuer.issue(42, 7).refresh) for _ in range(2)]
    assert first.id != second.id
    assert first.expires_at == NOON + timedelta(days=7)


def test_access_and_refresh_tokens_are_not_interchangeable(any_issuer: TokenIssuer) -> None:
    pair = any_issuer.issue(42, 0)
    with pytest.raises(NotAuthenticatedError):
        any_issuer.verify_access(pair.refresh)
    with pytest.raises(NotAuthenticatedError):
        any_issuer.verify_refresh(pair.access)


NESTED = base64.urlsafe_b64encode(b"[" * 9000).decode()
"""JSON that is nested more deeply than parsers recurse, as a part of a token."""


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "ä.ö.ü", "..", "." * 5000, "\ud800", "Bearer x", "e30.e30.e30", f"{NESTED}.e30.e30"],
)
def test_a_malformed_token_is_refused(any_issuer: TokenIssuer, token: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        any_issuer.verify_access(token)


def test_tokens_expire(issuer: JwtIssuer, clock: FakeClock) -> None:
    pair = issuer.issue(1, 0)
    clock.advance(timedelta(minutes=15) - timedelta(seconds=1))
    assert issuer.verify_access(pair.access).user_id == 1
    clock.advance(timedelta(seconds=1))
    with pytest.raises(NotAuthenticatedError, match="expired"):
        issuer.verify_access(pair.access)
    clock.advance(timedelta(days=7) - timedelta(minutes=15, seconds=1))
    assert issuer.verify_refresh(pair.refresh).subject.user_id == 1
    clock.advance(timedelta(seconds=1))
    with pytest.raises(NotAuthenticatedError, match="expired"):
        issuer.verify_refresh(pair.refresh)


def test_tokens_of_another_installation_are_refused(issuer: JwtIssuer, clock: FakeClock) -> None:
    foreign = JwtIssuer(bytes(32), clock).issue(1, 0)
    with pytest.raises(NotAuthenticatedError):
        issuer.verify_access(foreign.access)


def test_an_altered_token_is_refused(issuer: JwtIssuer) -> None:
    header, payload, signature = issuer.issue(7, 0).access.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = "1"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for token in (f"{header}.{forged}.{signature}", f"{header}.{payload}.", f"{header}.{payload}.AAAA"):
        with pytest.raises(NotAuthenticatedError):
            issuer.verify_access(token)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_only_one_algorithm_is_accepted(issuer: JwtIssuer, clock: FakeClock, algorithm: str) -> None:
    now = int(clock.now().timestamp())
    key = None if algorithm == "none" else KEY * 2
    token = jwt.encode(CLAIMS | {"iat": now, "exp": now + 60}, key, algorithm)
    same_key = JwtIssuer(KEY * 2, clock)
    for verifier in (issuer, same_key):
        with pytest.raises(NotAuthenticatedError):
            verifier.verify_access(token)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iss": "another"},
        {"aud": "something"},
        {"typ": "refresh"},
        {"sub": "-1"},
        {"sub": "seven"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": "4102444800"},
        {"exp": 4102444800.5},
        {"exp": [4102444800]},
        {"exp": 10**30},
        {"exp": True},
        {"jti": 7},
        {"jti": None},
        {"typ": None},
        {"sub": None},
        {"gen": None},
        {"gen": "0"},
        {"gen": True},
    ],
    ids=str,
)
def test_every_claim_is_checked_even_with_a_valid_signature(
    issuer: JwtIssuer, clock: FakeClock, changes: dict[str, object]
) -> None:
    now = int(clock.now().timestamp())
    claims = {**CLAIMS, "iat": now, "exp": now + 60, **changes}
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, "HS256")
    if not changes:
        assert issuer.verify_access(token) == TokenSubject(7, 0)
        return
    with pytest.raises(NotAuthenticatedError):
        issuer.verify_access(token)
    claims["typ"] = "refresh" if claims["typ"] == "access" else claims["typ"]
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, "HS256")
    if changes != {"typ": "refresh"}:
        with pytest.raises(NotAuthenticatedError):
            issuer.verify_refresh(token)


def test_secrets_are_256_bits_and_never_the_same() -> None:
    secrets = {new_secret("fc_") for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(r"fc_[A-Za-z0-9_-]{43}", secret) for secret in secrets)
    assert secret_digest("abc") == hashlib.sha256(b"abc").digest()
    assert secret_digest("\ud800") != secret_digest("?")


def test_keys_are_derived_according_to_rfc_5869() -> None:
    # Appendix A.3: SHA-256 with zero-length salt and info, first 32 bytes.
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert derive_key(b"\x0b" * 22, "").hex() == expected
    assert derive_key(KEY, "tokens") != derive_key(KEY, "addresses")
    assert InstallationSecret(KEY).derive_key("tokens") == derive_key(KEY, "tokens")


def test_the_installation_secret_is_created_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret"
    first = InstallationSecret.from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first.value) == 64
    assert InstallationSecret.from_file(path) == first
    assert list(path.parent.iterdir()) == [path]
    assert first.value.decode() not in repr(first)


def test_processes_that_start_concurrently_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        secrets = list(threads.map(InstallationSecret.from_file, [tmp_path / "secret"] * 32))
    assert len({sha256(secret.value).digest() for secret in secrets}) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "secret"]


def test_a_readable_or_short_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    InstallationSecret.from_file(path)
    path.chmod(0o644)
    with pytest.raises(InvalidSettingError, match="chmod 600"):
        InstallationSecret.from_file(path)
    with pytest.raises(InvalidSettingError, match="has 7 characters"):
        InstallationSecret.from_text(" hunter2\n")
    assert InstallationSecret.from_text("x" * 32 + "\n").value == b"x" * 32
    with pytest.raises(InvalidSettingError, match="cannot read or create"):
        InstallationSecret.from_file(tmp_path)
