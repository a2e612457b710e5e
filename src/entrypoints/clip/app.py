"""The CLIP service: reads emotions for API processes that have no model of their own.

A small application beside the API. It keeps nothing, logs no pictures, and asks nobody else for anything.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeAlias

from litestar import Litestar, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, SkipValidation
from msgspec import Meta

from framecloak.adapters.vision.emotions.clip_protocol import EmotionsAnswer, EmotionsOrder
from framecloak.domain.errors import NotAuthenticatedError
from framecloak.domain.imaging.detections import Image, ModelCard
from framecloak.domain.ports.recognition import EmotionReader
from framecloak.entrypoints.asgi.access_log import with_access_log
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, BodyDTO, NegotiatedResponse
from framecloak.entrypoints.asgi.disconnect import unless_client_leaves
from framecloak.entrypoints.asgi.headers import Policies, standard_headers
from framecloak.entrypoints.asgi.problem_details import EXCEPTION_HANDLERS, InvalidBodyError
from framecloak.entrypoints.asgi.shared_token import shows_token
from framecloak.entrypoints.asgi.uvicorn_server import serve_app
from framecloak.entrypoints.composition.emotions import local_emotion_reader
from framecloak.entrypoints.schemas.common import View
from framecloak.entrypoints.schemas.problems import FieldError
from framecloak.entrypoints.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClipServiceConfig:
    """Settings of the application.

    Attributes:
        card: which model it serves, and on what.
        token: that callers have to show; empty for none.
        max_images: the most pictures of one request.
        max_body_bytes: the largest request.
    """

    card: ModelCard
    token: str = field(default="", repr=False)
    max_images: int = 32
    max_body_bytes: int = 64 * 1024**2


TheConfig: TypeAlias = NamedDependency[SkipValidation[ClipServiceConfig]]
TheReader: TypeAlias = NamedDependency[SkipValidation[EmotionReader]]


class ClipHealthView(View, frozen=True, kw_only=True):
    """Whether emotions can be read, and with what."""

    status: Annotated[Literal["healthy", "unhealthy"], Meta(description="Whether it would answer now.")]
    model: Annotated[str, Meta(description="Which CLIP.", examples=["clip/ViT-B-32"])]
    provider: Annotated[str, Meta(description="What it runs on.", examples=["CPU"])]
    emotions: Annotated[tuple[str, ...], Meta(description="What it tells apart.")]
    version: Annotated[str, Meta(description="Of the program.", examples=["0.1.0"])]


def _require_token(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse who does not show the shared token, before the body is read.

    Raises:
        NotAuthenticatedError: it is another, or none.
    """
    del handler
    token: str = connection.app.state.token
    if token and not shows_token(connection, token):
        raise NotAuthenticatedError(
            "this is not for everybody", "send CLIP_SERVICE_TOKEN of the service as bearer token"
        )


@post("/emotions", operation_id="readEmotions", status_code=200, guards=[_require_token])
async def read_emotions(
    data: JSONBody[EmotionsOrder], request: ApiRequest, reader: TheReader, config: TheConfig
) -> EmotionsAnswer:
    """What each face expresses; requests that come at the same time share calls of the model."""
    images = _images(data, config.max_images)
    probabilities = await unless_client_leaves(request, reader.read(images))
    return EmotionsAnswer(
        model=config.card.name,
        emotions=reader.emotions,
        probabilities=tuple(tuple(row) for row in probabilities.tolist()),
    )


@get("/health", operation_id="getHealth")
async def health(reader: TheReader, config: TheConfig) -> Response[ClipHealthView]:
    """For containers and clients; needs no token."""
    well = await reader.available()
    view = ClipHealthView(
        status="healthy" if well else "unhealthy",
        model=config.card.name,
        provider=config.card.provider,
        emotions=reader.emotions,
        version=version("framecloak"),
    )
    return NegotiatedResponse(view, status_code=200 if well else 503)


def _images(order: EmotionsOrder, most: int) -> list[Image]:
    """The pictures of an order.

    Raises:
        InvalidBodyError: there are too many, or one has another number of bytes than of pixels.
    """
    if len(order.images) > most:
        raise InvalidBodyError((FieldError(field="images", message=f"at most {most} are taken"),))
    incomplete = tuple(
        FieldError(field=f"images[{index}].rgb", message="three bytes for each pixel are needed")
        for index, picture in enumerate(order.images)
        if not picture.is_complete
    )
    if incomplete:
        raise InvalidBodyError(incomplete)
    return [picture.image() for picture in order.images]


def create_clip_app(reader: EmotionReader, config: ClipServiceConfig) -> Litestar:
    """The application on top of a reader, which may be a fake."""
    app = Litestar(
        [read_emotions, health],
        dependencies={
            "reader": Provide(lambda: reader, sync_to_thread=False),
            "config": Provide(lambda: config, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[standard_headers(Policies())],
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


async def serve_clip(settings: Settings, listener: socket.socket, stop: asyncio.Event) -> None:
    """Read emotions for whoever asks, until told to stop.

    Args:
        settings: say which model, and what is taken.
        listener: where requests come in.
        stop: set when the process is to end.

    Raises:
        DomainError: as for `local_emotion_reader`.
    """
    if not settings.clip_service_token and not ip_address(listener.getsockname()[0]).is_loopback:
        logger.warning("anybody who reaches this address may use it; set CLIP_SERVICE_TOKEN to change that")
    async with await local_emotion_reader(settings) as reader:
        config = ClipServiceConfig(
            reader.card,
            settings.clip_service_token,
            settings.clip_service_max_images,
            settings.clip_service_max_body_bytes,
        )
        await serve_app(
            with_access_log(create_clip_app(reader, config)), listener, stop, settings.trusted_proxies
        )
