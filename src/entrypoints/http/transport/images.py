"""Pictures as they arrive: base64 in JSON, binary in msgpack, a field of a form, or the body itself."""

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
from framecloak.entrypoints.asgi.content_negotiation import JSON, LARGE, ApiRequest, convert, decode
from framecloak.entrypoints.asgi.problem_details import InvalidBodyError, invalid_value
from framecloak.entrypoints.http.transport.uploads import file_of_form, parts_of_form
from framecloak.entrypoints.schemas.faces import AnalyzeBody, EmbeddingFormat
from framecloak.entrypoints.schemas.galleries import FaceSource
from framecloak.entrypoints.schemas.problems import FieldError

FORM = "multipart/form-data"
IMAGE_FIELD = "image"
METADATA_FIELD = "metadata"

Result = TypeVar("Result")
Source = TypeVar("Source", bound=FaceSource)

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_PIECE = 1024**2
"""Characters of base64 that are decoded at once."""
_BASE64_HINT = "send the picture's bytes in base64, with nothing around them"


@dataclass(frozen=True, slots=True)
class IncomingPicture:
    """A picture to be looked at.

    Attributes:
        data: the bytes of a file.
        embedding_format: how its sender wants embeddings written.
    """

    data: bytes
    embedding_format: EmbeddingFormat


async def incoming_picture(request: ApiRequest, embedding_format: EmbeddingFormat) -> IncomingPicture:
    """The picture of a request, however it is sent.

    Args:
        request: its body is not read yet.
        embedding_format: from the address; a JSON or msgpack body says it itself.

    Raises:
        InvalidImageError: what should be base64 is not.
        UnsupportedMediaTypeError: the body is none of what is taken.
        InvalidBodyError: it does not say what it should.
        InvalidOptionError: the form has no picture.
        ClientException: the body cannot be read.
        RequestEntityTooLarge: there is more than the endpoint takes.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = content_type.lower()
    body = await request.body()
    if media_type == FORM:
        file = await file_of_form(_at_once(body), options.get("boundary", ""), IMAGE_FIELD)
        return IncomingPicture(b"".join([chunk async for chunk in file.chunks]), embedding_format)
    if _is_picture(media_type):
        return IncomingPicture(body, embedding_format)
    asked: AnalyzeBody = decode(body, media_type, AnalyzeBody)
    return IncomingPicture(await picture_of(asked.image_data, media_type), asked.embedding_format)


async def picture_of(sent: msgspec.Raw, media_type: str) -> bytes:
    """As `picture_bytes`, and others need not wait for it."""
    return await off_loop(partial(picture_bytes, sent, media_type), len(sent))


async def off_loop(decode: Callable[[], Result], size: int) -> Result:
    """What something large is decoded to; of something small a thread would cost more than it saves.

    Args:
        decode: made of steps that are short, as other threads get their turn between two of them only.
        size: bytes that it decodes.
    """
    return await asyncio.to_thread(decode) if size >= LARGE else decode()


async def incoming_face(request: ApiRequest, wanted: type[Source], said: Mapping[str, object]) -> Source:
    """A face, however it is sent, and what is said about it.

    Args:
        request: its body is not read yet.
        wanted: what a JSON or msgpack body says.
        said: the same from the address, for a body that is a picture; None for what is not there.

    Raises:
        UnsupportedMediaTypeError: the body is none of what is taken.
        InvalidBodyError: it, or the address, does not say what it should.
        InvalidOptionError: the form has no picture, or something twice.
        ClientException: the body cannot be read.
        RequestEntityTooLarge: there is more than the endpoint takes.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = content_type.lower()
    body = await request.body()
    words: dict[str, object]
    if media_type == FORM:
        parts = await parts_of_form(_at_once(body), options.get("boundary", ""))
        picture = parts.pop(IMAGE_FIELD, None)
        if picture is None:
            raise InvalidOptionError("the form has no file", f"send it as the field {IMAGE_FIELD!r}")
        words = {name: _text(part) for name, part in parts.items()}
    elif _is_picture(media_type):
        picture, words = body, {name: value for name, value in said.items() if value is not None}
    else:
        face: Source = decode(body, media_type, wanted)
        return face
    if METADATA_FIELD in words:
        words[METADATA_FIELD] = _json_object(str(words[METADATA_FIELD]), METADATA_FIELD)
    # As msgpack brings it, so that nobody has to ask again how it came.
    sent = msgspec.Raw(msgspec.msgpack.encode(picture))
    return msgspec.structs.replace(convert(words, wanted, as_text=True), image_data=sent)


def picture_bytes(sent: msgspec.Raw, media_type: str) -> bytes:
    """The file in a field of a body.

    Args:
        sent: the field, not decoded yet: base64 as text, maybe as a data URL, or bytes as msgpack has them.
        media_type: of the body.

    Raises:
        InvalidImageError: it is neither.
    """
    value = _decoder(media_type)(sent)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise InvalidImageError("the picture is not text", _BASE64_HINT)
    start = prefix.end() if (prefix := _DATA_URL.match(value)) else 0
    try:
        return _from_base64(value, start)
    except ValueError as error:
        raise InvalidImageError("the picture is not base64", _BASE64_HINT) from error


def _from_base64(text: str, start: int) -> bytes:
    """What a text says from somewhere on, white space aside: lines of 76 characters are what many tools make.

    Piece by piece, because a single call keeps Python's lock to its end.

    Raises:
        ValueError: it is not base64.
    """
    pieces, rest = [], ""
    end = padding if (padding := text.find("=", start)) >= 0 else len(text)
    for at in range(start, end, _PIECE):
        rest += "".join(text[at : min(at + _PIECE, end)].split())
        # The last four characters are kept back, to be decoded with what pads them.
        whole = max(0, len(rest) // 4 * 4 - 4)
        pieces.append(binascii.a2b_base64(rest[:whole], strict_mode=True))
        rest = rest[whole:]
    rest += "".join(text[end:].split())
    pieces.append(binascii.a2b_base64(rest, strict_mode=True))
    return b"".join(pieces)


def media_type_of(request: ApiRequest) -> str:
    """What the body of a request is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_picture(media_type: str) -> bool:
    return media_type.startswith("image/") or media_type == "application/octet-stream"


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        raise ClientException("the form is not UTF-8") from error


def _json_object(text: str, field: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error, field),)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidBodyError((FieldError(field=field, message="is not JSON"),)) from error


def _decoder(media_type: str) -> Callable[[msgspec.Raw], Any]:
    if media_type == JSON:
        return msgspec.json.decode
    return msgspec.msgpack.decode


async def _at_once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
