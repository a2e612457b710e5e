"""Counts requests for whoever watches the service."""

from __future__ import annotations

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.entrypoints.asgi.problem_details import error_code

_SERVER_ERROR = 500


def with_metrics(app: ASGIApp, metrics: ApiMetrics) -> ASGIApp:
    """The same application, its answers counted by operation, so that no address becomes a label.

    Args:
        app: what answers.
        metrics: counts.
    """

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        scope.setdefault("state", {})
        began, has_begun = perf_counter(), False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _count(metrics, scope, message["status"], perf_counter() - began)
            await send(message)

        metrics.begun()
        try:
            await app(scope, receive, watched)
        except Exception:
            # The server answers for whoever lets an error through.
            if not has_begun:
                _count(metrics, scope, _SERVER_ERROR, perf_counter() - began)
            raise
        finally:
            metrics.ended()

    return counted


def _count(metrics: ApiMetrics, scope: HTTPScope, status: int, seconds: float) -> None:
    # Set by the router, so not there for what is none of ours; litestar's own handlers have no such name.
    operation = getattr(scope.get("route_handler"), "operation_id", None)
    metrics.answered(
        operation if isinstance(operation, str) else None, scope["method"], status, seconds, error_code(scope)
    )
