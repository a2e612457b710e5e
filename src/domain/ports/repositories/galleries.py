"""Repositories of galleries, their search indexes, and the cipher that protects their contents.

Names, labels and embeddings are encrypted by a cipher of the domain before they reach the database, so that
the domain, not a storage adapter, decides what is protected. Methods with a ``Principal`` see only what that
caller may use, and treat an expired gallery as missing. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.repositories.paging import Page


@dataclass(frozen=True, slots=True)
class EncryptedGallery:
    """A gallery as stored, with its name encrypted.

    Attributes:
        id: Random.
        owner_id: id of the account that created it.
        name: encrypted name.
        space: embedding space of all its faces.
        key_id: id of the key for its name and for faces enrolled from now on.
        old_key_id: id of the key that some of its faces may still be encrypted with; None if there are none.
        face_count: number of enrolled faces.
        indexed: True if an approximate search index exists.
        created_at: UTC.
        expires_at: UTC, or None.
    """

    id: UUID
    owner_id: int
    name: bytes
    space: EmbeddingSpace
    key_id: str
    old_key_id: str | None
    face_count: int
    indexed: bool
    created_at: datetime
    expires_at: datetime | None

    @property
    def is_deleted(self) -> bool:
        """True if a caller deleted it, and faces may be left to remove; see `GalleryRepository.hide`."""
        return self.expires_at is not None and self.expires_at <= self.created_at

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids of all keys that its faces are encrypted with."""
        return (self.key_id,) if self.old_key_id is None else (self.key_id, self.old_key_id)


@dataclass(frozen=True, slots=True)
class EncryptedFace:
    """An enrolled face as stored, encrypted and without its vector.

    Attributes:
        id: Random.
        gallery_id: id of its gallery.
        key_id: id of the key it is encrypted with.
        person: pseudonym; equal exactly for faces with the same label and the same key.
        label: encrypted label.
        metadata: encrypted metadata.
        created_at: UTC.
    """

    id: UUID
    gallery_id: UUID
    key_id: str
    person: bytes
    label: bytes
    metadata: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class RotatedQuery:
    """A search vector, rotated for one key of a gallery.

    Attributes:
        key_id: id of the key.
        vector: (dimension,) float32 of unit length, rotated like the vectors stored under that key.
    """

    key_id: str
    vector: FloatArray


class GalleryRepository(Protocol):
    """Repository of galleries."""

    async def add(self, gallery: EncryptedGallery) -> None:
        """Store a gallery."""
        ...

    async def get(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        """Return a gallery that the caller may use.

        Raises:
            GalleryNotFoundError: the gallery does not exist, has expired, or belongs to another account.
        """
        ...

    async def lock(self, gallery_id: UUID, principal: Principal, now: datetime) -> EncryptedGallery:
        """Return a gallery as ``get`` does, and lock its row until this unit of work ends.

        Raises:
            GalleryNotFoundError: as for ``get``.
        """
        ...

    async def list(
        self, principal: Principal, now: datetime, limit: int, offset: int
    ) -> Page[EncryptedGallery]:
        """Return a page of the galleries that the caller may use, newest first."""
        ...

    async def hide(self, gallery_id: UUID) -> None:
        """Hide a gallery from all callers, whatever their clocks: it expires when it was created."""
        ...

    async def remove(self, gallery_id: UUID) -> bool:
        """Delete a gallery with the faces that it still has. The caller has checked access.

        Returns:
            True if it existed.
        """
        ...

    async def expired(self, now: datetime) -> Sequence[EncryptedGallery]:
        """Return expired and hidden galleries of all owners, oldest first."""
        ...

    async def larger_than(self, faces: int) -> Sequence[EncryptedGallery]:
        """Return all galleries with more than ``faces`` faces, of any owner."""
        ...

    async def set_indexed(self, gallery_id: UUID, *, indexed: bool) -> None:
        """Store whether a gallery has an approximate search index."""
        ...

    async def with_outdated_keys(self, key_id: str, limit: int) -> Sequence[EncryptedGallery]:
        """Return galleries that use, or may still use, another key than ``key_id``; oldest first."""
        ...

    async def begin_rekey(self, gallery_id: UUID, name: bytes, key_id: str) -> bool:
        """Set a new key for the name and for new faces; faces already enrolled keep their key.

        Returns:
            True if the key was set. False if faces are still encrypted with a key older than the current one,
            or if the gallery no longer exists.
        """
        ...

    async def finish_rekey(self, gallery_id: UUID) -> bool:
        """Clear ``old_key_id`` if all faces are encrypted with the gallery's key.

        Returns:
            True if they are; otherwise nothing is changed.
        """
        ...


class GalleryFaceRepository(Protocol):
    """Repository of enrolled faces. The caller has checked access to the gallery."""

    async def add(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        """Enrol faces in one gallery and increase its face count.

        Args:
            faces: n faces.
            vectors: (n, dimension) float32.
        """
        ...

    async def list(self, gallery_id: UUID, limit: int, offset: int) -> Page[EncryptedFace]:
        """Return a page of a gallery's faces, oldest first."""
        ...

    async def first_with_vectors(
        self, gallery_id: UUID, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        """Return the oldest faces of a gallery, in the order of ``list``, with their vectors.

        Returns:
            n faces, and their vectors, (n, dimension) float32.
        """
        ...

    async def remove(self, gallery_id: UUID, face_id: UUID) -> None:
        """Delete a face and decrease the face count. The caller has locked the gallery.

        Raises:
            GalleryFaceNotFoundError: the gallery has no such face.
        """
        ...

    async def remove_next(self, gallery_id: UUID, after: int, limit: int) -> int | None:
        """Delete some faces of a gallery in the order of their enrolment, and decrease the face count.

        Concurrent calls wait for each other.

        Args:
            gallery_id: gallery in which no more faces are enrolled.
            after: result of the previous call; 0 for the first.
            limit: maximum number of faces.

        Returns:
            Number of the last face that was deleted, after which the next call continues; None if no faces
            are left.
        """
        ...

    async def search(
        self, gallery: EncryptedGallery, query: RotatedQuery, threshold: float, top_k: int
    ) -> Sequence[tuple[EncryptedFace, float]]:
        """Return the most similar face of each sufficiently similar person, best first.

        In a gallery with an index the search may be approximate: every similarity returned is exact, but
        matches may be missing.

        Args:
            gallery: gallery to search.
            query: search vector; only faces encrypted with its key are compared.
            threshold: minimum cosine similarity.
            top_k: maximum number of people.

        Returns:
            Faces with their cosine similarities.
        """
        ...

    async def lock_with_outdated_keys(
        self, gallery_id: UUID, key_id: str, limit: int
    ) -> tuple[Sequence[EncryptedFace], FloatArray]:
        """Lock and return some faces encrypted with another key than ``key_id``.

        Concurrent calls skip rows that are already locked; the locks end with the unit of work.

        Returns:
            n faces, and their vectors, (n, dimension) float32.
        """
        ...

    async def replace(self, faces: Sequence[EncryptedFace], vectors: FloatArray) -> None:
        """Overwrite the stored faces with these ids by re-encrypted ones."""
        ...


class GalleryIndexes(Protocol):
    """Approximate nearest-neighbour indexes of large galleries."""

    async def existing(self) -> set[UUID]:
        """Return the ids of galleries with a complete or incomplete index; some may no longer exist.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        ...

    async def build(self, gallery_id: UUID, dimension: int, faces: int) -> bool:
        """Build an index without blocking other work; a million faces take minutes.

        Returns:
            True if the index exists; False if another process is building one at the moment.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, or aborted the build.
        """
        ...

    async def drop(self, gallery_id: UUID) -> None:
        """Delete the index of a gallery if it has one.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, or aborted the command.
        """
        ...
