"""What can go wrong with requests for anonymised frames, and with their results."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError


class InvalidSegmentsError(DomainError):
    """The segments of an order do not fit its video, or are none, or too many."""

    code = "invalid_segments"


class TooManyFramesError(DomainError):
    """An order for more frames than one request may have."""

    code = "too_many_frames"


class IdempotencyConflictError(DomainError):
    """The same idempotency key with a different order."""

    code = "idempotency_conflict"


class RequestNotFoundError(DomainError):
    """There is no such request, or it belongs to somebody else."""

    code = "request_not_found"


class AlreadyFinishedError(DomainError):
    """A request that is over and cannot be changed."""

    code = "already_finished"


class NotReadyError(DomainError):
    """A request whose result is not there, or not there yet."""

    code = "not_ready"


class ProcessingTimeoutError(DomainError):
    """A slice of a request took too long."""

    code = "processing_timeout"


class IdentitiesLostError(DomainError):
    """A gallery that a request names cannot be used any more as it was when that was submitted."""

    code = "identities_lost"


class WorkersDisagreeError(DomainError):
    """Workers with different models or settings have made parts of one request."""

    code = "workers_disagree"


class TokenNotFoundError(DomainError):
    """A download token that was never given out, or not for this request."""

    code = "token_not_found"


class TokenUsedError(DomainError):
    """A download token that has done its service."""

    code = "token_used"


class TokenExpiredError(DomainError):
    """A download token, or a presigned address, that came too late."""

    code = "token_expired"
