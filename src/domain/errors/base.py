"""What all errors have in common."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A failure with a stable code, one sentence saying what, and one saying what to do.

    Args:
        message: what happened, without a full stop, naming the thing it happened to.
        hint: what the reader can do about it, or an empty string when the message says it all.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message
