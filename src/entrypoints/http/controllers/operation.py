"""How the installation is doing."""

from __future__ import annotations

from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec

from framecloak.domain.operations.health import Condition
from framecloak.entrypoints.asgi.content_negotiation import NegotiatedResponse
from framecloak.entrypoints.http.dependencies import (
    Caller,
    MaybeCaller,
    TheAnonymization,
    TheConfig,
    TheFaces,
    TheHealth,
)
from framecloak.entrypoints.http.middleware.authentication import Access, administrators_only
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.health import HealthView, LivenessView, SigningKeyView
from framecloak.entrypoints.schemas.requests import StatisticsView


@get(
    "/health",
    operation_id="getLiveness",
    summary="Whether the process answers",
    tags=["Operation"],
    opt={"unlimited": True},
    security=[{}],
    responses={},
)
async def liveness(config: TheConfig, faces: TheFaces) -> LivenessView:
    """For containers: asks no database and no queue, and needs no credential."""
    return LivenessView.of(await faces.health(), config.version)


class OperationController(Controller):
    """Health and statistics of frame anonymisation."""

    path = "/api/frames/anonymize"
    tags = ("Operation",)

    @get(
        "/health",
        operation_id="getHealth",
        summary="How the installation is doing",
        opt={"access": Access.STRANGERS_TOO},
        security=[{}, {"session": []}, {"bearer": []}, {"apiKey": []}],
        responses={
            **problems(strangers=True),
            503: ResponseSpec(HealthView, generate_examples=False, description="It is unhealthy."),
        },
    )
    async def health(self, caller: MaybeCaller, health: TheHealth) -> Response[HealthView]:
        """Looks at database, queue, storage, models and workers; a stranger is told `status` alone."""
        report = await health.check(detailed=caller is not None)
        view = HealthView.of(report) if caller else HealthView.for_strangers(report)
        return NegotiatedResponse(view, status_code=503 if report.condition is Condition.UNHEALTHY else 200)

    @get(
        "/signing-key",
        operation_id="getSigningKey",
        summary="The key that results are checked with",
        responses=problems(),
    )
    async def signing_key(self, config: TheConfig) -> SigningKeyView:
        """Public; `framecloak verify` takes `public_key` from a file, and manifests name `key_id`."""
        return SigningKeyView.of(config.signing_key)

    @get(
        "/statistics",
        operation_id="getStatistics",
        summary="What the installation has done",
        guards=[administrators_only],
        responses=problems("forbidden"),
    )
    async def statistics(self, caller: Caller, anonymization: TheAnonymization) -> StatisticsView:
        """Requests by status, rates and errors; for administrators."""
        return StatisticsView.of(await anonymization.statistics(caller))
