"""JSON Web Tokens (RFC 7519) for API clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import jwt

from framecloak.domain.errors import NotAuthenticatedError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.security import RefreshToken, TokenPair, TokenSubject

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=7)

_ALGORITHM = "HS256"
_ISSUER = "framecloak"
_AUDIENCE = "framecloak-api"
_ACCESS_TYPE = "access"
_REFRESH_TYPE = "refresh"
_GENERATION_CLAIM = "gen"
"""Private claim with the account's token generation; changing the account invalidates older generations."""
_LATEST_EXPIRY = 253_402_300_799
"""End of the year 9999, the last that a time can express."""

_REQUIRED_CLAIMS = ["aud", "exp", _GENERATION_CLAIM, "iat", "iss", "jti", "sub", "typ"]


class JwtIssuer:
    """Issuer and verifier of tokens signed with HMAC-SHA256.

    The claim ``typ`` distinguishes access from refresh tokens, so one is never accepted as the other.

    Args:
        key: at least 32 secret bytes, derived from the installation's secret for this purpose only.
        clock: current time (UTC).
        access_lifetime: lifetime of access tokens.
        refresh_lifetime: lifetime of refresh tokens.
    """

    def __init__(
        self,
        key: bytes,
        clock: Clock,
        access_lifetime: timedelta = ACCESS_LIFETIME,
        refresh_lifetime: timedelta = REFRESH_LIFETIME,
    ) -> None:
        self._key = key
        self._clock = clock
        self._access_lifetime = access_lifetime
        self._refresh_lifetime = refresh_lifetime

    def issue(self, user_id: int, generation: int) -> TokenPair:
        """Issue an access and a refresh token for an account and its token generation."""
        subject = TokenSubject(user_id, generation)
        return TokenPair(
            self._sign(subject, _ACCESS_TYPE, self._access_lifetime),
            self._sign(subject, _REFRESH_TYPE, self._refresh_lifetime),
            int(self._access_lifetime.total_seconds()),
        )

    def verify_access(self, token: str) -> TokenSubject:
        """Verify an access token and return its subject.

        Raises:
            NotAuthenticatedError: the token is altered, expired, of another kind or of another installation.
        """
        return _subject(self._verify(token, _ACCESS_TYPE))

    def verify_refresh(self, token: str) -> RefreshToken:
        """Verify a refresh token and return its id, subject and expiry.

        Raises:
            NotAuthenticatedError: as for ``verify_access``.
        """
        claims = self._verify(token, _REFRESH_TYPE)
        return RefreshToken(claims["jti"], _subject(claims), datetime.fromtimestamp(claims["exp"], UTC))

    def _sign(self, subject: TokenSubject, kind: str, lifetime: timedelta) -> str:
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(subject.user_id),
            "typ": kind,
            _GENERATION_CLAIM: subject.generation,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": token_hex(16),
        }
        return jwt.encode(claims, self._key, _ALGORITHM)

    def _verify(self, token: str, kind: str) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                # The library would use the system clock instead of the injected one.
                options={"require": _REQUIRED_CLAIMS, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, UnicodeError) as error:
            raise _invalid_token() from error
        generation = claims[_GENERATION_CLAIM]
        if claims["typ"] != kind or type(generation) is not int or type(claims["exp"]) is not int:
            raise _invalid_token()
        if not (claims["sub"].isascii() and claims["sub"].isdecimal()) or type(claims["jti"]) is not str:
            raise _invalid_token()
        if not self._clock.now().timestamp() < claims["exp"] <= _LATEST_EXPIRY:
            raise NotAuthenticatedError("the token has expired", "get a new one, or sign in again")
        return claims


def _subject(claims: Mapping[str, Any]) -> TokenSubject:
    return TokenSubject(int(claims["sub"]), claims[_GENERATION_CLAIM])


def _invalid_token() -> NotAuthenticatedError:
    return NotAuthenticatedError("the token is not valid here", "sign in again")
