"""Use cases of galleries: create, enrol faces, identify a face, delete.

A gallery holds biometric templates, which are special-category data under the GDPR. Every use of a gallery is
therefore recorded, embeddings are never returned, and a deletion takes effect immediately in the tables (but
not in backups, nor in free disk space until the database reuses it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from framecloak.domain.errors import GalleryFullError, InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery
from framecloak.domain.ports.repositories.paging import Page
from framecloak.domain.ports.security import GalleryCipher
from framecloak.domain.reid.galleries.encryption import (
    decrypt_face,
    decrypt_gallery,
    encrypt_faces,
    encrypt_name,
    rotated_queries,
)
from framecloak.domain.reid.galleries.model import (
    MAX_ENROLMENTS,
    MAX_SEARCH_RESULTS,
    EnrolledFace,
    Enrolment,
    Gallery,
    GalleryMatch,
    require_name,
)
from framecloak.domain.reid.galleries.removal import delete_in_steps

MAX_DIMENSION = 4000
"""Maximum vector length that the database can index."""

UNIT_TOLERANCE = 1e-3
"""Maximum deviation of an embedding's length from 1."""


class GalleryService:
    """Use cases of galleries of enrolled faces.

    Args:
        database: storage of the galleries.
        cipher: encrypts and decrypts their contents.
        clock: current time (UTC).
        capacity: maximum number of faces per gallery.
    """

    def __init__(self, database: Database, cipher: GalleryCipher, clock: Clock, capacity: int) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock
        self._capacity = capacity

    async def create(
        self, principal: Principal, name: str, space: EmbeddingSpace, expires_at: datetime | None = None
    ) -> Gallery:
        """Create an empty gallery for embeddings of one model.

        Args:
            principal: owner of the gallery.
            name: name given by the owner.
            space: embedding space of all its faces.
            expires_at: time of deletion, UTC; None for a gallery that is kept until it is deleted.

        Raises:
            InvalidOptionError: the name is not allowed, the expiry is in the past, or the dimension is out of
                range.
        """
        require_name("a gallery's name", name)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidOptionError("the gallery would have expired already", "choose a later time")
        if not 1 <= space.dimension <= MAX_DIMENSION:
            raise InvalidOptionError(
                f"embeddings have 1 to {MAX_DIMENSION} numbers, not {space.dimension}",
                "use another model",
            )
        gallery_id, key_id = uuid4(), self._cipher.key_id
        encrypted = EncryptedGallery(
            id=gallery_id,
            owner_id=principal.user_id,
            name=encrypt_name(self._cipher, key_id, gallery_id, name),
            space=space,
            key_id=key_id,
            old_key_id=None,
            face_count=0,
            indexed=False,
            created_at=now,
            expires_at=expires_at,
        )
        async with self._database.unit_of_work() as work:
            await work.galleries.add(encrypted)
            details = {"model": space.name, "expires_at": expires_at and expires_at.isoformat()}
            await work.audit.add(principal, "gallery.create", _subject(gallery_id), details)
            await work.commit()
        return decrypt_gallery(self._cipher, encrypted)

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Gallery]:
        """Return a page of the galleries that the caller may use, newest first.

        Raises:
            GalleryKeyMissingError: a gallery is encrypted with a key that is missing from the settings.
        """
        async with self._database.unit_of_work() as work:
            page = await work.galleries.list(principal, self._clock.now(), limit, offset)
        return Page([decrypt_gallery(self._cipher, encrypted) for encrypted in page.items], page.total)

    async def get(self, principal: Principal, gallery_id: UUID) -> Gallery:
        """Return a gallery that the caller may use.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
            GalleryKeyMissingError: it is encrypted with a key that is missing from the settings.
        """
        async with self._database.unit_of_work() as work:
            encrypted = await work.galleries.get(gallery_id, principal, self._clock.now())
        return decrypt_gallery(self._cipher, encrypted)

    async def delete(self, principal: Principal, gallery_id: UUID) -> None:
        """Delete a gallery with all its faces; possible without its key.

        Callers no longer see it from the start. Millions of faces take minutes to remove; if this call is
        interrupted, the next clean-up removes the rest.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
        """
        async with self._database.unit_of_work() as work:
            gallery = await work.galleries.lock(gallery_id, principal, self._clock.now())
            await work.galleries.hide(gallery_id)
            details = {"faces": gallery.face_count}
            await work.audit.add(principal, "gallery.delete", _subject(gallery_id), details)
            await work.commit()
        await delete_in_steps(self._database, gallery_id, expired=False)

    async def enrol(
        self, principal: Principal, gallery_id: UUID, enrolments: Sequence[Enrolment]
    ) -> Sequence[EnrolledFace]:
        """Add faces to a gallery, all of them or none.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
            ModelMismatchError: an embedding is of another model.
            GalleryFullError: the gallery has too little room.
            InvalidOptionError: there are no faces or too many, or an embedding is invalid.
            GalleryKeyMissingError: the gallery is encrypted with a key that is missing from the settings.
        """
        if not 1 <= len(enrolments) <= MAX_ENROLMENTS:
            raise InvalidOptionError(
                f"1 to {MAX_ENROLMENTS} faces are enrolled at a time, not {len(enrolments)}",
                "send them in several requests",
            )
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            # Encrypted before the lock is taken: it takes a while, and others want to enrol too.
            encrypted = await work.galleries.get(gallery_id, principal, now)
        gallery = decrypt_gallery(self._cipher, encrypted)
        for enrolment in enrolments:
            gallery.require_space(enrolment.embedding.space)
            _require_unit_length(enrolment.embedding)
        while True:
            faces, vectors = await asyncio.to_thread(encrypt_faces, self._cipher, encrypted, enrolments, now)
            async with self._database.unit_of_work() as work:
                locked = await work.galleries.lock(gallery_id, principal, now)
                if locked.key_id != encrypted.key_id:
                    encrypted = locked  # the key was changed in the meantime
                    continue
                self._require_room(locked, len(faces))
                await work.gallery_faces.add(faces, vectors)
                details = {"faces": len(faces)}
                await work.audit.add(principal, "gallery.enrol", _subject(gallery_id), details)
                await work.commit()
            return [decrypt_face(self._cipher, face) for face in faces]

    async def faces(
        self, principal: Principal, gallery_id: UUID, limit: int, offset: int
    ) -> Page[EnrolledFace]:
        """Return a page of the enrolled faces, oldest first.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
            GalleryKeyMissingError: it is encrypted with a key that is missing from the settings.
        """
        async with self._database.unit_of_work() as work:
            await work.galleries.get(gallery_id, principal, self._clock.now())
            page = await work.gallery_faces.list(gallery_id, limit, offset)
        return Page([decrypt_face(self._cipher, face) for face in page.items], page.total)

    async def delete_face(self, principal: Principal, gallery_id: UUID, face_id: UUID) -> None:
        """Remove one face from a gallery.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
            GalleryFaceNotFoundError: the gallery has no such face.
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
        """Return the labels that a face may belong to: the most similar face of each label, best first.

        Args:
            principal: the caller.
            gallery_id: gallery to search.
            embedding: embedding of the face.
            threshold: minimum cosine similarity, -1 to 1.
            top_k: maximum number of labels.

        Raises:
            GalleryNotFoundError: the caller has no such gallery.
            ModelMismatchError: the embedding is of another model than the gallery.
            InvalidOptionError: ``threshold`` or ``top_k`` is out of range, or the embedding is invalid.
            GalleryKeyMissingError: the gallery is encrypted with a key that is missing from the settings.
        """
        if not -1 <= threshold <= 1:
            raise InvalidOptionError("the threshold is a cosine, from -1 to 1", "a usual value is 0.4")
        if not 1 <= top_k <= MAX_SEARCH_RESULTS:
            raise InvalidOptionError(f"top_k is 1 to {MAX_SEARCH_RESULTS}", "request fewer matches")
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            gallery = await work.galleries.get(gallery_id, principal, now)
            decrypt_gallery(self._cipher, gallery).require_space(embedding.space)
            _require_unit_length(embedding)
            while True:
                matches = await self._search_all_keys(work, gallery, embedding, threshold, top_k)
                after = await work.galleries.get(gallery_id, principal, now)
                if after.key_ids == gallery.key_ids:
                    break
                # Faces were re-encrypted with another key during the search.
                gallery = after
            details = {"threshold": threshold, "top_k": top_k, "matches": len(matches)}
            await work.audit.add(principal, "gallery.search", _subject(gallery_id), details)
            await work.commit()
        return matches

    async def _search_all_keys(
        self, work: UnitOfWork, gallery: EncryptedGallery, embedding: Embedding, threshold: float, top_k: int
    ) -> Sequence[GalleryMatch]:
        # The first search of a gallery computes its rotation, which would block the event loop too long.
        rotated = await asyncio.to_thread(rotated_queries, self._cipher, gallery, embedding.vector)
        rows: list[tuple[EncryptedFace, float]] = []
        # The old key first: a face re-encrypted in the meantime is then found twice instead of not at all.
        for query in reversed(rotated):
            rows += await work.gallery_faces.search(gallery, query, threshold, top_k)
        best: dict[str, GalleryMatch] = {}
        for encrypted, similarity in sorted(rows, key=lambda row: -row[1]):
            face = decrypt_face(self._cipher, encrypted)
            best.setdefault(face.label, GalleryMatch(face, similarity))
        return list(best.values())[:top_k]

    def _require_room(self, gallery: EncryptedGallery, faces: int) -> None:
        if gallery.face_count + faces > self._capacity:
            raise GalleryFullError(
                f"gallery {gallery.id} holds {gallery.face_count} faces; its maximum is {self._capacity}",
                "remove faces, create another gallery, or raise GALLERY_CAPACITY",
            )


def _require_unit_length(embedding: Embedding) -> None:
    vector = embedding.vector
    if vector.shape != (embedding.space.dimension,):
        raise InvalidOptionError(
            f"an embedding of {embedding.space.name} has {embedding.space.dimension} numbers",
            "send all of them",
        )
    # Also refuses NaN.
    if not abs(float(np.linalg.norm(vector)) - 1) < UNIT_TOLERANCE:
        raise InvalidOptionError("an embedding has to be of unit length", "divide it by its length")


def _subject(gallery_id: UUID) -> str:
    return f"gallery:{gallery_id}"
