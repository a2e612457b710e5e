"""Passwords, hashed with Argon2id (RFC 9106)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

AT_ONCE = 2
"""Hashes computed at a time; each holds 64 MiB, and a flood of sign-ins must not take all memory."""

T = TypeVar("T")


class Argon2PasswordHasher:
    """Hashes and checks passwords in a few threads; who comes when they are busy waits.

    Args:
        parameters: cost in time and memory; by default the second recommendation of RFC 9106,
            section 4: 3 passes over 64 MiB in 4 lanes.
        at_once: hashes computed at a time.
    """

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY, at_once: int = AT_ONCE) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._threads = ThreadPoolExecutor(at_once, "argon2")

    async def hash(self, password: str) -> str:
        """An Argon2id hash in PHC format, with a salt of its own."""
        return await self._run(lambda: self._hasher.hash(_encode(password)))

    async def verify(self, password_hash: str, password: str) -> bool:
        """Whether they belong together; never so for something that is no hash."""
        return await self._run(lambda: self._matches(password_hash, password))

    async def verify_nothing(self) -> None:
        """Compute a hash for nobody: that is what takes the time of `verify`."""
        await self.hash("")

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _encode(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _encode(password: str) -> bytes:
    # JSON can bring half a surrogate pair, which is a strange password and no reason to fail.
    return password.encode("utf-8", "surrogatepass")
