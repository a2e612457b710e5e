"""Errors of disks, databases, queues and other servers."""

from __future__ import annotations

from framecloak.domain.errors.base import AGAIN, ASK, DomainError, Told


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"
    outside = Told("the result cannot be written", ASK)


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"
    outside = Told("there is no storage space left", ASK)


class StorageUnavailableError(DomainError):
    """The object store cannot be reached, or refuses the operation."""

    code = "storage_unavailable"
    outside = Told("the object store cannot be reached, or refuses the operation", AGAIN)


class ObjectNotFoundError(DomainError):
    """The object store has no object with this key."""

    code = "object_not_found"


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    code = "database_unavailable"
    outside = Told("the database cannot be reached", AGAIN)


class SchemaOutdatedError(DomainError):
    """The schema of the database does not match this version of the program."""

    code = "schema_outdated"
    outside = Told("the schema of the database does not match this version of the program", ASK)


class ExtensionMissingError(DomainError):
    """The database lacks a required extension."""

    code = "extension_missing"
    outside = Told("the database lacks a required extension", ASK)


class QueueUnavailableError(DomainError):
    """The job queue cannot be reached; nothing was submitted."""

    code = "queue_unavailable"
    outside = Told("the job queue cannot be reached", AGAIN)


class WebhookFailedError(DomainError):
    """A webhook could not be delivered to its receiver.

    Args:
        message: As for every ``DomainError``; without the URL of the receiver, which may contain a secret.
        hint: As for every ``DomainError``.
        retry: True if another attempt makes sense.
    """

    code = "webhook_failed"
    outside = Told("the receiver could not be notified", ASK)

    def __init__(self, message: str, hint: str = "", *, retry: bool) -> None:
        super().__init__(message, hint)
        self.retry = retry
