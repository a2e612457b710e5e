"""CLIP service: reads emotions for API processes without a model of their own.

A small HTTP application beside the API. It stores nothing, logs no images and calls no other service.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any, Literal, TypeAlias

from litestar import Litestar, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, SkipValidation
from msgspec import Meta

from framecloak.adapters.vision.emotions.clip_protocol import EmotionsRequest, EmotionsResponse
from framecloak.domain.errors import NotAuthenticatedError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.models import EmotionReader
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, BodyDTO, NegotiatedResponse
from framecloak.entrypoints.asgi.disconnect import cancel_on_disconnect
from framecloak.entrypoints.asgi.headers import SecurityHeaders, standard_headers
from framecloak.entrypoints.asgi.problem_details import EXCEPTION_HANDLERS, InvalidBodyError
from framecloak.entrypoints.asgi.shared_token import has_bearer_token
from framecloak.entrypoints.clip.config import ClipServiceConfig
from framecloak.entrypoints.schemas.common import View
from framecloak.entrypoints.schemas.problems import FieldError

ConfigDep: TypeAlias = NamedDependency[SkipValidation[ClipServiceConfig]]
EmotionReaderDep: TypeAlias = NamedDependency[SkipValidation[EmotionReader]]


class ClipHealthView(View, frozen=True, kw_only=True):
    """Health of the CLIP service and its model."""

    status: Annotated[
        Literal["healthy", "unhealthy"], Meta(description="Whether the service can read emotions now.")
    ]
    model: Annotated[str, Meta(description="Name of the CLIP model.", examples=["clip/ViT-B-32"])]
    provider: Annotated[str, Meta(description="Execution provider of the model.", examples=["CPU"])]
    emotions: Annotated[
        tuple[str, ...], Meta(description="Names of the emotions that the model distinguishes.")
    ]
    version: Annotated[str, Meta(description="Version of the service.", examples=["0.1.0"])]


def _require_token(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Require the shared token; guards run before the body is read.

    Raises:
        NotAuthenticatedError: the token is missing or wrong.
    """
    del handler
    token: str = connection.app.state.token
    if token and not has_bearer_token(connection, token):
        raise NotAuthenticatedError(
            "a valid token is required", "send CLIP_SERVICE_TOKEN of the service as bearer token"
        )


@post("/emotions", operation_id="readEmotions", status_code=200, guards=[_require_token])
async def read_emotions(
    data: JSONBody[EmotionsRequest], request: ApiRequest, reader: EmotionReaderDep, config: ConfigDep
) -> EmotionsResponse:
    """Read the emotions of each face; concurrent requests are batched into shared model calls."""
    images = _decode_images(data, config.max_images)
    probabilities = await cancel_on_disconnect(request, reader.read(images))
    return EmotionsResponse(
        model=config.card.name,
        emotions=reader.emotions,
        probabilities=tuple(tuple(row) for row in probabilities.tolist()),
    )


@get("/health", operation_id="getHealth")
async def health(reader: EmotionReaderDep, config: ConfigDep) -> Response[ClipHealthView]:
    """Health check for containers and clients; needs no token."""
    available = await reader.is_available()
    view = ClipHealthView(
        status="healthy" if available else "unhealthy",
        model=config.card.name,
        provider=config.card.provider,
        emotions=reader.emotions,
        version=version("framecloak"),
    )
    return NegotiatedResponse(view, status_code=200 if available else 503)


def _decode_images(body: EmotionsRequest, max_images: int) -> list[Image]:
    """Return the images of a request.

    Raises:
        InvalidBodyError: there are too many images, or the data of one does not match its size.
    """
    if len(body.images) > max_images:
        raise InvalidBodyError(
            (FieldError(field="images", message=f"at most {max_images} images are allowed"),)
        )
    incomplete = tuple(
        FieldError(field=f"images[{index}].rgb", message="must have three bytes for each pixel")
        for index, picture in enumerate(body.images)
        if not picture.is_complete
    )
    if incomplete:
        raise InvalidBodyError(incomplete)
    return [picture.pixels() for picture in body.images]


def create_clip_app(reader: EmotionReader, config: ClipServiceConfig) -> Litestar:
    """Create the application for an emotion reader."""
    app = Litestar(
        [read_emotions, health],
        dependencies={
            "reader": Provide(lambda: reader, sync_to_thread=False),
            "config": Provide(lambda: config, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[standard_headers(SecurityHeaders())],
        dto=BodyDTO,
        return_dto=None,
        request_class=ApiRequest,
        response_class=NegotiatedResponse,
        request_max_body_size=config.max_body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.state.token = config.token
    return app
