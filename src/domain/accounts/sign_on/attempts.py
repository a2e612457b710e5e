"""Sign-ins that were begun, which the browser itself keeps in a cookie until the provider answers."""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256

from framecloak.domain.accounts.sign_on.identity_provider import Attempt
from framecloak.domain.errors import SignOnExpiredError, SignOnStateError

ATTEMPT_TTL = timedelta(minutes=10)
"""Time for a sign-in at the provider."""

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Tolerated difference between the clocks of two API processes."""

MAX_SECRET_LENGTH = 200
_SECRET = re.compile(r"([0-9]{1,12})\.([\x21-\x7e]+)")


class Attempts:
    """Derivation of the values of an attempt from a secret that only the browser keeps.

    State, nonce and code verifier are keyed digests of the secret. None of them reveals it or another one,
    and nothing is stored for callers that never return.

    Args:
        key: at least 32 secret bytes, used for this purpose only.
        redirect_uri: address to which the provider sends browsers back.
    """

    def __init__(self, key: bytes, redirect_uri: str) -> None:
        self._key = key
        self._redirect_uri = redirect_uri

    def begin(self, random_secret: str, now: datetime) -> tuple[str, Attempt]:
        """Return the secret for the browser's cookie, and the attempt."""
        secret = f"{int(now.timestamp())}.{random_secret}"
        return secret, self._derive(secret)

    def resume(self, secret: str | None, state: str, now: datetime) -> Attempt:
        """Return the attempt that an answer with this state belongs to.

        Args:
            secret: value of the browser's cookie; None if it sent none.
            state: state in the answer of the provider.
            now: current time (UTC).

        Raises:
            SignOnStateError: the answer does not belong to an attempt of this browser.
            SignOnExpiredError: the attempt is too old.
        """
        match = _SECRET.fullmatch(secret) if secret and len(secret) <= MAX_SECRET_LENGTH else None
        if secret is None or match is None:
            raise _foreign_answer()
        attempt = self._derive(secret)
        if not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "surrogatepass")):
            raise _foreign_answer()
        age_seconds = now.timestamp() - int(match[1])
        if not -MAX_CLOCK_DIFFERENCE.total_seconds() <= age_seconds <= ATTEMPT_TTL.total_seconds():
            raise SignOnExpiredError("the sign-in took too long", "sign in again")
        return attempt

    def _derive(self, secret: str) -> Attempt:
        def value(purpose: str) -> str:
            digest = hmac.digest(self._key, f"{purpose}:{secret}".encode(), sha256)
            return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

        return Attempt(value("state"), value("nonce"), value("code verifier"), self._redirect_uri)


def _foreign_answer() -> SignOnStateError:
    return SignOnStateError(
        "the answer of the identity provider does not belong to a sign-in of this browser",
        "sign in again, in one window only and with cookies allowed",
    )
