"""Who somebody is, and what they may do."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError


class NotAuthenticatedError(DomainError):
    """The caller did not prove who it is."""

    code = "not_authenticated"


class InvalidCredentialsError(DomainError):
    """A user name and password that do not belong together."""

    code = "invalid_credentials"


class TooManyAttemptsError(DomainError):
    """Too many tries in too short a time.

    Args:
        message: as for every ``DomainError``.
        hint: likewise.
        retry_after: seconds until the next try is welcome.
    """

    code = "too_many_attempts"

    def __init__(self, message: str, hint: str = "", retry_after: int = 60) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class ForbiddenError(DomainError):
    """The caller may see this, and may not do that."""

    code = "forbidden"


class CsrfError(DomainError):
    """A browser's request without the proof that it comes from our own page."""

    code = "csrf_failed"


class UserNotFoundError(DomainError):
    """There is no such account."""

    code = "user_not_found"


class UsernameTakenError(DomainError):
    """An account of that name exists."""

    code = "username_taken"


class WeakPasswordError(DomainError):
    """A password that is too short to be one."""

    code = "weak_password"


class ApiKeyNotFoundError(DomainError):
    """There is no such key, or it belongs to somebody else."""

    code = "api_key_not_found"
