"""Uploads of videos, as the body or as a part of a form, streamed without holding them in memory."""

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
from framecloak.entrypoints.http.transport.form_names import WIRE_CHARSET, decode_name, file_name

UPLOAD_BLOCK_BYTES = 1024 * 1024
"""Size in bytes of the blocks passed on; the server's chunks are too small for one thread call each."""

MAX_FORM_OVERHEAD_BYTES = 64 * 1024
"""Maximum number of bytes of a form in addition to its file."""

MAX_PART_HEADER_BYTES = 32 * 1024
"""Maximum size of a part's header in bytes: file names may be long and are shortened later."""

FILE_FIELD = "file"


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """File that is being received.

    Attributes:
        filename: name sent by the client; not to be trusted.
        chunks: content of the file.
    """

    filename: str
    chunks: AsyncIterator[bytes]


async def incoming_video(request: ApiRequest, filename: str, limit: int) -> IncomingFile:
    """Return the video of a request, which is the body itself or a part of a form.

    Args:
        request: request whose body has not been read.
        filename: file name from the query parameter; a form has its own.
        limit: maximum size of a video in bytes.

    Raises:
        UploadTooLargeError: the request declares more than the limit; nothing was read.
        UnsupportedMediaTypeError: the body is neither a video nor a form.
        ClientException: the form cannot be parsed.
        InvalidOptionError: the form has no file.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = media_type.lower()
    if media_type == "multipart/form-data":
        body = declared_body(request, limit, overhead=MAX_FORM_OVERHEAD_BYTES)
        return await read_form_file(body, options.get("boundary", ""), FILE_FIELD)
    if media_type.startswith("video/") or media_type == "application/octet-stream":
        return IncomingFile(filename, join_blocks(declared_body(request, limit)))
    raise UnsupportedMediaTypeError("send video/*, application/octet-stream or multipart/form-data")


def declared_body(request: ApiRequest, limit: int, *, overhead: int = 0) -> AsyncGenerator[bytes, None]:
    """Return the chunks of a body, checked against its declared length and a limit.

    Args:
        request: request whose body has not been read.
        limit: maximum size of the file in bytes.
        overhead: additional bytes that the body may have.

    Raises:
        UploadTooLargeError: the declared length exceeds the limit; raised before the body is read.
    """
    declared = request.content_length
    if declared is not None and declared > limit + overhead:
        raise upload_too_large(limit)
    return _checked_body(request, declared, limit, overhead)


async def join_blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join small chunks to blocks of at least 1 MiB, except for the last one."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= UPLOAD_BLOCK_BYTES:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)


def upload_too_large(limit: int) -> UploadTooLargeError:
    """Return the error for an upload that exceeds the limit."""
    return UploadTooLargeError(f"uploads may have at most {limit} bytes", "cut the video")


async def _checked_body(
    request: ApiRequest, declared: int | None, limit: int, overhead: int
) -> AsyncGenerator[bytes, None]:
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > limit + overhead:
                raise upload_too_large(limit)
            if chunk:
                yield chunk
    except ClientException as error:
        raise UploadIncompleteError(
            "the connection closed before the whole upload was received", "send it again"
        ) from error
    if declared is not None and received != declared:
        raise UploadIncompleteError(
            f"{received} bytes were received, but {declared} were declared", "send it again"
        )


async def read_form_file(body: AsyncGenerator[bytes, None], boundary: str, field: str) -> IncomingFile:
    """Read a form up to its file.

    Args:
        body: body of the form.
        boundary: separator of the parts.
        field: name of the part with the file.

    Raises:
        ClientException: the form cannot be parsed.
        InvalidOptionError: the form has no file.
    """
    events = _form_events(body, boundary)
    async for event in events:
        if isinstance(event, MultipartSegment) and decode_name(event.name) == field:
            return IncomingFile(file_name(event), join_blocks(_part_content(events, field)))
    raise InvalidOptionError("the form has no file", f"send it as the field {field!r}")


async def read_form_parts(body: AsyncGenerator[bytes, None], boundary: str) -> dict[str, bytes]:
    """Read a small form into memory and return its parts by name.

    Args:
        body: body of the form.
        boundary: separator of the parts.

    Raises:
        ClientException: the form cannot be parsed.
        InvalidOptionError: two parts have the same name.
    """
    parts: dict[str, list[bytes]] = {}
    name = ""
    async for event in _form_events(body, boundary):
        if isinstance(event, MultipartSegment):
            name = decode_name(event.name)
            if name in parts:
                raise InvalidOptionError(f"the form has {name!r} more than once", "send it once")
            parts[name] = []
        elif event is not None:
            parts[name].append(event)
    return {name: b"".join(chunks) for name, chunks in parts.items()}


async def _part_content(
    events: AsyncIterator[MultipartSegment | bytes | None], field: str
) -> AsyncIterator[bytes]:
    """Yield the bytes of the current part; read the rest of the form, to check its end, and discard it."""
    ended = False
    async for event in events:
        if event is None:
            ended = True
        elif isinstance(event, MultipartSegment):
            if decode_name(event.name) == field:
                raise InvalidOptionError("the form has more than one file", "send one file for each request")
        elif not ended:
            yield event


async def _form_events(
    body: AsyncGenerator[bytes, None], boundary: str
) -> AsyncIterator[MultipartSegment | bytes | None]:
    """Yield the events of a form: the start of a part, its bytes, and None at its end."""
    try:
        with PushMultipartParser(
            boundary, max_header_size=MAX_PART_HEADER_BYTES, header_charset=WIRE_CHARSET
        ) as parser:
            async with aclosing(body) as chunks:
                async for chunk in chunks:
                    for event in parser.parse(chunk):
                        yield bytes(event) if isinstance(event, bytearray) else event
            for event in parser.parse(b""):
                yield bytes(event) if isinstance(event, bytearray) else event
    except MultipartError as error:
        raise ClientException(f"the form cannot be parsed: {error}") from error
