"""Accounts of external identities: found by issuer and subject, and created at the first sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from framecloak.domain.accounts.names import (
    MAX_NAME_LENGTH,
    NameSkeletons,
    require_name,
    require_unlike_others,
)
from framecloak.domain.accounts.service import MAX_DISPLAY_NAME_LENGTH
from framecloak.domain.accounts.sign_on.group_roles import GroupRoles
from framecloak.domain.accounts.sign_on.identity_provider import ExternalIdentity
from framecloak.domain.errors import InvalidOptionError, NotAdmittedError, UsernameTakenError
from framecloak.domain.model.accounts import Means, Role, User, principal_of
from framecloak.domain.ports.database import UnitOfWork

_DIGEST_LENGTH = 8


class ExternalAccounts:
    """Accounts of external identities.

    An account belongs to an identity only if it was created for it or linked to it by an administrator. User
    name and e-mail address never decide, because a provider may let users choose them.

    Args:
        group_roles: roles of accounts by the groups of their identities.
        creates_accounts: whether an identity without an account gets one.
        name_skeletons: returns the skeletons of a name.
    """

    def __init__(
        self, group_roles: GroupRoles, name_skeletons: NameSkeletons, *, creates_accounts: bool
    ) -> None:
        self._group_roles = group_roles
        self._creates_accounts = creates_accounts
        self._name_skeletons = name_skeletons

    def role_of(self, identity: ExternalIdentity) -> Role | None:
        """Return the role that the groups of an identity give; None if groups give none.

        An identity whose groups are unknown is treated as one without groups.

        Raises:
            NotAdmittedError: the identity is in no group that may use the installation.
        """
        return self._group_roles.role_of(identity.groups or frozenset())

    async def open(self, work: UnitOfWork, identity: ExternalIdentity, means: Means) -> User | None:
        """Return the locked account of an identity that signs in, with the role of its groups.

        The caller commits.

        Args:
            work: transaction.
            identity: verified identity.
            means: authentication method, for the audit log.

        Returns:
            The account; None if another transaction created it at the same time, and the caller tries again.

        Raises:
            NotAdmittedError: there is no account and none is created, the account is disabled, or the
                identity is in no group that may use the installation.
        """
        role = self.role_of(identity)
        found = await work.external_identities.find_user(identity.issuer, identity.subject)
        if found is None:
            return await self._create(work, identity, means)
        user = require_admitted(await work.users.lock(found.id))
        if role is not None and role is not user.role:
            # Also for the last administrator: the next member of the group gets the role by signing in.
            changed = replace(user, role=role, token_generation=user.token_generation + 1)
            await work.users.update(changed)
            details: Mapping[str, object] = {"role": role, "before": user.role, "issuer": identity.issuer}
            await work.audit.add(principal_of(user, means), "user.role", f"user:{user.id}", details)
            return changed
        return user

    async def _create(self, work: UnitOfWork, identity: ExternalIdentity, means: Means) -> User | None:
        """Create the account of an identity that has none, as described in ``open``."""
        role = self.role_of(identity) or Role.USER
        if not self._creates_accounts:
            raise NotAdmittedError(
                "your identity has no account here", "ask an administrator to link it to an account"
            )
        name = await self._free_name(work, identity)
        try:
            user = await work.users.add(name, None, role)
        except UsernameTakenError:
            return None
        if not await work.external_identities.add(identity.issuer, identity.subject, user.id):
            return None
        if display_name := _display_name(identity.display_name):
            user = replace(user, display_name=display_name)
            await work.users.update(user)
        details: Mapping[str, object] = {"role": role, "issuer": identity.issuer}
        await work.audit.add(principal_of(user, means), "user.create", f"user:{user.id}", details)
        return user

    async def _free_name(self, work: UnitOfWork, identity: ExternalIdentity) -> str:
        """Return the name of a new account; a name that looks like that of another account gets a suffix."""
        digest = sha256(f"{identity.issuer}\n{identity.subject}".encode("utf-8", "surrogatepass")).hexdigest()
        suffix = digest[:_DIGEST_LENGTH]
        try:
            name = require_name(" ".join(identity.username.split()))
            name.encode()
        except (InvalidOptionError, UnicodeError):
            name = "user"
        else:
            try:
                await require_unlike_others(work, name, self._name_skeletons)
            except UsernameTakenError:
                pass
            else:
                return name
        return f"{name[: MAX_NAME_LENGTH - _DIGEST_LENGTH - 1]}-{suffix}"


def require_admitted(user: User) -> User:
    """Return the account, provided that it is enabled.

    Raises:
        NotAdmittedError: the account is disabled.
    """
    if user.disabled:
        raise NotAdmittedError("your account is disabled", "ask an administrator")
    return user


def _display_name(name: str) -> str:
    shown = " ".join(name.split())[:MAX_DISPLAY_NAME_LENGTH].strip()
    return shown if shown.isprintable() else ""
