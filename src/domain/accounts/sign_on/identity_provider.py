"""Port: an identity provider, at which users sign in with OpenID Connect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was begun in a browser.

    Attributes:
        state: value that binds the answer of the provider to the browser.
        nonce: value that binds the ID token to this sign-in.
        code_verifier: secret of PKCE (RFC 7636), 43 to 128 characters.
        redirect_uri: address to which the provider sends the browser back.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """A user as the identity provider names it.

    Only issuer and subject identify the user; all other values can change and may belong to several users.

    Attributes:
        issuer: identifier of the provider.
        subject: identifier of the user at the provider; never assigned again.
        username: preferred user name; empty if the provider sends none.
        display_name: name shown to people; empty if the provider sends none.
        groups: groups of the user; None if the token does not say.
    """

    issuer: str
    subject: str
    username: str = ""
    display_name: str = ""
    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Result of a completed sign-in at the provider.

    Attributes:
        identity: user that signed in.
        id_token: verified ID token.
    """

    identity: ExternalIdentity
    id_token: str = field(repr=False)


class IdentityProvider(Protocol):
    """An identity provider with OpenID Connect Discovery.

    Every asynchronous method raises ``IdentityProviderUnavailableError`` if the provider cannot be reached or
    its answer is malformed.
    """

    @property
    def issuer(self) -> str:
        """Identifier of the provider."""
        ...

    def has_issued(self, token: str) -> bool:
        """Return True if a token names this provider as its issuer; nothing of the token is verified."""
        ...

    async def authorization_url(self, attempt: Attempt) -> str:
        """Return the address at which the user of a browser signs in."""
        ...

    async def redeem(self, code: str, attempt: Attempt) -> SignedOn:
        """Exchange the code of an answer for the verified identity. Each code can be exchanged once.

        Raises:
            SignOnExpiredError: the code is unknown, too old, or was exchanged before.
            IdentityTokenError: the ID token is forged, malformed, of another issuer or of another sign-in.
            IdentityAudienceError: the ID token was issued for another application.
            ClockSkewError: by the clock here, the new ID token is not valid yet, or no longer.
        """
        ...

    async def identity_of(self, access_token: str) -> ExternalIdentity:
        """Return the identity of a verified access token.

        Raises:
            IdentityTokenError: the token is forged, malformed, of another issuer, or no access token.
            IdentityAudienceError: the token was issued for another application.
            SignOnExpiredError: the token has expired.
            ClockSkewError: the token is not valid yet.
        """
        ...

    async def end_session_url(self, id_token: str, return_to: str) -> str | None:
        """Return the address that ends the session at the provider; None if the provider has none.

        Args:
            id_token: ID token of the session; empty for none.
            return_to: address to which the provider sends the browser afterwards.
        """
        ...
