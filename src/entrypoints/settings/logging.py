"""What is told about all that."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import (
    one_of,
    setting,
    switch,
)

LOG_FORMATS = ("auto", "json", "console")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, kw_only=True)
class TellingSettings:
    """What is told about all that."""

    log_format: str = setting(
        "LOG_FORMAT",
        f"How log lines look: {', '.join(LOG_FORMATS)}; auto is console on a terminal.",
        one_of(LOG_FORMATS),
        "auto",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        f"The least that is logged: {', '.join(LOG_LEVELS)}.",
        one_of(LOG_LEVELS),
        "info",
    )
    debug: bool = setting(
        "FRAME_ANONYMIZATION_DEBUG",
        "Whether everything that happens is logged, and the parts of results are kept.",
        switch,
        "false",
    )
