"""Names of accounts: none may be taken for that of another account."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from framecloak.domain.errors import InvalidOptionError, UsernameTakenError
from framecloak.domain.ports.database import UnitOfWork

NameSkeletons = Callable[[str], AbstractSet[str]]
"""Returns the skeletons of a name; names that share one look alike."""

MAX_NAME_LENGTH = 150
_PAGE_SIZE = 1000


def require_name(username: str) -> str:
    """Return a name for an account without surrounding spaces.

    Raises:
        InvalidOptionError: the name is not allowed.
    """
    name = username.strip()
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidOptionError(
            f"a user name has 1 to {MAX_NAME_LENGTH} printable characters", "choose another name"
        )
    return name


async def require_unlike_others(work: UnitOfWork, name: str, skeletons_of: NameSkeletons) -> None:
    """Refuse a name that readers would take for that of another account.

    Raises:
        UsernameTakenError: an account has a name that looks like this one.
    """
    # Serialises the creation of accounts, or two that look alike could be created at the same time.
    await work.users.lock_administrators()
    skeletons, offset = skeletons_of(name), 0
    while users := (await work.users.list(_PAGE_SIZE, offset)).items:
        twin = next((user for user in users if skeletons & skeletons_of(user.username)), None)
        if twin:
            raise UsernameTakenError(
                f"the username {name!r} is taken, or looks like that of another account",
                "choose another name",
            )
        offset += len(users)
