"""Use case: remove an account, after what it owns was handed over or deleted."""

from __future__ import annotations

from framecloak.domain.errors import AccountInUseError, InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database


class AccountRemoval:
    """Use case that removes accounts.

    Args:
        database: storage of accounts and of what they own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove(self, principal: Principal, user_id: int, transfer_to: int | None = None) -> None:
        """Remove an account with its sessions, keys, links and grants; for administrators.

        Videos, requests with their results, and galleries are never removed with it: they are handed over, or
        must have been deleted. The audit log keeps its entries, with the name of the account.

        Args:
            principal: caller.
            user_id: account to remove.
            transfer_to: account that gets what it owns; None if it owns nothing.

        Raises:
            ForbiddenError: the caller is not an administrator.
            UserNotFoundError: an account does not exist.
            InvalidOptionError: the account is the caller's own, the last administrator, or the heir itself.
            AccountInUseError: the account owns something, and no heir is given.
        """
        principal.require_admin()
        if user_id == principal.user_id:
            raise InvalidOptionError("you would remove your own account", "ask another administrator")
        if transfer_to == user_id:
            raise InvalidOptionError(
                "an account cannot hand over to itself", "name the account that gets what it owns"
            )
        async with self._database.unit_of_work() as work:
            # The same lock order everywhere prevents deadlocks.
            administrators = await work.users.lock_administrators()
            user = await work.users.lock(user_id)
            if user.is_administrator and administrators == 1:
                raise InvalidOptionError(
                    f"{user.username} is the last administrator", "appoint another administrator first"
                )
            heir = None if transfer_to is None else await work.users.lock(transfer_to)
            owned = await work.users.owned(user_id)
            if owned.is_anything and heir is None:
                raise AccountInUseError(
                    f"account {user.username!r} owns {owned.videos} videos, {owned.requests} requests and "
                    f"{owned.galleries} galleries",
                    "hand them over to another account, or delete them first",
                )
            if heir is not None:
                await work.users.transfer(user_id, heir.id)
            await work.users.remove(user_id)
            details: dict[str, object] = {"username": user.username, "role": str(user.role)}
            if heir is not None:
                details |= {
                    "transferred_to": heir.id,
                    "videos": owned.videos,
                    "requests": owned.requests,
                    "galleries": owned.galleries,
                }
            await work.audit.add(principal, "user.remove", f"user:{user_id}", details)
            await work.commit()
