"""ZIP archives that are written while they are sent, without a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of all entries: the times of the frames' files would tell when a video was recorded."""
_FILE_MODE = 0o100644 << 16


class _Outbox:
    """Write-only file without positions, for which `ZipFile` writes sizes behind the data."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep data until it is taken."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing; `ZipFile` requires it."""

    def take(self) -> bytes:
        """Return all data since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


async def zip_stream(entries: AsyncIterator[tuple[str, AsyncIterator[bytes]]]) -> AsyncIterator[bytes]:
    """Yield a stored ZIP64 archive of entries of any length; exceptions of the entries are passed on."""
    outbox = _Outbox()
    with ZipFile(outbox, "w", ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        async for name, chunks in entries:
            info = ZipInfo(name, _EPOCH)
            info.external_attr = _FILE_MODE
            with archive.open(info, "w", force_zip64=True) as entry:
                async for chunk in chunks:
                    entry.write(chunk)
                    yield outbox.take()
    yield outbox.take()
