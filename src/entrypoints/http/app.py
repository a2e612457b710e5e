"""The HTTP API as an ASGI application."""

from __future__ import annotations

from litestar import Litestar
from litestar.datastructures import ResponseHeader
from litestar.types import ControllerRouterHandler

from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, BodyDTO, NegotiatedResponse
from framecloak.entrypoints.asgi.headers import REQUEST_ID_HEADER, standard_headers
from framecloak.entrypoints.asgi.problem_details import EXCEPTION_HANDLERS
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.console import console_router
from framecloak.entrypoints.http.controllers.access.accounts import AccountsController
from framecloak.entrypoints.http.controllers.access.sessions import SessionsController
from framecloak.entrypoints.http.controllers.access.sign_on import SignOnController
from framecloak.entrypoints.http.controllers.batches import BatchesController
from framecloak.entrypoints.http.controllers.downloads import DownloadsController
from framecloak.entrypoints.http.controllers.erasures import ErasuresController
from framecloak.entrypoints.http.controllers.faces import FacesController
from framecloak.entrypoints.http.controllers.galleries import GalleriesController
from framecloak.entrypoints.http.controllers.metrics import metrics
from framecloak.entrypoints.http.controllers.objects import ObjectsController
from framecloak.entrypoints.http.controllers.operations import OperationController, liveness
from framecloak.entrypoints.http.controllers.releases import ReleasesController
from framecloak.entrypoints.http.controllers.requests import RequestsController
from framecloak.entrypoints.http.controllers.reviews import ReviewsController
from framecloak.entrypoints.http.controllers.templates import TemplatesController
from framecloak.entrypoints.http.controllers.text_lists import TextListsController
from framecloak.entrypoints.http.controllers.videos.copies import MarkCopiesController
from framecloak.entrypoints.http.controllers.videos.filmstrips import FilmstripsController
from framecloak.entrypoints.http.controllers.videos.grants import GrantsController
from framecloak.entrypoints.http.controllers.videos.regions import RegionsController
from framecloak.entrypoints.http.controllers.videos.segments import SegmentsController
from framecloak.entrypoints.http.controllers.videos.videos import VideosController
from framecloak.entrypoints.http.dependencies import dependencies
from framecloak.entrypoints.http.middleware.authentication import AuthenticationMiddleware, Authenticator
from framecloak.entrypoints.http.middleware.rate_limit import RateLimiter
from framecloak.entrypoints.http.openapi import openapi_config
from framecloak.entrypoints.http.services import HttpServices
from framecloak.entrypoints.http.transport.queries import drop_empty_parameters

CONTROLLERS: tuple[ControllerRouterHandler, ...] = (
    RequestsController,
    DownloadsController,
    ReleasesController,
    ReviewsController,
    BatchesController,
    ErasuresController,
    TemplatesController,
    TextListsController,
    VideosController,
    FilmstripsController,
    SegmentsController,
    RegionsController,
    MarkCopiesController,
    GrantsController,
    SessionsController,
    SignOnController,
    AccountsController,
    FacesController,
    GalleriesController,
    OperationController,
    liveness,
    metrics,
)


def create_app(services: HttpServices, config: HttpConfig) -> Litestar:
    """Create the ASGI application for the given use cases."""
    use_cases = services.use_cases
    authenticator = Authenticator(
        use_cases.accounts, use_cases.sign_on, RateLimiter(services.limiter, config.rate_limits), config
    )
    return Litestar(
        [
            *CONTROLLERS,
            console_router(config.policies),
            *([ObjectsController] if services.objects else []),
        ],
        dependencies=dependencies(services, config, authenticator),
        middleware=[drop_empty_parameters, AuthenticationMiddleware(authenticator)],
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[standard_headers(config.policies)],
        dto=BodyDTO,
        return_dto=None,
        request_class=ApiRequest,
        response_class=NegotiatedResponse,
        request_max_body_size=config.max_body_bytes,
        response_headers=[
            ResponseHeader(
                REQUEST_ID_HEADER,
                documentation_only=True,
                description="Id of this request in the logs of the service.",
            )
        ],
        openapi_config=openapi_config(config),
        # The entry point of the process configures logging; the exception handlers log errors.
        logging_config=None,
        debug=False,
    )
