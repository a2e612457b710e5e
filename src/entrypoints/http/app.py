"""The HTTP API as an ASGI application."""

from __future__ import annotations

from litestar import Litestar
from litestar.datastructures import ResponseHeader
from litestar.types import ControllerRouterHandler

from entrypoints.http.bodies import ApiRequest, BodyDTO, NegotiatedResponse
from entrypoints.http.config import HttpConfig
from entrypoints.http.console import console_router
from entrypoints.http.controllers.accounts import AccountsController
from entrypoints.http.controllers.downloads import DownloadsController
from entrypoints.http.controllers.faces import FacesController
from entrypoints.http.controllers.galleries import GalleriesController
from entrypoints.http.controllers.grants import GrantsController
from entrypoints.http.controllers.metrics import metrics
from entrypoints.http.controllers.objects import ObjectsController
from entrypoints.http.controllers.operation import OperationController, liveness
from entrypoints.http.controllers.regions import RegionsController
from entrypoints.http.controllers.requests import RequestsController
from entrypoints.http.controllers.reviews import ReviewsController
from entrypoints.http.controllers.segments import SegmentsController
from entrypoints.http.controllers.sessions import SessionsController
from entrypoints.http.controllers.videos import VideosController
from entrypoints.http.dependencies import dependencies
from entrypoints.http.errors import EXCEPTION_HANDLERS
from entrypoints.http.headers import REQUEST_ID, standard_headers
from entrypoints.http.limits import RateLimiter
from entrypoints.http.openapi import openapi_config
from entrypoints.http.queries import without_blanks
from entrypoints.http.security import AuthenticationMiddleware, Authenticator
from entrypoints.http.services import Services

CONTROLLERS: tuple[ControllerRouterHandler, ...] = (
    RequestsController,
    DownloadsController,
    ReviewsController,
    VideosController,
    SegmentsController,
    RegionsController,
    GrantsController,
    SessionsController,
    AccountsController,
    FacesController,
    GalleriesController,
    OperationController,
    liveness,
    metrics,
)


def create_app(services: Services, config: HttpConfig) -> Litestar:
    """The application on top of some use cases, which may be on fakes."""
    authenticator = Authenticator(services.identity, RateLimiter(services.limiter, config.rates), config)
    return Litestar(
        [
            *CONTROLLERS,
            console_router(config.policies),
            *([ObjectsController] if services.objects else []),
        ],
        dependencies=dependencies(services, config, authenticator),
        middleware=[without_blanks, AuthenticationMiddleware(authenticator)],
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[standard_headers(config.policies)],
        dto=BodyDTO,
        return_dto=None,
        request_class=ApiRequest,
        response_class=NegotiatedResponse,
        request_max_body_size=config.max_body_bytes,
        response_headers=[
            ResponseHeader(
                REQUEST_ID, documentation_only=True, description="Names this request in the service's logs."
            )
        ],
        openapi_config=openapi_config(config),
        # The service's own logging is set up by whoever starts the process; errors are logged where they are
        # answered.
        logging_config=None,
        debug=False,
    )
