"""Postgres repository of templates of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, insert, literal, or_, select, update

from framecloak.adapters.postgres.connection import Connection, Record
from framecloak.adapters.postgres.rows.requests import region_from_values, region_values
from framecloak.adapters.postgres.tables.accounts import UserRow
from framecloak.adapters.postgres.tables.batches import TemplateGrantRow, TemplateRow
from framecloak.domain.anonymization.model.orders.template import Template, TemplateMarks, TimeRange
from framecloak.domain.errors import TemplateNotFoundError
from framecloak.domain.model.accounts import Principal


class PostgresTemplateRepository:
    """Postgres repository of templates; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, owner_id: int, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> UUID:
        """See the port."""
        template_id = uuid4()
        values = {"owner_id": owner_id, **_content(name, options, marks)}
        await self._connection.execute(insert(TemplateRow).values(id=template_id, **values))
        return template_id

    async def get(self, template_id: UUID, principal: Principal) -> Template:
        """See the port."""
        statement = _templates().where(TemplateRow.id == template_id, _is_visible_to(principal))
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise TemplateNotFoundError(f"there is no template {template_id}")
        return _template(row)

    async def list(self, principal: Principal) -> Sequence[Template]:
        """See the port."""
        statement = (
            _templates()
            .where(_is_visible_to(principal))
            .order_by(TemplateRow.is_default.desc(), func.lower(TemplateRow.name), TemplateRow.created_at)
        )
        return [_template(row) for row in await self._connection.execute(statement)]

    async def update(
        self, template_id: UUID, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> None:
        """See the port."""
        statement = update(TemplateRow).where(TemplateRow.id == template_id)
        await self._connection.execute(statement.values(**_content(name, options, marks)))

    async def share(self, template_id: UUID, user_ids: Sequence[int]) -> None:
        """See the port."""
        earlier = delete(TemplateGrantRow).where(TemplateGrantRow.template_id == template_id)
        await self._connection.execute(earlier)
        grants = [{"template_id": template_id, "user_id": user_id} for user_id in {*user_ids}]
        if grants:
            await self._connection.execute(insert(TemplateGrantRow).values(grants))

    async def make_default(self, template_id: UUID | None) -> None:
        """See the port."""
        await self._connection.execute(
            update(TemplateRow).where(TemplateRow.is_default).values(is_default=False)
        )
        statement = update(TemplateRow).where(TemplateRow.id == template_id).values(is_default=True)
        await self._connection.execute(statement)

    async def remove(self, template_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(TemplateRow).where(TemplateRow.id == template_id))


def _templates() -> Any:  # noqa: ANN401 - a statement with many columns
    names = (
        select(func.array_agg(UserRow.username))
        .join(TemplateGrantRow, TemplateGrantRow.user_id == UserRow.id)
        .where(TemplateGrantRow.template_id == TemplateRow.id)
        .correlate(TemplateRow)
        .scalar_subquery()
    )
    owner = (
        select(UserRow.username)
        .where(UserRow.id == TemplateRow.owner_id)
        .correlate(TemplateRow)
        .scalar_subquery()
    )
    return select(
        TemplateRow.id,
        TemplateRow.owner_id,
        owner,
        TemplateRow.name,
        TemplateRow.options,
        TemplateRow.marks,
        TemplateRow.is_default,
        TemplateRow.created_at,
        names,
    )


def _is_visible_to(principal: Principal) -> ColumnElement[bool]:
    if principal.is_admin:
        return literal(value=True)
    shared = select(TemplateGrantRow.template_id).where(TemplateGrantRow.user_id == principal.user_id)
    return or_(TemplateRow.owner_id == principal.user_id, TemplateRow.is_default, TemplateRow.id.in_(shared))


def _content(name: str, options: Mapping[str, object], marks: TemplateMarks) -> dict[str, object]:
    return {
        "name": name,
        "options": dict(options),
        "marks": {
            "segments": [[each.start, each.end, each.label] for each in marks.segments],
            "regions": [[region_values(region), label] for region, label in marks.regions],
            "keep_text": [region_values(region) for region in marks.keep_text],
            "frame_size": list(marks.frame_size) if marks.frame_size else None,
        },
    }


def _template(row: Record) -> Template:
    template_id, owner_id, owner, name, options, marks, is_default, created_at, shared_with = row
    size = marks["frame_size"]
    content = TemplateMarks(
        tuple(TimeRange(*each) for each in marks["segments"]),
        tuple((region_from_values(region), label) for region, label in marks["regions"]),
        tuple(region_from_values(region) for region in marks["keep_text"]),
        (size[0], size[1]) if size else None,
    )
    names = tuple(sorted(shared_with or ()))
    return Template(template_id, owner_id, owner, name, options, content, is_default, created_at, names)
