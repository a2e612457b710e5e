"""Retention settings: lifetimes of results and links, and the interval of clean-ups."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import positive, setting

_YEAR_HOURS = 24 * 366.0
"""Length of a leap year in hours."""


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """Retention settings."""

    download_token_expiry_hours: float = setting(
        "DOWNLOAD_TOKEN_EXPIRY_HOURS",
        "Lifetime of a download link that has not been used.",
        positive(_YEAR_HOURS),
        "24",
        unit="hours",
    )
    result_retention_hours: float = setting(
        "RESULT_RETENTION_HOURS",
        "How long results are kept before they are deleted.",
        positive(100 * _YEAR_HOURS),
        "168",
        unit="hours",
    )
    cleanup_interval_hours: float = setting(
        "CLEANUP_INTERVAL_HOURS",
        "Interval between clean-ups of expired data.",
        positive(_YEAR_HOURS),
        "6",
        unit="hours",
    )
