"""Signed addresses of a folder store."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, put
from litestar.params import PathParameter
from litestar.response import Stream

from framecloak.domain.errors import ObjectNotFoundError
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest
from framecloak.entrypoints.http.dependencies import TheCollection, TheObjects
from framecloak.entrypoints.http.middleware.authentication import Access
from framecloak.entrypoints.http.services import ObjectServer
from framecloak.entrypoints.http.transport.objects import handed_out
from framecloak.entrypoints.http.transport.uploads import blocks, declared_body

Key = Annotated[str, PathParameter(description="Of the object.")]


class ObjectsController(Controller):
    """Reached by addresses that the API gave out; they are opaque, so the document does not describe them."""

    path = "/objects"
    opt = {"access": Access.ANYONE}  # noqa: RUF012 - read once, when the application is made
    include_in_schema = False

    @get("/{key:path}")
    async def hand_out(self, key: Key, request: ApiRequest, objects: TheObjects) -> Stream:
        """An object that an address was signed for; ranges work."""
        wanted = request.headers.get("range")
        return await handed_out(_present(objects), key.lstrip("/"), _signed_query(request), wanted)

    @put("/{key:path}", status_code=204, request_max_body_size=None)
    async def take_in(
        self, key: Key, request: ApiRequest, objects: TheObjects, collection: TheCollection
    ) -> None:
        """The bytes of an upload that is expected; nothing is kept of one that breaks off."""
        server, name = _present(objects), key.lstrip("/")
        server.urls.verify("PUT", name, _signed_query(request), server.clock.now())
        await collection.receive(name, blocks(declared_body(request, collection.max_upload_bytes)))


def _signed_query(request: ApiRequest) -> dict[str, str]:
    """The parameters that an address was signed with; none of them when one is there twice."""
    pairs = list(request.query_params.multi_items())
    query = dict(pairs)
    return query if len(query) == len(pairs) else {}


def _present(objects: ObjectServer | None) -> ObjectServer:
    if objects is None:
        raise ObjectNotFoundError("there are no objects here", "ask the object store")
    return objects
