"""Use cases of templates of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from framecloak.domain.anonymization.model.orders.template import (
    Template,
    TemplateMarks,
    clean_template_name,
)
from framecloak.domain.errors import ForbiddenError, UserNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database, UnitOfWork


class TemplateService:
    """Templates of orders. Their owners and administrators change and share them.

    Args:
        database: storage of the templates.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, principal: Principal) -> Sequence[Template]:
        """Return the templates that the caller may use: the default first, the others by name."""
        async with self._database.unit_of_work() as work:
            return await work.templates.list(principal)

    async def get(self, principal: Principal, template_id: UUID) -> Template:
        """Return a template that the caller may use.

        Raises:
            TemplateNotFoundError: the template does not exist, or the caller may not use it.
        """
        async with self._database.unit_of_work() as work:
            return await work.templates.get(template_id, principal)

    async def create(
        self, principal: Principal, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> Template:
        """Store a new template of the caller.

        Args:
            principal: caller.
            name: display name.
            options: options of an order, already validated.
            marks: marks that are applied to each video.

        Raises:
            InvalidOptionError: the name is blank or too long.
        """
        async with self._database.unit_of_work() as work:
            template_id = await work.templates.add(
                principal.user_id, clean_template_name(name), options, marks
            )
            await _record(work, principal, "template.create", template_id, {"name": name})
            template = await work.templates.get(template_id, principal)
            await work.commit()
        return template

    async def change(
        self,
        principal: Principal,
        template_id: UUID,
        *,
        name: str | None = None,
        content: tuple[Mapping[str, object], TemplateMarks] | None = None,
        shared_with: Sequence[str] | None = None,
        is_default: bool | None = None,
    ) -> Template:
        """Change a template; arguments that are None leave their part unchanged.

        Args:
            principal: caller.
            template_id: template to change.
            name: display name.
            content: options of an order, already validated, and marks.
            shared_with: user names of the accounts that may use it, besides the owner.
            is_default: True to make it the default of the installation; for administrators.

        Raises:
            TemplateNotFoundError: the template does not exist, or the caller may not use it.
            ForbiddenError: the caller does not own the template, or is no administrator and sets the default.
            UserNotFoundError: an account to share with does not exist.
            InvalidOptionError: the name is blank or too long.
        """
        async with self._database.unit_of_work() as work:
            template = await _own(work, principal, template_id)
            if is_default is not None and is_default != template.is_default:
                principal.require_admin()
                await work.templates.make_default(template_id if is_default else None)
            if name is not None or content is not None:
                options, marks = content or (template.options, template.marks)
                new_name = template.name if name is None else clean_template_name(name)
                await work.templates.update(template_id, new_name, options, marks)
            if shared_with is not None:
                await work.templates.share(template_id, [await _account(work, each) for each in shared_with])
            template = await work.templates.get(template_id, principal)
            details = {"shared_with": list(template.shared_with), "is_default": template.is_default}
            await _record(work, principal, "template.change", template_id, details)
            await work.commit()
        return template

    async def delete(self, principal: Principal, template_id: UUID) -> None:
        """Delete a template; orders made with it are not affected.

        Raises:
            TemplateNotFoundError: the template does not exist, or the caller may not use it.
            ForbiddenError: the caller does not own the template.
        """
        async with self._database.unit_of_work() as work:
            await _own(work, principal, template_id)
            await work.templates.remove(template_id)
            await _record(work, principal, "template.delete", template_id, {})
            await work.commit()


async def _own(work: UnitOfWork, principal: Principal, template_id: UUID) -> Template:
    template = await work.templates.get(template_id, principal)
    if not principal.is_admin and template.owner_id != principal.user_id:
        raise ForbiddenError("the template belongs to another account", "copy it, or ask its owner")
    return template


async def _account(work: UnitOfWork, username: str) -> int:
    user = await work.users.find_by_name(username.strip())
    if user is None:
        raise UserNotFoundError("there is no account with this user name", "ask for the exact user name")
    return user.id


async def _record(
    work: UnitOfWork, principal: Principal, action: str, template_id: UUID, details: Mapping[str, object]
) -> None:
    await work.audit.add(principal, action, f"template:{template_id}", details)
