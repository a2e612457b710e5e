"""How fast an installation is, from what it completed last."""

from __future__ import annotations

from collections.abc import Sequence

RATED_REQUESTS = 50
"""Completed requests that estimates are made from."""

PRIOR_RATE = 20.0
"""Frames a second to expect of an installation that has not completed anything yet."""


def frames_per_second(recent: Sequence[tuple[int, float]]) -> float:
    """Frames a second over recent requests, given by their frames and seconds."""
    frames = sum(count for count, _ in recent)
    seconds = sum(took for _, took in recent)
    return frames / seconds if frames and seconds > 0 else PRIOR_RATE
