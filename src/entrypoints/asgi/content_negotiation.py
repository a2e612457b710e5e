"""Content negotiation: bodies in JSON or msgpack by ``Content-Type``, responses by ``Accept``."""

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

_NEGOTIABLE = {None, MediaType.JSON, JSON}
"""Media types of responses that can also be sent as msgpack."""

LARGE_BODY_BYTES = 1024**2
"""Size in bytes from which copies of a body are avoided and decoding it must not block other requests."""

Model = TypeVar("Model")
Encoded: TypeAlias = bytes | msgspec.Raw


class UnsupportedMediaTypeError(HTTPException):
    """Error for a body of a media type that the endpoint does not accept."""

    status_code = 415


class ApiRequest(Request[Any, Any, State]):
    """Request that treats a disconnect of the client during the body as a client error."""

    async def body(self) -> bytes:
        """Return the body.

        Large bodies are collected in a buffer of the announced size, allocated after the first chunk has
        passed the size check. Joining chunks at the end would take twice the memory and most of the time.

        Raises:
            ClientException: the client disconnected.
            RequestEntityTooLarge: the body exceeds the limit of the endpoint.
        """
        announced = self.content_length or 0
        if self._body is not Empty or announced < LARGE_BODY_BYTES:
            return await super().body()
        buffer, length = bytearray(), 0
        async for chunk in self.stream():
            buffer = buffer or bytearray(announced)
            buffer[length : length + len(chunk)] = chunk
            length += len(chunk)
        del buffer[length:]
        self._body = self._connection_state.body = cast("bytes", buffer)
        return self._body

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in chunks.

        Raises:
            ClientException: the client disconnected.
            RequestEntityTooLarge: the body exceeds the limit of the endpoint.
        """
        chunks = super().stream()
        try:
            async for chunk in chunks:
                yield chunk
        except InternalServerException as error:
            raise ClientException("the connection closed before the whole request was received") from error


class BodyDTO(AbstractDTO[Model]):
    """DTO that decodes a body strictly by the annotation of the handler's ``data``."""

    model_type = object  # type: ignore[assignment]  # the annotation determines the type

    def decode_bytes(self, value: bytes) -> Any:  # noqa: ANN401 - as declared by litestar
        """Decode the body as the type that the handler declares.

        Raises:
            UnsupportedMediaTypeError: the body is neither JSON nor msgpack.
            ClientException: the body cannot be decoded.
            InvalidBodyError: the body does not match the schema.
        """
        return decode(value, self._media_type, self._target_type)

    @property
    def _media_type(self) -> str:
        content_type = self.asgi_connection.headers.get("content-type", "")
        return content_type.partition(";")[0].strip().lower()

    @property
    def _target_type(self) -> Any:  # noqa: ANN401 - a type annotation has no narrower type
        field = self.asgi_connection.route_handler.parsed_data_field
        return field.annotation if field else object

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: type[DTOBackend] | None = None
    ) -> None:
        """Do nothing: structs are decoded without a transfer model."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """Return the schema of the annotation."""
        del handler_id
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        """Yield nothing: there is no transfer model."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: there are no nested transfer models."""
        del field_definition
        return False


def decode(value: Encoded, media_type: str, target_type: Any, base_path: str = "") -> Any:  # noqa: ANN401 - of any type
    """Decode a body strictly as a type.

    Args:
        value: the body, or a part of it that was not decoded yet.
        media_type: media type of the body.
        target_type: type of the result.
        base_path: path of that part in the body, for error messages.

    Raises:
        UnsupportedMediaTypeError: the body is neither JSON nor msgpack.
        ClientException: the body cannot be decoded.
        InvalidBodyError: the body does not match the schema.
    """
    decoder = _DECODERS.get(media_type)
    if decoder is None:
        raise UnsupportedMediaTypeError(f"send {JSON} or {MSGPACK}, with a matching Content-Type")
    try:
        return decoder(value, type=target_type, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error, base_path),)) from error
    except msgspec.DecodeError as error:
        raise ClientException(f"the body cannot be decoded: {error}") from error
    except UnicodeDecodeError as error:
        raise ClientException("the body is not valid UTF-8") from error
    except RecursionError as error:
        raise ClientException("the body is nested too deeply") from error


class BatchDTO(BodyDTO[Model]):
    """DTO for a list whose items are validated later: an invalid one must not reject the others."""

    @property
    def _target_type(self) -> Any:  # noqa: ANN401 - as above
        return list[Any]


def convert(value: object, target_type: type[Model], *, allow_text: bool = False) -> Model:
    """Convert decoded data to a type.

    Args:
        value: plain values, lists and dictionaries.
        target_type: type of the result.
        allow_text: whether numbers may be strings, as in forms and query parameters.

    Raises:
        InvalidBodyError: the data does not match the schema.
    """
    try:
        return msgspec.convert(value, target_type, strict=not allow_text)
    except msgspec.ValidationError as error:
        raise InvalidBodyError((invalid_value(error),)) from error


class NegotiatedResponse(Response[Any]):
    """Response in msgpack for clients that prefer it to JSON."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:  # noqa: ANN401 - as declared by litestar
        """Encode the content; litestar supports msgpack under an older media type only."""
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
        """Return the response encoded in the format that the client prefers."""
        if self.media_type in _NEGOTIABLE and media_type in _NEGOTIABLE:
            self.media_type = media_type = _preferred_media_type(request)
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


def _preferred_media_type(request: Request[Any, Any, Any]) -> str:
    return MSGPACK if prefers_msgpack(request) else JSON


def prefers_msgpack(request: Request[Any, Any, Any]) -> bool:
    """Return True if the client prefers msgpack to JSON."""
    if "msgpack" not in request.headers.get("accept", ""):
        return False
    best = request.accept.best_match([JSON, MSGPACK, "application/x-msgpack"], JSON)
    return best not in {None, JSON}
