"""Controller of signed URLs of a folder store."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, put
from litestar.params import PathParameter
from litestar.response import Stream

from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.videos.uploads import UploadService
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest
from framecloak.entrypoints.http.dependencies import Injected
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.services import ObjectServer
from framecloak.entrypoints.http.transport.objects import object_response
from framecloak.entrypoints.http.transport.uploads import declared_body, join_blocks

Key = Annotated[str, PathParameter(description="Key of the object.")]


class ObjectsController(Controller):
    """Endpoints of signed URLs; clients get them from the API, so the OpenAPI document omits them."""

    path = "/objects"
    opt = {"access": Access.ANYONE}  # noqa: RUF012 - read once, when the application is created
    include_in_schema = False

    @get("/{key:path}")
    async def hand_out(self, key: Key, request: ApiRequest, objects: Injected[ObjectServer | None]) -> Stream:
        """Return the object of a signed URL; supports ranges."""
        range_header = request.headers.get("range")
        return await object_response(
            _require_server(objects), key.lstrip("/"), _signed_query(request), range_header
        )

    @put("/{key:path}", status_code=204, request_max_body_size=None)
    async def take_in(
        self,
        key: Key,
        request: ApiRequest,
        objects: Injected[ObjectServer | None],
        uploads: Injected[UploadService],
    ) -> None:
        """Store the body of a started upload; nothing is kept of an incomplete one."""
        server, name = _require_server(objects), key.lstrip("/")
        server.urls.verify("PUT", name, _signed_query(request), server.clock.now())
        await uploads.receive(name, join_blocks(declared_body(request, uploads.max_upload_bytes)))


def _signed_query(request: ApiRequest) -> dict[str, str]:
    """Return the query parameters of a signed URL; none if one occurs twice."""
    pairs = list(request.query_params.multi_items())
    query = dict(pairs)
    return query if len(query) == len(pairs) else {}


def _require_server(objects: ObjectServer | None) -> ObjectServer:
    if objects is None:
        raise ObjectNotFoundError("this server has no objects", "fetch them from the object store")
    return objects
