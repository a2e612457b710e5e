"""Images in requests: base64 in JSON, binary in msgpack, a field of a form, or the body itself."""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec
from litestar.exceptions import ClientException
from multipart import parse_options_header

from framecloak.domain.errors import InvalidImageError, InvalidOptionError
from framecloak.entrypoints.asgi.content_negotiation import (
    JSON,
    LARGE_BODY_BYTES,
    ApiRequest,
    convert,
    decode,
)
from framecloak.entrypoints.asgi.problem_details import InvalidBodyError, invalid_value
from framecloak.entrypoints.http.transport.uploads import read_form_file, read_form_parts
from framecloak.entrypoints.schemas.faces.analysis import AnalyzeBody
from framecloak.entrypoints.schemas.faces.embeddings import EmbeddingFormat
from framecloak.entrypoints.schemas.faces.galleries import FaceSource
from framecloak.entrypoints.schemas.problems import FieldError

FORM = "multipart/form-data"
IMAGE_FIELD = "image"
METADATA_FIELD = "metadata"

Result = TypeVar("Result")
Source = TypeVar("Source", bound=FaceSource)

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_CHUNK_CHARACTERS = 1024**2
"""Number of base64 characters decoded in one call."""
_BASE64_HINT = "send the bytes of the image file in base64, without a prefix or quotes"


@dataclass(frozen=True, slots=True)
class IncomingImage:
    """Image to be analysed.

    Attributes:
        data: content of the image file.
        embedding_format: requested format of embeddings in the response.
    """

    data: bytes
    embedding_format: EmbeddingFormat


async def incoming_image(request: ApiRequest, embedding_format: EmbeddingFormat) -> IncomingImage:
    """Read the image of a request in any of the accepted encodings.

    Args:
        request: request whose body has not been read.
        embedding_format: value of the query parameter; a JSON or msgpack body has its own.

    Raises:
        InvalidImageError: the image is not valid base64.
        UnsupportedMediaTypeError: the media type of the body is not accepted.
        InvalidBodyError: the body does not match the schema.
        InvalidOptionError: the form has no image.
        ClientException: the body cannot be decoded.
        RequestEntityTooLarge: the body exceeds the limit of the endpoint.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = content_type.lower()
    body = await request.body()
    if media_type == FORM:
        file = await read_form_file(_single_chunk(body), options.get("boundary", ""), IMAGE_FIELD)
        return IncomingImage(b"".join([chunk async for chunk in file.chunks]), embedding_format)
    if _is_image(media_type):
        return IncomingImage(body, embedding_format)
    fields: AnalyzeBody = decode(body, media_type, AnalyzeBody)
    return IncomingImage(await decode_image(fields.image_data, media_type), fields.embedding_format)


async def decode_image(field: msgspec.Raw, media_type: str) -> bytes:
    """Decode the image in a field of a body; large ones without blocking the event loop."""
    return await run_off_loop(partial(image_bytes, field, media_type), len(field))


async def run_off_loop(decode: Callable[[], Result], size: int) -> Result:
    """Run a decoder in a thread if its input is large; for small inputs a thread costs more than it saves.

    Args:
        decode: decoder that works in short steps; other threads can run only between two of them.
        size: size of its input in bytes.
    """
    return await asyncio.to_thread(decode) if size >= LARGE_BODY_BYTES else decode()


async def incoming_face(request: ApiRequest, body_type: type[Source], query: Mapping[str, object]) -> Source:
    """Read a face and its parameters from a request in any of the accepted encodings.

    Args:
        request: request whose body has not been read.
        body_type: schema of a JSON or msgpack body.
        query: query parameters with the same meaning, used if the body is an image; None for missing ones.

    Raises:
        UnsupportedMediaTypeError: the media type of the body is not accepted.
        InvalidBodyError: the body or the query parameters do not match the schema.
        InvalidOptionError: the form has no image, or a field more than once.
        ClientException: the body cannot be decoded.
        RequestEntityTooLarge: the body exceeds the limit of the endpoint.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = content_type.lower()
    body = await request.body()
    parameters: dict[str, object]
    if media_type == FORM:
        parts = await read_form_parts(_single_chunk(body), options.get("boundary", ""))
        picture = parts.pop(IMAGE_FIELD, None)
        if picture is None:
            raise InvalidOptionError("the form has no file", f"send it as the field {IMAGE_FIELD!r}")
        parameters = {name: _text(part) for name, part in parts.items()}
    elif _is_image(media_type):
        picture, parameters = body, {name: value for name, value in query.items() if value is not None}
    else:
        face: Source = decode(body, media_type, body_type)
        return face
    if METADATA_FIELD in parameters:
        parameters[METADATA_FIELD] = _json_object(str(parameters[METADATA_FIELD]), METADATA_FIELD)
    # Encoded as in a msgpack body, so that callers need not distinguish how the image was sent.
    sent = msgspec.Raw(msgspec.msgpack.encode(picture))
    return msgspec.structs.replace(convert(parameters, body_type, allow_text=True), image_data=sent)


def image_bytes(field: msgspec.Raw, media_type: str) -> bytes:
    """Return the image file in a field of a body.

    Args:
        field: encoded field: text in base64, optionally as a data URL, or bytes in msgpack.
        media_type: media type of the body.

    Raises:
        InvalidImageError: the field is neither valid base64 nor bytes.
    """
    value = _decoder(media_type)(field)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise InvalidImageError("the image is not a string", _BASE64_HINT)
    start = prefix.end() if (prefix := _DATA_URL.match(value)) else 0
    try:
        return _from_base64(value, start)
    except ValueError as error:
        raise InvalidImageError("the image is not valid base64", _BASE64_HINT) from error


def _from_base64(text: str, start: int) -> bytes:
    """Decode base64 from an offset, ignoring white space: many tools wrap lines at 76 characters.

    The text is decoded in chunks because each call holds the global interpreter lock until it ends.

    Raises:
        ValueError: the text is not valid base64.
    """
    chunks, rest = [], ""
    end = padding if (padding := text.find("=", start)) >= 0 else len(text)
    for offset in range(start, end, _CHUNK_CHARACTERS):
        rest += "".join(text[offset : min(offset + _CHUNK_CHARACTERS, end)].split())
        # The last four characters are kept for the next step, where the padding may follow.
        whole = max(0, len(rest) // 4 * 4 - 4)
        chunks.append(binascii.a2b_base64(rest[:whole], strict_mode=True))
        rest = rest[whole:]
    rest += "".join(text[end:].split())
    chunks.append(binascii.a2b_base64(rest, strict_mode=True))
    return b"".join(chunks)


def media_type_of(request: ApiRequest) -> str:
    """Return the media type of the body of a request, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_image(media_type: str) -> bool:
    return media_type.startswith("image/") or media_type == "application/octet-stream"


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        raise ClientException("the form is not valid UTF-8") from error


def _json_object(text: str, field: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error, field),)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidBodyError((FieldError(field=field, message="is not valid JSON"),)) from error


def _decoder(media_type: str) -> Callable[[msgspec.Raw], Any]:
    if media_type == JSON:
        return msgspec.json.decode
    return msgspec.msgpack.decode


async def _single_chunk(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
