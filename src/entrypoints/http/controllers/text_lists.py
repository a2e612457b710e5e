"""Controller of the installation's lists of text."""

from __future__ import annotations

from litestar import Controller, get, put
from litestar.params import JSONBody

from framecloak.domain.anonymization.text_policy.installation import TextListService
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.text_lists import TextListsBody, TextListsView


class TextListsController(Controller):
    """Endpoints of the lists of text that administrators keep for the installation."""

    path = "/api/text-lists"
    tags = ("Operation",)

    @get("/", operation_id="getTextLists", summary="Get the lists of text", responses=problems("forbidden"))
    async def get_text_lists(self, caller: Caller, text_lists: Injected[TextListService]) -> TextListsView:
        """Return the terms of devices and the patterns of the installation; for administrators."""
        return TextListsView.of(await text_lists.get(caller))

    @put(
        "/",
        operation_id="replaceTextLists",
        summary="Replace the lists of text",
        responses=problems("forbidden", "invalid_option", writes=True, body=True),
    )
    async def replace_text_lists(
        self, data: JSONBody[TextListsBody], caller: Caller, text_lists: Injected[TextListService]
    ) -> TextListsView:
        """Store lists for requests that are submitted afterwards; for administrators."""
        return TextListsView.of(await text_lists.replace(caller, data.device_terms, data.patterns))
