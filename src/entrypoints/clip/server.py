"""Composition root of the CLIP service."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

from framecloak.entrypoints.asgi.access_log import with_access_log
from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits
from framecloak.entrypoints.asgi.uvicorn_server import serve_app
from framecloak.entrypoints.clip.app import create_clip_app
from framecloak.entrypoints.clip.config import ClipServiceConfig
from framecloak.entrypoints.composition.emotions import local_emotion_reader
from framecloak.entrypoints.settings import Settings

logger = logging.getLogger(__name__)


async def serve_clip(
    settings: Settings,
    listener: socket.socket,
    stop: asyncio.Event,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Serve the CLIP service until `stop` is set.

    Args:
        settings: model, token and limits.
        listener: listening socket.
        stop: event that ends the service.
        on_started: called when the service answers requests.

    Raises:
        DomainError: as for `local_emotion_reader`.
    """
    if not settings.clip_service_token and not ip_address(listener.getsockname()[0]).is_loopback:
        logger.warning(
            "any client that reaches this address may use the service; set CLIP_SERVICE_TOKEN to prevent that"
        )
    async with await local_emotion_reader(settings) as reader:
        config = ClipServiceConfig(
            reader.card,
            settings.clip_service_token,
            settings.clip_service_max_images,
            settings.clip_service_max_body_bytes,
        )
        # Its clients are the API and the workers, which may all have one address.
        limits = ConnectionLimits(per_address=0, trusted_proxies=settings.trusted_proxies)
        await serve_app(with_access_log(create_clip_app(reader, config)), listener, stop, limits, on_started)
