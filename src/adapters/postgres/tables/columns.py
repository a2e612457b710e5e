"""Column types, defaults and constraints shared by several tables."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, DateTime, text

TimestampTz = DateTime(timezone=True)
# Not now(), which is constant within a transaction and would leave its rows without an order.
CLOCK_TIMESTAMP = text("clock_timestamp()")


def allowed_values(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return a constraint that allows only these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def digest_check(column: str = "digest") -> CheckConstraint:
    """Return a constraint for a SHA-256 digest (32 bytes)."""
    return CheckConstraint(f"octet_length({column}) = 32", name=column)


def frame_range_check() -> CheckConstraint:
    """Return a constraint for a half-open range of frames (``end_frame`` excluded)."""
    return CheckConstraint("0 <= start_frame AND start_frame < end_frame", name="frames")


def region_checks() -> tuple[CheckConstraint, ...]:
    """Return constraints for a box that applies to a range of frames, or to all (both ends null)."""
    return (
        CheckConstraint("x >= 0 AND y >= 0 AND width > 0 AND height > 0", name="area"),
        CheckConstraint("(start_frame IS NULL) = (end_frame IS NULL)", name="both_frames"),
        frame_range_check(),
    )
