"""An identity provider in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from framecloak.domain.accounts.sign_on.identity_provider import Attempt, ExternalIdentity, SignedOn
from framecloak.domain.errors import (
    ClockSkewError,
    DomainError,
    IdentityAudienceError,
    IdentityProviderUnavailableError,
    IdentityTokenError,
    SignOnExpiredError,
)

ISSUER = "https://identity.test"
_PREFIX = "identity-provider."


@dataclass
class FakeIdentityProvider:
    """Signs users in whom tests name.

    Attributes:
        issuer: identifier of the provider.
        is_reachable: False if it does not answer.
        ends_sessions: whether it has an address that ends sessions.
        codes: identity and code verifier by unused code.
        access_tokens: identity or error by access token.
    """

    issuer: str = ISSUER
    is_reachable: bool = True
    ends_sessions: bool = True
    codes: dict[str, tuple[ExternalIdentity, str]] = field(default_factory=dict)
    access_tokens: dict[str, ExternalIdentity | DomainError] = field(default_factory=dict)
    _issued: int = 0

    def sign_in(self, url: str, identity: ExternalIdentity) -> dict[str, str]:
        """Sign a user in at an address of `authorization_url`, and return the fields of the answer."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self._issued += 1
        code = f"code-{self._issued}"
        self.codes[code] = replace(identity, issuer=self.issuer), asked["code_challenge"]
        return {"code": code, "state": asked["state"]}

    def issue(self, identity: ExternalIdentity, error: DomainError | None = None) -> str:
        """Return an access token, which is refused if an error is given."""
        self._issued += 1
        token = f"{_PREFIX}{self._issued}"
        self.access_tokens[token] = error or replace(identity, issuer=self.issuer)
        return token

    def has_issued(self, token: str) -> bool:
        return token.startswith(_PREFIX)

    async def authorization_url(self, attempt: Attempt) -> str:
        self._answer()
        # Readable in a fake; a real provider gets the hash of the verifier.
        fields = {"state": attempt.state, "nonce": attempt.nonce, "code_challenge": attempt.code_verifier}
        return f"{self.issuer}/authorize?{urlencode(fields)}"

    async def redeem(self, code: str, attempt: Attempt) -> SignedOn:
        self._answer()
        identity, verifier = self.codes.pop(code, (None, ""))
        if identity is None or verifier != attempt.code_verifier:
            raise SignOnExpiredError("the code is too old, or was used before", "sign in again")
        return SignedOn(identity, f"id-token-of-{identity.subject}")

    async def identity_of(self, access_token: str) -> ExternalIdentity:
        self._answer()
        found = self.access_tokens.get(access_token)
        if isinstance(found, DomainError):
            raise found
        if found is None:
            raise IdentityTokenError("the token is not valid", "sign in again")
        return found

    async def end_session_url(self, id_token: str, return_to: str) -> str | None:
        self._answer()
        if not self.ends_sessions:
            return None
        fields = {"id_token_hint": id_token, "post_logout_redirect_uri": return_to}
        return f"{self.issuer}/end?{urlencode(fields)}"

    def _answer(self) -> None:
        if not self.is_reachable:
            raise IdentityProviderUnavailableError("the identity provider does not answer", "try again")


AUDIENCE_ERROR = IdentityAudienceError("the token was issued for another application", "get another")
EXPIRED_ERROR = SignOnExpiredError("the token has expired", "get a new one")
SKEW_ERROR = ClockSkewError("the token is not valid yet", "synchronise both clocks")
