"""Numbers for Prometheus."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.datastructures import State

from framecloak.domain.errors import NotAuthenticatedError
from framecloak.entrypoints.asgi.shared_token import shows_token
from framecloak.entrypoints.http.dependencies import MaybeCaller, TheConfig, TheMetrics, TheVitals
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.openapi import problems


@get(
    "/metrics",
    operation_id="getMetrics",
    summary="Numbers for Prometheus",
    tags=["Operation"],
    # Who brings the token of METRICS_TOKEN is nobody that the accounts know.
    opt={"access": Access.STRANGERS_TOO},
    responses=problems("forbidden"),
    media_type=MediaType.TEXT,
)
async def metrics(
    request: Request[Any, Any, State],
    caller: MaybeCaller,
    config: TheConfig,
    metrics: TheMetrics,
    vitals: TheVitals,
) -> Response[bytes]:
    """Prometheus' text format 0.0.4, or OpenMetrics 1.0 where `Accept` names it.

    For administrators, and for whoever shows what `METRICS_TOKEN` is set to as bearer token; for everybody
    where `METRICS_PUBLIC` is true. Numbers of the installation are a few seconds old at most; one that cannot
    be looked up is left out.
    """
    if not config.metrics_public and not shows_token(request, config.metrics_token):
        if caller is None:
            raise NotAuthenticatedError(
                "metrics are not for everybody", "be an administrator, or send METRICS_TOKEN as bearer token"
            )
        caller.require_admin()
    reading, is_new = await vitals.read()
    if is_new:
        metrics.update(reading)
    content, content_type = metrics.exposition(request.headers.get("accept", ""))
    # As a header: litestar would add a second charset to a media type.
    return Response(content, headers={"content-type": content_type})
