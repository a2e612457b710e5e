"""What a password has to be, and whether it is the right one."""

from __future__ import annotations

from datetime import timedelta

from framecloak.domain.accounts.model import User
from framecloak.domain.errors import InvalidCredentialsError, TooManyAttemptsError, WeakPasswordError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import AttemptLimiter, PasswordHasher

SHORTEST_PASSWORD = 12
"""Characters; NIST SP 800-63B asks for length instead of composition rules."""

LONGEST_PASSWORD = 1024
"""Characters; hashing must not be made expensive by what is sent."""

LOGIN_WINDOW = timedelta(minutes=5)
"""The time that failures are counted in."""

LOGIN_ATTEMPTS = 10
"""Failures allowed for one name from one address; a success clears them."""

LOGIN_ATTEMPTS_OF_ADDRESS = 30
"""Failures allowed from one address, which may be that of a whole office."""

LOGIN_ATTEMPTS_OF_NAME = 100
"""Failures allowed for one name: few enough to make guessing from many addresses hopeless, and so many
that keeping somebody out takes more than a few of them."""


class TooManySignInsError(TooManyAttemptsError):
    """A sign-in that has to wait.

    Args:
        limit: failures allowed in ``LOGIN_WINDOW``.
        retry_after: seconds until the next try is welcome.
    """

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__("too many attempts to sign in", "wait a while", retry_after)
        self.limit = limit


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
            TooManySignInsError: too many failures of this name, from this address, or of both together.
        """
        name = username.strip().casefold()[:150]
        pair = f"login:pair:{address} {name}"
        by_address, by_name = f"login:address:{address}", f"login:name:{name}"
        await self._count(
            # First, so that an address that has to wait does not get ever more names remembered.
            (by_address, LOGIN_ATTEMPTS_OF_ADDRESS),
            (pair, LOGIN_ATTEMPTS),
            (by_name, LOGIN_ATTEMPTS_OF_NAME),
        )
        user = await self._matching(username, password, address)
        await self._limiter.forget(pair)
        for key in (by_address, by_name):
            await self._limiter.give_back(key)
        return user

    async def _count(self, *limits: tuple[str, int]) -> None:
        """Count a try as a failure before it is looked at: of many at once no more are than may."""
        counted: list[str] = []
        for key, limit in limits:
            wait = await self._limiter.hit(key, limit, LOGIN_WINDOW)
            if wait:
                # It guessed nothing. Above all, who has to wait must not use up what others have.
                for earlier in counted:
                    await self._limiter.give_back(earlier)
                raise TooManySignInsError(limit, wait)
            counted.append(key)

    async def _matching(self, username: str, password: str, address: str) -> User:
        async with self._database.unit_of_work() as work:
            user = await work.users.by_name(username.strip())
        if user is None or len(password) > LONGEST_PASSWORD:
            await self._hasher.verify_nothing()
            await self._record_refusal(user, address)
            raise wrong_credentials()
        matches = await self._hasher.verify(user.password_hash, password)
        if user.disabled or not matches:
            await self._record_refusal(user, address)
            raise wrong_credentials()
        return user

    async def _record_refusal(self, user: User | None, address: str) -> None:
        """Record that somebody could not sign in.

        A name that is nobody's is not recorded: people type passwords into the wrong field.
        """
        async with self._database.unit_of_work() as work:
            subject = f"user:{user.id}" if user else "user:unknown"
            await work.audit.add(None, "session.refuse", subject, {"address": address})
            await work.commit()


def wrong_credentials() -> InvalidCredentialsError:
    """The same words whatever is wrong, so that nobody learns which names there are."""
    return InvalidCredentialsError("user name or password is wrong", "check both")
