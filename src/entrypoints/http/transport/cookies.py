"""Cookies of sessions and of sign-ins at the identity provider."""

from __future__ import annotations

from litestar.datastructures import Cookie

from framecloak.domain.accounts.secrets import NewSession
from framecloak.domain.accounts.sign_on.attempts import ATTEMPT_TTL
from framecloak.entrypoints.http.config import HttpConfig


def session_cookies(config: HttpConfig, signed_in: NewSession, token: str) -> list[Cookie]:
    """Return the cookies of a new session: its secret, which scripts cannot read, and its CSRF token."""
    seconds = int(config.session_ttl.total_seconds())
    session = _cookie(config, config.session_cookie_name, signed_in.secret, seconds, httponly=True)
    return [session, _cookie(config, config.csrf_cookie, token, seconds)]


def expired_session_cookies(config: HttpConfig) -> list[Cookie]:
    """Return cookies that remove those of a session."""
    return [_cookie(config, name, "", 0) for name in (config.session_cookie_name, config.csrf_cookie)]


def sign_on_cookie(config: HttpConfig, secret: str) -> Cookie:
    """Return the cookie that keeps the secret of a sign-in; an empty secret removes it."""
    seconds = int(ATTEMPT_TTL.total_seconds()) if secret else 0
    return _cookie(config, config.sign_on_cookie_name, secret, seconds, httponly=True)


def _cookie(config: HttpConfig, name: str, value: str, seconds: int, *, httponly: bool = False) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=seconds,
        path="/",
        secure=config.secure,
        # Sent when the identity provider sends the browser back, and not with requests of other sites.
        samesite="lax",
        httponly=httponly,
    )
