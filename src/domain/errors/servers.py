"""Errors of disks, databases, queues and other servers."""

from __future__ import annotations

from framecloak.domain.errors.base import CONTACT_OPERATOR, TRY_AGAIN, DomainError, UserMessage


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"
    user_message_override = UserMessage("the result cannot be written", CONTACT_OPERATOR)


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"
    user_message_override = UserMessage("there is no storage space left", CONTACT_OPERATOR)


class StorageUnavailableError(DomainError):
    """The object store cannot be reached, or refuses the operation."""

    code = "storage_unavailable"
    user_message_override = UserMessage(
        "the object store cannot be reached, or refuses the operation", TRY_AGAIN
    )


class ObjectNotFoundError(DomainError):
    """The object store has no object with this key."""

    code = "object_not_found"


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    code = "database_unavailable"
    user_message_override = UserMessage("the database cannot be reached", TRY_AGAIN)


class SchemaOutdatedError(DomainError):
    """The schema of the database does not match this version of the program."""

    code = "schema_outdated"
    user_message_override = UserMessage(
        "the schema of the database does not match this version of the program", CONTACT_OPERATOR
    )


class ExtensionMissingError(DomainError):
    """The database lacks a required extension."""

    code = "extension_missing"
    user_message_override = UserMessage("the database lacks a required extension", CONTACT_OPERATOR)


class QueueUnavailableError(DomainError):
    """The job queue cannot be reached; nothing was submitted."""

    code = "queue_unavailable"
    user_message_override = UserMessage("the job queue cannot be reached", TRY_AGAIN)


class WebhookFailedError(DomainError):
    """A webhook could not be delivered to its receiver.

    Args:
        message: as for every ``DomainError``; without the URL of the receiver, which may contain a secret.
        hint: as for every ``DomainError``.
        retry: True if another attempt makes sense.
    """

    code = "webhook_failed"
    user_message_override = UserMessage("the receiver could not be notified", CONTACT_OPERATOR)

    def __init__(self, message: str, hint: str = "", *, retry: bool) -> None:
        super().__init__(message, hint)
        self.retry = retry
