"""Load of this machine."""

from __future__ import annotations

import os


def slowdown() -> float:
    """Return the factor by which other work delays a computation with one thread per core; 1 if unknown."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 1.0
    return 1 + load / (os.cpu_count() or 1)
