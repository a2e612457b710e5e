"""Ranges of sound that may be speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPEECH_THRESHOLD = 0.1
"""Probability from which sound counts as speech: far below one half, because what is unsure counts."""

MARGIN_SECONDS = 0.3
"""Time before and after speech that is silent as well: quiet beginnings and ends of words."""


def speech_ranges(
    probabilities: NDArray[np.float64], window_seconds: float, start_seconds: float, duration_seconds: float
) -> tuple[tuple[float, float], ...]:
    """Return the ranges of a video's sound that may be speech, with their margins.

    Args:
        probabilities: (n,) probability of speech in each window; what is not a number counts as speech.
        window_seconds: duration of a window.
        start_seconds: time of the first window in the video; negative if windows begin before it.
        duration_seconds: duration of the video.

    Returns:
        Start and end of each range in seconds of the video, rounded outwards to milliseconds; ascending,
        disjoint, and inside the video.
    """
    speech = np.flatnonzero(~(probabilities < SPEECH_THRESHOLD))
    if not len(speech):
        return ()
    starts = start_seconds + speech * window_seconds - MARGIN_SECONDS
    ends = start_seconds + (speech + 1) * window_seconds + MARGIN_SECONDS
    first = np.r_[True, starts[1:] > ends[:-1]]
    last = np.r_[first[1:], True]
    merged = zip(starts[first], ends[last], strict=True)
    inside = ((max(0.0, start), min(duration_seconds, end)) for start, end in merged)
    return tuple(
        (float(np.floor(start * 1000) / 1000), float(np.ceil(end * 1000) / 1000))
        for start, end in inside
        if start < end
    )
