"""What the service asks of its database about galleries, and of whoever keeps their contents secret.

The database never sees a name, a label or an embedding: a `Vault` seals them before, so that the domain, not
a storage adapter, decides what is protected. Whatever takes a ``Principal`` is scoped to it; a gallery whose
time is over does not exist. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.ports.paging import Page
from framecloak.domain.reid.model import EmbeddingSpace


@dataclass(frozen=True, slots=True)
class SealedGallery:
    """A gallery as it is stored.

    Attributes:
        id: random.
        owner_id: the account that made it.
        name: sealed.
        space: what its embeddings come from.
        key_id: of the key that its name is sealed with, and everything that is enrolled from now on.
        old_key_id: of the key that some of its faces may still be sealed with; None when none is.
        face_count: enrolled faces.
        indexed: whether it can be searched approximately.
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
    def key_ids(self) -> tuple[str, ...]:
        """Of all keys that its faces are sealed with."""
        return (self.key_id,) if self.old_key_id is None else (self.key_id, self.old_key_id)


@dataclass(frozen=True, slots=True)
class SealedFace:
    """An enrolled face as it is stored, without its vector.

    Attributes:
        id: random.
        gallery_id: where it is enrolled.
        key_id: of the key that it is sealed with.
        person: the same for faces with one label and one key, and nothing else.
        label: sealed.
        metadata: sealed.
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
class Query:
    """What is looked for under one key.

    Attributes:
        key_id: of the key.
        vector: (dimension,) float32 of unit length, turned as vectors under that key are.
    """

    key_id: str
    vector: FloatArray


class Galleries(Protocol):
    """Galleries."""

    async def add(self, gallery: SealedGallery) -> None:
        """Store one."""
        ...

    async def get(self, gallery_id: UUID, principal: Principal, now: datetime) -> SealedGallery:
        """One that the caller may use.

        Raises:
            GalleryNotFoundError: there is none, its time is over, or it is somebody else's.
        """
        ...

    async def lock(self, gallery_id: UUID, principal: Principal, now: datetime) -> SealedGallery:
        """As ``get``; whoever else wants to lock it waits until this unit of work ends.

        Raises:
            GalleryNotFoundError: as for ``get``.
        """
        ...

    async def list(self, principal: Principal, now: datetime, limit: int, offset: int) -> Page[SealedGallery]:
        """Those that the caller may use, newest first."""
        ...

    async def remove(self, gallery_id: UUID) -> None:
        """Delete it with all its faces; the caller has checked access."""
        ...

    async def remove_expired(self, now: datetime) -> Sequence[UUID]:
        """Delete those whose time is over with all their faces; returns which they were."""
        ...

    async def larger_than(self, faces: int) -> Sequence[SealedGallery]:
        """Those with more faces than that, whoever's they are."""
        ...

    async def set_indexed(self, gallery_id: UUID, *, indexed: bool) -> None:
        """Note whether it can be searched approximately."""
        ...

    async def under_other_keys(self, key_id: str, limit: int) -> Sequence[SealedGallery]:
        """Those of which anything is, or may be, sealed with another key than this; the oldest first."""
        ...

    async def rekey(self, gallery_id: UUID, name: bytes, key_id: str) -> bool:
        """Enrol under another key from now on, while what is there keeps its own.

        Returns:
            Whether that was done: not while faces are still on their way from an earlier key, nor when it is
            gone.
        """
        ...

    async def finish_rekey(self, gallery_id: UUID) -> bool:
        """Note that all faces are sealed with the gallery's key.

        Returns:
            Whether they are; nothing is noted otherwise.
        """
        ...


class GalleryFaces(Protocol):
    """Faces of galleries; the caller has checked access to the gallery."""

    async def add(self, faces: Sequence[SealedFace], vectors: FloatArray) -> None:
        """Enrol faces of one gallery, and count them.

        Args:
            faces: n of them.
            vectors: (n, dimension) float32.
        """
        ...

    async def list(self, gallery_id: UUID, limit: int, offset: int) -> Page[SealedFace]:
        """Faces of a gallery, oldest first."""
        ...

    async def first(self, gallery_id: UUID, limit: int) -> tuple[Sequence[SealedFace], FloatArray]:
        """The faces that ``list`` gives first, and their vectors.

        Returns:
            n faces, and (n, dimension) float32.
        """
        ...

    async def remove(self, gallery_id: UUID, face_id: UUID) -> None:
        """Delete one, and count it off; the caller has locked the gallery.

        Raises:
            GalleryFaceNotFoundError: the gallery has no such face.
        """
        ...

    async def search(
        self, gallery: SealedGallery, query: Query, threshold: float, top_k: int
    ) -> Sequence[tuple[SealedFace, float]]:
        """Of each person that is alike enough, the face that is most alike, the best first.

        A gallery that is indexed may be searched approximately: what is given is exact, something may be
        missing.

        Args:
            gallery: where to look.
            query: what for; only faces under its key are seen.
            threshold: least cosine.
            top_k: most people.

        Returns:
            Faces with their cosines.
        """
        ...

    async def take_under_other_keys(
        self, gallery_id: UUID, key_id: str, limit: int
    ) -> tuple[Sequence[SealedFace], FloatArray]:
        """Some faces that are sealed with another key than this; others skip them until the work ends.

        Returns:
            n faces, and (n, dimension) float32.
        """
        ...

    async def replace(self, faces: Sequence[SealedFace], vectors: FloatArray) -> None:
        """Store faces that are sealed anew in the place of those with the same ids."""
        ...


class GalleryIndexes(Protocol):
    """What makes large galleries quick to search."""

    async def existing(self) -> set[UUID]:
        """Galleries that have one, or the beginning of one; they need not exist any more.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        ...

    async def build(self, gallery_id: UUID, dimension: int, faces: int) -> bool:
        """Make one; takes minutes for a million faces, in which everything else goes on.

        Returns:
            Whether it is there; not when somebody else is building at the moment.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, or gave up.
        """
        ...

    async def drop(self, gallery_id: UUID) -> None:
        """Remove one, if it is there.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, or gave up.
        """
        ...


class Vault(Protocol):
    """Keeps what is in galleries secret. Safe to call from several threads at once.

    Every method that takes a ``key_id`` raises ``GalleryKeyMissingError`` when there is no such key.
    """

    @property
    def key_id(self) -> str:
        """Of the key that everything new is sealed with."""
        ...

    def seal(self, key_id: str, place: str, content: bytes) -> bytes:
        """Encrypt something; twice the same gives different results.

        Args:
            key_id: which key.
            place: where it will be stored; it opens nowhere else.
            content: what.
        """
        ...

    def open(self, key_id: str, place: str, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            GalleryDamagedError: it was changed, or sealed for another place or with another key.
        """
        ...

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        """16 bytes that are the same for equal labels of one gallery, and tell nothing about them."""
        ...

    def turn(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Vectors under the secret rotation of a gallery: cosines among them are what they were.

        Args:
            key_id: which key.
            gallery_id: which gallery.
            vectors: (n, dimension) float32.

        Returns:
            (n, dimension) float32.
        """
        ...

    def turn_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """The inverse of ``turn``."""
        ...
