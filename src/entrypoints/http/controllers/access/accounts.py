"""Controller of the caller's API keys and of accounts."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET

from framecloak.domain.accounts.administration import AccountAdministration
from framecloak.domain.accounts.api_keys import ApiKeyService
from framecloak.domain.accounts.removal import AccountRemoval
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.middleware.authentication import Authenticator, administrators_only
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.access.accounts import (
    ApiKeyView,
    ChangeUserBody,
    CreateApiKeyBody,
    CreateUserBody,
    NewApiKeyView,
    UserPage,
    UserView,
)
from framecloak.entrypoints.schemas.common import MAX_ID, ApiKeyId, Limit, Offset, UserId, in_utc


class AccountsController(Controller):
    """Endpoints of API keys and accounts."""

    path = "/api"
    tags = ("Accounts",)

    @get("/auth/api-keys", operation_id="listApiKeys", summary="List your API keys", responses=problems())
    async def list_api_keys(self, caller: Caller, api_keys: Injected[ApiKeyService]) -> list[ApiKeyView]:
        """Return the caller's API keys without their secrets, newest first."""
        return [ApiKeyView.of(key) for key in await api_keys.list(caller)]

    @post(
        "/auth/api-keys",
        operation_id="createApiKey",
        summary="Create an API key",
        responses=problems("invalid_option", writes=True, body=True),
    )
    async def create_api_key(
        self, data: JSONBody[CreateApiKeyBody], caller: Caller, api_keys: Injected[ApiKeyService]
    ) -> NewApiKeyView:
        """Create an API key for programs; its secret is returned only once."""
        key, secret = await api_keys.create(caller, data.name, in_utc(data.expires_at))
        return NewApiKeyView.of_new(key, secret)

    @delete(
        "/auth/api-keys/{key_id:int}",
        operation_id="revokeApiKey",
        summary="Revoke an API key",
        responses=problems("api_key_not_found", writes=True, parameters=True),
    )
    async def revoke_api_key(
        self,
        key_id: ApiKeyId,
        caller: Caller,
        api_keys: Injected[ApiKeyService],
        authenticator: Injected[Authenticator],
    ) -> None:
        """Revoke an API key of the caller, with immediate effect."""
        await api_keys.revoke(caller, key_id)
        authenticator.forget_account(caller.user_id)

    @get(
        "/users",
        operation_id="listUsers",
        summary="List accounts",
        guards=[administrators_only],
        responses=problems("forbidden", parameters=True),
    )
    async def list_users(
        self,
        caller: Caller,
        account_administration: Injected[AccountAdministration],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> UserPage:
        """Return all accounts, oldest first; for administrators only."""
        page = await account_administration.list_users(caller, limit, offset)
        items = [UserView.of(user) for user in page.items]
        return UserPage(items=items, total=page.total, limit=limit, offset=offset)

    @post(
        "/users",
        operation_id="createUser",
        summary="Create an account",
        guards=[administrators_only],
        responses=problems(
            "forbidden", "username_taken", "weak_password", "invalid_option", writes=True, body=True
        ),
    )
    async def create_user(
        self,
        data: JSONBody[CreateUserBody],
        caller: Caller,
        account_administration: Injected[AccountAdministration],
    ) -> UserView:
        """Create an account; for administrators only."""
        return UserView.of(
            await account_administration.create_user(caller, data.username, data.password, data.role)
        )

    @get(
        "/users/{user_id:int}",
        operation_id="getUser",
        summary="Get an account",
        responses=problems("forbidden", "user_not_found", parameters=True),
    )
    async def get_user(
        self, user_id: UserId, caller: Caller, account_administration: Injected[AccountAdministration]
    ) -> UserView:
        """Return the caller's own account, or any account for administrators."""
        return UserView.of(await account_administration.get_user(caller, user_id))

    @patch(
        "/users/{user_id:int}",
        operation_id="changeUser",
        summary="Change an account",
        guards=[administrators_only],
        responses=problems(
            "forbidden",
            "user_not_found",
            "weak_password",
            "invalid_option",
            "no_local_password",
            writes=True,
            body=True,
        ),
    )
    async def change_user(
        self,
        user_id: UserId,
        data: JSONBody[ChangeUserBody],
        caller: Caller,
        account_administration: Injected[AccountAdministration],
        authenticator: Injected[Authenticator],
    ) -> UserView:
        """Change an account and end all its sessions; for administrators only.

        The own password is changed with the old one instead, by `changePassword`.
        """
        changed = await account_administration.change_user(
            caller,
            user_id,
            role=None if data.role is UNSET else data.role,
            disabled=None if data.disabled is UNSET else data.disabled,
            password=None if data.password is UNSET else data.password,
        )
        authenticator.forget_account(user_id)
        return UserView.of(changed)

    @delete(
        "/users/{user_id:int}",
        operation_id="removeUser",
        summary="Remove an account",
        guards=[administrators_only],
        responses=problems(
            "forbidden", "user_not_found", "invalid_option", "account_in_use", writes=True, parameters=True
        ),
    )
    async def remove_user(
        self,
        user_id: UserId,
        caller: Caller,
        account_removal: Injected[AccountRemoval],
        authenticator: Injected[Authenticator],
        transfer_to: Annotated[
            int | None,
            QueryParameter(
                ge=1,
                le=MAX_ID,
                description="Account that gets what the removed one owns; required if that is anything.",
            ),
        ] = None,
    ) -> None:
        """Remove an account with its sessions, keys and grants immediately; for administrators only."""
        await account_removal.remove(caller, user_id, transfer_to)
        authenticator.forget_account(user_id)
