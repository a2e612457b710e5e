"""Use cases for those who run the installation: keep galleries quick to search, and change their key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.galleries import GalleryIndexes, SealedGallery, Vault
from framecloak.domain.reid.galleries.encryption import reseal, reseal_name

BATCH = 500
"""Faces that change their key in one transaction."""

WAIT = 0.2
"""Seconds before another look at faces that somebody else is working on."""


class GalleryUpkeep:
    """Indexes and keys of all galleries.

    Args:
        database: where galleries are recorded.
        vault: keeps their contents secret.
        indexes: make large galleries quick to search.
        index_above: faces above which a gallery gets an index; it loses it again at half of them.
        batch: faces that change their key in one transaction.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        indexes: GalleryIndexes,
        index_above: int,
        batch: int = BATCH,
    ) -> None:
        self._database = database
        self._vault = vault
        self._indexes = indexes
        self._index_above = index_above
        self._batch = batch

    async def tend_indexes(self) -> int:
        """Make indexes for galleries that have grown large, and drop those of galleries that no longer are.

        Several processes may do so at a time: one builds, the others leave it alone.

        Returns:
            How many were made.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        async with self._database.unit_of_work() as work:
            large = await work.galleries.larger_than(self._index_above // 2)
        existing = await self._indexes.existing()
        # One that changes its key is searched exactly: half of what an index finds would be the other half.
        settled = {gallery.id: gallery for gallery in large if gallery.old_key_id is None}
        for gallery_id in existing - set(settled):
            await self._drop(gallery_id)
        made = 0
        for gallery in settled.values():
            if not gallery.indexed and (gallery.face_count > self._index_above or gallery.id in existing):
                made += await self._build(gallery)
        return made

    async def rotate_key(self, principal: Principal, tell: Callable[[int], None]) -> int:
        """Bring all galleries under the vault's current key, whatever keys they are under.

        Done in batches that are each committed, so that it can be interrupted at any time and run again, and
        galleries stay in use meanwhile. A gallery is searched exactly, which may be slower, until the next
        tending of indexes.

        Args:
            principal: who asks for it; an administrator.
            tell: told how many faces were done so far.

        Returns:
            Galleries that were brought under it.

        Raises:
            ForbiddenError: the caller is no administrator.
            GalleryKeyMissingError: a gallery is under a key that the settings do not name.
            GalleryDamagedError: something in a gallery cannot be opened.
        """
        principal.require_admin()
        done: set[UUID] = set()
        faces = 0
        while gallery := await self._next():
            if gallery.old_key_id is None:
                await self._begin(principal, gallery)
                continue
            moved = await self._move(gallery)
            faces += moved
            tell(faces)
            if not moved and await self._finish(gallery.id):
                done.add(gallery.id)
            elif not moved:
                await asyncio.sleep(WAIT)
        return len(done)

    async def _next(self) -> SealedGallery | None:
        async with self._database.unit_of_work() as work:
            found = await work.galleries.under_other_keys(self._vault.key_id, 1)
        return found[0] if found else None

    async def _begin(self, principal: Principal, gallery: SealedGallery) -> None:
        # Without its index first: every face that moves would have to be found its place in it.
        await self._drop(gallery.id)
        key_id = self._vault.key_id
        name = reseal_name(self._vault, gallery, key_id)
        async with self._database.unit_of_work() as work:
            if await work.galleries.rekey(gallery.id, name, key_id):
                await work.audit.add(principal, "gallery.rekey", f"gallery:{gallery.id}", {"key": key_id})
                await work.commit()

    async def _move(self, gallery: SealedGallery) -> int:
        """Bring some faces under their gallery's key; returns how many."""
        async with self._database.unit_of_work() as work:
            faces, vectors = await work.gallery_faces.take_under_other_keys(
                gallery.id, gallery.key_id, self._batch
            )
            if faces:
                moved = await asyncio.to_thread(reseal, self._vault, faces, vectors, gallery.key_id)
                await work.gallery_faces.replace(*moved)
                await work.commit()
        return len(faces)

    async def _finish(self, gallery_id: UUID) -> bool:
        async with self._database.unit_of_work() as work:
            finished = await work.galleries.finish_rekey(gallery_id)
            await work.commit()
        return finished

    async def _build(self, gallery: SealedGallery) -> bool:
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
