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


def frames() -> CheckConstraint:
    """A stretch of frames, the last of which does not count."""
    return CheckConstraint("0 <= start_frame AND start_frame < end_frame", name="frames")


def area() -> tuple[CheckConstraint, ...]:
    """A box, in some frames or in all."""
    return (
        CheckConstraint("x >= 0 AND y >= 0 AND width > 0 AND height > 0", name="area"),
        CheckConstraint("(start_frame IS NULL) = (end_frame IS NULL)", name="both_frames"),
        frames(),
    )
