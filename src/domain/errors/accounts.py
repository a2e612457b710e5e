"""Errors of authentication, authorisation and accounts."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError


class NotAuthenticatedError(DomainError):
    """The caller is not authenticated."""

    code = "not_authenticated"


class InvalidCredentialsError(DomainError):
    """The user name or the password is wrong."""

    code = "invalid_credentials"


class TooManyAttemptsError(DomainError):
    """Too many attempts in too short a time.

    Args:
        message: as for every ``DomainError``.
        hint: as for every ``DomainError``.
        retry_after: seconds until the next attempt is allowed.
    """

    code = "too_many_attempts"

    def __init__(self, message: str, hint: str = "", retry_after: int = 60) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class PasswordChangeRequiredError(DomainError):
    """The password was set by an administrator and must be changed before anything else."""

    code = "password_change_required"


class ForbiddenError(DomainError):
    """The caller lacks the permission for this operation."""

    code = "forbidden"


class CsrfError(DomainError):
    """A browser's request lacks the CSRF token of the web console."""

    code = "csrf_failed"


class UserNotFoundError(DomainError):
    """The account does not exist."""

    code = "user_not_found"


class UsernameTakenError(DomainError):
    """An account with this name exists already."""

    code = "username_taken"


class AccountInUseError(DomainError):
    """The account owns videos, requests or galleries."""

    code = "account_in_use"


class WeakPasswordError(DomainError):
    """The password is too short or too long."""

    code = "weak_password"


class ApiKeyNotFoundError(DomainError):
    """The API key does not exist, or belongs to another account."""

    code = "api_key_not_found"
