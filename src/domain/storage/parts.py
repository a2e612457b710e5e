"""Parts of results in the object store, compared with what their workers stored."""

from __future__ import annotations

from pathlib import Path

from framecloak.domain.anonymization.model.slices import FinishedSlice
from framecloak.domain.errors import ResultDamagedError
from framecloak.domain.storage.alarm import VERIFY_HINT, DamageMeter, StoredKind, raise_alarm
from framecloak.domain.storage.hashing import hash_file


async def require_intact_part(part: FinishedSlice, file: Path, meter: DamageMeter) -> None:
    """Compare the file of a part with the SHA-256 that its worker recorded.

    Args:
        part: finished slice.
        file: file of its part.
        meter: metrics of damaged files.

    Raises:
        ResultDamagedError: the file is not the part that was made.
    """
    sha256 = (await hash_file(file)).sha256
    if part.sha256 not in {None, sha256}:
        reason = f"{part.key} has the SHA-256 {sha256} instead of {part.sha256}"
        raise_alarm(meter, StoredKind.PART, part.key, reason)
        raise ResultDamagedError(reason, VERIFY_HINT)
