"""Secrets of sessions, API keys and download links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from framecloak.domain.model.accounts import User


@dataclass(frozen=True, slots=True)
class SecretFactory:
    """Generator of random secrets.

    Attributes:
        new: returns a new secret of 256 random bits with the given prefix.
        digest: returns the digest that is stored instead of a secret.
    """

    new: Callable[[str], str]
    digest: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new browser session.

    Attributes:
        secret: value of the session cookie; shown only once.
        user: account that signed in.
        expires_at: UTC.
    """

    secret: str = field(repr=False)
    user: User
    expires_at: datetime
