"""Retention periods of results and download links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """Retention periods.

    Attributes:
        token_ttl: validity of an unused download token.
        result_retention: retention period of results.
    """

    token_ttl: timedelta = timedelta(hours=24)
    result_retention: timedelta = timedelta(hours=168)
