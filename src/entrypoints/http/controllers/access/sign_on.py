"""Controller of single sign-on with OpenID Connect."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from framecloak.domain.accounts.service import AccountService
from framecloak.domain.accounts.sign_on.service import Answer, SignOnService
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.asgi.client_address import client_address
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.asgi.problem_details import domain_problem
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.middleware.authentication import (
    Access,
    Authenticator,
    administrators_only,
    csrf_token,
)
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.cookies import (
    expired_session_cookies,
    session_cookies,
    sign_on_cookie,
)
from framecloak.entrypoints.schemas.access.accounts import UserView
from framecloak.entrypoints.schemas.access.sign_on import EndSessionView, IdentityBody, SignOnView
from framecloak.entrypoints.schemas.common import UserId

_NO_CREDENTIAL = {"access": Access.ANYONE}
_TEMPORARY_PASSWORD = {"temporary_password": True}
_CALLBACK_CODES = (
    "sign_on_denied",
    "sign_on_state_mismatch",
    "sign_on_expired",
    "identity_token_invalid",
    "identity_token_audience",
    "clock_skew",
    "not_admitted",
    "identity_provider_unavailable",
    "queue_unavailable",
    "not_found",
)

MAX_ANSWER_LENGTH = 4096

AnswerCode = Annotated[
    str, QueryParameter(max_length=MAX_ANSWER_LENGTH, description="Code to exchange for the identity.")
]
AnswerError = Annotated[
    str, QueryParameter(max_length=MAX_ANSWER_LENGTH, description="Error code of the provider.")
]
AnswerIssuer = Annotated[
    str, QueryParameter(max_length=MAX_ANSWER_LENGTH, description="Issuer of the answer (RFC 9207).")
]
# Litestar reserves the name `state` of a parameter for itself.
AnswerState = Annotated[
    str,
    QueryParameter(name="state", max_length=MAX_ANSWER_LENGTH, description="State of the sign-in."),
]


class SignOnController(Controller):
    """Endpoints of single sign-on."""

    path = "/api"
    tags = ("Accounts",)

    @get(
        "/auth/oidc",
        operation_id="getSignOn",
        summary="Get the identity provider of the installation",
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses=problems(anonymous=True),
    )
    async def describe(self, sign_on: Injected[SignOnService | None]) -> SignOnView:
        """Return whether users sign in at an identity provider, and its name for a button."""
        return SignOnView(enabled=sign_on is not None, name=sign_on.provider_name if sign_on else None)

    @get(
        "/auth/oidc/login",
        operation_id="beginSignOn",
        summary="Sign in at the identity provider",
        status_code=303,
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses={
            303: ResponseSpec(None, description="Sent to the identity provider."),
            **problems("identity_provider_unavailable", "not_found", anonymous=True),
        },
    )
    async def begin(
        self, request: ApiRequest, sign_on: Injected[SignOnService | None], config: Injected[HttpConfig]
    ) -> Response[None]:
        """Send the browser to the identity provider, which sends it back to `/api/auth/oidc/callback`."""
        service = _enabled(sign_on)
        try:
            address, secret = await service.begin()
        except DomainError as error:
            return _refusal(request, config, error)
        return _redirect(address, [sign_on_cookie(config, secret)])

    @get(
        "/auth/oidc/callback",
        operation_id="finishSignOn",
        summary="Finish a sign-in at the identity provider",
        status_code=303,
        opt=_NO_CREDENTIAL,
        security=[{}],
        responses={
            303: ResponseSpec(None, description="Signed in, and sent to the console."),
            **problems(*_CALLBACK_CODES, anonymous=True, parameters=True),
        },
    )
    async def finish(
        self,
        request: ApiRequest,
        sign_on: Injected[SignOnService | None],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
        answer_state: AnswerState = "",
        code: AnswerCode = "",
        error: AnswerError = "",
        iss: AnswerIssuer = "",
    ) -> Response[None]:
        """Start a browser session for the identity that the provider confirms.

        Browsers are sent to the console also if that fails; other clients get the error itself.
        """
        service = _enabled(sign_on)
        secret = request.cookies.get(config.sign_on_cookie_name)
        previous = authenticator.session_secret(request)
        try:
            signed_in = await service.finish(
                Answer(answer_state, code, error, iss), secret, client_address(request.scope), previous
            )
        except DomainError as refusal:
            return _refusal(request, config, refusal)
        if previous:
            authenticator.forget_session(previous)
        # The role of the account may have changed.
        authenticator.forget_account(signed_in.user.id)
        token = csrf_token(config.csrf_secret, signed_in.secret)
        cookies = [*session_cookies(config, signed_in, token), sign_on_cookie(config, "")]
        return _redirect(f"{config.base_url}/", cookies)

    @post(
        "/auth/oidc/logout",
        operation_id="endSignOn",
        summary="Sign out here and at the identity provider",
        status_code=200,
        opt=_TEMPORARY_PASSWORD,
        responses=problems(writes=True),
    )
    async def sign_out(
        self,
        request: ApiRequest,
        caller: Caller,
        sign_on: Injected[SignOnService | None],
        accounts: Injected[AccountService],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
    ) -> Response[EndSessionView]:
        """End the browser's session, and return the address that ends the one at the identity provider.

        There is none if the session began with a password, or if the provider offers none. Access tokens of
        the provider stay valid until they expire.
        """
        del caller
        secret = authenticator.session_secret(request)
        address = None
        if secret:
            address = await sign_on.end_session_url(secret) if sign_on else None
            await accounts.sign_out(secret)
            authenticator.forget_session(secret)
        return NegotiatedResponse(EndSessionView(address=address), cookies=expired_session_cookies(config))

    @put(
        "/users/{user_id:int}/identity",
        operation_id="linkIdentity",
        summary="Link an account to an identity",
        guards=[administrators_only],
        responses=problems(
            "forbidden", "user_not_found", "invalid_option", "not_found", writes=True, body=True
        ),
    )
    async def link(
        self,
        user_id: UserId,
        data: JSONBody[IdentityBody],
        caller: Caller,
        sign_on: Injected[SignOnService | None],
        authenticator: Injected[Authenticator],
    ) -> UserView:
        """Make an account sign in at the identity provider only, as one identity; for administrators only.

        Its password and its sessions end. API keys stay valid.
        """
        user = await _enabled(sign_on).link(caller, user_id, data.subject)
        authenticator.forget_account(user_id)
        return UserView.of(user)

    @delete(
        "/users/{user_id:int}/identity",
        operation_id="unlinkIdentity",
        summary="Unlink an account from its identity",
        status_code=200,
        guards=[administrators_only],
        responses=problems(
            "forbidden", "user_not_found", "invalid_option", "not_found", writes=True, parameters=True
        ),
    )
    async def unlink(
        self,
        user_id: UserId,
        caller: Caller,
        sign_on: Injected[SignOnService | None],
        authenticator: Injected[Authenticator],
    ) -> UserView:
        """Unlink an account, which cannot sign in until it gets a password; for administrators only."""
        user = await _enabled(sign_on).unlink(caller, user_id)
        authenticator.forget_account(user_id)
        return UserView.of(user)


def _enabled(sign_on: SignOnService | None) -> SignOnService:
    if sign_on is None:
        raise NotFoundException("this installation has no identity provider")
    return sign_on


def _refusal(request: ApiRequest, config: HttpConfig, error: DomainError) -> Response[None]:
    """Send a browser to the sign-in page, which shows the error; raise it for other clients."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    # Only the code: the page must not show texts that a link brings along.
    problem = {"problem": domain_problem(error).code, "wait": getattr(error, "retry_after", 0)}
    address = f"{config.base_url}/#/sign-in?{urlencode(problem)}"
    return _redirect(address, [sign_on_cookie(config, "")])


def _redirect(address: str, cookies: list[Cookie]) -> Response[None]:
    return Response(None, status_code=303, headers={"Location": address}, cookies=cookies)
