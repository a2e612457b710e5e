"""Postgres repository of batches of orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from framecloak.adapters.postgres.connection import Connection, Record
from framecloak.adapters.postgres.rows.requests import REQUEST_COLUMNS, request_from_row
from framecloak.adapters.postgres.tables.batches import BatchItemRow, BatchRow
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.videos import VideoRow
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.errors import BatchNotFoundError, IdempotencyConflictError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Page

_BATCH = (BatchRow.id, BatchRow.user_id, BatchRow.template_name, BatchRow.created_at)
_ITEM = (
    BatchItemRow.number,
    BatchItemRow.video_id,
    func.coalesce(VideoRow.title, VideoRow.filename),
    BatchItemRow.error_code,
    BatchItemRow.error,
    BatchItemRow.request_id,
)


class PostgresBatchRepository:
    """Postgres repository of batches; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, user_id: int, template_name: str | None, idempotency: tuple[str, bytes] | None
    ) -> tuple[UUID, bool]:
        """See the port."""
        key, digest = idempotency or (None, None)
        # Of concurrent callers with one key, one inserts; the others wait for its commit and find its row.
        statement = (
            insert(BatchRow)
            .values(
                id=uuid4(),
                user_id=user_id,
                template_name=template_name,
                idempotency_key=key,
                order_digest=digest,
            )
            .on_conflict_do_nothing(constraint="uq_batches_idempotency_key")
            .returning(BatchRow.id)
        )
        added = (await self._connection.execute(statement)).scalar_one_or_none()
        if added is not None:
            return added, True
        earlier = select(BatchRow.id, BatchRow.order_digest).where(
            BatchRow.user_id == user_id, BatchRow.idempotency_key == key
        )
        batch_id, earlier_digest = (await self._connection.execute(earlier)).one()
        if earlier_digest != digest:
            raise IdempotencyConflictError(
                "the idempotency key was used for a different batch", "use a new key for a new batch"
            )
        return batch_id, False

    async def accept(self, batch_id: UUID, number: int, video_id: int, request_id: UUID) -> None:
        """See the port."""
        await self._put(batch_id, number, video_id, request_id=request_id)

    async def reject(self, batch_id: UUID, number: int, video_id: int, error_code: str, error: str) -> None:
        """See the port."""
        await self._put(batch_id, number, video_id, error_code=error_code, error=error)

    async def _put(
        self,
        batch_id: UUID,
        number: int,
        video_id: int,
        *,
        request_id: UUID | None = None,
        error_code: str | None = None,
        error: str | None = None,
    ) -> None:
        outcome = {"request_id": request_id, "error_code": error_code, "error": error}
        statement = insert(BatchItemRow).values(
            batch_id=batch_id, number=number, video_id=video_id, **outcome
        )
        keys = [BatchItemRow.batch_id, BatchItemRow.number]
        statement = statement.on_conflict_do_update(index_elements=keys, set_=outcome)
        await self._connection.execute(statement)

    async def get(self, batch_id: UUID, principal: Principal) -> Batch:
        """See the port."""
        statement = select(*_BATCH).where(BatchRow.id == batch_id, _is_visible_to(principal))
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise BatchNotFoundError(f"there is no batch {batch_id}")
        return (await self._with_items([row]))[0]

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Batch]:
        """See the port."""
        statement = (
            select(*_BATCH)
            .where(_is_visible_to(principal))
            .order_by(BatchRow.created_at.desc(), BatchRow.id)
            .limit(limit)
            .offset(offset)
        )
        rows = (await self._connection.execute(statement)).all()
        counting = select(func.count()).select_from(BatchRow).where(_is_visible_to(principal))
        total = (await self._connection.execute(counting)).scalar_one()
        return Page(await self._with_items(rows), total)

    async def _with_items(self, rows: Sequence[Record]) -> Sequence[Batch]:
        """Return the batches in rows of ``_BATCH``, each with its items."""
        statement = (
            select(BatchItemRow.batch_id, *_ITEM, *REQUEST_COLUMNS)
            .select_from(BatchItemRow)
            .outerjoin(VideoRow, VideoRow.id == BatchItemRow.video_id)
            .outerjoin(RequestRow, RequestRow.id == BatchItemRow.request_id)
            .where(BatchItemRow.batch_id.in_([row[0] for row in rows]))
            .order_by(BatchItemRow.number)
        )
        items: defaultdict[UUID, list[BatchItem]] = defaultdict(list)
        for batch_id, number, video_id, name, code, error, request_id, *columns in (
            await self._connection.execute(statement)
        ).all():
            request = None if request_id is None else request_from_row(columns)
            items[batch_id].append(BatchItem(number, video_id, name, request, code, error))
        return [
            Batch(batch_id, user_id, name, created_at, tuple(items[batch_id]))
            for batch_id, user_id, name, created_at in rows
        ]


def _is_visible_to(principal: Principal) -> ColumnElement[bool]:
    return literal(value=True) if principal.is_admin else BatchRow.user_id == principal.user_id
