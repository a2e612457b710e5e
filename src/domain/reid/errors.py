"""What can go wrong with faces and with vectors, beside what ``domain.errors`` names."""

from __future__ import annotations

from domain.errors import DomainError


class InvalidImageError(DomainError):
    """The bytes are not a picture that can be decoded."""

    code = "invalid_image"


class FaceNotFoundError(DomainError):
    """A picture without a face."""

    code = "face_not_found"


class FaceTooSmallError(DomainError):
    """A picture whose faces have too few pixels to be told from others."""

    code = "face_too_small"


class BatchTooLargeError(DomainError):
    """More pictures or more faces than one request may have."""

    code = "batch_too_large"


class InvalidEmbeddingError(DomainError):
    """A vector that no face has, or one that does not go with the others."""

    code = "invalid_embedding"


class OverloadedError(DomainError):
    """There is more to do than can be done soon; nothing was begun.

    Args:
        message: as for every ``DomainError``.
        hint: likewise.
        retry_after: whole seconds after which another try makes sense.
    """

    code = "overloaded"

    def __init__(self, message: str, hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after
