"""Readable password hashes and tokens."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from fakes.clock import NOON
from framecloak.domain.errors import NotAuthenticatedError, TextListsLostError
from framecloak.domain.ports.security import RefreshToken, TokenPair, TokenSubject


@dataclass
class FakePasswordHasher:
    """Marks passwords instead of hashing them.

    Attributes:
        dummy_verifications: calls of `verify_dummy`.
    """

    dummy_verifications: int = 0

    async def hash(self, password: str) -> str:
        return f"$fake${password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"$fake${password}"

    async def verify_dummy(self) -> None:
        self.dummy_verifications += 1


@dataclass
class FakeTokenIssuer:
    """Issues readable tokens, ``access.7.0.1`` for the first of user 7 in generation 0.

    Attributes:
        issued: number of token pairs.
        expired: expired tokens.
    """

    issued: int = 0
    expired: set[str] = field(default_factory=set)

    def issue(self, user_id: int, generation: int) -> TokenPair:
        self.issued += 1
        rest = f"{user_id}.{generation}.{self.issued}"
        return TokenPair(f"access.{rest}", f"refresh.{rest}", 900)

    def verify_access(self, token: str) -> TokenSubject:
        return self._verify("access", token)

    def verify_refresh(self, token: str) -> RefreshToken:
        return RefreshToken(token, self._verify("refresh", token), NOON + timedelta(days=7))

    def _verify(self, kind: str, token: str) -> TokenSubject:
        match token.split("."):
            case [found, user_id, generation, _] if found == kind and token not in self.expired:
                return TokenSubject(int(user_id), int(generation))
        raise NotAuthenticatedError("the token is not valid", "sign in again")


@dataclass
class FakeTextListCipher:
    """Marks plaintext with its key and context, so that tests notice a wrong one.

    Attributes:
        key: name of the key.
    """

    key: str = "first"
    _numbers: count[int] = field(default_factory=count)

    def seal(self, context: str, plaintext: bytes) -> bytes:
        return f"{next(self._numbers)}|{self.key}|{context}|".encode() + base64.b64encode(plaintext)

    def open(self, context: str, sealed: bytes) -> bytes:
        _, key, found, value = sealed.split(b"|") if sealed.count(b"|") == 3 else (b"",) * 4
        if (key, found) != (self.key.encode(), context.encode()):
            raise TextListsLostError("the lists were changed, moved, or encrypted with another key", "again")
        return base64.b64decode(value)

    def digest(self, plaintext: bytes) -> bytes:
        return hashlib.sha256(f"{self.key}|".encode() + plaintext).digest()
