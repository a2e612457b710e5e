"""Schemas of single sign-on."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from framecloak.domain.accounts.sign_on.service import MAX_SUBJECT_LENGTH
from framecloak.entrypoints.schemas.common import NO_NUL, Body, View


class SignOnView(View, frozen=True, kw_only=True):
    """The identity provider of the installation."""

    enabled: Annotated[bool, Meta(description="Whether the installation has an identity provider.")]
    name: Annotated[str | None, Meta(description="Name of the provider; null without one.")]


class EndSessionView(View, frozen=True, kw_only=True):
    """Address at which the provider ends a session that was ended here."""

    address: Annotated[
        str | None,
        Meta(description="Address that ends the session at the identity provider; null if there is none."),
    ]


class IdentityBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identity to link to an account."""

    subject: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_SUBJECT_LENGTH,
            pattern=NO_NUL,
            description="Identifier of the user at the identity provider: the claim `sub` of its tokens.",
            examples=["f3c1b7d2-5f0e-4f3a-9a67-0b6f1f2d9c11"],
        ),
    ]
