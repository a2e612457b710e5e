"""Dependencies of the handlers: the caller and the use cases."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.accounts.service import AccountService
from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.anonymization.review.service import ReviewService
from framecloak.domain.model.accounts import Principal
from framecloak.domain.operations.health import HealthService
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.domain.videos.grants import GrantService
from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.authentication import Authenticator
from framecloak.entrypoints.http.services import HttpServices, ObjectServer

Caller: TypeAlias = NamedDependency[SkipValidation[Principal]]
OptionalCaller: TypeAlias = NamedDependency[SkipValidation[Principal | None]]
RequestServiceDep: TypeAlias = NamedDependency[SkipValidation[RequestService]]
AuthenticatorDep: TypeAlias = NamedDependency[SkipValidation[Authenticator]]
ClockDep: TypeAlias = NamedDependency[SkipValidation[Clock]]
VideoServiceDep: TypeAlias = NamedDependency[SkipValidation[VideoService]]
HttpConfigDep: TypeAlias = NamedDependency[SkipValidation[HttpConfig]]
DownloadServiceDep: TypeAlias = NamedDependency[SkipValidation[DownloadService]]
FacesDep: TypeAlias = NamedDependency[SkipValidation[LazyFaceAnalyzer]]
GalleryServiceDep: TypeAlias = NamedDependency[SkipValidation[GalleryService]]
HealthDep: TypeAlias = NamedDependency[SkipValidation[HealthService]]
AccountServiceDep: TypeAlias = NamedDependency[SkipValidation[AccountService]]
MarkServiceDep: TypeAlias = NamedDependency[SkipValidation[MarkService]]
ProgressBoardDep: TypeAlias = NamedDependency[SkipValidation[ProgressBoard]]
ApiMetricsDep: TypeAlias = NamedDependency[SkipValidation[ApiMetrics]]
ObjectServerDep: TypeAlias = NamedDependency[SkipValidation[ObjectServer | None]]
RerenderServiceDep: TypeAlias = NamedDependency[SkipValidation[RerenderService]]
ReviewServiceDep: TypeAlias = NamedDependency[SkipValidation[ReviewService]]
OverlayProposalsDep: TypeAlias = NamedDependency[SkipValidation[OverlayService]]
GrantServiceDep: TypeAlias = NamedDependency[SkipValidation[GrantService]]
SubmitServiceDep: TypeAlias = NamedDependency[SkipValidation[SubmitService]]
ServiceMetricsDep: TypeAlias = NamedDependency[SkipValidation[ServiceMetrics]]


def dependencies(
    services: HttpServices, config: HttpConfig, authenticator: Authenticator
) -> dict[str, Provide]:
    """Return the dependencies by the parameter name that handlers use."""
    values: dict[str, Any] = {
        "anonymization": services.requests,
        "authenticator": authenticator,
        "board": services.progress_board,
        "clock": services.clock,
        "collection": services.videos,
        "config": config,
        "delivery": services.downloads,
        "faces": services.faces,
        "galleries": services.galleries,
        "health": services.health,
        "identity": services.accounts,
        "marking": services.marks,
        "metrics": services.metrics,
        "objects": services.objects,
        "resubmissions": services.rerender,
        "reviewing": services.reviews,
        "overlays": services.overlays,
        "sharing": services.grants,
        "submissions": services.submit,
        "vitals": services.service_metrics,
    }
    provided = {name: _constant(value) for name, value in values.items()}
    return provided | {"caller": Provide(_caller, sync_to_thread=False)}


def _constant(value: Any) -> Provide:  # noqa: ANN401 - each dependency has its own type
    def provide() -> Any:  # noqa: ANN401 - as above
        return value

    return Provide(provide, sync_to_thread=False)


def _caller(request: Request[Principal | None, Any, State]) -> Any:  # noqa: ANN401 - injected as two types
    return request.user
