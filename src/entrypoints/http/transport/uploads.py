"""Videos as they arrive: raw or as one part of a form, never held in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from litestar.exceptions import ClientException
from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from framecloak.domain.errors import InvalidOptionError, UploadIncompleteError, UploadTooLargeError
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, UnsupportedMediaTypeError

BLOCK = 1024 * 1024
"""Bytes handed on at a time; what a server delivers at a time is too little for a turn in a thread."""

FORM_OVERHEAD = 64 * 1024
"""Bytes that a form may have around its file."""

MAX_PART_HEADER = 32 * 1024
"""Bytes of a line in a part's header: file names may be long, though they are cut later."""

FILE_FIELD = "file"


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file on its way.

    Attributes:
        filename: as its sender calls it; not to be trusted.
        chunks: its bytes.
    """

    filename: str
    chunks: AsyncIterator[bytes]


async def incoming_video(request: ApiRequest, filename: str, limit: int) -> IncomingFile:
    """The video in a request, whether it is the body or in a form.

    Args:
        request: its body is not read yet.
        filename: from the address; a form has its own.
        limit: bytes that a video may have.

    Raises:
        UploadTooLargeError: the request declares more than the limit; nothing was read.
        UnsupportedMediaTypeError: it is neither a video nor a form.
        ClientException: the form cannot be read.
        InvalidOptionError: there is no file in the form.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = media_type.lower()
    if media_type == "multipart/form-data":
        body = declared_body(request, limit, overhead=FORM_OVERHEAD)
        return await file_of_form(body, options.get("boundary", ""), FILE_FIELD)
    if media_type.startswith("video/") or media_type == "application/octet-stream":
        return IncomingFile(filename, blocks(declared_body(request, limit)))
    raise UnsupportedMediaTypeError("send video/*, application/octet-stream or multipart/form-data")


def declared_body(request: ApiRequest, limit: int, *, overhead: int = 0) -> AsyncGenerator[bytes, None]:
    """The body of a request, as long as it declares to be and not longer than it may be.

    Args:
        request: its body is not read yet.
        limit: bytes that what is sent may have.
        overhead: bytes that may be around it.

    Raises:
        UploadTooLargeError: more is declared; raised at once.
    """
    declared = request.content_length
    if declared is not None and declared > limit + overhead:
        raise too_large(limit)
    return _checked_body(request, declared, limit, overhead)


async def blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of about ``BLOCK``."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= BLOCK:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)


def too_large(limit: int) -> UploadTooLargeError:
    """What to tell who sends more than is taken."""
    return UploadTooLargeError(f"uploads may have at most {limit} bytes", "cut the video")


async def _checked_body(
    request: ApiRequest, declared: int | None, limit: int, overhead: int
) -> AsyncGenerator[bytes, None]:
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > limit + overhead:
                raise too_large(limit)
            if chunk:
                yield chunk
    except ClientException as error:
        raise UploadIncompleteError("the upload ended before all of it had come", "send it again") from error
    if declared is not None and received != declared:
        raise UploadIncompleteError(f"{received} bytes came, {declared} were declared", "send it again")


async def file_of_form(body: AsyncGenerator[bytes, None], boundary: str, field: str) -> IncomingFile:
    """Read a form up to its file.

    Args:
        body: the form.
        boundary: what stands between its parts.
        field: which of them is the file.

    Raises:
        ClientException: it is not what forms look like.
        InvalidOptionError: it has no file.
    """
    events = _form_events(body, boundary)
    async for event in events:
        if isinstance(event, MultipartSegment) and event.name == field:
            return IncomingFile(event.filename or "", blocks(_content(events, field)))
    raise InvalidOptionError("the form has no file", f"send it as the field {field!r}")


async def parts_of_form(body: AsyncGenerator[bytes, None], boundary: str) -> dict[str, bytes]:
    """Everything in a form that is small enough to be held in memory, by the names of its parts.

    Args:
        body: the form.
        boundary: what stands between its parts.

    Raises:
        ClientException: it is not what forms look like.
        InvalidOptionError: two of its parts have the same name.
    """
    found: dict[str, list[bytes]] = {}
    name = ""
    async for event in _form_events(body, boundary):
        if isinstance(event, MultipartSegment):
            name = event.name
            if name in found:
                raise InvalidOptionError(f"the form has {name!r} more than once", "send it once")
            found[name] = []
        elif event is not None:
            found[name].append(event)
    return {name: b"".join(chunks) for name, chunks in found.items()}


async def _content(
    events: AsyncIterator[MultipartSegment | bytes | None], field: str
) -> AsyncIterator[bytes]:
    """The bytes of the part that was just begun; the rest is read, so that its end is seen, and dropped."""
    ended = False
    async for event in events:
        if event is None:
            ended = True
        elif isinstance(event, MultipartSegment):
            if event.name == field:
                raise InvalidOptionError("the form has more than one file", "send them one by one")
        elif not ended:
            yield event


async def _form_events(
    body: AsyncGenerator[bytes, None], boundary: str
) -> AsyncIterator[MultipartSegment | bytes | None]:
    """What a form consists of: the beginning of a part, its bytes, None at its end."""
    try:
        with PushMultipartParser(boundary, max_header_size=MAX_PART_HEADER) as parser:
            async with aclosing(body) as chunks:
                async for chunk in chunks:
                    for event in parser.parse(chunk):
                        yield bytes(event) if isinstance(event, bytearray) else event
            for event in parser.parse(b""):
                yield bytes(event) if isinstance(event, bytearray) else event
    except MultipartError as error:
        raise ClientException(f"the form cannot be read: {error}") from error
