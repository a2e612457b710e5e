"""Alarm for stored files that differ from what was stored."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Protocol

logger = logging.getLogger(__name__)

VERIFY_HINT = "run `framecloak storage verify`"


class StoredKind(StrEnum):
    """Kinds of stored files."""

    ORIGINAL = "original"
    """A video as it was uploaded."""
    PART = "part"
    """The part of a result that one slice made."""
    RESULT = "result"


class DamageMeter(Protocol):
    """Metrics of damaged files. Must be fast and must not raise."""

    def file_damaged(self, kind: str) -> None:
        """Count a stored file that differs from what was stored, by `StoredKind`."""
        ...


class NullDamageMeter:
    """Meter that discards all metrics."""

    def file_damaged(self, kind: str) -> None:
        """Do nothing."""


NULL_DAMAGE_METER = NullDamageMeter()


def raise_alarm(meter: DamageMeter, kind: StoredKind, key: str, reason: str) -> None:
    """Count a damaged file and log it; it was altered in the object store, or its disk is failing.

    Args:
        meter: metrics of damaged files.
        kind: kind of the file.
        key: key of the file in the object store.
        reason: difference from what was stored.
    """
    meter.file_damaged(kind)
    logger.critical(
        "a stored file is not what was stored: %s",
        reason,
        extra={"kind": str(kind), "key": key, "hint": VERIFY_HINT},
    )
