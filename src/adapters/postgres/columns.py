"""What the columns of many tables have in common."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, DateTime, text

Time = DateTime(timezone=True)
# Not now(), which is the same for everything in one transaction and would leave its rows without an order.
CLOCK = text("clock_timestamp()")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Nothing but these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def digest_of(column: str = "digest") -> CheckConstraint:
    """A SHA-256."""
    return CheckConstraint(f"octet_length({column}) = 32", name=column)
