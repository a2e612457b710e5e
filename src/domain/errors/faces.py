"""What can go wrong with faces in pictures, with their vectors, and with galleries of them."""

from __future__ import annotations

from framecloak.domain.errors.base import ASK, DomainError, Told


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


class ModelMismatchError(DomainError):
    """Embeddings of different models, which say nothing about each other."""

    code = "model_mismatch"


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


class GalleryNotFoundError(DomainError):
    """A gallery that does not exist, whose time is over, or that belongs to somebody else."""

    code = "gallery_not_found"


class GalleryFaceNotFoundError(DomainError):
    """A face that is not enrolled in that gallery."""

    code = "gallery_face_not_found"


class GalleryFullError(DomainError):
    """A gallery with no room for what was to be enrolled."""

    code = "gallery_full"


class GalleryKeyMissingError(DomainError):
    """A gallery that is sealed with a key that the settings do not name."""

    code = "gallery_key_missing"
    outside = Told("the gallery is sealed with a key that is not known here", ASK)


class GalleryDamagedError(DomainError):
    """Something in a gallery that cannot be opened: changed, moved, or sealed with another key."""

    code = "gallery_damaged"
    outside = Told("something in the gallery cannot be opened", ASK)
