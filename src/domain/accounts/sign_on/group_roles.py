"""Roles of accounts by the groups of their identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framecloak.domain.errors import NotAdmittedError
from framecloak.domain.model.accounts import Role

EVERYONE = "*"
"""Name that stands for all identities, whatever their groups."""


@dataclass(frozen=True, slots=True)
class GroupRoles:
    """Map of groups to roles.

    Without any entry, every identity is admitted and roles are those that administrators set here.

    Attributes:
        roles: role by group; ``*`` stands for everybody.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """Return the highest role of the groups; None if roles do not depend on groups.

        Raises:
            NotAdmittedError: no group has a role.
        """
        if not self.roles:
            return None
        found = {role for group, role in self.roles.items() if group in groups or group == EVERYONE}
        if not found:
            raise NotAdmittedError(
                "none of your groups may use this installation",
                "ask the operator of the identity provider for membership in a permitted group",
            )
        return Role.ADMIN if Role.ADMIN in found else Role.USER
