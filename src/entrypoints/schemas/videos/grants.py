"""Schemas of access grants to videos."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from msgspec import Meta

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import VideoGrant
from framecloak.entrypoints.schemas.common import Body, Id, View


class PutGrantBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Access to a video to grant to another account."""

    user_id: Annotated[
        Id | None, Meta(description="Id of the account; give it or `username`.", examples=[2])
    ] = None
    username: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=150,
                description="User name of the account; give it or `user_id`.",
                examples=["grace"],
            ),
        ]
        | None
    ) = None
    role: Annotated[
        Literal["viewer", "editor"],
        Meta(description="A viewer may view; an editor may also mark and submit.", examples=["viewer"]),
    ]

    def account(self) -> int | str:
        """Return the id or the user name of the account.

        Raises:
            InvalidOptionError: both are given, or none.
        """
        given: list[int | str] = [each for each in (self.user_id, self.username) if each is not None]
        if len(given) != 1:
            raise InvalidOptionError("the grant must name one account", "give user_id or username")
        return given[0]


class GrantView(View, frozen=True, kw_only=True):
    """Access of an account to a video of another owner."""

    user_id: Annotated[int, Meta(examples=[2])]
    username: Annotated[
        str | None,
        Meta(
            description="User name; null where the account was named by its id, except for administrators.",
            examples=["grace"],
        ),
    ]
    display_name: Annotated[
        str | None,
        Meta(description="Display name, shown like `username`; null without one.", examples=["Grace Hopper"]),
    ] = None
    role: Annotated[Literal["viewer", "editor", "owner"], Meta(examples=["viewer"])]

    @classmethod
    def of(cls, grant: VideoGrant, caller: Principal) -> Self:
        """Build the view of a grant; an id alone does not reveal the names of an account."""
        is_known = caller.is_admin or grant.is_named
        return cls(
            user_id=grant.user_id,
            username=grant.username if is_known else None,
            display_name=grant.display_name if is_known else None,
            role=grant.role.value,
        )
