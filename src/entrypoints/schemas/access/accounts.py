"""Schemas of accounts, sessions, tokens and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.accounts.secrets import NewSession
from framecloak.domain.accounts.service import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from framecloak.domain.model.accounts import ApiKey, Means, Principal, Role, User
from framecloak.domain.ports.security import TokenPair
from framecloak.entrypoints.schemas.common import NO_NUL, Body, PageBase, Secret, Username, View

Password = Annotated[
    str, Meta(min_length=1, max_length=4096, pattern=NO_NUL, examples=["correct horse battery"])
]
NewPassword = Annotated[
    str,
    Meta(
        max_length=MAX_PASSWORD_LENGTH,
        pattern=NO_NUL,
        description=f"{MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.",
        examples=["correct horse battery"],
    ),
]


MustChange = Annotated[
    bool,
    Meta(
        description="Whether an administrator set the password: it must be changed before anything else.",
        examples=[False],
    ),
]
DisplayName = Annotated[
    str | None,
    Meta(description="Name shown to people and in reports; null for the user name.", examples=["Ada L."]),
]
LanguageOfConsole = Annotated[
    str | None, Meta(description="Language of the console; null for the browser's.", examples=["en"])
]
LocalSignIn = Annotated[
    bool,
    Meta(
        description="Whether the account has a password here; false if it signs in at the identity provider.",
        examples=[True],
    ),
]


class Credentials(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials to sign in with."""

    username: Username
    password: Password


class ChangePasswordBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password for the own account."""

    old_password: Password
    new_password: Password


class ChangeProfileBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to the own account; omitted fields stay unchanged, and null removes them."""

    display_name: (
        Annotated[
            str,
            Meta(max_length=400, pattern=NO_NUL, description="Up to 100 characters.", examples=["Ada L."]),
        ]
        | UnsetType
        | None
    ) = UNSET
    language: Annotated[
        Literal["en", "de"] | UnsetType | None, Meta(description="Language of the console.")
    ] = UNSET


class RefreshBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refresh token to exchange for new tokens."""

    refresh_token: Annotated[Secret, Meta(description="Refresh token of the latest token pair; valid once.")]


class CreateUserBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to create; its password must be changed at the first sign-in."""

    username: Username
    password: NewPassword
    role: Annotated[Role, Meta(description="Role of the account.", examples=["user"])] = Role.USER


class ChangeUserBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to an account; omitted fields stay unchanged. All its browser sessions are ended."""

    role: Annotated[Role, Meta(description="New role of the account.")] | UnsetType = UNSET
    disabled: Annotated[bool, Meta(description="Whether the account is disabled.")] | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET


class CreateApiKeyBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key to create."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=NO_NUL,
            description="Purpose of the key.",
            examples=["nightly export"],
        ),
    ]
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="Time of expiry; null for a key that never expires.")]
        | None
    ) = None


class UserView(View, frozen=True, kw_only=True):
    """An account."""

    id: Annotated[int, Meta(examples=[1])]
    username: Annotated[str, Meta(examples=["ada"])]
    role: Annotated[
        Role, Meta(description="Role of the account; `admin` has full access.", examples=["user"])
    ]
    disabled: Annotated[bool, Meta(description="Whether the account is disabled.", examples=[False])]
    created_at: datetime
    one_time_sign_in: MustChange
    display_name: DisplayName
    language: LanguageOfConsole
    local_sign_in: LocalSignIn

    @classmethod
    def of(cls, user: User) -> Self:
        """Build the view of an account for administrators."""
        return cls(
            id=user.id,
            username=user.username,
            role=user.role,
            disabled=user.disabled,
            created_at=user.created_at,
            one_time_sign_in=user.must_change_password,
            display_name=user.display_name,
            language=user.language,
            local_sign_in=user.password_hash is not None,
        )


class UserPage(PageBase, frozen=True, kw_only=True):
    """Accounts, oldest first."""

    items: list[UserView]


class MeView(View, frozen=True, kw_only=True):
    """The account of the caller."""

    id: Annotated[int, Meta(description="Id of the account.", examples=[1])]
    username: Annotated[str, Meta(examples=["ada"])]
    role: Annotated[Role, Meta(examples=["user"])]
    authenticated_by: Annotated[
        Means, Meta(description="Authentication method of this request.", examples=["session"])
    ]
    one_time_sign_in: MustChange
    display_name: DisplayName
    language: LanguageOfConsole
    local_sign_in: LocalSignIn

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Build the view from the principal of the request."""
        return cls(
            id=principal.user_id,
            username=principal.username,
            role=principal.role,
            authenticated_by=principal.auth_method,
            one_time_sign_in=principal.must_change_password,
            display_name=principal.display_name,
            language=principal.language,
            local_sign_in=principal.has_password,
        )


class SessionView(View, frozen=True, kw_only=True):
    """A browser session; its secret is in a cookie that scripts cannot read."""

    user: UserView
    csrf_token: Annotated[
        str, Meta(description="CSRF token to send as `X-CSRFToken` with every request that changes data.")
    ]
    expires_at: datetime

    @classmethod
    def of(cls, signed_in: NewSession, csrf_token: str) -> Self:
        """Build the view of a new session."""
        return cls(user=UserView.of(signed_in.user), csrf_token=csrf_token, expires_at=signed_in.expires_at)


class TokenView(View, frozen=True, kw_only=True):
    """JSON Web Tokens of a program."""

    access_token: Annotated[str, Meta(description="Access token for `Authorization: Bearer`.")]
    refresh_token: Annotated[str, Meta(description="Token to exchange for the next pair; valid once.")]
    token_type: Annotated[Literal["Bearer"], Meta(description="Always `Bearer`.")] = "Bearer"  # noqa: S105 - a name
    expires_in: Annotated[int, Meta(description="Lifetime of the access token in seconds.", examples=[900])]

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        """Build the token response of RFC 6749."""
        return cls(access_token=pair.access, refresh_token=pair.refresh, expires_in=pair.expires_in)


class ApiKeyView(View, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: Annotated[int, Meta(examples=[1])]
    name: Annotated[str, Meta(examples=["nightly export"])]
    prefix: Annotated[str, Meta(description="First characters of the secret.", examples=["fck_4fQz1x"])]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[
        datetime | None,
        Meta(description="Time of the last use, with a resolution of one minute; null if never used."),
    ]

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Build the view of a key for its owner."""
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class NewApiKeyView(ApiKeyView, frozen=True, kw_only=True):
    """A new API key with its secret."""

    key: Annotated[str, Meta(description="Secret of the key; returned only once.")]

    @classmethod
    def of_new(cls, key: ApiKey, secret: str) -> Self:
        """Build the view of a new key with its secret."""
        return cls(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            key=secret,
        )
