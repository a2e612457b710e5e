"""Time-outs of tests for events that must happen.

No test depends on these times: the event may happen at any earlier moment. ``TEST_PATIENCE=4`` in the
environment multiplies all of them, for a slow or busy machine.
"""

from __future__ import annotations

import os

FACTOR = float(os.environ.get("TEST_PATIENCE", "1"))
"""Factor for every time-out."""


def patience(seconds: float) -> float:
    """Return the time after which an operation counts as hung on this machine.

    Args:
        seconds: the time-out on two idle cores, many times the expected duration.
    """
    return seconds * FACTOR
