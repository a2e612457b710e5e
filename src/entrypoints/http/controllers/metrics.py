"""Endpoint of Prometheus metrics."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.datastructures import State

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.errors import NotAuthenticatedError
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.entrypoints.asgi.shared_token import has_bearer_token
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Injected, OptionalCaller
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.openapi import problems


@get(
    "/metrics",
    operation_id="getMetrics",
    summary="Get Prometheus metrics",
    tags=["Operation"],
    # A credential is optional because METRICS_TOKEN does not belong to an account.
    opt={"access": Access.CREDENTIAL_OPTIONAL},
    responses=problems("forbidden"),
    media_type=MediaType.TEXT,
)
async def metrics(
    request: Request[Any, Any, State],
    caller: OptionalCaller,
    config: Injected[HttpConfig],
    metrics: Injected[ApiMetrics],
    service_metrics: Injected[ServiceMetrics],
) -> Response[bytes]:
    """Return metrics in the Prometheus text format 0.0.4, or in OpenMetrics 1.0 if `Accept` names it.

    Access is limited to administrators and to clients that send the value of `METRICS_TOKEN` as bearer token,
    unless `METRICS_PUBLIC` is true. Metrics of the installation are at most a few seconds old; those that
    cannot be read are omitted.
    """
    if not config.metrics_public and not has_bearer_token(request, config.metrics_token):
        if caller is None:
            raise NotAuthenticatedError(
                "metrics require a credential",
                "sign in as administrator, or send METRICS_TOKEN as bearer token",
            )
        caller.require_admin()
    reading, is_updated = await service_metrics.read()
    if is_updated:
        metrics.update(reading)
    content, content_type = metrics.exposition(request.headers.get("accept", ""))
    # Set as a header because litestar would add a second charset to a media type.
    return Response(content, headers={"content-type": content_type})
