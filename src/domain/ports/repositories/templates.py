"""Repository of templates of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.orders.template import Template, TemplateMarks
from framecloak.domain.model.accounts import Principal


class TemplateRepository(Protocol):
    """Repository of templates.

    A caller may see own and shared templates and the default; an administrator sees all.
    """

    async def add(
        self, owner_id: int, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> UUID:
        """Store a new template and return its id."""
        ...

    async def get(self, template_id: UUID, principal: Principal) -> Template:
        """Return a template that the caller may see.

        Raises:
            TemplateNotFoundError: the template does not exist, or the caller may not see it.
        """
        ...

    async def list(self, principal: Principal) -> Sequence[Template]:
        """Return the templates that the caller may see: the default first, the others by name."""
        ...

    async def update(
        self, template_id: UUID, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> None:
        """Store name and content of a template. The caller has checked that it exists."""
        ...

    async def share(self, template_id: UUID, user_ids: Sequence[int]) -> None:
        """Set the accounts, besides the owner, that may use a template."""
        ...

    async def make_default(self, template_id: UUID | None) -> None:
        """Set the default of the installation; None for no default."""
        ...

    async def remove(self, template_id: UUID) -> None:
        """Delete a template."""
        ...
