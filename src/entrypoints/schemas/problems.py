"""How errors look."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class FieldError(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with what was sent."""

    field: Annotated[
        str, Meta(description="Path of the field or name of the parameter; empty for the whole body.")
    ]
    message: Annotated[str, Meta(description="What is wrong with it.")]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Meta(description="URI of the kind of problem; says the same as `code`.")]
    title: Annotated[str, Meta(description="The kind of problem in words.", examples=["Video not found"])]
    status: Annotated[int, Meta(description="The HTTP status.", examples=[404])]
    detail: Annotated[str, Meta(description="What happened this time.")]
    code: Annotated[str, Meta(description="Stable, for programs.", examples=["video_not_found"])]
    hint: Annotated[str | None, Meta(description="What can be done about it.")] = None
    errors: Annotated[
        tuple[FieldError, ...] | None, Meta(description="Each thing that is wrong, where several can be.")
    ] = None
