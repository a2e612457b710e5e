"""Errors of anonymisation requests and of their results."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError, UserMessage


class InvalidSegmentsError(DomainError):
    """The segments of the request do not fit the video, or there are none or too many."""

    code = "invalid_segments"


class TooManyFramesError(DomainError):
    """The request has more frames than allowed."""

    code = "too_many_frames"


class IdempotencyConflictError(DomainError):
    """The idempotency key was used with a different request."""

    code = "idempotency_conflict"


class RequestNotFoundError(DomainError):
    """The request does not exist, or belongs to another account."""

    code = "request_not_found"


class AlreadyFinishedError(DomainError):
    """The request is finished and cannot be changed."""

    code = "already_finished"


class NotReadyError(DomainError):
    """The request has no result, or none yet."""

    code = "not_ready"


class NotReleasedError(DomainError):
    """The result was not released, and this installation requires it; or there is no release to show."""

    code = "not_released"


class AlreadyReleasedError(DomainError):
    """The result was released before."""

    code = "already_released"


class SecondPersonRequiredError(DomainError):
    """The result must be released by a person who neither ordered nor corrected it."""

    code = "second_person_required"


class ResultDamagedError(DomainError):
    """The stored result, or a part of it, is not the one that was made."""

    code = "result_damaged"
    user_message_override = UserMessage(
        "the stored result is not the one that was made",
        "submit the request again; the operator of the installation has been alerted",
    )


class ProcessingTimeoutError(DomainError):
    """The processing of a slice took too long."""

    code = "processing_timeout"


class IdentitiesLostError(DomainError):
    """The gallery of the request can no longer be used as it was at submission."""

    code = "identities_lost"


class TextListsLostError(DomainError):
    """The lists of the request's text policy can no longer be decrypted."""

    code = "text_lists_lost"


class WorkersDisagreeError(DomainError):
    """Workers with different models or settings processed parts of one request."""

    code = "workers_disagree"


class TokenNotFoundError(DomainError):
    """The download token was never issued, or belongs to another request."""

    code = "token_not_found"


class TokenUsedError(DomainError):
    """The download token was used before."""

    code = "token_used"


class TokenExpiredError(DomainError):
    """The download token or the presigned URL has expired."""

    code = "token_expired"
