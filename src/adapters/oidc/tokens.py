"""Verification of JSON Web Tokens of the identity provider."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.types import Options

from framecloak.adapters.oidc.documents import CachedDocument
from framecloak.adapters.oidc.http import JsonObject
from framecloak.domain.errors import (
    ClockSkewError,
    IdentityAudienceError,
    IdentityTokenError,
    SignOnExpiredError,
)
from framecloak.domain.ports.clock import Clock

KEY_TYPES: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""Key type by accepted algorithm. Neither `none` nor a symmetric algorithm is among them: with those, anybody
who knows a public key could sign."""

MAX_TOKEN_LENGTH = 32 * 1024
MIN_RSA_BITS = 2048
MAX_SUBJECT_LENGTH = 255

Claims = Mapping[str, Any]

_MALFORMED = (jwt.PyJWTError, UnicodeError, ValueError)
"""Errors of the library for malformed tokens."""


class ProviderKeys:
    """Keys with which the identity provider signs tokens.

    Args:
        document: JSON Web Key Set of the provider.
    """

    def __init__(self, document: CachedDocument) -> None:
        self._document = document

    async def find(self, key_id: object, algorithm: str) -> jwt.PyJWK:
        """Return the key of a token; an unknown one makes the set be fetched again, in bounds.

        Args:
            key_id: key id in the header of the token; None if there is none.
            algorithm: algorithm of the token, one of ``KEY_TYPES``.

        Raises:
            IdentityTokenError: the provider has no such key.
            IdentityProviderUnavailableError: the keys cannot be fetched.
        """
        found = _matching(await self._document.get(), key_id, algorithm)
        if found is None:
            found = _matching(await self._document.renewed(), key_id, algorithm)
        if found is None:
            raise IdentityTokenError(
                "the token is signed with a key that the identity provider does not publish", "sign in again"
            )
        return found


def _matching(key_set: JsonObject, key_id: object, algorithm: str) -> jwt.PyJWK | None:
    entries = key_set.get("keys")
    usable = [
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
        and entry.get("kty") == KEY_TYPES[algorithm]
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and (key_id is None or entry.get("kid") == key_id)
    ]
    # Without a key id, only a single key is beyond doubt.
    if len(usable) != 1:
        return None
    try:
        key = jwt.PyJWK(usable[0], algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
        return None
    return key


class TokenVerifier:
    """Verifier of tokens of one issuer.

    Args:
        issuer: identifier of the provider.
        find_key: returns the key of a key id and an algorithm.
        clock: current time (UTC).
        leeway: tolerated difference between the clocks.
    """

    def __init__(
        self,
        issuer: str,
        find_key: Callable[[object, str], Awaitable[jwt.PyJWK]],
        clock: Clock,
        leeway: timedelta,
    ) -> None:
        self._issuer = issuer
        self._find_key = find_key
        self._clock = clock
        self._leeway = leeway.total_seconds()

    async def header_and_claims(self, token: str, audience: str) -> tuple[Claims, Claims]:
        """Return the header and the claims of a token with a valid signature, issuer, audience and time.

        Raises:
            IdentityTokenError: the token is forged, malformed or of another issuer.
            IdentityAudienceError: the token was issued for another application.
            SignOnExpiredError: the token has expired.
            ClockSkewError: the token is not valid yet.
            IdentityProviderUnavailableError: the keys cannot be fetched.
        """
        header, claims = await self._signed(token)
        if claims.get("iss") != self._issuer:
            raise _invalid("it is of another issuer")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or "\0" in subject:
            raise _invalid("it names no subject")
        audiences = claims.get("aud")
        named = [audiences] if isinstance(audiences, str) else audiences
        if not isinstance(named, list) or audience not in named:
            raise IdentityAudienceError(
                "the token was issued for another application",
                f"get a token whose audience is {audience}",
            )
        self._require_current(claims)
        return header, claims

    def _require_current(self, claims: Claims) -> None:
        now = self._clock.now().timestamp()
        expires_at, issued_at = _number(claims.get("exp")), _number(claims.get("iat"))
        if expires_at is None or issued_at is None:
            raise _invalid("it names no time of issue or expiry")
        valid_from = issued_at
        if "nbf" in claims:
            not_before = _number(claims["nbf"])
            if not_before is None:
                raise _invalid("it names no valid time")
            valid_from = max(valid_from, not_before)
        if valid_from > now + self._leeway:
            raise ClockSkewError(
                f"the token is valid in {math.ceil(valid_from - now)} s only: the clocks of the identity"
                " provider and of this installation differ",
                "synchronise both clocks (NTP)",
            )
        if expires_at + self._leeway <= now:
            raise SignOnExpiredError("the token of the identity provider has expired", "get a new one")

    async def _signed(self, token: str) -> tuple[Claims, Claims]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise _invalid("it is too long")
        try:
            header: Claims = jwt.get_unverified_header(token)
        except _MALFORMED as error:
            raise _invalid("it is no JSON Web Token") from error
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
            raise _invalid("its algorithm is not accepted")
        if "crit" in header:
            raise _invalid("it requires an extension")
        key = await self._find_key(header.get("kid"), algorithm)
        try:
            claims: Claims = jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
        except _MALFORMED as error:
            raise _invalid("its signature is wrong") from error
        return header, claims


_SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""The claims are checked here: the library would use the system clock, and one error for everything."""


def issuer_of(token: str) -> object:
    """Return the issuer that a token names, without any verification; None if it names none."""
    try:
        claims: Claims = jwt.decode(token[: MAX_TOKEN_LENGTH + 1], options={"verify_signature": False})
    except _MALFORMED:
        return None
    return claims.get("iss")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _invalid(reason: str) -> IdentityTokenError:
    return IdentityTokenError(f"the token of the identity provider is not valid: {reason}", "sign in again")
