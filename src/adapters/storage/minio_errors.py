"""Translation of errors of the MinIO SDK into domain errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError, MaxRetryError

from framecloak.domain.errors import (
    DomainError,
    ObjectNotFoundError,
    StorageFullError,
    StorageUnavailableError,
)

_MISSING = {"NoSuchKey", "NoSuchObject"}
_REFUSED = {
    "AccessDenied",
    "AccountProblem",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "EntityTooLarge"}


@contextmanager
def s3_errors(endpoint: str, what: str) -> Iterator[None]:
    """Translate errors of calls to an object store into domain errors.

    Args:
        endpoint: address of the store, for error messages.
        what: attempted action, as in ``cannot <what>``.

    Raises:
        ObjectNotFoundError: the object does not exist.
        StorageFullError: the store is full.
        StorageUnavailableError: the store cannot be reached, or refused the call.
    """
    try:
        yield
    except S3Error as error:
        raise _refusal(error, endpoint, what) from error
    except (HTTPError, MinioException, OSError) as error:
        reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        message = f"cannot {what}: no answer from the object store at {endpoint} ({reason})"
        hint = "check MINIO_ENDPOINT and MINIO_SECURE, and that the store is running"
        raise StorageUnavailableError(message, hint) from error


def _refusal(error: S3Error, endpoint: str, what: str) -> DomainError:
    if error.code in _MISSING:
        return ObjectNotFoundError(f"cannot {what}: there is no such object")
    if error.code in _FULL:
        return StorageFullError(f"cannot {what}: the object store is full", "free some space or add a disk")
    message = f"cannot {what}: the object store at {endpoint} answered {error.code}"
    if error.code in _REFUSED:
        hint = "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY, their permissions, and this machine's clock"
        return StorageUnavailableError(message, hint)
    if error.code == "NoSuchBucket":
        return StorageUnavailableError(message, "the bucket was deleted: restart to have it created again")
    return StorageUnavailableError(message, error.message or "check the log of the store")
