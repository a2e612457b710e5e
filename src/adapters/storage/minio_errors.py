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

_NOT_FOUND_CODES = {"NoSuchKey", "NoSuchObject"}
_ACCESS_CODES = {
    "AccessDenied",
    "AccountProblem",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}
_FULL_CODES = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "EntityTooLarge"}


@contextmanager
def s3_errors(endpoint: str, action: str) -> Iterator[None]:
    """Translate errors of calls to an object store into domain errors.

    Args:
        endpoint: address of the store, for error messages.
        action: attempted action, as in ``cannot <action>``.

    Raises:
        ObjectNotFoundError: the object does not exist.
        StorageFullError: the store is full.
        StorageUnavailableError: the store cannot be reached, or refused the call.
    """
    try:
        yield
    except S3Error as error:
        raise _translate(error, endpoint, action) from error
    except (HTTPError, MinioException, OSError) as error:
        reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        message = f"cannot {action}: no answer from the object store at {endpoint} ({reason})"
        hint = "check MINIO_ENDPOINT and MINIO_SECURE, and that the store is running"
        raise StorageUnavailableError(message, hint) from error


def _translate(error: S3Error, endpoint: str, action: str) -> DomainError:
    if error.code in _NOT_FOUND_CODES:
        return ObjectNotFoundError(f"cannot {action}: there is no such object")
    if error.code in _FULL_CODES:
        return StorageFullError(f"cannot {action}: the object store is full", "free some space or add a disk")
    message = f"cannot {action}: the object store at {endpoint} answered {error.code}"
    if error.code in _ACCESS_CODES:
        hint = "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY, their permissions, and this machine's clock"
        return StorageUnavailableError(message, hint)
    if error.code == "NoSuchBucket":
        return StorageUnavailableError(message, "the bucket was deleted: restart to have it created again")
    return StorageUnavailableError(message, error.message or "check the log of the store")
