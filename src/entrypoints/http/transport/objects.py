"""Objects of a folder store, handed out and taken in under addresses that carry their own permission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from litestar.exceptions import HTTPException
from litestar.response import Stream

from framecloak.entrypoints.http.services import ObjectServer

OBJECTS_PATH = "/objects/"

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MEDIA_TYPES = {"zip": "application/zip"}


class RangeError(HTTPException):
    """A range that lies beyond the object.

    Args:
        size: bytes of the object.
    """

    status_code = 416

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the object has {size} bytes, and none where you asked",
            headers={"Content-Range": f"bytes */{size}"},
        )


async def handed_out(objects: ObjectServer, key: str, query: Mapping[str, str], wanted: str | None) -> Stream:
    """An object, or a part of it, as a download.

    Args:
        objects: has it.
        key: of the object, from the address.
        query: of the address, decoded.
        wanted: the ``Range`` header, if there is one.

    Raises:
        ForbiddenError: the address was altered.
        TokenExpiredError: it came too late.
        ObjectNotFoundError: the object is gone.
        RangeError: there is nothing in that range.
    """
    filename = objects.urls.verify("GET", key, query, objects.clock.now())
    stored = await objects.store.stat(key)
    start, stop = byte_range(wanted, stored.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename or 'download', safe='')}",
    }
    partial = (start, stop) != (0, stored.size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
    media_type = _MEDIA_TYPES.get(filename.rpartition(".")[2], "application/octet-stream")
    chunks = objects.store.read(key, start, stop)
    return Stream(chunks, status_code=206 if partial else 200, headers=headers, media_type=media_type)


def byte_range(wanted: str | None, size: int) -> tuple[int, int]:
    """The bytes ``[start, stop)`` that a ``Range`` header asks for (RFC 9110, section 14).

    What is not understood, several ranges among it, asks for everything, as the standard allows.

    Raises:
        RangeError: there are no such bytes.
    """
    found = _RANGE.fullmatch(wanted.replace(" ", "")) if wanted else None
    if found is None or found[1] == found[2] == "":
        return 0, size
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        stop = min(size, int(found[2]) + 1) if found[2] else size
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return 0, size
    if start >= stop:
        raise RangeError(size)
    return start, stop
