"""Schemas of error responses."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class FieldError(Struct, frozen=True, kw_only=True):
    """An invalid field of a request."""

    field: Annotated[
        str, Meta(description="Path of the field or name of the parameter; empty for the whole body.")
    ]
    message: Annotated[str, Meta(description="Reason why the value is invalid.")]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Meta(description="URI of the problem type; equivalent to `code`.")]
    title: Annotated[
        str, Meta(description="Short summary of the problem type.", examples=["Video not found"])
    ]
    status: Annotated[int, Meta(description="HTTP status code.", examples=[404])]
    detail: Annotated[str, Meta(description="Explanation of this occurrence of the problem.")]
    code: Annotated[
        str, Meta(description="Stable code of the problem type, for programs.", examples=["video_not_found"])
    ]
    hint: Annotated[str | None, Meta(description="Suggested action.")] = None
    errors: Annotated[
        tuple[FieldError, ...] | None, Meta(description="Invalid fields, if the request failed validation.")
    ] = None
