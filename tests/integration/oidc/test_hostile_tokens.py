"""Forged, stolen and foreign tokens, and keys that change."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fakes.clock import FakeClock
from framecloak.adapters.oidc.documents import MAX_AGE_SECONDS, MIN_REFETCH_SECONDS, TTL_SECONDS
from framecloak.adapters.oidc.provider import OidcConfig, OidcProvider
from framecloak.domain.accounts.sign_on.identity_provider import Attempt, SignedOn
from framecloak.domain.errors import (
    ClockSkewError,
    IdentityAudienceError,
    IdentityProviderUnavailableError,
    IdentityTokenError,
    SignOnExpiredError,
)
from support.servers.identity_provider import (
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityServer,
    SigningKey,
    running_identity_server,
    visit,
)

ATTEMPT = Attempt("state-1", "nonce-1", "v" * 43, "http://framecloak.test/api/auth/oidc/callback")
REMOVED = "removed"


@dataclass
class Stopwatch:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Client:
    """A client of the provider, with clocks that tests advance."""

    server: IdentityServer
    clock: FakeClock
    stopwatch: Stopwatch
    provider: OidcProvider

    async def sign_in(self) -> SignedOn:
        located = await visit(await self.provider.authorization_url(ATTEMPT))
        code = parse_qs(urlsplit(located).query)["code"][0]
        return await self.provider.redeem(code, ATTEMPT)

    async def subject_of(self, token: str) -> str:
        return (await self.provider.identity_of(token)).subject

    def fetched(self, path: str = "/jwks") -> int:
        return self.server.calls.count(path)


@pytest.fixture
def client() -> Iterator[Client]:
    clock, stopwatch = FakeClock(), Stopwatch()
    with running_identity_server(clock=clock.now) as server:
        config = OidcConfig(server.issuer, CLIENT_ID, CLIENT_SECRET, audience=AUDIENCE)
        provider = OidcProvider(config, clock, monotonic_clock=stopwatch)
        yield Client(server, clock, stopwatch, provider)


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def nested() -> str:
    """Return JSON that is nested too deeply, as a part of a token."""
    return base64.urlsafe_b64encode(b"[" * 9000).decode()


def public_pem(key: SigningKey) -> bytes:
    private: Any = key.private
    pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def unsigned(server: IdentityServer, algorithm: str) -> str:
    claims = server.claims(AUDIENCE, sub="1234")
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'first'})}.{encoded(claims)}."


def signed_with_the_public_key(server: IdentityServer, algorithm: str) -> str:
    head = encoded({"alg": algorithm, "typ": "JWT", "kid": "first"})
    message = f"{head}.{encoded(server.claims(AUDIENCE, sub='1234'))}".encode()
    hmac_algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hmac_algorithm.sign(message, public_pem(server.keys[0]))
    return f"{message.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_its_own_key(server: IdentityServer) -> str:
    foreign = SigningKey("foreign")
    claims = server.claims(AUDIENCE, sub="1234")
    private: Any = foreign.private
    return jwt.encode(claims, private, "RS256", headers={"kid": "first", "jwk": foreign.public_jwk()})


FORGERIES: dict[str, Callable[[IdentityServer], str]] = {
    "none": lambda server: unsigned(server, "none"),
    "None": lambda server: unsigned(server, "None"),
    "no signature": lambda server: unsigned(server, "RS256"),
    "HS256 with the public key": lambda server: signed_with_the_public_key(server, "HS256"),
    "RS256 by name, HS256 by key": lambda server: signed_with_the_public_key(server, "RS256"),
    "its own key in the header": with_its_own_key,
    "RS512": lambda server: jwt.encode(
        server.claims(AUDIENCE, sub="1"), _private(server), "RS512", headers={"kid": "first"}
    ),
    "an extension that must be understood": lambda server: server.keys[0].sign(
        server.claims(AUDIENCE, sub="1"), crit="exp"
    ),
    "another issuer": lambda server: server.access_token(iss="https://evil.test"),
    "no subject": lambda server: server.access_token(sub=None),
    "an empty subject": lambda server: server.access_token(sub=""),
    "a long subject": lambda server: server.access_token(sub="x" * 256),
    "a number for a subject": lambda server: server.access_token(sub=1234),
    "no expiry": lambda server: server.access_token(exp=None),
    "an endless expiry": lambda server: server.access_token(exp=float("inf")),
    "a word for an expiry": lambda server: server.access_token(exp="tomorrow"),
    "true for a time of issue": lambda server: server.access_token(iat=True),
    "no time of issue": lambda server: server.access_token(iat=None),
    "an ID token": lambda server: server.keys[0].sign(
        server.claims([CLIENT_ID, AUDIENCE], sub="1234", nonce="nonce-1")
    ),
    "an ID token of Keycloak": lambda server: server.access_token(typ="ID"),
    "a refresh token": lambda server: server.access_token(typ="Refresh"),
    "a logout token": lambda server: server.keys[0].sign(
        server.claims(AUDIENCE, sub="1234"), typ="logout+jwt"
    ),
    "bound to a key": lambda server: server.access_token(cnf={"jkt": "x"}),
    "no token": lambda _: "x.y.z",
    "text": lambda _: "a token, \u00e4 \ud83d",
    "nested header": lambda _: f"{nested()}.{encoded({})}.",
    "nested claims": lambda _: f"{encoded({'alg': 'RS256'})}.{nested()}.",
    "long": lambda server: server.access_token(more="x" * 40_000),
}


def _private(server: IdentityServer) -> Any:  # noqa: ANN401 - keys of several types
    return server.keys[0].private


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_tokens_are_refused(client: Client, name: str) -> None:
    assert await client.subject_of(client.server.access_token()) == "1234"
    with pytest.raises(IdentityTokenError):
        await client.subject_of(FORGERIES[name](client.server))
    assert client.provider.has_issued(FORGERIES[name](client.server)) in {True, False}


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_each_accepted_algorithm_works_with_its_own_kind_of_key_only(
    client: Client, algorithm: str
) -> None:
    client.server.keys = [SigningKey("only", algorithm)]
    assert await client.subject_of(client.server.access_token()) == "1234"
    other = "ES256" if algorithm != "ES256" else "RS256"
    disguised = SigningKey("other", other)
    token = disguised.sign(client.server.claims(AUDIENCE, sub="1234"), kid="only")
    with pytest.raises(IdentityTokenError):
        await client.subject_of(token)


async def test_tokens_of_other_clients_are_refused(client: Client) -> None:
    for audience in ("another-api", ["another-api", "account"], [], {"name": AUDIENCE}, None):
        with pytest.raises(IdentityAudienceError):
            await client.subject_of(client.server.access_token(aud=audience))
    assert await client.subject_of(client.server.access_token(["account", AUDIENCE])) == "1234"


async def test_no_access_token_is_accepted_without_an_audience(client: Client) -> None:
    config = OidcConfig(client.server.issuer, CLIENT_ID, CLIENT_SECRET)
    for audience in ("", CLIENT_ID, AUDIENCE):
        with pytest.raises(IdentityAudienceError):
            await OidcProvider(config, client.clock).identity_of(client.server.access_token(audience))


async def test_times_are_compared_with_a_leeway(client: Client) -> None:
    now = int(client.clock.now().timestamp())
    for claims in ({"exp": now - 59}, {"iat": now + 60}, {"nbf": now + 60}):
        assert await client.subject_of(client.server.access_token(**claims)) == "1234"
    with pytest.raises(SignOnExpiredError):
        await client.subject_of(client.server.access_token(exp=now - 60))
    for early in ({"iat": now + 61}, {"nbf": now + 61}):
        with pytest.raises(ClockSkewError, match=r"61 s"):
            await client.subject_of(client.server.access_token(**early))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": "of another sign-in"}, IdentityTokenError),
        ({"nonce": REMOVED}, IdentityTokenError),
        ({"nonce": 7}, IdentityTokenError),
        ({"iss": "https://evil.test"}, IdentityTokenError),
        ({"aud": "another-client", "azp": "another-client"}, IdentityAudienceError),
        ({"azp": "another-client"}, IdentityAudienceError),
        ({"aud": [CLIENT_ID, "another-client"], "azp": REMOVED}, IdentityAudienceError),
        ({"sub": REMOVED}, IdentityTokenError),
        ({"exp": 1}, ClockSkewError),
        ({"iat": 1 << 40, "exp": 1 << 41}, ClockSkewError),
    ],
)
async def test_wrong_id_tokens_are_refused(
    client: Client, changes: dict[str, object], error: type[Exception]
) -> None:
    assert (await client.sign_in()).identity.subject == "1234"
    client.server.alter = lambda claims: {
        name: value for name, value in (claims | changes).items() if value != REMOVED
    }
    with pytest.raises(error):
        await client.sign_in()


async def test_an_id_token_of_unpublished_keys_is_refused(client: Client) -> None:
    client.server.signer = SigningKey("stolen domain")
    with pytest.raises(IdentityTokenError):
        await client.sign_in()


async def test_keys_rotate(client: Client) -> None:
    first = client.server.access_token()
    assert await client.subject_of(first) == "1234"
    client.server.keys.insert(0, SigningKey("second"))
    client.stopwatch.seconds += MIN_REFETCH_SECONDS
    assert await client.subject_of(client.server.access_token()) == "1234"
    assert await client.subject_of(first) == "1234"
    # A withdrawn key is forgotten when the set is fetched again.
    client.server.keys.pop()
    client.stopwatch.seconds += TTL_SECONDS
    with pytest.raises(IdentityTokenError):
        await client.subject_of(first)


async def test_invented_keys_do_not_make_the_set_be_fetched_again_and_again(client: Client) -> None:
    assert await client.subject_of(client.server.access_token()) == "1234"
    assert client.fetched() == 1
    for number in range(5):
        token = SigningKey("x").sign(client.server.claims(AUDIENCE, sub="1"), kid=f"invented {number}")
        with pytest.raises(IdentityTokenError):
            await client.subject_of(token)
    assert client.fetched() == 1
    client.stopwatch.seconds += MIN_REFETCH_SECONDS
    with pytest.raises(IdentityTokenError):
        await client.subject_of(token)
    assert client.fetched() == 2


async def test_a_token_without_a_key_id_needs_a_single_key(client: Client) -> None:
    private: Any = client.server.keys[0].private
    token = jwt.encode(client.server.claims(AUDIENCE, sub="1234"), private, "RS256")
    assert await client.subject_of(token) == "1234"
    client.server.keys.append(SigningKey("second"))
    client.stopwatch.seconds += TTL_SECONDS
    with pytest.raises(IdentityTokenError):
        await client.subject_of(token)


async def test_keys_are_used_for_a_day_while_the_provider_is_away(client: Client) -> None:
    token = client.server.access_token(exp=int((client.clock.now() + timedelta(days=3)).timestamp()))
    assert await client.subject_of(token) == "1234"
    client.server.is_away = True
    client.stopwatch.seconds += TTL_SECONDS
    assert await client.subject_of(token) == "1234"
    client.stopwatch.seconds += MAX_AGE_SECONDS
    with pytest.raises(IdentityProviderUnavailableError):
        await client.subject_of(token)
    client.server.is_away = False
    client.stopwatch.seconds += MIN_REFETCH_SECONDS
    assert await client.subject_of(token) == "1234"


async def test_short_and_unfit_keys_are_not_used(client: Client) -> None:
    short: Any = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the test
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(short.public_key(), as_dict=True)
    claims = client.server.claims(AUDIENCE, sub="1234")
    client.server.further_keys = [
        {**jwk, "kid": "short"},
        {**SigningKey("enc").public_jwk(), "use": "enc"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        "no key",
    ]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weak = jwt.encode(claims, short, "RS256", headers={"kid": "short"})
    tokens = [
        weak,
        SigningKey("enc").sign(claims),
        SigningKey("first").sign(claims, kid="broken"),
        SigningKey("first").sign(claims, kid="shared"),
    ]
    for token in tokens:
        with pytest.raises(IdentityTokenError):
            await client.subject_of(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.test"},
        {"issuer": None},
        {"token_endpoint": "http://identity.test/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
    ],
)
async def test_a_wrong_configuration_is_refused(client: Client, changes: dict[str, object]) -> None:
    client.server.discovery = changes
    with pytest.raises(IdentityProviderUnavailableError):
        await client.provider.authorization_url(ATTEMPT)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"text"', b"", b"[" * 100_000, b" " * (1024**2 + 1)])
async def test_other_answers_than_a_json_object_are_refused(client: Client, body: bytes) -> None:
    client.server.raw_answer = body
    with pytest.raises(IdentityProviderUnavailableError):
        await client.provider.authorization_url(ATTEMPT)


async def test_a_refused_client_is_told_to_the_operator_only(client: Client) -> None:
    config = OidcConfig(client.server.issuer, CLIENT_ID, "another secret", audience=AUDIENCE)
    wrong = Client(client.server, client.clock, client.stopwatch, OidcProvider(config, client.clock))
    with pytest.raises(IdentityProviderUnavailableError, match="invalid_client") as caught:
        await wrong.sign_in()
    assert "client" not in str(caught.value.user_message())


async def test_the_secret_is_posted_where_the_provider_wants_that(client: Client) -> None:
    client.server.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    client.server.accepts_basic = False
    assert (await client.sign_in()).identity.subject == "1234"


@pytest.mark.parametrize(
    ("claim", "claims", "groups"),
    [
        ("groups", {"groups": ["a", 7, "b"]}, {"a", "b"}),
        ("groups", {"groups": "a"}, {"a"}),
        ("groups", {"groups": {"a": 1}}, set()),
        ("groups", {}, None),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, {"a"}),
        ("https://clinic.test/groups", {"https://clinic.test/groups": ["a"]}, {"a"}),
    ],
)
async def test_groups_are_read_from_their_claim(
    client: Client, claim: str, claims: dict[str, object], groups: set[str] | None
) -> None:
    config = OidcConfig(client.server.issuer, CLIENT_ID, CLIENT_SECRET, groups_claim=claim, audience=AUDIENCE)
    client.server.user = {"sub": "1234"}
    identity = await OidcProvider(config, client.clock).identity_of(client.server.access_token(**claims))
    assert identity.groups == groups
