"""Controller of sign-in and sign-out, with cookies or tokens."""

from __future__ import annotations

from litestar import Controller, Response, get, patch, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from msgspec import UNSET

from framecloak.domain.accounts.service import AccountService
from framecloak.domain.model.accounts import Means, principal_of
from framecloak.entrypoints.asgi.client_address import client_address
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.middleware.authentication import Access, Authenticator, csrf_token
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.cookies import expired_session_cookies, session_cookies
from framecloak.entrypoints.schemas.access.accounts import (
    ChangePasswordBody,
    ChangeProfileBody,
    Credentials,
    MeView,
    RefreshBody,
    SessionView,
    TokenView,
)

_TEMPORARY_PASSWORD = {"temporary_password": True}
"""Option of endpoints that are available before a password of an administrator is changed."""
_NO_CREDENTIAL = {"access": Access.ANYONE}
_SIGN_IN_PROBLEMS = problems("invalid_credentials", "queue_unavailable", anonymous=True, body=True)


class SessionsController(Controller):
    """Endpoints of authentication."""

    path = "/api/auth"
    tags = ("Accounts",)

    @post(
        "/login",
        operation_id="signIn",
        summary="Sign in a browser",
        status_code=200,
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses=_SIGN_IN_PROBLEMS,
    )
    async def sign_in(
        self,
        data: JSONBody[Credentials],
        request: ApiRequest,
        accounts: Injected[AccountService],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
    ) -> Response[SessionView]:
        """Start a browser session, whose secret is set in a cookie that scripts cannot read.

        A previous session of the browser ends. Requests that change data need the header `X-CSRFToken` with
        the token returned here, which is also in the cookie `csrftoken`.
        """
        address = client_address(request.scope)
        previous = authenticator.session_secret(request)
        signed_in = await accounts.sign_in(data.username, data.password, address, previous)
        if previous:
            authenticator.forget_session(previous)
        token = csrf_token(config.csrf_secret, signed_in.secret)
        return NegotiatedResponse(
            SessionView.of(signed_in, token), cookies=session_cookies(config, signed_in, token)
        )

    @post(
        "/logout",
        operation_id="signOut",
        summary="Sign out",
        opt=_TEMPORARY_PASSWORD,
        status_code=204,
        responses={204: ResponseSpec(None, description="Signed out."), **problems(writes=True)},
    )
    async def sign_out(
        self,
        request: ApiRequest,
        caller: Caller,
        accounts: Injected[AccountService],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
    ) -> Response[None]:
        """End the browser's session.

        A single JWT cannot be revoked: called with one, this ends all sessions of the account and revokes all
        its JWTs, including refresh tokens. API keys stay valid; revoke them individually.
        """
        secret = authenticator.session_secret(request)
        if secret:
            await accounts.sign_out(secret)
            authenticator.forget_session(secret)
        if caller.auth_method in {Means.JWT, Means.SSO_TOKEN}:
            await accounts.sign_out_everywhere(caller)
            authenticator.forget_account(caller.user_id)
        return NegotiatedResponse(None, status_code=204, cookies=expired_session_cookies(config))

    @post(
        "/password",
        operation_id="changePassword",
        summary="Change your password",
        opt=_TEMPORARY_PASSWORD,
        status_code=200,
        responses=problems(
            "invalid_credentials",
            "weak_password",
            "no_local_password",
            "queue_unavailable",
            writes=True,
            body=True,
        ),
    )
    async def change_password(
        self,
        data: JSONBody[ChangePasswordBody],
        request: ApiRequest,
        caller: Caller,
        accounts: Injected[AccountService],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
    ) -> Response[SessionView]:
        """Change the password of the caller, given the old one.

        All sessions and JWTs of the account end, also those of other browsers; this browser gets a new
        session. API keys stay valid. Accounts that sign in at the identity provider have no password here.
        """
        address = client_address(request.scope)
        signed_in = await accounts.change_own_password(caller, data.old_password, data.new_password, address)
        authenticator.forget_account(caller.user_id)
        token = csrf_token(config.csrf_secret, signed_in.secret)
        return NegotiatedResponse(
            SessionView.of(signed_in, token), cookies=session_cookies(config, signed_in, token)
        )

    @post(
        "/token",
        operation_id="issueTokens",
        summary="Exchange a password for tokens",
        status_code=200,
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses=_SIGN_IN_PROBLEMS,
    )
    async def issue_tokens(
        self, data: JSONBody[Credentials], request: ApiRequest, accounts: Injected[AccountService]
    ) -> TokenView:
        """Issue tokens for programs that cannot store an API key; the access token expires after minutes."""
        address = client_address(request.scope)
        return TokenView.of(await accounts.issue_tokens(data.username, data.password, address))

    @post(
        "/token/refresh",
        operation_id="refreshTokens",
        summary="Exchange a refresh token for new tokens",
        status_code=200,
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses=problems("not_authenticated", anonymous=True, body=True),
    )
    async def refresh_tokens(
        self, data: JSONBody[RefreshBody], accounts: Injected[AccountService]
    ) -> TokenView:
        """Issue a new pair of tokens, unless the account was disabled or its password changed.

        A refresh token is valid for one exchange. If it is used again, it may have been stolen, so all tokens
        of the account are revoked.
        """
        return TokenView.of(await accounts.refresh_tokens(data.refresh_token))

    @patch(
        "/me",
        operation_id="changeProfile",
        summary="Change display name and language",
        responses=problems("invalid_option", writes=True, body=True),
    )
    async def change_profile(
        self,
        data: JSONBody[ChangeProfileBody],
        caller: Caller,
        accounts: Injected[AccountService],
        authenticator: Injected[Authenticator],
    ) -> MeView:
        """Change how the caller is named in reports, and the language of the console."""
        changed = await accounts.change_profile(
            caller,
            display_name=None if data.display_name is UNSET else data.display_name or "",
            language=None if data.language is UNSET else data.language or "",
        )
        authenticator.forget_account(caller.user_id)
        return MeView.of(principal_of(changed, caller.auth_method))

    @get(
        "/me",
        operation_id="whoAmI",
        summary="Get the account of the caller",
        opt=_TEMPORARY_PASSWORD,
        responses=problems(),
    )
    async def who_am_i(self, caller: Caller) -> MeView:
        """Return the account of the caller and the kind of credential used."""
        return MeView.of(caller)
