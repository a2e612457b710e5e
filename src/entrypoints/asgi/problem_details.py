"""HTTP statuses of errors, and their responses as problem details (RFC 9457)."""

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
from litestar.params import ParameterKwarg
from litestar.types import ExceptionHandlersMap, Scope

from framecloak.domain.accounts.passwords import TooManySignInsError
from framecloak.domain.errors import DomainError, OverloadedError, TooManyAttemptsError
from framecloak.domain.errors.base import UNEXPECTED_ERROR
from framecloak.entrypoints.asgi.headers import request_id
from framecloak.entrypoints.schemas.problems import FieldError, Problem

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUS_BY_CODE: Mapping[str, int] = {
    "account_in_use": 409,
    "already_finished": 409,
    "already_released": 409,
    "api_key_not_found": 404,
    "batch_not_found": 404,
    "batch_too_large": 422,
    "clock_skew": 401,
    "csrf_failed": 403,
    "database_unavailable": 503,
    "emotions_unavailable": 503,
    "encoder_unavailable": 503,
    "examination_failed": 500,
    "face_not_found": 422,
    "face_too_small": 422,
    "extension_missing": 503,
    "forbidden": 403,
    "frame_damaged": 422,
    "frame_not_found": 404,
    "gallery_damaged": 500,
    "gallery_face_not_found": 404,
    "gallery_full": 409,
    "gallery_key_missing": 503,
    "gallery_not_found": 404,
    "grant_not_found": 404,
    "identities_lost": 409,
    "idempotency_conflict": 409,
    "identity_provider_unavailable": 503,
    "identity_token_audience": 401,
    "identity_token_invalid": 401,
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
    "invalid_reference": 422,
    "invalid_region": 422,
    "invalid_segment": 422,
    "invalid_segments": 422,
    "invalid_setting": 500,
    "level_unavailable": 422,
    "license_not_accepted": 503,
    "manifest_mismatch": 422,
    "marks_too_late": 422,
    "model_corrupt": 503,
    "model_download_failed": 503,
    "model_mismatch": 409,
    "model_export_failed": 500,
    "model_missing": 503,
    "no_local_password": 409,
    "not_admitted": 403,
    "not_authenticated": 401,
    "not_ready": 409,
    "not_released": 409,
    "object_not_found": 404,
    "original_damaged": 409,
    "other_frame_shape": 422,
    "output_unwritable": 500,
    "overloaded": 503,
    "password_change_required": 403,
    "processing_timeout": 500,
    "provider_unavailable": 503,
    "queue_unavailable": 503,
    "region_not_found": 404,
    "request_not_found": 404,
    "result_damaged": 409,
    "schema_outdated": 503,
    "second_person_required": 409,
    "segment_not_found": 404,
    "sign_on_denied": 403,
    "sign_on_expired": 401,
    "sign_on_state_mismatch": 400,
    "sound_lost": 422,
    "storage_full": 507,
    "storage_unavailable": 503,
    "template_mismatch": 422,
    "template_not_found": 404,
    "text_lists_lost": 409,
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
"""HTTP status by error code; a test checks that it covers the codes of all errors."""

PUBLIC_CODES: Mapping[str, str] = {
    "empty_file": "unreadable_video",
    "no_frames": "unreadable_video",
    "no_video_stream": "unreadable_video",
    "truncated_video": "unreadable_video",
}
"""Public code of errors that have distinct exit codes only; the detail distinguishes them."""

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
"""Codes of errors of HTTP itself, by status."""

_CODE_KEY = "framecloak_error_code"
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")

AnyRequest: TypeAlias = Request[Any, Any, State]


class InvalidBodyError(HTTPException):
    """Error for a body that can be decoded but does not match the schema.

    Args:
        errors: the invalid fields with a message for each.
    """

    status_code = 422

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("the request is not valid")
        self.errors = errors


class RateExceededError(TooManyAttemptsError):
    """Error for more requests than the rate limit allows.

    Args:
        limit: maximum number of requests in a window.
        retry_after: seconds until the next request is accepted.
    """

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__("too many requests", f"wait {retry_after} s", retry_after)
        self.limit = limit


def problem_title(code: str) -> str:
    """Return the title of a code, such as ``Video not found``."""
    return code.replace("_", " ").capitalize()


def problem(
    code: str, status: int, detail: str, *, hint: str = "", errors: tuple[FieldError, ...] = ()
) -> Problem:
    """Build problem details with a stable code."""
    return Problem(
        type=f"urn:framecloak:problem:{code}",
        title=problem_title(code),
        status=status,
        detail=detail,
        code=code,
        hint=hint or None,
        errors=errors or None,
    )


def domain_problem(error: DomainError) -> Problem:
    """Build the problem details of a domain error.

    For an error of the installation, they contain only what its users may see; the log has the details.
    """
    code = PUBLIC_CODES.get(error.code, error.code)
    status = STATUS_BY_CODE.get(code, 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, error)
    public = error.user_message()
    return problem(code, status, public.message, hint=public.hint)


def invalid_body_problem(error: InvalidBodyError) -> Problem:
    """Build the problem details of a body that does not match the schema."""
    return problem("validation_failed", 422, error.detail, errors=error.errors)


def invalid_value(error: msgspec.ValidationError, base_path: str = "") -> FieldError:
    """Return the invalid field of a body and the reason, from the error message of msgspec.

    Args:
        error: validation error of msgspec.
        base_path: path in the body of the part that was validated.
    """
    message, _, path = str(error).partition(" - at `$")
    return FieldError(field=f"{base_path}{path.rstrip('`')}".lstrip("."), message=message)


def error_code(scope: Scope) -> str | None:
    """Return the error code of a response; None if the request succeeded."""
    code: str | None = scope["state"].get(_CODE_KEY)
    return code


def problem_response(
    request: AnyRequest, details: Problem, headers: Mapping[str, str] | None = None
) -> Response[Problem]:
    """Return an error response, and note its code for the access log and the metrics."""
    request.scope["state"][_CODE_KEY] = details.code
    return Response(details, status_code=details.status, media_type=PROBLEM_TYPE, headers=headers)


def _on_domain_error(request: AnyRequest, error: DomainError) -> Response[Problem]:
    details = domain_problem(error)
    return problem_response(request, details, dict(_domain_headers(error, details.status)))


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
    errors = _field_errors(request, error)
    status = 422 if isinstance(error, ValidationException) else error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_unexpected(request, error)
    code = CODE_BY_STATUS.get(status, "bad_request")
    detail = "the request is not valid" if errors else _CONTROL_CHARACTERS.sub(" ", error.detail)
    return problem_response(request, problem(code, status, detail, errors=errors), error.headers)


def _field_errors(request: AnyRequest, error: HTTPException) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidBodyError):
        return error.errors
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return ()
    return tuple(
        FieldError(field=_sent_name(request, str(entry.get("key", ""))), message=_error_message(entry))
        for entry in error.extra
        if isinstance(entry, dict)
    )


def _sent_name(request: AnyRequest, name: str) -> str:
    """Return the name under which clients send what the handler of a request calls `name`."""
    parameter = request.route_handler.parsed_fn_signature.parameters.get(name)
    kwarg = parameter.kwarg_definition if parameter else None
    return kwarg.name or name if isinstance(kwarg, ParameterKwarg) else name


def _error_message(entry: Mapping[str, object]) -> str:
    # Litestar reports a missing body as a missing key of a dictionary.
    return "a body is required" if entry.get("key") == "data" else str(entry.get("message", ""))


def _on_unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    logger.error("request %s failed", request_id(request.scope), exc_info=error)
    hint = f"quote {request_id(request.scope)} when you report the error"
    return problem_response(request, problem("internal_error", 500, UNEXPECTED_ERROR.message, hint=hint))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    DomainError: _on_domain_error,
    HTTPException: _on_http_exception,
    Exception: _on_unexpected,
}
