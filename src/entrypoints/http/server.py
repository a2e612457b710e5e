"""Composition root of an API process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.asgi.access_log import with_access_log
from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits
from framecloak.entrypoints.asgi.headers import SecurityHeaders
from framecloak.entrypoints.asgi.uvicorn_server import serve_app
from framecloak.entrypoints.composition.keys import result_signer
from framecloak.entrypoints.composition.reid import build_faces
from framecloak.entrypoints.composition.service import Service, build_service
from framecloak.entrypoints.http.app import create_app
from framecloak.entrypoints.http.config import HttpConfig, RateLimits
from framecloak.entrypoints.http.middleware.metrics import with_metrics
from framecloak.entrypoints.http.services import HttpServices, ObjectServer
from framecloak.entrypoints.settings import Settings


async def serve_api(
    settings: Settings,
    listener: socket.socket,
    stop: asyncio.Event,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Serve the API until `stop` is set; running requests are finished first.

    Args:
        settings: settings with the addresses of a database and a Redis server.
        listener: listening socket.
        stop: event that ends the server.
        on_started: called when the API answers requests.

    Raises:
        DomainError: as for `build_service` and `build_faces`.
        QueueUnavailableError: Redis cannot be reached.
    """
    metrics = ApiMetrics(version("framecloak"))
    async with build_service(settings, metrics) as service, build_faces(settings, metrics.models) as faces:
        await service.queue.ping()
        services = http_services(service, faces, metrics)
        limits = ConnectionLimits(
            per_address=settings.max_connections_per_address, trusted_proxies=settings.trusted_proxies
        )
        app = with_metrics(create_app(services, http_config(service)), metrics)
        await serve_app(with_access_log(app), listener, stop, limits, on_started)


def http_services(service: Service, faces: LazyFaceAnalyzer, metrics: ApiMetrics) -> HttpServices:
    """Return the use cases and adapters of the application."""
    objects = None
    if service.signed_urls is not None:
        objects = ObjectServer(service.signed_urls, service.store, service.clock)
    return HttpServices(
        use_cases=service.use_cases,
        faces=faces,
        progress_board=service.progress_board,
        clock=service.clock,
        metrics=metrics,
        limiter=service.call_limiter,
        objects=objects,
    )


def http_config(service: Service) -> HttpConfig:
    """Return the configuration of the application."""
    settings = service.settings
    return HttpConfig(
        csrf_secret=service.secret.derive_key("csrf tokens"),
        base_url=settings.base_url,
        secure=settings.session_cookie_secure,
        session_ttl=timedelta(hours=settings.session_lifetime_hours),
        policies=SecurityHeaders(
            settings.hsts_seconds if settings.session_cookie_secure else 0, settings.frame_ancestors
        ),
        rate_limits=RateLimits(
            settings.rate_limit_per_account,
            settings.rate_limit_per_address,
            timedelta(seconds=settings.rate_limit_window_seconds),
        ),
        max_upload_bytes=settings.max_upload_bytes,
        default_level=settings.default_level,
        default_format=settings.default_output_format,
        default_language=settings.report_language,
        default_verify=settings.default_verify,
        results=settings.result_policy,
        signing_key=result_signer(settings).public_key,
        docs_enabled=settings.api_docs,
        metrics_public=settings.metrics_public,
        metrics_token=settings.metrics_token,
        version=version("framecloak"),
    )
