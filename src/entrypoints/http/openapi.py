"""What the OpenAPI document says beyond types: errors by code, security schemes, bodies that are streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from litestar import Request
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Contact,
    License,
    OpenAPIMediaType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import Struct

from framecloak.entrypoints.asgi.content_negotiation import JSON, MSGPACK
from framecloak.entrypoints.asgi.problem_details import CODE_BY_STATUS, PROBLEM_TYPE, STATUS_BY_CODE, title_of
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.authentication import API_KEY_HEADER
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.faces import AnalyzeBody
from framecloak.entrypoints.schemas.galleries import EnrolBody, SearchBody
from framecloak.entrypoints.schemas.problems import Problem

_ALWAYS = ("too_many_attempts", "internal_error", "database_unavailable")
_SIGNED_IN = ("not_authenticated",)
_WITH_PARAMETERS = ("validation_failed",)
_WITH_BODY = ("bad_request", "body_too_large", "unsupported_media_type", "validation_failed")
_BINARY = ("application/zip", "image/")
_STATUS_BY_CODE = {**STATUS_BY_CODE, **{code: status for status, code in CODE_BY_STATUS.items()}}

_ANY_PICTURE = "image/*"
_PICTURES = ("image/jpeg", "image/png", "image/webp")

Responses = dict[int, ResponseSpec]


def problems(
    *codes: str, strangers: bool = False, writes: bool = False, body: bool = False, parameters: bool = False
) -> Responses:
    """The errors of an endpoint, by status, each with the codes that it can have.

    Args:
        codes: of the errors that are its own.
        strangers: whether it can be called without a credential.
        writes: whether it changes something, so that browsers need a CSRF token.
        body: whether it takes one.
        parameters: whether it has any in its address that can be wrong.
    """
    found = [*_ALWAYS, *codes]
    found += () if strangers else _SIGNED_IN
    found += ("csrf_failed",) if writes and not strangers else ()
    found += _WITH_BODY if body else _WITH_PARAMETERS if parameters else ()
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(found):
        by_status[_STATUS_BY_CODE[code]].append(code)
    return {
        status: ResponseSpec(
            data_container=Problem,
            media_type=PROBLEM_TYPE,
            generate_examples=False,
            description="; ".join(f"{title_of(code)} (`{code}`)" for code in by_status[status]),
        )
        for status in sorted(by_status)
    }


_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
_FORM = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "file": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The video.")
    },
    required=["file"],
)


@dataclass
class UploadOperation(Operation):
    """An operation whose body is read as it arrives, so that no parameter of its handler describes it."""

    def __post_init__(self) -> None:
        """Say what is taken."""
        self.request_body = RequestBody(
            required=True,
            description="The video: as it is, or as the field `file` of a form.",
            content={
                "video/*": OpenAPIMediaType(schema=_FILE),
                "application/octet-stream": OpenAPIMediaType(schema=_FILE),
                "multipart/form-data": OpenAPIMediaType(schema=_FORM),
            },
        )


_PICTURE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The picture.")


@dataclass
class ImageOperation(Operation):
    """An operation that takes a picture in whatever way clients find easiest."""

    struct: ClassVar[type[Body]] = AnalyzeBody
    described: ClassVar[str] = (
        "The picture: in base64 (in msgpack, binary), as the field `image` of a form, or as it is."
    )
    fields: ClassVar[Mapping[str, Schema]] = {}
    required: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        """Say what is taken."""
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={"image": _PICTURE, **self.fields},
            required=["image", *self.required],
        )
        reference = Reference(ref=f"#/components/schemas/{self.struct.__name__}")
        self.request_body = RequestBody(
            required=True,
            description=self.described,
            content={
                JSON: OpenAPIMediaType(schema=reference),
                "multipart/form-data": OpenAPIMediaType(schema=form),
                "image/*": OpenAPIMediaType(schema=_FILE),
                "application/octet-stream": OpenAPIMediaType(schema=_FILE),
            },
        )


_FACE_BODY = (
    "A picture in base64 (in msgpack, binary), or an embedding; or a picture as the field `image` of a form,"
    " or as it is."
)


@dataclass
class EnrolOperation(ImageOperation):
    """One that takes the picture of somebody with a name, or an embedding."""

    struct = EnrolBody
    described = _FACE_BODY
    fields: ClassVar[Mapping[str, Schema]] = {
        "label": Schema(
            type=OpenAPIType.STRING, min_length=1, max_length=200, description="Whose face it is."
        ),
        "metadata": Schema(
            type=OpenAPIType.OBJECT,
            description="What else is to be kept with it, as JSON; at most 4096 bytes.",
        ),
    }
    required = ("label",)


@dataclass
class SearchOperation(ImageOperation):
    """One that takes the picture of somebody without a name, or an embedding."""

    struct = SearchBody
    described = _FACE_BODY
    fields: ClassVar[Mapping[str, Schema]] = {
        "threshold": Schema(
            type=OpenAPIType.NUMBER,
            minimum=-1,
            maximum=1,
            description="The least cosine; what is usual for the model if left out.",
        ),
        "top_k": Schema(
            type=OpenAPIType.INTEGER, minimum=1, maximum=1000, description="The most people; 10 if left out."
        ),
    }


_READ_BY_HANDLERS = (AnalyzeBody, EnrolBody, SearchBody)
"""Bodies that no parameter of a handler names."""


def openapi_config(config: HttpConfig) -> OpenAPIConfig | None:
    """The document at ``/schema/openapi.json``; None where it is not served."""
    if not config.docs:
        return None
    schemes: dict[str, Any] = {
        "session": SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=config.session_cookie_name,
            description="Set by `POST /api/auth/login`. Requests that change something also need the header "
            f"`X-CSRFToken` with what the cookie `{config.csrf_cookie}` holds.",
        ),
        "bearer": SecurityScheme(
            type="http",
            scheme="bearer",
            bearer_format="JWT",
            description="`Authorization: Bearer <access_token>`, from `POST /api/auth/token`.",
        ),
        "apiKey": SecurityScheme(
            type="apiKey",
            security_scheme_in="header",
            name=API_KEY_HEADER,
            description="An API key; `Authorization: Token <key>` says the same.",
        ),
    }
    return OpenAPIConfig(
        title="Framecloak",
        version=config.version,
        description="Removes people's identities from video frames. Every error is "
        "`application/problem+json` (RFC 9457) with a stable `code`; JSON and msgpack are taken and given "
        "alike.",
        contact=Contact(name="Framecloak"),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        components=Components(security_schemes=schemes),
        security=[{name: []} for name in schemes],
        tags=[
            Tag("Frame anonymization", "Orders for anonymised frames, their progress and their results."),
            Tag("Videos", "Stored videos and who may use them."),
            Tag("Marks", "Stretches of time and areas of the picture that people mark on videos."),
            Tag("Re-identification", "Faces in pictures: where they are, whose they might be."),
            Tag("Galleries", "Enrolled faces, to be found again."),
            Tag("Accounts", "Signing in, API keys, and accounts."),
            Tag("Operation", "How the installation is doing."),
        ],
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[ExactDocument()],
    )


class ExactDocument(JsonRenderPlugin):
    """Serves the document with what litestar does not know put right."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document; made once."""
        del request
        if self._rendered is None:
            self._rendered = msgspec.json.encode(completed(openapi_schema))
        return self._rendered


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, with exact schemas and with msgpack wherever JSON is.

    msgspec, which decodes and encodes, says itself what it takes and gives: litestar loses limits of union
    members, rounds large integers, and does not say that unknown fields are refused.
    """
    schemas = document["components"]["schemas"]
    wanted = {*schemas, *(struct.__name__ for struct in _READ_BY_HANDLERS)}
    structs = [kind for kind in _descendants(Struct) if kind.__name__ in wanted]
    _, exact = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    for item in document["paths"].values():
        for operation in item.values():
            _forget_validation_answer(operation)
            _forget_bodies_of_redirects(operation)
            _say_what_is_binary(operation)
            _offer_msgpack(operation)
            _name_pictures(operation)
    exact = {name: _with_constants(schema) for name, schema in exact.items()}
    for answer in _descendants(View):
        if answer.__name__ in exact:
            _say_that_all_is_there(exact[answer.__name__])
    return document | {"components": document["components"] | {"schemas": schemas | exact}}


def _forget_validation_answer(operation: dict[str, Any]) -> None:
    """Take out the 400 that litestar adds wherever there are parameters: ours are 422, as documented."""
    if JSON in operation["responses"].get("400", {}).get("content", {}):
        del operation["responses"]["400"]


def _forget_bodies_of_redirects(operation: dict[str, Any]) -> None:
    """Take out the empty schema that litestar gives them: generated clients would parse a body by it."""
    for status, answer in operation["responses"].items():
        if status.startswith("3"):
            answer.pop("content", None)


def _say_what_is_binary(operation: dict[str, Any]) -> None:
    """Tell bytes from text, which litestar calls a string alike."""
    for answer in operation["responses"].values():
        for media_type, content in (answer.get("content") or {}).items():
            if media_type.startswith(_BINARY):
                content["schema"] = {"type": "string", "format": "binary"}


def _say_that_all_is_there(schema: dict[str, Any]) -> None:
    """Mark every field of an answer as required: a default is what we say, not what we leave out."""
    if "properties" in schema:
        schema["required"] = sorted(schema["properties"])


def _with_constants(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The same schema, where what has one value alone is a constant, which more generators understand."""
    if isinstance(schema, list):
        return [_with_constants(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _with_constants(one) for name, one in schema.items()}
    match found.get("enum"):
        case [only]:
            del found["enum"]
            found["const"] = only
    return found


def _offer_msgpack(operation: dict[str, Any]) -> None:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        content = part.get("content") or {}
        if JSON in content:
            content[MSGPACK] = content[JSON]


def _name_pictures(operation: dict[str, Any]) -> None:
    """Say which pictures are given: generators of clients do not know ranges of media types in answers."""
    for answer in operation["responses"].values():
        content = answer.get("content") or {}
        if _ANY_PICTURE in content:
            schema = content.pop(_ANY_PICTURE)
            content.update(dict.fromkeys(_PICTURES, schema))


def _descendants(kind: type[Struct]) -> Iterator[type[Struct]]:
    """All structs of this package that derive from one."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("framecloak.entrypoints.http.schemas"):
            yield child
        yield from _descendants(child)
