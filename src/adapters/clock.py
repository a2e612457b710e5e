"""The machine's clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """What the machine believes the time is."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)
