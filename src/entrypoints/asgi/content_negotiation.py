"""JSON and msgpack, in and out: what ``Content-Type`` says comes in, and what ``Accept`` prefers goes out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import msgspec
from litestar import Litestar, Request, Response
from litestar.background_tasks import BackgroundTask, BackgroundTasks
from litestar.datastructures import Cookie, State
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.enums import MediaType
from litestar.exceptions import ClientException, HTTPException, InternalServerException
from litestar.openapi.spec import Reference, Schema
from litestar.response.base import ASGIResponse
from litestar.serialization import default_serializer
from litestar.types import Empty, Serializer, TypeEncodersMap
from litestar.typing import FieldDefinition

from framecloak.entrypoints.asgi.problem_details import InvalidBodyError, invalid_value

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator
    from litestar.dto._backend import DTOBackend

JSON = "application/json"
MSGPACK = "application/msgpack"

_DECODERS: dict[str, Callable[..., Any]] = {
    JSON: msgspec.json.decode,
    MSGPACK: msgspec.msgpack.decode,
    "application/x-msgpack": msgspec.msgpack.decode,
}

_UNDECIDED = {None, MediaType.JSON, JSON}
"""Media types of answers that msgpack can give as well."""

LARGE = 1024**2
"""Bytes of a body from which on it is worth to treat it with care: copies of it, and who waits for it."""

Model = TypeVar("Model")
Encoded: TypeAlias = bytes | msgspec.Raw


class UnsupportedMediaTypeError(HTTPException):
    """A body of a kind that the endpoint does not take."""

    status_code = 415


class ApiRequest(Request[Any, Any, State]):
    """A request whose sender may go away before all of it has come, which is no failure of ours."""

    async def body(self) -> bytes:
        """The body.

        Large ones are gathered where they are to stay, once that much is known to be allowed: pieces that are
        joined in the end take twice the memory, and most of the time goes into getting it.

        Raises:
            ClientException: the client went away.
            RequestEntityTooLarge: there is more than the endpoint takes.
        """
        announced = self.content_length or 0
        if self._body is not Empty or announced < LARGE:
            return await super().body()
        gathered, length = bytearray(), 0
        async for chunk in self.stream():
            gathered = gathered or bytearray(announced)
            gathered[length : length + len(chunk)] = chunk
            length += len(chunk)
        del gathered[length:]
        self._body = self._connection_state.body = cast("bytes", gathered)
        return self._body

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks.

        Raises:
            ClientException: the client went away.
            RequestEntityTooLarge: there is more than the endpoint takes.
        """
        chunks = super().stream()
        try:
            async for chunk in chunks:
                yield chunk
        except InternalServerException as error:
            raise ClientException("the request ended before all of it had come") from error


class BodyDTO(AbstractDTO[Model]):
    """Decodes a body strictly, by the annotation of the handler's ``data``."""

    model_type = object  # type: ignore[assignment]  # any: the annotation decides

    def decode_bytes(self, value: bytes) -> Any:  # noqa: ANN401 - as declared by litestar
        """The body as what the handler wants.

        Raises:
            UnsupportedMediaTypeError: it is neither JSON nor msgpack.
            ClientException: it is not even that.
            InvalidBodyError: it does not say what it should.
        """
        return decode(value, self._media_type, self._wanted)

    @property
    def _media_type(self) -> str:
        content_type = self.asgi_connection.headers.get("content-type", "")
        return content_type.partition(";")[0].strip().lower()

    @property
    def _wanted(self) -> Any:  # noqa: ANN401 - a type annotation has no narrower type
        field = self.asgi_connection.route_handler.parsed_data_field
        return field.annotation if field else object

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: type[DTOBackend] | None = None
    ) -> None:
        """Nothing to prepare: structs are decoded as they are."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """The schema of the annotation."""
        del handler_id
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        """None: nothing is transferred field by field."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Never asked for."""
        del field_definition
        return False


def decode(value: Encoded, media_type: str, wanted: Any, at: str = "") -> Any:  # noqa: ANN401 - of any type
    """A body as what is wanted, without any leniency.

    Args:
        value: the body, or a part of it that was left for later.
        media_type: what it is written in.
        wanted: a type.
        at: where that part was, for what is wrong with it.

    Raises:
        UnsupportedMediaTypeError: it is neither JSON nor msgpack.
        ClientException: it is not even that.
        InvalidBodyError: it does not say what it should.
    """
    decoder = _DECODERS.get(media_type)
    if decoder is None:
        raise UnsupportedMediaTypeError(f"send {JSON} or {MSGPACK}, and say so in Content-Type")
    try:
        return decoder(value, type=wanted, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error, at),)) from error
    except msgspec.DecodeError as error:
        raise ClientException(f"the body cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ClientException("the body is not UTF-8") from error
    except RecursionError as error:
        raise ClientException("the body is nested too deeply") from error


class BatchDTO(BodyDTO[Model]):
    """Decodes a list whose items are looked at later: one that is wrong must not stop the others."""

    @property
    def _wanted(self) -> Any:  # noqa: ANN401 - as above
        return list[Any]


def convert(value: object, wanted: type[Model], *, as_text: bool = False) -> Model:
    """Something that was decoded already as what is wanted.

    Args:
        value: plain values, lists and dictionaries.
        wanted: a type.
        as_text: whether numbers may be text, as those of forms and addresses are.

    Raises:
        InvalidBodyError: it does not say what it should.
    """
    try:
        return msgspec.convert(value, wanted, strict=not as_text)
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error),)) from error


class NegotiatedResponse(Response[Any]):
    """Answers in msgpack whoever prefers it to JSON."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:  # noqa: ANN401 - as declared by litestar
        """The content as bytes; litestar knows msgpack by an older name only."""
        if media_type == MSGPACK:
            return msgspec.msgpack.encode(content, enc_hook=enc_hook)
        return super().render(content, media_type, enc_hook)

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *,
        background: BackgroundTask | BackgroundTasks | None = None,
        cookies: Iterable[Cookie] | None = None,
        encoded_headers: Iterable[tuple[bytes, bytes]] | None = None,
        headers: dict[str, str] | None = None,
        is_head_response: bool = False,
        media_type: MediaType | str | None = None,
        status_code: int | None = None,
        type_encoders: TypeEncodersMap | None = None,
    ) -> ASGIResponse:
        """The response as bytes, in the format that the client prefers."""
        if self.media_type in _UNDECIDED and media_type in _UNDECIDED:
            self.media_type = media_type = _preferred(request)
        return super().to_asgi_response(
            app,
            request,
            background=background,
            cookies=cookies,
            encoded_headers=encoded_headers,
            headers=headers,
            is_head_response=is_head_response,
            media_type=media_type,
            status_code=status_code,
            type_encoders=type_encoders,
        )


def _preferred(request: Request[Any, Any, Any]) -> str:
    return MSGPACK if prefers_msgpack(request) else JSON


def prefers_msgpack(request: Request[Any, Any, Any]) -> bool:
    """Whether a client would rather have msgpack than JSON."""
    if "msgpack" not in request.headers.get("accept", ""):
        return False
    best = request.accept.best_match([JSON, MSGPACK, "application/x-msgpack"], JSON)
    return best not in {None, JSON}
