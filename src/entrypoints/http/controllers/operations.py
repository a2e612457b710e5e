"""Controller of health, statistics and the signing key."""

from __future__ import annotations

from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec

from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.operations.health import Condition, HealthService
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.asgi.content_negotiation import NegotiatedResponse
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected, OptionalCaller
from framecloak.entrypoints.http.middleware.authentication import Access, administrators_only
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.health import HealthView, LivenessView, SigningKeyView
from framecloak.entrypoints.schemas.requests import StatisticsView


@get(
    "/health",
    operation_id="getLiveness",
    summary="Check that the process responds",
    tags=["Operation"],
    opt={"unlimited": True},
    security=[{}],
    responses={},
)
async def liveness(
    config: Injected[HttpConfig], faces: Injected[LazyFaceAnalyzer], health: Injected[HealthService]
) -> LivenessView:
    """Liveness check for containers; waits for no server, and needs no credential."""
    return LivenessView.of(await faces.health(), await health.condition(), config.version)


class OperationController(Controller):
    """Endpoints of health, statistics and the signing key."""

    path = "/api/frames/anonymize"
    tags = ("Operation",)

    @get(
        "/health",
        operation_id="getHealth",
        summary="Check the health of the installation",
        opt={"access": Access.CREDENTIAL_OPTIONAL},
        security=[{}, {"session": []}, {"bearer": []}, {"apiKey": []}],
        responses={
            **problems(anonymous=True),
            503: ResponseSpec(
                HealthView, generate_examples=False, description="The installation is unhealthy."
            ),
        },
    )
    async def health(self, caller: OptionalCaller, health: Injected[HealthService]) -> Response[HealthView]:
        """Check database, queue, storage, models and workers; without a credential, return only `status`."""
        report = await health.check(detailed=caller is not None)
        view = HealthView.of(report) if caller else HealthView.for_anonymous(report)
        return NegotiatedResponse(view, status_code=503 if report.condition is Condition.UNHEALTHY else 200)

    @get(
        "/signing-key",
        operation_id="getSigningKey",
        summary="Get the public key of result signatures",
        responses=problems(),
    )
    async def signing_key(self, config: Injected[HttpConfig]) -> SigningKeyView:
        """Return the public key; `framecloak verify` reads it from a file, and manifests contain `key_id`."""
        return SigningKeyView.of(config.signing_key)

    @get(
        "/statistics",
        operation_id="getStatistics",
        summary="Get statistics",
        guards=[administrators_only],
        responses=problems("forbidden"),
    )
    async def statistics(self, caller: Caller, requests: Injected[RequestService]) -> StatisticsView:
        """Return requests by status, throughput and error rate; for administrators only."""
        return StatisticsView.of(await requests.statistics(caller))
