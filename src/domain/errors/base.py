"""Base class of all domain errors, and the messages shown to users."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

CONTACT_OPERATOR = "contact the operator of the installation; its log has the details"
TRY_AGAIN = "try again shortly; if the problem persists, contact the operator of the installation"
"""Hints for users who cannot change the installation themselves."""


class UserMessage(NamedTuple):
    """An error message as shown to users.

    Attributes:
        message: description of the failure, without a full stop.
        hint: action that the reader can take; empty if the message is sufficient.
    """

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


UNEXPECTED_ERROR = UserMessage("an unexpected error occurred", CONTACT_OPERATOR)


class DomainError(Exception):
    """A failure with a stable code, a message saying what happened and a hint saying what to do.

    Args:
        message: description of the failure, without a full stop, naming the object concerned.
        hint: action that the reader can take; empty if the message is sufficient.
    """

    code: ClassVar[str] = "internal_error"
    user_message_override: ClassVar[UserMessage | None] = None
    """Replacement shown to users if message and hint may contain hosts, paths or settings of the
    installation, which are for its operators only; None if everyone may read them."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return str(UserMessage(self.message, self.hint))

    def user_message(self) -> UserMessage:
        """Return the message for users; an error without a code of its own is reported as unexpected."""
        if self.code == DomainError.code:
            return UNEXPECTED_ERROR
        return self.user_message_override or UserMessage(self.message, self.hint)
