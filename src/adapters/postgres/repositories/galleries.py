"""Postgres repositories of galleries and of their faces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from framecloak.adapters.postgres.connection import Connection, Record
from framecloak.adapters.postgres.rows.galleries import (
    FACE_COLUMNS,
    GALLERY_COLUMNS,
    encrypted_values,
    face_from_row,
    gallery_from_row,
    gallery_values,
    vectors_from_rows,
)
from framecloak.adapters.postgres.tables.galleries import GalleryFaceRow, GalleryRow
from framecloak.adapters.postgres.vector_search.search import nearest_faces
from framecloak.adapters.postgres.vector_search.sign_indexes import SignIndexes
from framecloak.domain.errors import GalleryFaceNotFoundError, GalleryNotFoundError
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery, RotatedQuery
from framecloak.domain.ports.repositories.paging import Page


class PostgresGalleryRepository:
    """Postgres repository of galleries; see the port.

    Args:
        connection: connection of the unit of work.
        signs: indexes in memory, from which deleted galleries are dropped.
    """

    def __init__(self, connection: Connection, signs: SignIndexes) -> None:
        self._connection = connection
        self._signs = signs

    async def add(self, gallery: EncryptedGallery) -> None:
        """See the port."""
        await self._connection.execute(insert(GalleryRow).values(gallery_values(gallery)))

    async def get(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        """See the port."""
        statement = select(*GALLERY_COLUMNS).where(
            GalleryRow.id == gallery_id, _is_visible_to(principal, now)
        )
        return _gallery_or_raise(gallery_id, (await self._connection.execute(statement)).one_or_none())

    async def lock(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        """See the port."""
        statement = select(*GALLERY_COLUMNS).where(
            GalleryRow.id == gallery_id, _is_visible_to(principal, now)
        )
        return _gallery_or_raise(
            gallery_id, (await self._connection.execute(statement.with_for_update())).one_or_none()
        )

    async def list(
        self, principal: Principal, now: datetime, limit: int, offset: int
    ) -> Page[EncryptedGallery]:
        """See the port."""
        is_visible = _is_visible_to(principal, now)
        statement = (
            select(*GALLERY_COLUMNS).where(is_visible).order_by(GalleryRow.created_at.desc(), GalleryRow.id)
        )
        rows = (await self._connection.execute(statement.limit(limit).offset(offset))).all()
        total = await self._connection.execute(select(func.count()).select_from(GalleryRow).where(is_visible))
        return Page([gallery_from_row(row) for row in rows], total.scalar_one())

    async def hide(self, gallery_id: UUID) -> None:
        """See the port."""
        values = {"expires_at": GalleryRow.created_at}
        await self._connection.execute(update(GalleryRow).where(GalleryRow.id == gallery_id).values(values))
        self._signs.drop(gallery_id)

    async def remove(self, gallery_id: UUID) -> bool:
        """See the port."""
        removed = await self._connection.execute(delete(GalleryRow).where(GalleryRow.id == gallery_id))
        self._signs.drop(gallery_id)
        return bool(removed.rowcount)

    async def expired(self, now: datetime) -> Sequence[EncryptedGallery]:
        """See the port."""
        statement = (
            select(*GALLERY_COLUMNS)
            .where(GalleryRow.expires_at <= now)
            .order_by(GalleryRow.created_at, GalleryRow.id)
        )
        return [gallery_from_row(row) for row in await self._connection.execute(statement)]

    async def larger_than(self, faces: int) -> Sequence[EncryptedGallery]:
        """See the port."""
        statement = (
            select(*GALLERY_COLUMNS).where(GalleryRow.face_count > faces).order_by(GalleryRow.created_at)
        )
        return [gallery_from_row(row) for row in await self._connection.execute(statement)]

    async def set_indexed(self, gallery_id: UUID, *, indexed: bool) -> None:
        """See the port."""
        statement = update(GalleryRow).where(GalleryRow.id == gallery_id).values(indexed=indexed)
        await self._connection.execute(statement)

    async def with_outdated_keys(self, key_id: str, limit: int) -> Sequence[EncryptedGallery]:
        """See the port."""
        statement = (
            select(*GALLERY_COLUMNS)
            .where(or_(GalleryRow.key_id != key_id, GalleryRow.old_key_id.is_not(None)))
            .order_by(GalleryRow.created_at, GalleryRow.id)
            .limit(limit)
        )
        return [gallery_from_row(row) for row in await self._connection.execute(statement)]

    async def begin_rekey(self, gallery_id: UUID, name: bytes, key_id: str) -> bool:
        """See the port."""
        is_settled = and_(GalleryRow.old_key_id.is_(None), GalleryRow.key_id != key_id)
        values = {"name": name, "key_id": key_id, "old_key_id": GalleryRow.key_id}
        statement = update(GalleryRow).where(GalleryRow.id == gallery_id, is_settled).values(values)
        return bool((await self._connection.execute(statement)).rowcount)

    async def finish_rekey(self, gallery_id: UUID) -> bool:
        """See the port."""
        other_keys = exists().where(
            GalleryFaceRow.gallery_id == GalleryRow.id, GalleryFaceRow.key_id != GalleryRow.key_id
        )
        is_finished = and_(GalleryRow.id == gallery_id, GalleryRow.old_key_id.is_not(None), ~other_keys)
        statement = update(GalleryRow).where(is_finished).values(old_key_id=None)
        return bool((await self._connection.execute(statement)).rowcount)


class PostgresGalleryFaceRepository:
    """Postgres repository of enrolled faces; see the port.

    Args:
        connection: connection of the unit of work.
        signs: indexes in memory.
    """

    def __init__(self, connection: Connection, signs: SignIndexes) -> None:
        self._connection = connection
        self._signs = signs

    async def add(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        """See the port."""
        gallery_id = faces[0].gallery_id
        rows = [
            {
                "id": face.id,
                "gallery_id": face.gallery_id,
                "created_at": face.created_at,
                "vector": vector,
                **encrypted_values(face),
            }
            for face, vector in zip(faces, vectors.tolist(), strict=True)
        ]
        gone = {"fk_gallery_faces_gallery_id_galleries": _no_gallery(gallery_id)}
        await self._connection.execute(insert(GalleryFaceRow), rows, violations=gone)
        await self._change_count(gallery_id, len(faces))

    async def list(self, gallery_id: UUID, limit: int, offset: int) -> Page[EncryptedFace]:
        """See the port."""
        is_enrolled = GalleryFaceRow.gallery_id == gallery_id
        statement = (
            select(*FACE_COLUMNS).where(is_enrolled).order_by(GalleryFaceRow.created_at, GalleryFaceRow.id)
        )
        rows = (await self._connection.execute(statement.limit(limit).offset(offset))).all()
        total = select(GalleryRow.face_count).where(GalleryRow.id == gallery_id)
        count = (await self._connection.execute(total)).scalar_one_or_none()
        return Page([face_from_row(row) for row in rows], count or 0)

    async def first_with_vectors(
        self, gallery_id: UUID, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        """See the port."""
        statement = (
            select(*FACE_COLUMNS, GalleryFaceRow.vector)
            .where(GalleryFaceRow.gallery_id == gallery_id)
            .order_by(GalleryFaceRow.created_at, GalleryFaceRow.id)
            .limit(limit)
        )
        rows = (await self._connection.execute(statement)).all()
        return [face_from_row(row[:-1]) for row in rows], vectors_from_rows([row[-1] for row in rows])

    async def remove(self, gallery_id: UUID, face_id: UUID) -> None:
        """See the port."""
        matches = and_(GalleryFaceRow.id == face_id, GalleryFaceRow.gallery_id == gallery_id)
        statement = delete(GalleryFaceRow).where(matches).returning(GalleryFaceRow.number)
        number = (await self._connection.execute(statement)).scalar_one_or_none()
        if number is None:
            raise GalleryFaceNotFoundError(f"gallery {gallery_id} has no face {face_id}")
        self._signs.remove_face(gallery_id, number)
        await self._change_count(gallery_id, -1)

    async def remove_next(self, gallery_id: UUID, after: int, limit: int) -> int | None:
        """See the port."""
        # Continues after a number: the index keeps entries of deleted faces until the next vacuum, and each
        # step would pass all of them if it began at the first.
        step = (
            select(GalleryFaceRow.id)
            .where(GalleryFaceRow.gallery_id == gallery_id, GalleryFaceRow.number > after)
            .order_by(GalleryFaceRow.number)
            .limit(limit)
            .with_for_update()
        )
        removed = (
            delete(GalleryFaceRow)
            .where(GalleryFaceRow.id.in_(step))
            .returning(GalleryFaceRow.number)
            .cte("removed")
        )
        totals = select(func.max(removed.c.number), func.count()).select_from(removed)
        last, count = (await self._connection.execute(totals)).one()
        if count:
            await self._change_count(gallery_id, -count)
        return None if last is None else int(last)

    async def search(
        self, gallery: EncryptedGallery, query: RotatedQuery, threshold: float, top_k: int
    ) -> Sequence[tuple[EncryptedFace, float]]:
        """See the port."""
        return await nearest_faces(self._connection, self._signs, gallery, query, threshold, top_k)

    async def lock_with_outdated_keys(
        self, gallery_id: UUID, key_id: str, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        """See the port."""
        statement = (
            select(*FACE_COLUMNS, GalleryFaceRow.vector)
            .where(GalleryFaceRow.gallery_id == gallery_id, GalleryFaceRow.key_id != key_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._connection.execute(statement)).all()
        return [face_from_row(row[:-1]) for row in rows], vectors_from_rows([row[-1] for row in rows])

    async def replace(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        """See the port."""
        statement = update(GalleryFaceRow).where(GalleryFaceRow.id == bindparam("face_id"))
        rows = [
            {"face_id": face.id, "vector": vector, **encrypted_values(face)}
            for face, vector in zip(faces, vectors.tolist(), strict=True)
        ]
        await self._connection.execute(statement, rows)

    async def _change_count(self, gallery_id: UUID, difference: int) -> None:
        values = {"face_count": GalleryRow.face_count + difference}
        await self._connection.execute(update(GalleryRow).where(GalleryRow.id == gallery_id).values(values))


def _is_visible_to(principal: Principal, now: datetime) -> ColumnElement[bool]:
    """Return the condition for galleries that have not expired and that the caller may use."""
    is_current = or_(GalleryRow.expires_at.is_(None), GalleryRow.expires_at > now)
    is_allowed = literal(True) if principal.is_admin else GalleryRow.owner_id == principal.user_id
    return and_(is_current, is_allowed)


def _gallery_or_raise(gallery_id: UUID, row: Record | None) -> EncryptedGallery:
    if row is None:
        raise _no_gallery(gallery_id)
    return gallery_from_row(row)


def _no_gallery(gallery_id: UUID) -> GalleryNotFoundError:
    return GalleryNotFoundError(f"there is no gallery {gallery_id}")
