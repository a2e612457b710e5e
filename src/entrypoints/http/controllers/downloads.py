"""Controller of downloads of results through links that are valid once."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream

from framecloak.domain.anonymization.requests.downloads import DownloadService
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.services import ObjectServer
from framecloak.entrypoints.http.transport.objects import OBJECTS_PATH, byte_range, object_response
from framecloak.entrypoints.schemas.common import RequestId
from framecloak.entrypoints.schemas.requests import DownloadView

_LOCATION_HEADER = ResponseHeader("Location", documentation_only=True, description="URL of the next step.")
_ZIP_RESPONSE = ResponseSpec(
    bytes,
    media_type="application/zip",
    generate_examples=False,
    description="The ZIP archive, if served from a folder store.",
)
_RANGE_RESPONSE = ResponseSpec(
    bytes,
    media_type="application/zip",
    generate_examples=False,
    description="The part of the ZIP archive named by the header `Range`, if served from a folder store.",
)


class DownloadsController(Controller):
    """Endpoints of downloads: the first is authenticated, the second needs only a link, valid once."""

    path = "/api/frames/anonymize/download"
    tags = ("Frame anonymization",)

    @get(
        "/{request_id:uuid}",
        operation_id="downloadResult",
        summary="Download a result",
        status_code=303,
        response_headers=[_LOCATION_HEADER],
        responses={
            200: ResponseSpec(
                DownloadView, generate_examples=False, description="The download link, with `redirect=false`."
            ),
            **problems("request_not_found", "forbidden", "not_ready", "not_released", parameters=True),
        },
    )
    async def mint(
        self,
        request_id: RequestId,
        caller: Caller,
        requests: Injected[RequestService],
        config: Injected[HttpConfig],
        redirect: Annotated[
            bool, QueryParameter(description="Whether to redirect to the download link.")
        ] = True,
    ) -> Response[DownloadView] | Redirect:
        """Create a download link, valid once, and redirect to it: the client gets the ZIP archive."""
        download = await requests.issue_download_token(caller, request_id)
        url = f"{config.base_url}{self.path}/{download.request_id}/{download.token}/"
        if not redirect:
            return NegotiatedResponse(DownloadView.of(download, url), status_code=200)
        return Redirect(url, status_code=303)

    @get(
        "/{request_id:uuid}/{token:str}",
        operation_id="redeemDownload",
        summary="Use a download link",
        status_code=307,
        opt={"access": Access.ANYONE},
        security=[{}],
        response_headers=[_LOCATION_HEADER],
        responses={
            200: _ZIP_RESPONSE,
            206: _RANGE_RESPONSE,
            **problems(
                "token_not_found",
                "token_used",
                "token_expired",
                "not_ready",
                "not_released",
                "range_not_satisfiable",
                "result_damaged",
                "storage_unavailable",
                anonymous=True,
                parameters=True,
            ),
        },
    )
    async def redeem(
        self,
        request_id: RequestId,
        token: Annotated[str, PathParameter(max_length=200, description="Download token of the first step.")],
        request: ApiRequest,
        requests: Injected[RequestService],
        downloads: Injected[DownloadService],
        objects: Injected[ObjectServer | None],
    ) -> Redirect | Stream:
        """Return the ZIP archive, or redirect to a URL of the object store that is valid for a minute."""
        range_header = request.headers.get("range")
        # A range, or what the object store hands out itself, cannot be compared while it is read.
        found = await downloads.find_result(
            request_id, token, checked_while_read=objects is not None and range_header is None
        )
        # Checked before the link is redeemed: an unsatisfiable range must not use it up.
        byte_range(range_header, found.stored.size)
        url = await requests.redeem_download_token(request_id, token)
        if objects is None:
            return Redirect(url, status_code=307)
        parts = urlsplit(url)
        key = unquote(parts.path).partition(OBJECTS_PATH)[2]
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return await object_response(
            objects,
            key,
            query,
            range_header,
            version=found.stored.version,
            check=partial(downloads.checked, found),
        )
