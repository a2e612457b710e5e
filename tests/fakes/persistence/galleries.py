"""Galleries, their search indexes and their encryption, in memory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import numpy as np

from fakes.persistence.tables import Transaction
from framecloak.domain.errors import (
    GalleryDamagedError,
    GalleryFaceNotFoundError,
    GalleryKeyMissingError,
    GalleryNotFoundError,
)
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Page
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery, RotatedQuery


class FakeGalleryRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, gallery: EncryptedGallery) -> None:
        (await self._tx.write()).galleries[gallery.id] = gallery

    async def get(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        gallery = self._tx.rows.galleries.get(gallery_id)
        if gallery is None or not _is_visible_to(gallery, principal, now):
            raise GalleryNotFoundError(f"there is no gallery {gallery_id}")
        return gallery

    async def lock(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        await self._tx.write()
        return await self.get(gallery_id, principal, now)

    async def list(
        self, principal: Principal, now: datetime, limit: int, offset: int
    ) -> Page[EncryptedGallery]:
        found = [
            gallery for gallery in self._tx.rows.galleries.values() if _is_visible_to(gallery, principal, now)
        ]
        found.sort(key=lambda gallery: gallery.created_at, reverse=True)
        return Page(found[offset : offset + limit], len(found))

    async def hide(self, gallery_id: UUID) -> None:
        rows = await self._tx.write()
        gallery = rows.galleries[gallery_id]
        rows.galleries[gallery_id] = replace(gallery, expires_at=gallery.created_at)

    async def remove(self, gallery_id: UUID) -> bool:
        rows = await self._tx.write()
        gallery = rows.galleries.pop(gallery_id, None)
        rows.gallery_faces = {
            key: entry for key, entry in rows.gallery_faces.items() if entry[0].gallery_id != gallery_id
        }
        return gallery is not None

    async def expired(self, now: datetime) -> Sequence[EncryptedGallery]:
        return [
            gallery for gallery in self._oldest_first() if gallery.expires_at and gallery.expires_at <= now
        ]

    async def larger_than(self, faces: int) -> Sequence[EncryptedGallery]:
        return [gallery for gallery in self._oldest_first() if gallery.face_count > faces]

    async def set_indexed(self, gallery_id: UUID, *, indexed: bool) -> None:
        rows = await self._tx.write()
        if gallery_id in rows.galleries:
            rows.galleries[gallery_id] = replace(rows.galleries[gallery_id], indexed=indexed)

    async def with_outdated_keys(self, key_id: str, limit: int) -> Sequence[EncryptedGallery]:
        return [gallery for gallery in self._oldest_first() if gallery.key_ids != (key_id,)][:limit]

    async def begin_rekey(self, gallery_id: UUID, name: bytes, key_id: str) -> bool:
        rows = await self._tx.write()
        gallery = rows.galleries.get(gallery_id)
        if gallery is None or gallery.old_key_id is not None or gallery.key_id == key_id:
            return False
        rows.galleries[gallery_id] = replace(gallery, name=name, key_id=key_id, old_key_id=gallery.key_id)
        return True

    async def finish_rekey(self, gallery_id: UUID) -> bool:
        rows = await self._tx.write()
        gallery = rows.galleries.get(gallery_id)
        if gallery is None or gallery.old_key_id is None:
            return False
        faces = (face for face, _ in rows.gallery_faces.values() if face.gallery_id == gallery_id)
        if any(face.key_id != gallery.key_id for face in faces):
            return False
        rows.galleries[gallery_id] = replace(gallery, old_key_id=None)
        return True

    def _oldest_first(self) -> list[EncryptedGallery]:
        return sorted(self._tx.rows.galleries.values(), key=lambda gallery: (gallery.created_at, gallery.id))


class FakeGalleryFaceRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        rows = await self._tx.write()
        gallery = rows.galleries.get(faces[0].gallery_id)
        if gallery is None:
            raise GalleryNotFoundError(f"there is no gallery {faces[0].gallery_id}")
        rows.gallery_faces.update(
            (face.id, (face, vector)) for face, vector in zip(faces, vectors, strict=True)
        )
        rows.galleries[gallery.id] = replace(gallery, face_count=gallery.face_count + len(faces))

    async def list(self, gallery_id: UUID, limit: int, offset: int) -> Page[EncryptedFace]:
        faces = sorted(
            (face for face, _ in self._of(gallery_id)), key=lambda face: (face.created_at, face.id)
        )
        return Page(faces[offset : offset + limit], len(faces))

    async def first_with_vectors(
        self, gallery_id: UUID, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        taken = sorted(self._of(gallery_id), key=lambda entry: (entry[0].created_at, entry[0].id))[:limit]
        vectors = [vector for _, vector in taken]
        return [face for face, _ in taken], np.array(vectors, np.float32).reshape(
            len(taken), -1 if taken else 0
        )

    async def remove(self, gallery_id: UUID, face_id: UUID) -> None:
        rows = await self._tx.write()
        face, _ = rows.gallery_faces.get(face_id, (None, None))
        if face is None or face.gallery_id != gallery_id:
            raise GalleryFaceNotFoundError(f"gallery {gallery_id} has no face {face_id}")
        del rows.gallery_faces[face_id]
        gallery = rows.galleries[gallery_id]
        rows.galleries[gallery_id] = replace(gallery, face_count=gallery.face_count - 1)

    async def remove_next(self, gallery_id: UUID, after: int, limit: int) -> int | None:
        rows = await self._tx.write()
        # Faces lie in the order of their enrolment, and those of earlier steps are gone.
        gone = [face.id for face, _ in self._of(gallery_id)][:limit]
        for face_id in gone:
            del rows.gallery_faces[face_id]
        if gallery := rows.galleries.get(gallery_id):
            rows.galleries[gallery_id] = replace(gallery, face_count=gallery.face_count - len(gone))
        return after + len(gone) if gone else None

    async def search(
        self, gallery: EncryptedGallery, query: RotatedQuery, threshold: float, top_k: int
    ) -> Sequence[tuple[EncryptedFace, float]]:
        best: dict[bytes, tuple[EncryptedFace, float]] = {}
        for face, vector in self._of(gallery.id):
            similarity = float(np.clip(vector @ query.vector, -1, 1))
            known = best.get(face.person)
            is_better = known is None or similarity > known[1]
            if face.key_id == query.key_id and similarity >= threshold and is_better:
                best[face.person] = face, similarity
        return sorted(best.values(), key=lambda found: -found[1])[:top_k]

    async def lock_with_outdated_keys(
        self, gallery_id: UUID, key_id: str, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        await self._tx.write()
        taken = [entry for entry in self._of(gallery_id) if entry[0].key_id != key_id][:limit]
        vectors = [vector for _, vector in taken]
        return [face for face, _ in taken], np.array(vectors, np.float32).reshape(
            len(taken), -1 if taken else 0
        )

    async def replace(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        rows = await self._tx.write()
        for face, vector in zip(faces, vectors, strict=True):
            rows.gallery_faces[face.id] = face, vector

    def _of(self, gallery_id: UUID) -> list[tuple[EncryptedFace, FloatArray]]:
        return [entry for entry in self._tx.rows.gallery_faces.values() if entry[0].gallery_id == gallery_id]


def _is_visible_to(gallery: EncryptedGallery, principal: Principal, now: datetime) -> bool:
    is_alive = gallery.expires_at is None or gallery.expires_at > now
    return is_alive and (principal.is_admin or gallery.owner_id == principal.user_id)


@dataclass
class FakeGalleryIndexes:
    """Remembers the indexes that were built.

    Attributes:
        busy: set it to simulate another process that is building.
    """

    made: set[UUID] = field(default_factory=set)
    busy: bool = False

    async def existing(self) -> set[UUID]:
        return set(self.made)

    async def build(self, gallery_id: UUID, dimension: int, faces: int) -> bool:
        if not self.busy:
            self.made.add(gallery_id)
        return not self.busy

    async def drop(self, gallery_id: UUID) -> None:
        self.made.discard(gallery_id)


@dataclass(frozen=True)
class FakeGalleryCipher:
    """Marks plaintext with its key and context, so that tests notice a wrong one; rotates by rolling vectors.

    Attributes:
        keys: offset by which each key rolls, the current one last.
    """

    keys: dict[str, int] = field(default_factory=lambda: {"first": 1})

    @property
    def key_id(self) -> str:
        return list(self.keys)[-1]

    def encrypt(self, key_id: str, context: str, plaintext: bytes) -> bytes:
        self._roll(key_id)
        return f"{key_id}|{context}|".encode() + base64.b64encode(plaintext)

    def decrypt(self, key_id: str, context: str, ciphertext: bytes) -> bytes:
        self._roll(key_id)
        prefix = f"{key_id}|{context}|".encode()
        if not ciphertext.startswith(prefix):
            raise GalleryDamagedError(f"{context} was changed, moved, or encrypted with another key")
        return base64.b64decode(ciphertext.removeprefix(prefix))

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        self._roll(key_id)
        return hashlib.sha256(f"{key_id}|{gallery_id}|{label}".encode()).digest()[:16]

    def rotate(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        return np.roll(vectors, self._roll(key_id), axis=1)

    def rotate_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        return np.roll(vectors, -self._roll(key_id), axis=1)

    def _roll(self, key_id: str) -> int:
        if key_id not in self.keys:
            raise GalleryKeyMissingError(f"a gallery is encrypted with key {key_id}")
        return self.keys[key_id]
