"""Metrics of requests."""

from __future__ import annotations

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.entrypoints.asgi.problem_details import error_code

_SERVER_ERROR = 500


def with_metrics(app: ASGIApp, metrics: ApiMetrics) -> ASGIApp:
    """Wrap an application to count its responses by operation; URLs never become labels.

    Args:
        app: application to measure.
        metrics: metrics of the API.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started_at, is_started = perf_counter(), False

        async def send_and_count(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                _count(metrics, scope, message["status"], perf_counter() - started_at)
            await send(message)

        metrics.request_started()
        try:
            await app(scope, receive, send_and_count)
        except Exception:
            # The server sends an error response for exceptions that the application does not handle.
            if not is_started:
                _count(metrics, scope, _SERVER_ERROR, perf_counter() - started_at)
            raise
        finally:
            metrics.request_ended()

    return wrapped


def _count(metrics: ApiMetrics, scope: HTTPScope, status: int, seconds: float) -> None:
    # The router sets it, except for unknown paths; litestar's own handlers have no operation id.
    operation = getattr(scope.get("route_handler"), "operation_id", None)
    metrics.response_started(
        operation if isinstance(operation, str) else None, scope["method"], status, seconds, error_code(scope)
    )
