"""Contract of identity providers: the fake, and the adapter against a server on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.clock import FakeClock
from fakes.sign_on import AUDIENCE_ERROR, EXPIRED_ERROR, SKEW_ERROR, FakeIdentityProvider
from framecloak.adapters.oidc.provider import OidcConfig, OidcProvider
from framecloak.domain.accounts.sign_on.identity_provider import (
    Attempt,
    ExternalIdentity,
    IdentityProvider,
)
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
    running_identity_server,
    visit,
)

REDIRECT = "http://framecloak.test/api/auth/oidc/callback"
ATTEMPT = Attempt("state-1", "nonce-1", "v" * 43, REDIRECT)
ADA = ExternalIdentity("", "1234", "ada", "Ada L.", frozenset({"staff", "admins"}))


class Realm(Protocol):
    """A provider with the user Ada, and the steps that happen at it."""

    provider: IdentityProvider

    async def sign_in(self, url: str) -> str:
        """Sign Ada in and return the code of the answer."""
        ...

    def token(self, kind: str) -> str:
        """Return an access token: good, of another audience, expired, early or forged."""
        ...

    def stop(self) -> None:
        """Make the provider unreachable."""
        ...


@dataclass
class FakeRealm:
    provider: FakeIdentityProvider

    async def sign_in(self, url: str) -> str:
        return self.provider.sign_in(url, ADA)["code"]

    def token(self, kind: str) -> str:
        if kind == "forged":
            return "identity-provider.forged"
        errors = {"audience": AUDIENCE_ERROR, "expired": EXPIRED_ERROR, "early": SKEW_ERROR}
        return self.provider.issue(ADA, errors.get(kind))

    def stop(self) -> None:
        self.provider.is_reachable = False


@dataclass
class RealRealm:
    provider: OidcProvider
    server: IdentityServer
    clock: FakeClock

    async def sign_in(self, url: str) -> str:
        location = await visit(url)
        return parse_qs(urlsplit(location).query)["code"][0]

    def token(self, kind: str) -> str:
        now = int(self.clock.now().timestamp())
        match kind:
            case "audience":
                return self.server.access_token("another-api")
            case "expired":
                return self.server.access_token(iat=now - 600, exp=now - 61)
            case "early":
                return self.server.access_token(iat=now + 61, exp=now + 600)
            case "forged":
                head, _, signature = self.server.access_token().rpartition(".")
                return f"{head}.{signature[::-1]}"
            case _:
                return self.server.access_token()

    def stop(self) -> None:
        # A port where nothing listens.
        config = OidcConfig("http://127.0.0.1:1", CLIENT_ID, CLIENT_SECRET, audience=AUDIENCE)
        self.provider = OidcProvider(config, self.clock)


@pytest.fixture(params=["fake", "oidc"])
def realm(request: pytest.FixtureRequest) -> Iterator[Realm]:
    if request.param == "fake":
        yield FakeRealm(FakeIdentityProvider())
        return
    clock = FakeClock()
    user = {"sub": ADA.subject, "preferred_username": "ada", "name": "Ada L.", "groups": ["staff", "admins"]}
    with running_identity_server(clock=clock.now, user=user) as server:
        config = OidcConfig(server.issuer, CLIENT_ID, CLIENT_SECRET, audience=AUDIENCE)
        yield RealRealm(OidcProvider(config, clock), server, clock)


def is_ada(identity: ExternalIdentity, provider: IdentityProvider) -> bool:
    return (identity.issuer, identity.subject, identity.groups) == (
        provider.issuer,
        ADA.subject,
        ADA.groups,
    ) and (identity.username, identity.display_name) == (ADA.username, ADA.display_name)


async def test_a_user_signs_in_with_a_code_that_is_valid_once(realm: Realm) -> None:
    code = await realm.sign_in(await realm.provider.authorization_url(ATTEMPT))
    signed_on = await realm.provider.redeem(code, ATTEMPT)
    assert is_ada(signed_on.identity, realm.provider)
    assert signed_on.id_token
    with pytest.raises(SignOnExpiredError):
        await realm.provider.redeem(code, ATTEMPT)


async def test_a_code_is_worth_nothing_to_another_browser(realm: Realm) -> None:
    code = await realm.sign_in(await realm.provider.authorization_url(ATTEMPT))
    with pytest.raises(SignOnExpiredError):
        await realm.provider.redeem(code, Attempt("state-1", "nonce-1", "w" * 43, REDIRECT))
    with pytest.raises(SignOnExpiredError):
        await realm.provider.redeem("an invented code", ATTEMPT)


async def test_access_tokens_name_their_user(realm: Realm) -> None:
    token = realm.token("good")
    assert realm.provider.has_issued(token)
    assert is_ada(await realm.provider.identity_of(token), realm.provider)
    assert not realm.provider.has_issued("no token")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("audience", IdentityAudienceError),
        ("expired", SignOnExpiredError),
        ("early", ClockSkewError),
        ("forged", IdentityTokenError),
    ],
)
async def test_other_access_tokens_are_refused(realm: Realm, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await realm.provider.identity_of(realm.token(kind))


async def test_the_session_at_the_provider_ends_at_an_address(realm: Realm) -> None:
    url = await realm.provider.end_session_url("the-token", "http://framecloak.test/")
    assert url is not None
    asked = parse_qs(urlsplit(url).query)
    assert asked["id_token_hint"] == ["the-token"]
    assert asked["post_logout_redirect_uri"] == ["http://framecloak.test/"]


async def test_an_unreachable_provider_is_reported(realm: Realm) -> None:
    realm.stop()
    with pytest.raises(IdentityProviderUnavailableError):
        await realm.provider.authorization_url(ATTEMPT)
    with pytest.raises(IdentityProviderUnavailableError):
        await realm.provider.redeem("code", ATTEMPT)
