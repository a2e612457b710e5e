"""What can go wrong with disks, databases, queues and other servers."""

from __future__ import annotations

from framecloak.domain.errors.base import AGAIN, ASK, DomainError, Told


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"
    outside = Told("the result cannot be written", ASK)


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"
    outside = Told("there is no room left", ASK)


class StorageUnavailableError(DomainError):
    """The object store cannot be reached, or refuses."""

    code = "storage_unavailable"
    outside = Told("the object store cannot be reached, or refuses", AGAIN)


class ObjectNotFoundError(DomainError):
    """Nothing lies under that key in the object store."""

    code = "object_not_found"


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    code = "database_unavailable"
    outside = Told("the database cannot be reached", AGAIN)


class SchemaOutdatedError(DomainError):
    """The database has another schema than this version works with."""

    code = "schema_outdated"
    outside = Told("the database has another schema than this version works with", ASK)


class ExtensionMissingError(DomainError):
    """A database without an extension that is needed."""

    code = "extension_missing"
    outside = Told("the database lacks an extension that is needed for this", ASK)


class QueueUnavailableError(DomainError):
    """The job queue cannot be reached; nothing was submitted."""

    code = "queue_unavailable"
    outside = Told("the job queue cannot be reached", AGAIN)


class WebhookFailedError(DomainError):
    """A receiver could not be told what it asked to be told.

    Args:
        message: as for every ``DomainError``; without the receiver's address, which may hold a secret.
        hint: likewise.
        retry: whether another attempt makes sense.
    """

    code = "webhook_failed"
    outside = Told("the receiver could not be told", ASK)

    def __init__(self, message: str, hint: str = "", *, retry: bool) -> None:
        super().__init__(message, hint)
        self.retry = retry
