"""Logging settings."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import boolean, one_of, setting

LOG_FORMATS = ("auto", "json", "console")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, kw_only=True)
class LoggingSettings:
    """Logging settings."""

    log_format: str = setting(
        "LOG_FORMAT",
        f"Format of log lines: {', '.join(LOG_FORMATS)}; auto is console on a terminal and json elsewhere.",
        one_of(LOG_FORMATS),
        "auto",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        f"Lowest level that is logged: {', '.join(LOG_LEVELS)}.",
        one_of(LOG_LEVELS),
        "info",
    )
    debug: bool = setting(
        "FRAME_ANONYMIZATION_DEBUG",
        "Log at level debug, with source locations, and keep the intermediate parts of results.",
        boolean,
        "false",
    )
