"""Deletion of a gallery that callers no longer see, in steps.

One transaction over millions of faces would hold its locks for minutes, and all its work would be lost when
the caller disconnects or the process ends. Each step is committed instead, and the next run continues.
"""

from __future__ import annotations

from uuid import UUID

from framecloak.domain.ports.database import Database

FACES_PER_STEP = 20_000
"""Number of faces deleted in one transaction, which takes less than a second."""


async def delete_in_steps(database: Database, gallery_id: UUID, *, expired: bool) -> bool:
    """Delete a hidden or expired gallery with all its faces.

    Args:
        database: storage of the gallery.
        gallery_id: gallery that callers no longer see; several processes may delete it at once.
        expired: record the expiry in the audit log, which a deletion by a caller has recorded already.

    Returns:
        True if this call removed the gallery; False if another did, or there is none.

    Raises:
        DatabaseUnavailableError: the database cannot be reached; the steps that were committed stay.
    """
    last: int | None = 0
    while last is not None:
        async with database.unit_of_work() as work:
            last = await work.gallery_faces.remove_next(gallery_id, last, FACES_PER_STEP)
            await work.commit()
    async with database.unit_of_work() as work:
        removed = await work.galleries.remove(gallery_id)
        if removed and expired:
            await work.audit.add(None, "gallery.expire", f"gallery:{gallery_id}", {})
        await work.commit()
    return removed
