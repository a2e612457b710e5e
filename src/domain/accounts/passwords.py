"""Hashing and verification of passwords."""

from __future__ import annotations

from datetime import timedelta

from framecloak.domain.accounts.names import MAX_NAME_LENGTH
from framecloak.domain.errors import (
    InvalidCredentialsError,
    NoLocalPasswordError,
    TooManyAttemptsError,
    WeakPasswordError,
)
from framecloak.domain.model.accounts import User
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.security import PasswordHasher

MIN_PASSWORD_LENGTH = 12
"""Minimum number of characters; NIST SP 800-63B recommends length instead of composition rules."""

MAX_PASSWORD_LENGTH = 1024
"""Maximum number of characters; limits the cost of hashing untrusted input."""

LOGIN_WINDOW = timedelta(minutes=5)
"""Period in which failures are counted."""

MAX_FAILURES_PER_NAME_AND_ADDRESS = 10
"""Failures allowed for one name from one address; a success clears them."""

MAX_FAILURES_PER_ADDRESS = 30
"""Failures allowed from one address, which may be shared by a whole office."""

MAX_FAILURES_PER_NAME = 100
"""Failures allowed for one name: low enough to stop guessing from many addresses, and high enough that
locking out a user takes more than a few addresses."""


class TooManySignInsError(TooManyAttemptsError):
    """Too many failed sign-ins.

    Args:
        limit: failures allowed in ``LOGIN_WINDOW``.
        retry_after: seconds until the next attempt is allowed.
    """

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__("too many sign-in attempts", "try again later", retry_after)
        self.limit = limit


class PasswordService:
    """Password hashing and verification with rate limits.

    Args:
        database: storage of accounts.
        hasher: password hashing.
        limiter: counter of attempts.
    """

    def __init__(self, database: Database, hasher: PasswordHasher, limiter: AttemptLimiter) -> None:
        self._database = database
        self._hasher = hasher
        self._limiter = limiter

    async def hash(self, password: str) -> str:
        """Return the hash that is stored for a password.

        Raises:
            WeakPasswordError: the password is too short or too long.
        """
        if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
            raise WeakPasswordError(
                f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters",
                "choose another password",
            )
        return await self._hasher.hash(password)

    async def check(self, username: str, password: str, address: str) -> User:
        """Return the account with this name and password, as it was before the password was checked.

        Raises:
            InvalidCredentialsError: the user name or the password is wrong, or the account is disabled.
            TooManySignInsError: too many failures of this name, of this address, or of both together.
        """
        name = username.strip().casefold()[:MAX_NAME_LENGTH]
        pair = f"login:pair:{address} {name}"
        by_address, by_name = f"login:address:{address}", f"login:name:{name}"
        await self._count_attempt(
            # First, so that a blocked address cannot create counters for more and more names.
            (by_address, MAX_FAILURES_PER_ADDRESS),
            (pair, MAX_FAILURES_PER_NAME_AND_ADDRESS),
            (by_name, MAX_FAILURES_PER_NAME),
        )
        user = await self._verified_user(username, password, address)
        await self._limiter.reset(pair)
        for key in (by_address, by_name):
            await self._limiter.give_back(key)
        return user

    async def _count_attempt(self, *limits: tuple[str, int]) -> None:
        """Count an attempt as a failure before checking it.

        Concurrent attempts therefore cannot exceed a limit.
        """
        counted: list[str] = []
        for key, limit in limits:
            wait = await self._limiter.hit(key, limit, LOGIN_WINDOW)
            if wait:
                # The attempt was not checked, and a blocked caller must not use up the limits of others.
                for earlier in counted:
                    await self._limiter.give_back(earlier)
                raise TooManySignInsError(limit, wait)
            counted.append(key)

    async def _verified_user(self, username: str, password: str, address: str) -> User:
        async with self._database.unit_of_work() as work:
            user = await work.users.find_by_name(username.strip())
        if user is None or user.password_hash is None or len(password) > MAX_PASSWORD_LENGTH:
            await self._hasher.verify_dummy()
            await self._record_refusal(user, address)
            raise wrong_credentials()
        matches = await self._hasher.verify(user.password_hash, password)
        if user.disabled or not matches:
            await self._record_refusal(user, address)
            raise wrong_credentials()
        return user

    async def _record_refusal(self, user: User | None, address: str) -> None:
        """Record a refused sign-in in the audit log.

        An unknown name is not recorded, because users sometimes type their password into the wrong field.
        """
        async with self._database.unit_of_work() as work:
            subject = f"user:{user.id}" if user else "user:unknown"
            await work.audit.add(None, "session.refuse", subject, {"address": address})
            await work.commit()


def wrong_credentials() -> InvalidCredentialsError:
    """Return the same error whatever is wrong, so that it does not reveal which names exist."""
    return InvalidCredentialsError("user name or password is wrong", "check both")


def no_local_password(username: str) -> NoLocalPasswordError:
    """Return the error for an account without a password of this installation."""
    return NoLocalPasswordError(
        f"{username} signs in at the identity provider and has no password here",
        "change the password at the identity provider",
    )
