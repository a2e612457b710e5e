"""How long tests wait for what must happen, before they call it a hang.

Nothing is tested by these times: what is waited for may come at any moment before. ``TEST_PATIENCE=4`` in the
environment multiplies all of them, for a machine that is slow or has much else to do.
"""

from __future__ import annotations

import os

FACTOR = float(os.environ.get("TEST_PATIENCE", "1"))
"""What every time is multiplied by."""


def patience(seconds: float) -> float:
    """A time after which something hangs, for this machine.

    Args:
        seconds: the same for two plain cores with nothing else to do, many times what it should take.
    """
    return seconds * FACTOR
