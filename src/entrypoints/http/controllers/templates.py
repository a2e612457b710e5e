"""Controller of templates of orders."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET

from framecloak.domain.anonymization.batches.templates import TemplateService
from framecloak.domain.anonymization.model.orders.template import TemplateMarks
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.ports.database import RequestFilter
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.templates import (
    ChangeTemplateBody,
    CreateTemplateBody,
    LastOptionsView,
    TemplateContent,
    TemplateId,
    TemplateView,
    options_of,
)

_CONTENT_PROBLEMS = ("invalid_level", "invalid_format", "invalid_option", "invalid_segment", "invalid_region")


class TemplatesController(Controller):
    """Endpoints of templates: yours, those shared with you, and the default of the installation."""

    path = "/api/templates"
    tags = ("Batches",)

    @get("/", operation_id="listTemplates", summary="List templates", responses=problems())
    async def list_templates(
        self, caller: Caller, templates: Injected[TemplateService]
    ) -> list[TemplateView]:
        """Return all templates that you may use: the default first, the others by name."""
        return [TemplateView.of(template, caller) for template in await templates.list(caller)]

    @post(
        "/",
        operation_id="createTemplate",
        summary="Create a template",
        responses=problems(*_CONTENT_PROBLEMS, writes=True, body=True),
    )
    async def create_template(
        self,
        data: JSONBody[CreateTemplateBody],
        caller: Caller,
        templates: Injected[TemplateService],
        config: Injected[HttpConfig],
    ) -> TemplateView:
        """Store options and marks for later orders."""
        options, marks = _checked(data, config)
        return TemplateView.of(await templates.create(caller, data.name, options, marks), caller)

    @get("/last", operation_id="getLastOptions", summary="Get the options of last time", responses=problems())
    async def last_options(self, caller: Caller, requests: Injected[RequestService]) -> LastOptionsView:
        """Return the options of your latest order, for an order like last time."""
        page = await requests.list(caller, RequestFilter(user_id=caller.user_id, is_render=False), 1, 0)
        return LastOptionsView(options=options_of(page.items[0]) if page.items else None)

    @get(
        "/{template_id:uuid}",
        operation_id="getTemplate",
        summary="Get a template",
        responses=problems("template_not_found"),
    )
    async def get_template(
        self, template_id: TemplateId, caller: Caller, templates: Injected[TemplateService]
    ) -> TemplateView:
        """Return a template that you may use."""
        return TemplateView.of(await templates.get(caller, template_id), caller)

    @patch(
        "/{template_id:uuid}",
        operation_id="changeTemplate",
        summary="Change a template",
        responses=problems(
            "template_not_found", "user_not_found", "forbidden", *_CONTENT_PROBLEMS, writes=True, body=True
        ),
    )
    async def change_template(
        self,
        template_id: TemplateId,
        data: JSONBody[ChangeTemplateBody],
        caller: Caller,
        templates: Injected[TemplateService],
        config: Injected[HttpConfig],
    ) -> TemplateView:
        """Rename, change or share a template; for its owner. Administrators also choose the default."""
        changed = await templates.change(
            caller,
            template_id,
            name=None if data.name is UNSET else data.name,
            content=None if data.content is UNSET else _checked(data.content, config),
            shared_with=None if data.shared_with is UNSET else data.shared_with,
            is_default=None if data.is_default is UNSET else data.is_default,
        )
        return TemplateView.of(changed, caller)

    @delete(
        "/{template_id:uuid}",
        operation_id="deleteTemplate",
        summary="Delete a template",
        responses=problems("template_not_found", "forbidden", writes=True),
    )
    async def delete_template(
        self, template_id: TemplateId, caller: Caller, templates: Injected[TemplateService]
    ) -> None:
        """Delete a template; for its owner and administrators. Orders made with it are not affected."""
        await templates.delete(caller, template_id)


def _checked(content: TemplateContent, config: HttpConfig) -> tuple[dict[str, object], TemplateMarks]:
    """Return options and marks of a template, after a check of both.

    Raises:
        InvalidOptionError: it holds names or patterns of a text policy, which are kept encrypted, and only
            until a request ends.
        DomainError: the options or marks are invalid.
    """
    text = content.options.text
    if text is not None and (text.names or text.patterns):
        raise InvalidOptionError(
            "a template holds no names or patterns of text", "leave them out, and give them with each order"
        )
    content.options.to_domain(
        config.default_level, config.default_format, config.default_language, config.default_verify
    )
    return msgspec.to_builtins(content.options), content.marks()
