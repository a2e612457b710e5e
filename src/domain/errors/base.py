"""What all errors have in common."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

ASK = "tell whoever runs the installation: its log says more"
AGAIN = "try again shortly; if that does not help, tell whoever runs the installation"
"""Hints of what those outside are told of the installation."""


class Told(NamedTuple):
    """What somebody is told of an error.

    Attributes:
        message: what happened, without a full stop.
        hint: what to do about it; empty when the message says it all.
    """

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


UNEXPECTED = Told("something unexpected happened", ASK)


class DomainError(Exception):
    """A failure with a stable code, one sentence saying what, and one saying what to do.

    Args:
        message: what happened, without a full stop, naming the thing it happened to.
        hint: what the reader can do about it, or an empty string when the message says it all.
    """

    code: ClassVar[str] = "internal_error"
    outside: ClassVar[Told | None] = None
    """What users are told instead, where message and hint may name hosts, paths and settings of the
    installation, which are for its operators; None where everybody may read them."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return str(Told(self.message, self.hint))

    def told(self) -> Told:
        """What users are told; an error without a name tells them nothing of what it is about."""
        if self.code == DomainError.code:
            return UNEXPECTED
        return self.outside or Told(self.message, self.hint)
