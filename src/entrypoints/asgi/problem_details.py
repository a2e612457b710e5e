"""Which status an error is answered with, and problem details (RFC 9457) for every one of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, Scope

from framecloak.domain.accounts.passwords import TooManySignInsError
from framecloak.domain.errors import DomainError, OverloadedError, TooManyAttemptsError
from framecloak.domain.errors.base import UNEXPECTED
from framecloak.entrypoints.asgi.headers import request_id
from framecloak.entrypoints.schemas.problems import FieldError, Problem

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUS_BY_CODE: Mapping[str, int] = {
    "already_finished": 409,
    "api_key_not_found": 404,
    "batch_too_large": 422,
    "csrf_failed": 403,
    "database_unavailable": 503,
    "emotions_unavailable": 503,
    "examination_failed": 500,
    "face_not_found": 422,
    "face_too_small": 422,
    "extension_missing": 503,
    "forbidden": 403,
    "frame_not_found": 404,
    "gallery_damaged": 500,
    "gallery_face_not_found": 404,
    "gallery_full": 409,
    "gallery_key_missing": 503,
    "gallery_not_found": 404,
    "grant_not_found": 404,
    "identities_lost": 409,
    "idempotency_conflict": 409,
    "image_too_large": 413,
    "input_not_found": 404,
    "internal_error": 500,
    "invalid_credentials": 401,
    "invalid_embedding": 422,
    "invalid_format": 422,
    "invalid_image": 422,
    "invalid_level": 422,
    "invalid_manifest": 422,
    "invalid_option": 422,
    "invalid_region": 422,
    "invalid_segment": 422,
    "invalid_segments": 422,
    "invalid_setting": 500,
    "level_unavailable": 422,
    "license_not_accepted": 503,
    "manifest_mismatch": 422,
    "model_corrupt": 503,
    "model_download_failed": 503,
    "model_mismatch": 409,
    "model_export_failed": 500,
    "model_missing": 503,
    "not_authenticated": 401,
    "not_ready": 409,
    "object_not_found": 404,
    "output_unwritable": 500,
    "overloaded": 503,
    "processing_timeout": 500,
    "provider_unavailable": 503,
    "queue_unavailable": 503,
    "region_not_found": 404,
    "request_not_found": 404,
    "schema_outdated": 503,
    "segment_not_found": 404,
    "storage_full": 507,
    "storage_unavailable": 503,
    "token_expired": 410,
    "token_not_found": 404,
    "token_used": 410,
    "too_many_attempts": 429,
    "too_many_boxes": 422,
    "too_many_frames": 422,
    "unreadable_archive": 422,
    "unreadable_video": 422,
    "upload_incomplete": 400,
    "upload_not_found": 404,
    "upload_too_large": 413,
    "user_not_found": 404,
    "username_taken": 409,
    "video_in_use": 409,
    "video_not_found": 404,
    "weak_password": 422,
    "webhook_failed": 502,
    "workers_disagree": 500,
}
"""The one place that knows statuses; a test holds it against every code that errors have."""

PUBLIC_CODES: Mapping[str, str] = {
    "empty_file": "unreadable_video",
    "no_frames": "unreadable_video",
    "no_video_stream": "unreadable_video",
    "truncated_video": "unreadable_video",
}
"""What the contract has one code for and exit codes tell apart; the detail says which it is."""

CODE_BY_STATUS: Mapping[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "validation_failed",
    499: "client_gone",
}
"""Codes of errors that are about HTTP itself."""

_CODE_KEY = "framecloak_error_code"
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")

AnyRequest: TypeAlias = Request[Any, Any, State]


class InvalidBodyError(HTTPException):
    """A body that can be read and does not say what it should.

    Args:
        errors: what is wrong, and where.
    """

    status_code = 422

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("what was sent is not valid")
        self.errors = errors


class RateExceededError(TooManyAttemptsError):
    """More calls than the limit allows.

    Args:
        limit: calls allowed in a window.
        retry_after: seconds until the next is welcome.
    """

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__("too many calls", f"wait {retry_after} s", retry_after)
        self.limit = limit


def title_of(code: str) -> str:
    """A code as a title, as in ``Video not found``."""
    return code.replace("_", " ").capitalize()


def problem(
    code: str, status: int, detail: str, *, hint: str = "", errors: tuple[FieldError, ...] = ()
) -> Problem:
    """Problem details with a stable code."""
    return Problem(
        type=f"urn:framecloak:problem:{code}",
        title=title_of(code),
        status=status,
        detail=detail,
        code=code,
        hint=hint or None,
        errors=errors or None,
    )


def domain_problem(error: DomainError) -> Problem:
    """Problem details of an error that has a name.

    Of one that is about the installation, the caller is told what its users may know; the log has all of it.
    """
    code = PUBLIC_CODES.get(error.code, error.code)
    status = STATUS_BY_CODE.get(code, 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, error)
    told = error.told()
    return problem(code, status, told.message, hint=told.hint)


def invalid_body_problem(error: InvalidBodyError) -> Problem:
    """Problem details of a body that does not say what it should."""
    return problem("validation_failed", 422, error.detail, errors=error.errors)


def invalid_value(error: msgspec.ValidationError, at: str = "") -> FieldError:
    """Where a body is wrong, from the message that msgspec has for it.

    Args:
        error: what msgspec says.
        at: where in the body it was looking.
    """
    message, _, path = str(error).partition(" - at `$")
    return FieldError(field=f"{at}{path.rstrip('`')}".lstrip("."), message=message)


def error_code(scope: Scope) -> str | None:
    """The code of the error that a request is answered with; None when it is none."""
    code: str | None = scope["state"].get(_CODE_KEY)
    return code


def _answer(
    request: AnyRequest, found: Problem, headers: Mapping[str, str] | None = None
) -> Response[Problem]:
    request.scope["state"][_CODE_KEY] = found.code
    return Response(found, status_code=found.status, media_type=PROBLEM_TYPE, headers=headers)


def _on_domain_error(request: AnyRequest, error: DomainError) -> Response[Problem]:
    found = domain_problem(error)
    return _answer(request, found, dict(_domain_headers(error, found.status)))


def _domain_headers(error: DomainError, status: int) -> Iterator[tuple[str, str]]:
    if status == HTTPStatus.UNAUTHORIZED:
        yield "WWW-Authenticate", 'Bearer realm="framecloak"'
    if isinstance(error, OverloadedError):
        yield "Retry-After", str(error.retry_after)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        yield "Retry-After", "5"
    if isinstance(error, TooManyAttemptsError):
        yield "Retry-After", str(error.retry_after)
    if isinstance(error, RateExceededError | TooManySignInsError):
        yield "RateLimit-Limit", str(error.limit)
        yield "RateLimit-Remaining", "0"
        yield "RateLimit-Reset", str(error.retry_after)


def _on_http_exception(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    errors = _field_errors(error)
    status = 422 if isinstance(error, ValidationException) else error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_unexpected(request, error)
    code = CODE_BY_STATUS.get(status, "bad_request")
    detail = "what was sent is not valid" if errors else _CONTROL_CHARACTERS.sub(" ", error.detail)
    return _answer(request, problem(code, status, detail, errors=errors), error.headers)


def _field_errors(error: HTTPException) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidBodyError):
        return error.errors
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return ()
    return tuple(
        FieldError(field=str(one.get("key", "")), message=_explained(one))
        for one in error.extra
        if isinstance(one, dict)
    )


def _explained(one: Mapping[str, object]) -> str:
    # Litestar reports a body that was not sent as the missing key of a dictionary.
    return "a body is needed" if one.get("key") == "data" else str(one.get("message", ""))


def _on_unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    logger.error("request %s failed", request_id(request.scope), exc_info=error)
    hint = f"quote {request_id(request.scope)} when you report it"
    return _answer(request, problem("internal_error", 500, UNEXPECTED.message, hint=hint))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    DomainError: _on_domain_error,
    HTTPException: _on_http_exception,
    Exception: _on_unexpected,
}
