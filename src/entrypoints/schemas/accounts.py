"""Accounts, sessions, tokens and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.accounts.model import ApiKey, Means, Principal, Role, User
from framecloak.domain.accounts.service import LONGEST_PASSWORD, SHORTEST_PASSWORD, SignedIn
from framecloak.domain.ports.services import TokenPair
from framecloak.entrypoints.schemas.common import NO_NUL, Body, PageBase, Secret, Username, View

Password = Annotated[
    str, Meta(min_length=1, max_length=4096, pattern=NO_NUL, examples=["correct horse battery"])
]
NewPassword = Annotated[
    str,
    Meta(
        max_length=LONGEST_PASSWORD,
        pattern=NO_NUL,
        description=f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
        examples=["correct horse battery"],
    ),
]


class Credentials(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to sign in."""

    username: Username
    password: Password


class RefreshBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What earns new tokens."""

    refresh_token: Annotated[Secret, Meta(description="From the last answer; used up by this.")]


class CreateUserBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to open."""

    username: Username
    password: NewPassword
    role: Annotated[Role, Meta(description="What kind of account it is.", examples=["user"])] = Role.USER


class ChangeUserBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change about an account; what is left out stays. All its browsers are signed out."""

    role: Annotated[Role, Meta(description="What kind of account it is to be.")] | UnsetType = UNSET
    disabled: Annotated[bool, Meta(description="Whether it is to be locked out.")] | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET


class CreateApiKeyBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key to make."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=NO_NUL,
            description="What it is for.",
            examples=["nightly export"],
        ),
    ]
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="From then on it is worthless; never when null.")]
        | None
    ) = None


class UserView(View, frozen=True, kw_only=True):
    """An account."""

    id: Annotated[int, Meta(examples=[1])]
    username: Annotated[str, Meta(examples=["ada"])]
    role: Annotated[Role, Meta(description="`admin` sees and may do everything.", examples=["user"])]
    disabled: Annotated[bool, Meta(description="Whether it is locked out.", examples=[False])]
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """As shown to administrators."""
        return cls(
            id=user.id,
            username=user.username,
            role=user.role,
            disabled=user.disabled,
            created_at=user.created_at,
        )


class UserPage(PageBase, frozen=True, kw_only=True):
    """Accounts, oldest first."""

    items: list[UserView]


class MeView(View, frozen=True, kw_only=True):
    """Who is calling."""

    id: Annotated[int, Meta(description="Number of the account.", examples=[1])]
    username: Annotated[str, Meta(examples=["ada"])]
    role: Annotated[Role, Meta(examples=["user"])]
    authenticated_by: Annotated[Means, Meta(description="How the caller proved it.", examples=["session"])]

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """As the caller sees itself."""
        return cls(
            id=principal.user_id,
            username=principal.username,
            role=principal.role,
            authenticated_by=principal.means,
        )


class SessionView(View, frozen=True, kw_only=True):
    """A browser that is signed in; the session itself is in a cookie that scripts cannot read."""

    user: UserView
    csrf_token: Annotated[
        str, Meta(description="To be sent as `X-CSRFToken` with every request that changes something.")
    ]
    expires_at: datetime

    @classmethod
    def of(cls, signed_in: SignedIn, csrf_token: str) -> Self:
        """What a browser may know of its session."""
        return cls(user=UserView.of(signed_in.user), csrf_token=csrf_token, expires_at=signed_in.expires_at)


class TokenView(View, frozen=True, kw_only=True):
    """JSON Web Tokens for a program."""

    access_token: Annotated[str, Meta(description="For `Authorization: Bearer`.")]
    refresh_token: Annotated[str, Meta(description="Earns the next pair, once.")]
    token_type: Annotated[Literal["Bearer"], Meta(description="Always `Bearer`.")] = "Bearer"  # noqa: S105 - a name
    expires_in: Annotated[int, Meta(description="Seconds that the access token is good for.", examples=[900])]

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        """In the words of RFC 6749."""
        return cls(access_token=pair.access, refresh_token=pair.refresh, expires_in=pair.expires_in)


class ApiKeyView(View, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: Annotated[int, Meta(examples=[1])]
    name: Annotated[str, Meta(examples=["nightly export"])]
    prefix: Annotated[str, Meta(description="How the secret begins.", examples=["fck_4fQz1x"])]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="To the minute.")]

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """As shown to its owner."""
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class NewApiKeyView(ApiKeyView, frozen=True, kw_only=True):
    """An API key that was just made."""

    key: Annotated[str, Meta(description="The secret; shown this once.")]

    @classmethod
    def made(cls, key: ApiKey, secret: str) -> Self:
        """As shown once."""
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            key=secret,
        )
