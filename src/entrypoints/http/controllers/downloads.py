"""Results, each handed out by a link that works once."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream

from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.dependencies import (
    Caller,
    TheAnonymization,
    TheConfig,
    TheDelivery,
    TheObjects,
)
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.objects import OBJECTS_PATH, byte_range, handed_out
from framecloak.entrypoints.schemas.common import RequestId
from framecloak.entrypoints.schemas.requests import DownloadView

_LINK = ResponseHeader("Location", documentation_only=True, description="Where to go on.")
_ZIP = ResponseSpec(
    bytes, media_type="application/zip", generate_examples=False, description="The ZIP, from a folder store."
)
_PART = ResponseSpec(
    bytes,
    media_type="application/zip",
    generate_examples=False,
    description="The part of the ZIP that the header `Range` asks for, from a folder store.",
)


class DownloadsController(Controller):
    """Fetch a result: the first step proves who you are, the second works once and needs nothing else."""

    path = "/api/frames/anonymize/download"
    tags = ("Frame anonymization",)

    @get(
        "/{request_id:uuid}",
        operation_id="downloadResult",
        summary="Download a result",
        status_code=303,
        response_headers=[_LINK],
        responses={
            200: ResponseSpec(
                DownloadView, generate_examples=False, description="With `redirect=false`: the link itself."
            ),
            **problems("request_not_found", "not_ready", parameters=True),
        },
    )
    async def mint(
        self,
        request_id: RequestId,
        caller: Caller,
        anonymization: TheAnonymization,
        config: TheConfig,
        redirect: Annotated[
            bool, QueryParameter(description="Whether to be sent to the link at once.")
        ] = True,
    ) -> Response[DownloadView] | Redirect:
        """Makes a link that works once and redirects there: a browser or `requests.get` ends with the ZIP."""
        download = await anonymization.mint_download(caller, request_id)
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
        response_headers=[_LINK],
        responses={
            200: _ZIP,
            206: _PART,
            **problems(
                "token_not_found",
                "token_used",
                "token_expired",
                "not_ready",
                "range_not_satisfiable",
                "storage_unavailable",
                strangers=True,
                parameters=True,
            ),
        },
    )
    async def redeem(
        self,
        request_id: RequestId,
        token: Annotated[str, PathParameter(max_length=200, description="From the first step.")],
        request: ApiRequest,
        anonymization: TheAnonymization,
        delivery: TheDelivery,
        objects: TheObjects,
    ) -> Redirect | Stream:
        """Answers with the ZIP, or sends you to where the object store hands it out for a minute."""
        wanted = request.headers.get("range")
        # Whoever asks for what is not there can ask again: looked at first, the link is not used up by it.
        byte_range(wanted, (await delivery.result(request_id, token)).size)
        address = await anonymization.redeem_download(request_id, token)
        if objects is None:
            return Redirect(address, status_code=307)
        parts = urlsplit(address)
        key = unquote(parts.path).partition(OBJECTS_PATH)[2]
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return await handed_out(objects, key, query, wanted)
