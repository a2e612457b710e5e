"""Maintenance of galleries: search indexes and key rotation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.galleries import EncryptedGallery, GalleryIndexes
from framecloak.domain.ports.security import GalleryCipher
from framecloak.domain.reid.galleries.encryption import reencrypt_faces, reencrypt_name

BATCH_SIZE = 500
"""Number of faces re-encrypted per transaction."""

SIGN_DIMENSION = 256
"""Dimension from which the database searches the signs of vectors instead of an index of this kind."""

RETRY_SECONDS = 0.2
"""Seconds before the next attempt to lock faces that another process has locked."""


class GalleryMaintenance:
    """Maintenance of the indexes and keys of all galleries.

    Args:
        database: storage of the galleries.
        cipher: encrypts and decrypts their contents.
        indexes: approximate indexes of large galleries.
        index_above: number of faces above which a gallery gets an index; it is dropped at half of that.
        batch: number of faces re-encrypted per transaction.
    """

    def __init__(
        self,
        database: Database,
        cipher: GalleryCipher,
        indexes: GalleryIndexes,
        index_above: int,
        batch: int = BATCH_SIZE,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._indexes = indexes
        self._index_above = index_above
        self._batch = batch

    async def maintain_indexes(self) -> int:
        """Build indexes for large galleries, and drop those of galleries that are no longer large.

        Several processes may call this concurrently; only one of them builds.

        Returns:
            Number of indexes built.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            large = await work.galleries.larger_than(self._index_above // 2)
        existing = await self._indexes.existing()
        # A gallery with two keys is searched exactly: many results of an index would have the other key.
        # Long vectors are searched by their signs, in an index that every process keeps in memory.
        settled = {
            gallery.id: gallery
            for gallery in large
            if gallery.old_key_id is None and gallery.space.dimension < SIGN_DIMENSION
        }
        for gallery_id in existing - set(settled):
            await self._drop(gallery_id)
        made = 0
        for gallery in settled.values():
            if not gallery.indexed and (gallery.face_count > self._index_above or gallery.id in existing):
                made += await self._build(gallery)
        return made

    async def rotate_key(self, principal: Principal, report: Callable[[int], None]) -> int:
        """Re-encrypt all galleries with the current key, whatever keys they use.

        Every batch is committed, so the rotation can be interrupted at any time and run again, and galleries
        stay usable meanwhile. A gallery is searched exactly, which may be slower, until its index is rebuilt
        by the next maintenance.

        Args:
            principal: the caller, an administrator.
            report: called with the number of faces re-encrypted so far.

        Returns:
            Number of galleries re-encrypted.

        Raises:
            ForbiddenError: the caller is not an administrator.
            GalleryKeyMissingError: a gallery uses a key that is missing from the settings.
            GalleryDamagedError: a value in a gallery cannot be decrypted.
        """
        principal.require_admin()
        done: set[UUID] = set()
        faces = 0
        while gallery := await self._next_gallery():
            if gallery.old_key_id is None:
                await self._begin_rekey(principal, gallery)
                continue
            moved = await self._rekey_batch(gallery)
            faces += moved
            report(faces)
            if not moved and await self._finish_rekey(gallery.id):
                done.add(gallery.id)
            elif not moved:
                await asyncio.sleep(RETRY_SECONDS)
        return len(done)

    async def _next_gallery(self) -> EncryptedGallery | None:
        async with self._database.unit_of_work() as work:
            galleries = await work.galleries.with_outdated_keys(self._cipher.key_id, 1)
        return galleries[0] if galleries else None

    async def _begin_rekey(self, principal: Principal, gallery: EncryptedGallery) -> None:
        # The index is dropped first, because every re-encrypted face would have to be indexed again.
        await self._drop(gallery.id)
        key_id = self._cipher.key_id
        name = reencrypt_name(self._cipher, gallery, key_id)
        async with self._database.unit_of_work() as work:
            if await work.galleries.begin_rekey(gallery.id, name, key_id):
                await work.audit.add(principal, "gallery.rekey", f"gallery:{gallery.id}", {"key": key_id})
                await work.commit()

    async def _rekey_batch(self, gallery: EncryptedGallery) -> int:
        """Re-encrypt a batch of faces with their gallery's key, and return their number."""
        async with self._database.unit_of_work() as work:
            faces, vectors = await work.gallery_faces.lock_with_outdated_keys(
                gallery.id, gallery.key_id, self._batch
            )
            if faces:
                moved = await asyncio.to_thread(reencrypt_faces, self._cipher, faces, vectors, gallery.key_id)
                await work.gallery_faces.replace(*moved)
                await work.commit()
        return len(faces)

    async def _finish_rekey(self, gallery_id: UUID) -> bool:
        async with self._database.unit_of_work() as work:
            finished = await work.galleries.finish_rekey(gallery_id)
            await work.commit()
        return finished

    async def _build(self, gallery: EncryptedGallery) -> bool:
        if not await self._indexes.build(gallery.id, gallery.space.dimension, gallery.face_count):
            return False
        async with self._database.unit_of_work() as work:
            await work.galleries.set_indexed(gallery.id, indexed=True)
            await work.commit()
        return True

    async def _drop(self, gallery_id: UUID) -> None:
        async with self._database.unit_of_work() as work:
            await work.galleries.set_indexed(gallery_id, indexed=False)
            await work.commit()
        await self._indexes.drop(gallery_id)
