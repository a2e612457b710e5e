"""Objects of a folder store, served under signed URLs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import quote

from litestar.exceptions import HTTPException
from litestar.response import Stream

from framecloak.entrypoints.http.services import ObjectServer

OBJECTS_PATH = "/objects/"

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MEDIA_TYPES = {"zip": "application/zip"}


class RangeError(HTTPException):
    """Error for a range beyond the end of the object.

    Args:
        size: size of the object in bytes.
    """

    status_code = 416

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the range is beyond the {size} bytes of the object",
            headers={"Content-Range": f"bytes */{size}"},
        )


async def object_response(
    objects: ObjectServer,
    key: str,
    query: Mapping[str, str],
    range_header: str | None,
    *,
    version: str | None = None,
    check: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]] | None = None,
) -> Stream:
    """Return a response that streams an object or a part of it.

    Args:
        objects: object store with its URL verifier.
        key: key of the object, from the path.
        query: decoded query parameters.
        range_header: value of the ``Range`` header; None if missing.
        version: version that is sent; None for any.
        check: compares the content while all of it is read; a failure aborts the response.

    Raises:
        ForbiddenError: the URL was altered.
        TokenExpiredError: the URL has expired.
        ObjectNotFoundError: the object does not exist any more.
        RangeError: the range is beyond the end of the object.
    """
    filename = objects.urls.verify("GET", key, query, objects.clock.now())
    stored = await objects.store.stat(key)
    start, stop = byte_range(range_header, stored.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename or 'download', safe='')}",
    }
    partial = (start, stop) != (0, stored.size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
    media_type = _MEDIA_TYPES.get(filename.rpartition(".")[2], "application/octet-stream")
    chunks = objects.store.read(key, start, stop, version=version)
    if check and not partial:
        chunks = check(chunks)
    return Stream(chunks, status_code=206 if partial else 200, headers=headers, media_type=media_type)


def byte_range(range_header: str | None, size: int) -> tuple[int, int]:
    """Return the bytes ``[start, stop)`` of a ``Range`` header (RFC 9110, section 14).

    Unsupported headers, including several ranges, return the whole object, as the standard allows.

    Raises:
        RangeError: the range is beyond the end of the object.
    """
    match = _RANGE.fullmatch(range_header.replace(" ", "")) if range_header else None
    if match is None or match[1] == match[2] == "":
        return 0, size
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        stop = min(size, int(match[2]) + 1) if match[2] else size
    if match[1] and match[2] and int(match[2]) < int(match[1]):
        return 0, size
    if start >= stop:
        raise RangeError(size)
    return start, stop
