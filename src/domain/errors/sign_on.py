"""Errors of single sign-on.

Those that refuse an identity or its token are errors of authentication, wherever the token was sent.
"""

from __future__ import annotations

from framecloak.domain.errors.accounts import NotAuthenticatedError
from framecloak.domain.errors.base import TRY_AGAIN, DomainError, UserMessage


class IdentityProviderUnavailableError(DomainError):
    """The identity provider cannot be reached, or does not answer as OpenID Connect requires."""

    code = "identity_provider_unavailable"
    user_message_override = UserMessage("the identity provider does not answer as expected", TRY_AGAIN)


class SignOnDeniedError(NotAuthenticatedError):
    """The identity provider refused the sign-in, or the user cancelled it there."""

    code = "sign_on_denied"


class SignOnStateError(NotAuthenticatedError):
    """The answer of the identity provider does not belong to a sign-in of this browser."""

    code = "sign_on_state_mismatch"


class SignOnExpiredError(NotAuthenticatedError):
    """The sign-in took too long or was used before, or the token of the identity provider has expired."""

    code = "sign_on_expired"


class IdentityTokenError(NotAuthenticatedError):
    """A token of the identity provider is forged, malformed or of another issuer."""

    code = "identity_token_invalid"


class IdentityAudienceError(NotAuthenticatedError):
    """A token of the identity provider was issued for another application."""

    code = "identity_token_audience"


class ClockSkewError(NotAuthenticatedError):
    """The clocks of the identity provider and of this installation differ too much."""

    code = "clock_skew"


class NotAdmittedError(NotAuthenticatedError):
    """The identity has no enabled account here, or is in no group that may use the installation."""

    code = "not_admitted"


class NoLocalPasswordError(DomainError):
    """The account signs in at the identity provider and has no password here."""

    code = "no_local_password"
