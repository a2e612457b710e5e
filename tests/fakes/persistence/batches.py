"""Templates and batches in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from fakes.persistence.tables import Tables, Transaction
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.anonymization.model.orders.template import Template, TemplateMarks
from framecloak.domain.errors import BatchNotFoundError, IdempotencyConflictError, TemplateNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Page


class FakeTemplateRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, owner_id: int, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> UUID:
        rows = await self._tx.write()
        owner = rows.users[owner_id].username
        now = self._tx.store.now()
        template = Template(uuid4(), owner_id, owner, name, options, marks, is_default=False, created_at=now)
        rows.templates[template.id] = template
        return template.id

    async def get(self, template_id: UUID, principal: Principal) -> Template:
        template = self._tx.rows.templates.get(template_id)
        if template is None or not _is_visible(template, principal):
            raise TemplateNotFoundError(f"there is no template {template_id}")
        return template

    async def list(self, principal: Principal) -> Sequence[Template]:
        found = [each for each in self._tx.rows.templates.values() if _is_visible(each, principal)]
        return sorted(found, key=lambda each: (not each.is_default, each.name.lower(), each.created_at))

    async def update(
        self, template_id: UUID, name: str, options: Mapping[str, object], marks: TemplateMarks
    ) -> None:
        rows = await self._tx.write()
        template = rows.templates[template_id]
        rows.templates[template_id] = replace(template, name=name, options=options, marks=marks)

    async def share(self, template_id: UUID, user_ids: Sequence[int]) -> None:
        rows = await self._tx.write()
        names = tuple(sorted({rows.users[user_id].username for user_id in user_ids}))
        rows.templates[template_id] = replace(rows.templates[template_id], shared_with=names)

    async def make_default(self, template_id: UUID | None) -> None:
        rows = await self._tx.write()
        rows.templates = {
            key: replace(each, is_default=key == template_id) for key, each in rows.templates.items()
        }

    async def remove(self, template_id: UUID) -> None:
        rows = await self._tx.write()
        rows.templates.pop(template_id, None)


def _is_visible(template: Template, principal: Principal) -> bool:
    is_own = principal.is_admin or template.owner_id == principal.user_id
    return is_own or template.is_default or principal.username in template.shared_with


class FakeBatchRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, user_id: int, template_name: str | None, idempotency: tuple[str, bytes] | None
    ) -> tuple[UUID, bool]:
        rows = await self._tx.write()
        if idempotency:
            batch_id, digest = rows.batch_keys.get((user_id, idempotency[0]), (None, b""))
            if batch_id is not None and digest != idempotency[1]:
                raise IdempotencyConflictError(
                    "the idempotency key was used for a different batch", "use a new key for a new batch"
                )
            if batch_id is not None:
                return batch_id, False
        batch = Batch(uuid4(), user_id, template_name, self._tx.store.now())
        rows.batches[batch.id] = batch
        if idempotency:
            rows.batch_keys[user_id, idempotency[0]] = batch.id, idempotency[1]
        return batch.id, True

    async def accept(self, batch_id: UUID, number: int, video_id: int, request_id: UUID) -> None:
        rows = await self._tx.write()
        _put(rows, batch_id, BatchItem(number, video_id, None, rows.requests[request_id]))

    async def reject(self, batch_id: UUID, number: int, video_id: int, error_code: str, error: str) -> None:
        rows = await self._tx.write()
        _put(rows, batch_id, BatchItem(number, video_id, None, None, error_code, error))

    async def get(self, batch_id: UUID, principal: Principal) -> Batch:
        batch = self._tx.rows.batches.get(batch_id)
        if batch is None or not (principal.is_admin or batch.user_id == principal.user_id):
            raise BatchNotFoundError(f"there is no batch {batch_id}")
        return self._current(batch)

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Batch]:
        found = [
            self._current(each)
            for each in reversed(self._tx.rows.batches.values())
            if principal.is_admin or each.user_id == principal.user_id
        ]
        return Page(found[offset : offset + limit], len(found))

    def _current(self, batch: Batch) -> Batch:
        """Return the batch with the names of its videos and the state of its requests now."""
        rows = self._tx.rows
        items = [
            replace(
                item,
                video_name=video.name if (video := rows.videos.get(item.video_id)) else None,
                request=rows.requests[item.request.id] if item.request else None,
            )
            for item in batch.items
        ]
        return replace(batch, items=tuple(items))


def _put(rows: Tables, batch_id: UUID, item: BatchItem) -> None:
    batch = rows.batches[batch_id]
    others = [each for each in batch.items if each.number != item.number]
    items = tuple(sorted([*others, item], key=lambda each: each.number))
    rows.batches[batch_id] = replace(batch, items=items)
