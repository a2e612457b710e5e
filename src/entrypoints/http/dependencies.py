"""Dependencies of the handlers: the caller and the use cases."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.domain.accounts.service import Identity
from framecloak.domain.anonymization.overlays.service import OverlayProposals
from framecloak.domain.anonymization.requests.downloads import Delivery
from framecloak.domain.anonymization.requests.resubmit import Resubmissions
from framecloak.domain.anonymization.requests.service import Anonymization
from framecloak.domain.anonymization.requests.submit import Submissions
from framecloak.domain.anonymization.review.service import Reviewing
from framecloak.domain.model.accounts import Principal
from framecloak.domain.operations.health import Health
from framecloak.domain.operations.service_metrics import Vitals
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.reid.galleries.service import Galleries
from framecloak.domain.reid.lazy_analysis import Faces
from framecloak.domain.videos.grants import Sharing
from framecloak.domain.videos.marks import Marking
from framecloak.domain.videos.service import Collection
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.authentication import Authenticator
from framecloak.entrypoints.http.services import ObjectServer, Services

Caller: TypeAlias = NamedDependency[SkipValidation[Principal]]
MaybeCaller: TypeAlias = NamedDependency[SkipValidation[Principal | None]]
TheAnonymization: TypeAlias = NamedDependency[SkipValidation[Anonymization]]
TheAuthenticator: TypeAlias = NamedDependency[SkipValidation[Authenticator]]
TheClock: TypeAlias = NamedDependency[SkipValidation[Clock]]
TheCollection: TypeAlias = NamedDependency[SkipValidation[Collection]]
TheConfig: TypeAlias = NamedDependency[SkipValidation[HttpConfig]]
TheDelivery: TypeAlias = NamedDependency[SkipValidation[Delivery]]
TheFaces: TypeAlias = NamedDependency[SkipValidation[Faces]]
TheGalleries: TypeAlias = NamedDependency[SkipValidation[Galleries]]
TheHealth: TypeAlias = NamedDependency[SkipValidation[Health]]
TheIdentity: TypeAlias = NamedDependency[SkipValidation[Identity]]
TheMarking: TypeAlias = NamedDependency[SkipValidation[Marking]]
TheBoard: TypeAlias = NamedDependency[SkipValidation[ProgressBoard]]
TheMetrics: TypeAlias = NamedDependency[SkipValidation[ApiMetrics]]
TheObjects: TypeAlias = NamedDependency[SkipValidation[ObjectServer | None]]
TheResubmissions: TypeAlias = NamedDependency[SkipValidation[Resubmissions]]
TheReviewing: TypeAlias = NamedDependency[SkipValidation[Reviewing]]
TheOverlays: TypeAlias = NamedDependency[SkipValidation[OverlayProposals]]
TheSharing: TypeAlias = NamedDependency[SkipValidation[Sharing]]
TheSubmissions: TypeAlias = NamedDependency[SkipValidation[Submissions]]
TheVitals: TypeAlias = NamedDependency[SkipValidation[Vitals]]


def dependencies(services: Services, config: HttpConfig, authenticator: Authenticator) -> dict[str, Provide]:
    """Return the dependencies by the parameter name that handlers use."""
    values: dict[str, Any] = {
        "anonymization": services.anonymization,
        "authenticator": authenticator,
        "board": services.board,
        "clock": services.clock,
        "collection": services.collection,
        "config": config,
        "delivery": services.delivery,
        "faces": services.faces,
        "galleries": services.galleries,
        "health": services.health,
        "identity": services.identity,
        "marking": services.marking,
        "metrics": services.metrics,
        "objects": services.objects,
        "resubmissions": services.resubmissions,
        "reviewing": services.reviewing,
        "overlays": services.overlays,
        "sharing": services.sharing,
        "submissions": services.submissions,
        "vitals": services.vitals,
    }
    provided = {name: _constant(value) for name, value in values.items()}
    return provided | {"caller": Provide(_caller, sync_to_thread=False)}


def _constant(value: Any) -> Provide:  # noqa: ANN401 - each dependency has its own type
    def provide() -> Any:  # noqa: ANN401 - as above
        return value

    return Provide(provide, sync_to_thread=False)


def _caller(request: Request[Principal | None, Any, State]) -> Any:  # noqa: ANN401 - injected as two types
    return request.user
