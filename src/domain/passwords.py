"""What a password has to be, and whether it is the right one."""

from __future__ import annotations

from datetime import timedelta

from domain.accounts import User
from domain.errors import InvalidCredentialsError, TooManyAttemptsError, WeakPasswordError
from domain.ports.persistence import Database
from domain.ports.services import AttemptLimiter, PasswordHasher

SHORTEST_PASSWORD = 12
"""Characters; NIST SP 800-63B asks for length instead of composition rules."""

LONGEST_PASSWORD = 1024
"""Characters; hashing must not be made expensive by what is sent."""

LOGIN_ATTEMPTS = 10
LOGIN_WINDOW = timedelta(minutes=5)
"""Tries allowed for one name, and for one address, in this time; a success clears those of its name."""


class Passwords:
    """Hashes and checks passwords.

    Args:
        database: where accounts are.
        hasher: keeps passwords.
        limiter: counts tries.
    """

    def __init__(self, database: Database, hasher: PasswordHasher, limiter: AttemptLimiter) -> None:
        self._database = database
        self._hasher = hasher
        self._limiter = limiter

    async def hashed(self, password: str) -> str:
        """What is stored in place of a password.

        Raises:
            WeakPasswordError: it is too short, or too long.
        """
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise WeakPasswordError(
                f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", "choose another"
            )
        return await self._hasher.hash(password)

    async def check(self, username: str, password: str, address: str) -> User:
        """The account that a name and a password belong to, as it was before the password was checked.

        Raises:
            InvalidCredentialsError: they do not belong together, or the account is disabled.
            TooManyAttemptsError: too many tries of this name, or from this address.
        """
        by_name = f"login:name:{username.strip().casefold()[:150]}"
        # The address first: one that has to wait must not use up the tries of ever more names.
        for key in (f"login:address:{address}", by_name):
            wait = await self._limiter.hit(key, LOGIN_ATTEMPTS, LOGIN_WINDOW)
            if wait:
                raise TooManyAttemptsError("too many attempts to sign in", "wait a while", wait)
        async with self._database.unit_of_work() as work:
            user = await work.users.by_name(username.strip())
        if user is None or len(password) > LONGEST_PASSWORD:
            await self._hasher.verify_nothing()
            raise wrong_credentials()
        matches = await self._hasher.verify(user.password_hash, password)
        if user.disabled or not matches:
            raise wrong_credentials()
        await self._limiter.forget(by_name)
        return user


def wrong_credentials() -> InvalidCredentialsError:
    """The same words whatever is wrong, so that nobody learns which names there are."""
    return InvalidCredentialsError("user name or password is wrong", "check both")
