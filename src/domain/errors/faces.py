"""Errors of face analysis, embeddings and galleries."""

from __future__ import annotations

from framecloak.domain.errors.base import CONTACT_OPERATOR, DomainError, UserMessage


class FaceNotFoundError(DomainError):
    """No face was detected in the image."""

    code = "face_not_found"


class FaceTooSmallError(DomainError):
    """All faces in the image are too small to be recognised."""

    code = "face_too_small"


class BatchTooLargeError(DomainError):
    """The request has more images or faces than allowed."""

    code = "batch_too_large"


class InvalidEmbeddingError(DomainError):
    """The embedding is not a valid vector, or its length differs from that of the others."""

    code = "invalid_embedding"


class ModelMismatchError(DomainError):
    """The embeddings come from different models and cannot be compared."""

    code = "model_mismatch"


class OverloadedError(DomainError):
    """The service is overloaded; the request was not started.

    Args:
        message: as for every ``DomainError``.
        hint: as for every ``DomainError``.
        retry_after: seconds after which a retry makes sense, as a whole number.
    """

    code = "overloaded"

    def __init__(self, message: str, hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class GalleryNotFoundError(DomainError):
    """The gallery does not exist, has expired, or belongs to another account."""

    code = "gallery_not_found"


class GalleryFaceNotFoundError(DomainError):
    """The face is not enrolled in this gallery."""

    code = "gallery_face_not_found"


class GalleryFullError(DomainError):
    """The gallery has no room for the faces to be enrolled."""

    code = "gallery_full"


class GalleryKeyMissingError(DomainError):
    """The gallery is encrypted with a key that is missing from the settings."""

    code = "gallery_key_missing"
    user_message_override = UserMessage(
        "the gallery is encrypted with a key that this installation does not have", CONTACT_OPERATOR
    )


class GalleryDamagedError(DomainError):
    """A value in the gallery cannot be decrypted: it was changed, moved, or encrypted with another key."""

    code = "gallery_damaged"
    user_message_override = UserMessage("a value in the gallery cannot be decrypted", CONTACT_OPERATOR)
