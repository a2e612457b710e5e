"""Password hashing with Argon2id (RFC 9106)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

MAX_CONCURRENT_HASHES = 2
"""Maximum number of concurrent hashes; each uses 64 MiB, and a flood of sign-ins must not exhaust memory."""

T = TypeVar("T")


class Argon2PasswordHasher:
    """Password hasher with a small thread pool; further calls wait while all threads are busy.

    Args:
        parameters: cost in time and memory; by default the second recommendation of RFC 9106,
            section 4: 3 passes over 64 MiB in 4 lanes.
        max_concurrent: maximum number of concurrent hashes.
    """

    def __init__(
        self, parameters: Parameters = RFC_9106_LOW_MEMORY, max_concurrent: int = MAX_CONCURRENT_HASHES
    ) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._threads = ThreadPoolExecutor(max_concurrent, "argon2")

    async def hash(self, password: str) -> str:
        """Return an Argon2id hash in PHC format, with a random salt."""
        return await self._run(lambda: self._hasher.hash(_encode(password)))

    async def verify(self, password_hash: str, password: str) -> bool:
        """Return whether a password matches a hash; False for a malformed hash."""
        return await self._run(lambda: self._matches(password_hash, password))

    async def verify_dummy(self) -> None:
        """Compute and discard a hash, which takes as long as `verify`."""
        await self.hash("")

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _encode(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _encode(password: str) -> bytes:
    # JSON strings may contain half a surrogate pair; such a password must not cause an error.
    return password.encode("utf-8", "surrogatepass")
