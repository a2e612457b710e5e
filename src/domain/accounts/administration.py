"""Use case: administer accounts."""

from __future__ import annotations

from dataclasses import replace

from framecloak.domain.accounts.names import NameSkeletons, require_name, require_unlike_others
from framecloak.domain.accounts.passwords import PasswordService, no_local_password
from framecloak.domain.errors import InvalidOptionError, UsernameTakenError
from framecloak.domain.model.accounts import Means, Principal, Role, User
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.security import PasswordHasher


class AccountAdministration:
    """Creation, lists and changes of accounts.

    Args:
        database: storage of accounts and sessions.
        hasher: password hashing.
        limiter: counter of failed attempts.
        name_skeletons: returns the skeletons of a name.
    """

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        limiter: AttemptLimiter,
        name_skeletons: NameSkeletons,
    ) -> None:
        self._database = database
        self._passwords = PasswordService(database, hasher, limiter)
        self._name_skeletons = name_skeletons

    async def create_user(self, principal: Principal, username: str, password: str, role: Role) -> User:
        """Create an account; for administrators.

        The password must be changed at the first sign-in, unless the operator of the installation sets it.

        Raises:
            ForbiddenError: the caller is not an administrator.
            UsernameTakenError: the name is in use, or looks like one that is.
            WeakPasswordError: the password is too short or too long.
            InvalidOptionError: the name is not allowed.
        """
        principal.require_admin()
        name = require_name(username)
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            await require_unlike_others(work, name, self._name_skeletons)
            user = await work.users.add(name, password_hash, role)
            if principal.auth_method is not Means.COMMAND:
                user = replace(user, must_change_password=True)
                await work.users.update(user)
            await work.audit.add(principal, "user.create", f"user:{user.id}", {"role": role})
            await work.commit()
        return user

    async def list_users(self, principal: Principal, limit: int, offset: int) -> Page[User]:
        """Return a page of all accounts, oldest first; for administrators.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.users.list(limit, offset)

    async def get_user(self, principal: Principal, user_id: int) -> User:
        """Return the caller's own account, or any account for administrators.

        Raises:
            ForbiddenError: the account belongs to another user and the caller is not an administrator.
            UserNotFoundError: the account does not exist.
        """
        if user_id != principal.user_id:
            principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.users.get(user_id)

    async def change_user(
        self,
        principal: Principal,
        user_id: int,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change an account; for administrators. Arguments that are None leave their field unchanged.

        All sessions and JWTs of the account become invalid. A new password must be changed at the next
        sign-in, unless the operator of the installation sets it.

        Raises:
            ForbiddenError: the caller is not an administrator.
            InvalidOptionError: the caller would lock itself out, no administrator would be left, or the
                password is the caller's own, which needs the old one.
            NoLocalPasswordError: a password was given for an account that signs in at the identity provider;
                only the operator of the installation may set one, for emergencies.
            UserNotFoundError: the account does not exist.
            WeakPasswordError: the password is too short or too long.
        """
        principal.require_admin()
        may_demote = disabled or role is Role.USER
        if may_demote and user_id == principal.user_id:
            raise InvalidOptionError("you would lock yourself out", "ask another administrator")
        is_operator = principal.auth_method is Means.COMMAND
        if password is not None and user_id == principal.user_id and not is_operator:
            # Whoever finds an open session must not be able to keep the account.
            raise InvalidOptionError(
                "your own password is changed with the old one", "change it at POST /api/auth/password"
            )
        password_hash = None if password is None else await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            # The same lock order everywhere prevents deadlocks.
            administrators = await work.users.lock_administrators() if may_demote else 0
            user = await work.users.lock(user_id)
            if may_demote and user.is_administrator and administrators == 1:
                raise InvalidOptionError(
                    f"{user.username} is the last administrator", "appoint another administrator first"
                )
            if password and not is_operator and await work.external_identities.is_linked(user_id):
                raise no_local_password(user.username)
            changed = replace(
                user,
                role=role or user.role,
                disabled=user.disabled if disabled is None else disabled,
                password_hash=password_hash or user.password_hash,
                token_generation=user.token_generation + 1,
                must_change_password=user.must_change_password if password is None else not is_operator,
            )
            await work.users.update(changed)
            await work.sessions.remove_all_of_user(user_id)
            details = {"role": changed.role, "disabled": changed.disabled, "password": password is not None}
            await work.audit.add(principal, "user.change", f"user:{user_id}", details)
            await work.commit()
        return changed

    async def create_first_administrator(self, username: str, password: str) -> User | None:
        """Create an administrator if there are no accounts yet; otherwise return None.

        Raises:
            WeakPasswordError: the password is too short or too long.
            InvalidOptionError: the name is not allowed.
        """
        async with self._database.unit_of_work() as work:
            if (await work.users.list(1, 0)).total:
                return None
        operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
        try:
            return await self.create_user(operator, username, password, Role.ADMIN)
        except UsernameTakenError:
            # Another process that starts at the same time was faster.
            return None
