"""OpenAPI document: error responses by code, security schemes and streamed bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Contact,
    License,
    SecurityScheme,
    Tag,
)
from msgspec import Struct

from framecloak.entrypoints.asgi.content_negotiation import JSON, MSGPACK
from framecloak.entrypoints.asgi.problem_details import (
    CODE_BY_STATUS,
    PROBLEM_TYPE,
    STATUS_BY_CODE,
    problem_title,
)
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.authentication import API_KEY_HEADER
from framecloak.entrypoints.schemas.common import View
from framecloak.entrypoints.schemas.faces.analysis import AnalyzeBody
from framecloak.entrypoints.schemas.faces.galleries import EnrolBody, SearchBody
from framecloak.entrypoints.schemas.problems import Problem

_COMMON_CODES = ("too_many_attempts", "internal_error", "database_unavailable")
_AUTHENTICATION_CODES = (
    "not_authenticated",
    # Those of tokens of the identity provider.
    "sign_on_expired",
    "identity_token_invalid",
    "identity_token_audience",
    "clock_skew",
    "not_admitted",
    "identity_provider_unavailable",
)
_PARAMETER_CODES = ("validation_failed",)
_BODY_CODES = ("bad_request", "body_too_large", "unsupported_media_type", "validation_failed")
_BINARY = ("application/zip", "image/")
_STATUS_BY_CODE = {**STATUS_BY_CODE, **{code: status for status, code in CODE_BY_STATUS.items()}}

_ANY_IMAGE = "image/*"
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")

Responses = dict[int, ResponseSpec]


def problems(
    *codes: str, anonymous: bool = False, writes: bool = False, body: bool = False, parameters: bool = False
) -> Responses:
    """Return the error responses of an endpoint by status, each with its possible codes.

    Args:
        codes: codes of the errors that are specific to the endpoint.
        anonymous: whether the endpoint can be called without a credential.
        writes: whether the endpoint changes data, for which browsers need a CSRF token.
        body: whether the endpoint accepts a body.
        parameters: whether the endpoint has path or query parameters that can be invalid.
    """
    all_codes = [*_COMMON_CODES, *codes]
    all_codes += () if anonymous else _AUTHENTICATION_CODES
    all_codes += () if anonymous else ("password_change_required",)
    all_codes += ("csrf_failed",) if writes and not anonymous else ()
    all_codes += _BODY_CODES if body else _PARAMETER_CODES if parameters else ()
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(all_codes):
        by_status[_STATUS_BY_CODE[code]].append(code)
    return {
        status: ResponseSpec(
            data_container=Problem,
            media_type=PROBLEM_TYPE,
            generate_examples=False,
            description="; ".join(f"{problem_title(code)} (`{code}`)" for code in by_status[status]),
        )
        for status in sorted(by_status)
    }


_READ_BY_HANDLERS = (AnalyzeBody, EnrolBody, SearchBody)
"""Schemas of bodies that no parameter of a handler declares."""


def openapi_config(config: HttpConfig) -> OpenAPIConfig | None:
    """Return the configuration of ``/schema/openapi.json``; None if the document is not served."""
    if not config.docs_enabled:
        return None
    schemes: dict[str, Any] = {
        "session": SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=config.session_cookie_name,
            description="Set by `POST /api/auth/login`. Requests that change data also need the header "
            f"`X-CSRFToken` with the value of the cookie `{config.csrf_cookie}`.",
        ),
        "bearer": SecurityScheme(
            type="http",
            scheme="bearer",
            bearer_format="JWT",
            description="`Authorization: Bearer <access_token>`, from `POST /api/auth/token` or from the "
            "identity provider of the installation.",
        ),
        "apiKey": SecurityScheme(
            type="apiKey",
            security_scheme_in="header",
            name=API_KEY_HEADER,
            description="An API key; `Authorization: Token <key>` is equivalent.",
        ),
    }
    return OpenAPIConfig(
        title="Framecloak",
        version=config.version,
        description="Removes people's identities from video frames. Every error is "
        "`application/problem+json` (RFC 9457) with a stable `code`. Requests and responses may be JSON or "
        "msgpack.",
        contact=Contact(name="Framecloak"),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        components=Components(security_schemes=schemes),
        security=[{name: []} for name in schemes],
        tags=[
            Tag("Frame anonymization", "Requests for anonymised frames, their progress and their results."),
            Tag("Batches", "Orders of many videos at once, and templates of orders."),
            Tag("Videos", "Stored videos and access to them."),
            Tag("Marks", "Time ranges and image regions marked in videos."),
            Tag("Re-identification", "Detection, comparison and emotions of faces in images."),
            Tag("Galleries", "Enrolled faces and search for people."),
            Tag("Accounts", "Sign-in, API keys and accounts."),
            Tag("Operation", "Health and statistics of the installation."),
        ],
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[DocumentRenderer()],
    )


class DocumentRenderer(JsonRenderPlugin):
    """Renderer of the document that corrects what litestar cannot describe."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document, which is rendered once."""
        del request
        if self._rendered is None:
            self._rendered = msgspec.json.encode(complete_document(openapi_schema))
        return self._rendered


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with exact schemas, and with msgpack wherever it has JSON.

    The schemas are generated by msgspec, which decodes and encodes the bodies: litestar loses the limits of
    union members, rounds large integers and omits that unknown fields are rejected.
    """
    schemas = document["components"]["schemas"]
    names = {*schemas, *(struct.__name__ for struct in _READ_BY_HANDLERS)}
    structs = [struct for struct in _descendants(Struct) if struct.__name__ in names]
    _, exact = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    for item in document["paths"].values():
        for operation in item.values():
            _remove_validation_response(operation)
            _remove_redirect_bodies(operation)
            _mark_binary_responses(operation)
            _offer_msgpack(operation)
            _list_image_types(operation)
    exact = {name: _with_constants(schema) for name, schema in exact.items()}
    for view in _descendants(View):
        if view.__name__ in exact:
            _require_all_fields(exact[view.__name__])
    return document | {"components": document["components"] | {"schemas": schemas | exact}}


def _remove_validation_response(operation: dict[str, Any]) -> None:
    """Remove the 400 response that litestar adds for parameters; invalid ones are answered with 422."""
    if JSON in operation["responses"].get("400", {}).get("content", {}):
        del operation["responses"]["400"]


def _remove_redirect_bodies(operation: dict[str, Any]) -> None:
    """Remove the empty schema of redirects, which would make generated clients parse a body."""
    for status, answer in operation["responses"].items():
        if status.startswith("3"):
            answer.pop("content", None)


def _mark_binary_responses(operation: dict[str, Any]) -> None:
    """Mark binary responses, which litestar describes as strings."""
    for answer in operation["responses"].values():
        for media_type, content in (answer.get("content") or {}).items():
            if media_type.startswith(_BINARY):
                content["schema"] = {"type": "string", "format": "binary"}


def _require_all_fields(schema: dict[str, Any]) -> None:
    """Mark every field of a response as required: fields with default values are always sent."""
    if "properties" in schema:
        schema["required"] = sorted(schema["properties"])


def _with_constants(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the schema with single-value enums as constants, which more client generators support."""
    if isinstance(schema, list):
        return [_with_constants(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _with_constants(value) for name, value in schema.items()}
    match result.get("enum"):
        case [only]:
            del result["enum"]
            result["const"] = only
    return result


def _offer_msgpack(operation: dict[str, Any]) -> None:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        content = part.get("content") or {}
        if JSON in content:
            content[MSGPACK] = content[JSON]


def _list_image_types(operation: dict[str, Any]) -> None:
    """List the image types of a response: client generators do not support wildcard media types there."""
    for answer in operation["responses"].values():
        content = answer.get("content") or {}
        if _ANY_IMAGE in content:
            schema = content.pop(_ANY_IMAGE)
            content.update(dict.fromkeys(_IMAGE_TYPES, schema))


def _descendants(kind: type[Struct]) -> Iterator[type[Struct]]:
    """Yield all subclasses of a struct that are schemas of the API."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("framecloak.entrypoints.schemas"):
            yield child
        yield from _descendants(child)
