"""Use cases around galleries: make one, enrol faces, find who somebody is, delete.

A gallery holds biometric templates, which are special-category data under GDPR. So every use of one is
recorded, nobody gets an embedding out again, and what is deleted is gone from the tables at once (not from
backups, and not from free space of the disk until the database uses it again).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from framecloak.domain.accounts.model import Principal
from framecloak.domain.errors import GalleryFullError, InvalidOptionError
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.galleries import SealedFace, SealedGallery, Vault
from framecloak.domain.ports.paging import Page
from framecloak.domain.ports.services import Clock
from framecloak.domain.reid.galleries.encryption import (
    open_face,
    open_gallery,
    queries,
    seal_faces,
    seal_name,
)
from framecloak.domain.reid.galleries.model import (
    MOST_AT_ONCE,
    MOST_RESULTS,
    EnrolledFace,
    Enrolment,
    Gallery,
    GalleryMatch,
    require_name,
)
from framecloak.domain.reid.model import Embedding, EmbeddingSpace

LARGEST_DIMENSION = 4000
"""Numbers of a vector that the database can index."""

UNIT_TOLERANCE = 1e-3
"""How far from 1 the length of an embedding may be."""


class Galleries:
    """Enrolled faces.

    Args:
        database: where they are recorded.
        vault: keeps their contents secret.
        clock: tells the time.
        capacity: most faces of one gallery.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, capacity: int) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._capacity = capacity

    async def create(
        self, principal: Principal, name: str, space: EmbeddingSpace, expires_at: datetime | None = None
    ) -> Gallery:
        """Make an empty gallery for embeddings of one model.

        Args:
            principal: whose it is to be.
            name: what its owner calls it.
            space: what all its embeddings come from.
            expires_at: UTC; it is deleted then. None for one that stays until it is deleted.

        Raises:
            InvalidOptionError: it has no proper name, would have expired already, or its dimension is none.
        """
        require_name("a gallery's name", name)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidOptionError("the gallery would have expired already", "choose a later moment")
        if not 1 <= space.dimension <= LARGEST_DIMENSION:
            raise InvalidOptionError(
                f"embeddings have 1 to {LARGEST_DIMENSION} numbers, not {space.dimension}",
                "use another model",
            )
        gallery_id, key_id = uuid4(), self._vault.key_id
        sealed = SealedGallery(
            id=gallery_id,
            owner_id=principal.user_id,
            name=seal_name(self._vault, key_id, gallery_id, name),
            space=space,
            key_id=key_id,
            old_key_id=None,
            face_count=0,
            indexed=False,
            created_at=now,
            expires_at=expires_at,
        )
        async with self._database.unit_of_work() as work:
            await work.galleries.add(sealed)
            details = {"model": space.name, "expires_at": expires_at and expires_at.isoformat()}
            await work.audit.add(principal, "gallery.create", _subject(gallery_id), details)
            await work.commit()
        return open_gallery(self._vault, sealed)

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Gallery]:
        """Galleries that the caller may use, newest first.

        Raises:
            GalleryKeyMissingError: one is sealed with a key that the settings do not name.
        """
        async with self._database.unit_of_work() as work:
            page = await work.galleries.list(principal, self._clock.now(), limit, offset)
        return Page([open_gallery(self._vault, sealed) for sealed in page.items], page.total)

    async def get(self, principal: Principal, gallery_id: UUID) -> Gallery:
        """One that the caller may use.

        Raises:
            GalleryNotFoundError: there is none.
            GalleryKeyMissingError: it is sealed with a key that the settings do not name.
        """
        async with self._database.unit_of_work() as work:
            sealed = await work.galleries.get(gallery_id, principal, self._clock.now())
        return open_gallery(self._vault, sealed)

    async def delete(self, principal: Principal, gallery_id: UUID) -> None:
        """Delete a gallery with all its faces; works without its key, too.

        Raises:
            GalleryNotFoundError: there is none that the caller may use.
        """
        async with self._database.unit_of_work() as work:
            gallery = await work.galleries.lock(gallery_id, principal, self._clock.now())
            await work.galleries.remove(gallery_id)
            details = {"faces": gallery.face_count}
            await work.audit.add(principal, "gallery.delete", _subject(gallery_id), details)
            await work.commit()

    async def enrol(
        self, principal: Principal, gallery_id: UUID, enrolments: Sequence[Enrolment]
    ) -> Sequence[EnrolledFace]:
        """Add faces to a gallery, all of them or none.

        Raises:
            GalleryNotFoundError: there is none that the caller may use.
            ModelMismatchError: an embedding is of another model.
            GalleryFullError: there is no room for that many.
            InvalidOptionError: there are none or too many, or an embedding is none.
            GalleryKeyMissingError: the gallery is sealed with a key that the settings do not name.
        """
        if not 1 <= len(enrolments) <= MOST_AT_ONCE:
            raise InvalidOptionError(
                f"1 to {MOST_AT_ONCE} faces are enrolled at a time, not {len(enrolments)}",
                "send them in parts",
            )
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            # Sealed before the lock is taken: it takes a while, and others want to enrol too.
            seen = await work.galleries.get(gallery_id, principal, now)
        gallery = open_gallery(self._vault, seen)
        for enrolment in enrolments:
            gallery.require_space(enrolment.embedding.space)
            _require_unit(enrolment.embedding)
        while True:
            faces, vectors = await asyncio.to_thread(seal_faces, self._vault, seen, enrolments, now)
            async with self._database.unit_of_work() as work:
                locked = await work.galleries.lock(gallery_id, principal, now)
                if locked.key_id != seen.key_id:
                    seen = locked  # the key was changed meanwhile
                    continue
                self._require_room(locked, len(faces))
                await work.gallery_faces.add(faces, vectors)
                details = {"faces": len(faces)}
                await work.audit.add(principal, "gallery.enrol", _subject(gallery_id), details)
                await work.commit()
            return [open_face(self._vault, face) for face in faces]

    async def faces(
        self, principal: Principal, gallery_id: UUID, limit: int, offset: int
    ) -> Page[EnrolledFace]:
        """Who is enrolled, oldest first.

        Raises:
            GalleryNotFoundError: there is no such gallery that the caller may use.
            GalleryKeyMissingError: it is sealed with a key that the settings do not name.
        """
        async with self._database.unit_of_work() as work:
            await work.galleries.get(gallery_id, principal, self._clock.now())
            page = await work.gallery_faces.list(gallery_id, limit, offset)
        return Page([open_face(self._vault, face) for face in page.items], page.total)

    async def delete_face(self, principal: Principal, gallery_id: UUID, face_id: UUID) -> None:
        """Remove one face from a gallery.

        Raises:
            GalleryNotFoundError: there is no such gallery that the caller may use.
            GalleryFaceNotFoundError: it has no such face.
        """
        async with self._database.unit_of_work() as work:
            await work.galleries.lock(gallery_id, principal, self._clock.now())
            await work.gallery_faces.remove(gallery_id, face_id)
            details = {"face": str(face_id)}
            await work.audit.add(principal, "gallery.delete_face", _subject(gallery_id), details)
            await work.commit()

    async def search(
        self, principal: Principal, gallery_id: UUID, embedding: Embedding, threshold: float, top_k: int
    ) -> Sequence[GalleryMatch]:
        """Who a face may be of: the best face of each label, the best first.

        Args:
            principal: who asks.
            gallery_id: where to look.
            embedding: the face.
            threshold: least cosine, -1 to 1.
            top_k: most labels.

        Raises:
            GalleryNotFoundError: there is no such gallery that the caller may use.
            ModelMismatchError: the embedding is of another model than the gallery.
            InvalidOptionError: threshold or top_k is out of range, or the embedding is none.
            GalleryKeyMissingError: the gallery is sealed with a key that the settings do not name.
        """
        if not -1 <= threshold <= 1:
            raise InvalidOptionError("a threshold is a cosine, from -1 to 1", "0.4 is a usual one")
        if not 1 <= top_k <= MOST_RESULTS:
            raise InvalidOptionError(f"top_k is 1 to {MOST_RESULTS}", "ask for fewer")
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            gallery = await work.galleries.get(gallery_id, principal, now)
            open_gallery(self._vault, gallery).require_space(embedding.space)
            _require_unit(embedding)
            while True:
                found = await self._found(work, gallery, embedding, threshold, top_k)
                after = await work.galleries.get(gallery_id, principal, now)
                if after.key_ids == gallery.key_ids:
                    break
                # Faces moved to another key while they were looked for under the old one.
                gallery = after
            details = {"threshold": threshold, "top_k": top_k, "matches": len(found)}
            await work.audit.add(principal, "gallery.search", _subject(gallery_id), details)
            await work.commit()
        return found

    async def _found(
        self, work: UnitOfWork, gallery: SealedGallery, embedding: Embedding, threshold: float, top_k: int
    ) -> Sequence[GalleryMatch]:
        # The first search of a gallery makes its rotation, which takes longer than an event loop may wait.
        asked = await asyncio.to_thread(queries, self._vault, gallery, embedding.vector)
        rows: list[tuple[SealedFace, float]] = []
        # The old key first: a face that moves from it to the other meanwhile is seen twice, and not never.
        for query in reversed(asked):
            rows += await work.gallery_faces.search(gallery, query, threshold, top_k)
        best: dict[str, GalleryMatch] = {}
        for sealed, similarity in sorted(rows, key=lambda row: -row[1]):
            face = open_face(self._vault, sealed)
            best.setdefault(face.label, GalleryMatch(face, similarity))
        return list(best.values())[:top_k]

    def _require_room(self, gallery: SealedGallery, faces: int) -> None:
        if gallery.face_count + faces > self._capacity:
            raise GalleryFullError(
                f"gallery {gallery.id} holds {gallery.face_count} faces and takes {self._capacity} at most",
                "remove some, make another gallery, or raise GALLERY_CAPACITY",
            )


def _require_unit(embedding: Embedding) -> None:
    vector = embedding.vector
    if vector.shape != (embedding.space.dimension,):
        raise InvalidOptionError(
            f"an embedding of {embedding.space.name} has {embedding.space.dimension} numbers", "send all"
        )
    # False for numbers that are none, too.
    if not abs(float(np.linalg.norm(vector)) - 1) < UNIT_TOLERANCE:
        raise InvalidOptionError("an embedding has to be of unit length", "divide it by its length")


def _subject(gallery_id: UUID) -> str:
    return f"gallery:{gallery_id}"
