"""What can go wrong with disks, databases, queues and other servers."""

from __future__ import annotations

from domain.errors.base import DomainError


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"


class StorageUnavailableError(DomainError):
    """The object store cannot be reached, or refuses."""

    code = "storage_unavailable"


class ObjectNotFoundError(DomainError):
    """Nothing lies under that key in the object store."""

    code = "object_not_found"


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    code = "database_unavailable"


class SchemaOutdatedError(DomainError):
    """The database has another schema than this version works with."""

    code = "schema_outdated"


class ExtensionMissingError(DomainError):
    """A database without an extension that is needed."""

    code = "extension_missing"


class QueueUnavailableError(DomainError):
    """The job queue cannot be reached; nothing was submitted."""

    code = "queue_unavailable"


class WebhookFailedError(DomainError):
    """A receiver could not be told what it asked to be told.

    Args:
        message: as for every ``DomainError``; without the receiver's address, which may hold a secret.
        hint: likewise.
        retry: whether another attempt makes sense.
    """

    code = "webhook_failed"

    def __init__(self, message: str, hint: str = "", *, retry: bool) -> None:
        super().__init__(message, hint)
        self.retry = retry
