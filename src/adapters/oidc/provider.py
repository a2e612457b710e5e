"""An identity provider with OpenID Connect Discovery."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode

from framecloak.adapters.oidc.addresses import is_confidential
from framecloak.adapters.oidc.documents import CachedDocument
from framecloak.adapters.oidc.http import JsonObject, ProviderHttp
from framecloak.adapters.oidc.tokens import Claims, ProviderKeys, TokenVerifier, issuer_of
from framecloak.domain.accounts.sign_on.identity_provider import Attempt, ExternalIdentity, SignedOn
from framecloak.domain.errors import (
    ClockSkewError,
    IdentityAudienceError,
    IdentityProviderUnavailableError,
    IdentityTokenError,
    SignOnExpiredError,
)
from framecloak.domain.ports.clock import Clock

DISCOVERY_PATH = "/.well-known/openid-configuration"

_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
"""Types of access tokens (RFC 9068, section 2.1)."""
_GENERIC_TYPES = frozenset({"", "jwt", "application/jwt"})
_ID_TOKEN_CLAIMS = frozenset({"nonce", "at_hash", "c_hash"})
"""Claims of ID tokens: one of them without a type of access tokens marks an ID token."""


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """Configuration of a client of an identity provider.

    Attributes:
        issuer: identifier of the provider: an https URL, or an http URL of this machine.
        client_id: id of this installation at the provider.
        client_secret: secret of this installation; empty for a public client, which PKCE alone protects.
        scopes: scopes, separated by spaces.
        audience: audience of access tokens; empty if access tokens are not accepted.
        groups_claim: claim with the groups of a user; dots separate the names of nested claims.
        leeway: tolerated difference between the clocks.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: str = "openid profile"
    audience: str = ""
    groups_claim: str = "groups"
    leeway: timedelta = timedelta(seconds=60)


class OidcProvider:
    """Identity provider; see the port.

    Args:
        config: configuration of the client.
        clock: current time (UTC).
        monotonic_clock: monotonic time in seconds.
    """

    def __init__(
        self,
        config: OidcConfig,
        clock: Clock,
        monotonic_clock: Callable[[], float] = monotonic,
    ) -> None:
        self._config = config
        self._http = ProviderHttp()
        self._discovery = CachedDocument(self._discover, monotonic_clock)
        keys = ProviderKeys(CachedDocument(self._fetch_keys, monotonic_clock))
        self._verifier = TokenVerifier(config.issuer, keys.find, clock, config.leeway)

    @property
    def issuer(self) -> str:
        """See the port."""
        return self._config.issuer

    def has_issued(self, token: str) -> bool:
        """See the port."""
        return issuer_of(token) == self._config.issuer

    async def authorization_url(self, attempt: Attempt) -> str:
        """See the port."""
        challenge = sha256(attempt.code_verifier.encode("ascii")).digest()
        return await self._address(
            "authorization_endpoint",
            {
                "response_type": "code",
                "client_id": self._config.client_id,
                "redirect_uri": attempt.redirect_uri,
                "scope": self._config.scopes,
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii"),
                "code_challenge_method": "S256",
            },
        )

    async def redeem(self, code: str, attempt: Attempt) -> SignedOn:
        """See the port."""
        id_token = await self._id_token(code, attempt)
        try:
            _, claims = await self._verifier.header_and_claims(id_token, self._config.client_id)
        except SignOnExpiredError as error:
            raise ClockSkewError(
                "the identity provider sent a token that has expired already: its clock and that of this"
                " installation differ",
                "synchronise both clocks (NTP)",
            ) from error
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(
            nonce.encode("utf-8", "surrogatepass"), attempt.nonce.encode("ascii")
        ):
            raise IdentityTokenError("the ID token belongs to another sign-in", "sign in again")
        self._require_party(claims)
        return SignedOn(self._identity(claims), id_token)

    async def identity_of(self, access_token: str) -> ExternalIdentity:
        """See the port."""
        if not self._config.audience:
            raise IdentityAudienceError(
                "access tokens of the identity provider are not accepted here",
                "the operator of the installation sets OIDC_AUDIENCE, or use an API key",
            )
        header, claims = await self._verifier.header_and_claims(access_token, self._config.audience)
        _require_access_token(header, claims)
        return self._identity(claims)

    async def end_session_url(self, id_token: str, return_to: str) -> str | None:
        """See the port."""
        if not (await self._discovery.get()).get("end_session_endpoint"):
            return None
        fields = {"client_id": self._config.client_id, "post_logout_redirect_uri": return_to}
        return await self._address(
            "end_session_endpoint", {"id_token_hint": id_token, **fields} if id_token else fields
        )

    async def _id_token(self, code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.code_verifier,
        }
        discovery = await self._discovery.get()
        client_id, secret = self._config.client_id, self._config.client_secret
        credentials = None
        methods = discovery.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not secret:
            form["client_id"] = client_id
        elif "client_secret_basic" in methods:
            # RFC 6749, section 2.3.1: both are encoded as in forms first.
            credentials = quote(client_id, safe=""), quote(secret, safe="")
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        status, answer = await self._http.post(_endpoint(discovery, "token_endpoint"), form, credentials)
        if answer.get("error") == "invalid_grant":
            raise SignOnExpiredError(
                "the identity provider did not accept the code: it is too old, or was used before",
                "sign in again",
            )
        id_token = answer.get("id_token")
        if status != 200 or not isinstance(id_token, str):
            raise IdentityProviderUnavailableError(
                f"the token endpoint answered {status} ({str(answer.get('error', 'no ID token'))[:60]})",
                "check OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and the scope openid",
            )
        return id_token

    def _require_party(self, claims: Claims) -> None:
        """Require that this client asked for the ID token (OpenID Connect Core, section 3.1.3.7)."""
        party = claims.get("azp")
        has_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if party != self._config.client_id and (party is not None or has_several):
            raise IdentityAudienceError("the ID token was issued to another application", "sign in again")

    def _identity(self, claims: Claims) -> ExternalIdentity:
        return ExternalIdentity(
            issuer=self._config.issuer,
            subject=claims["sub"],
            username=_first_text(claims, "preferred_username", "email", "name"),
            display_name=_first_text(claims, "name"),
            groups=_groups(claims, self._config.groups_claim),
        )

    async def _address(self, endpoint: str, fields: Mapping[str, str]) -> str:
        url = _endpoint(await self._discovery.get(), endpoint)
        return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"

    async def _discover(self) -> JsonObject:
        document = await self._http.get(self._config.issuer.rstrip("/") + DISCOVERY_PATH)
        if document.get("issuer") != self._config.issuer:
            raise IdentityProviderUnavailableError(
                f"the identity provider names itself {str(document.get('issuer'))[:200]!r}",
                "set OIDC_ISSUER to exactly this",
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _endpoint(document, name)
        return document

    async def _fetch_keys(self) -> JsonObject:
        return await self._http.get(_endpoint(await self._discovery.get(), "jwks_uri"))


def _endpoint(discovery: JsonObject, name: str) -> str:
    url = discovery.get(name)
    if not isinstance(url, str) or not is_confidential(url):
        raise IdentityProviderUnavailableError(
            f"the configuration of the identity provider has no https address {name}", "check OIDC_ISSUER"
        )
    return url


def _require_access_token(header: Claims, claims: Claims) -> None:
    """Refuse ID, refresh and logout tokens, which are signed with the same keys.

    Keycloak names the kind of a token in the claim ``typ``; the header ``typ`` is that of RFC 9068.
    """
    kind = str(header.get("typ", "")).lower()
    is_marked = kind in _ACCESS_TOKEN_TYPES
    is_other = not is_marked and (kind not in _GENERIC_TYPES or bool(_ID_TOKEN_CLAIMS & set(claims)))
    if is_other or claims.get("typ", "Bearer") not in ("Bearer", "at+jwt"):
        raise IdentityTokenError("this is no access token", "send the access token, not the ID token")
    if "cnf" in claims:
        raise IdentityTokenError(
            "the access token is bound to a key of its client", "get a token without DPoP or mutual TLS"
        )


def _first_text(claims: Claims, *names: str) -> str:
    texts = (claims.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def _groups(claims: Claims, name: str) -> frozenset[str] | None:
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return None
    if isinstance(value, str):
        return frozenset({value})
    if not isinstance(value, list):
        return frozenset()
    return frozenset(group for group in value if isinstance(group, str))
