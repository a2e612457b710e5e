"""Frames in which a face is covered on weak grounds only."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from framecloak.domain.anonymization.results.report_data import TrackEvidence

WEAK_SCORE = 0.65
"""Best score of a track below which all of its frames count.

Detections that only a second opinion confirmed have scores below it as well.
"""

MAX_RUNS = 100
"""Maximum number of runs; beyond that, those with the shortest gaps between them are joined."""

Run = tuple[int, int]
"""Half-open range of frames ``[start, stop)``."""


def weak_runs(tracks: Iterable[TrackEvidence], follow_limit: int) -> tuple[Run, ...]:
    """Return the frames of one source in which a face is covered on weak grounds only.

    Those are all frames of tracks without a sure detection, and the frames in which a head was followed by
    its pixels until the limit, so that it was still in sight when its box ended.

    Args:
        tracks: tracks of faces of the source.
        follow_limit: number of frames after which following ends; 0 if heads were not followed.

    Returns:
        Disjoint runs in ascending order, at most `MAX_RUNS`.
    """
    runs: list[Run] = []
    for track in tracks:
        if track.best_score < WEAK_SCORE:
            runs.append((track.first_frame, track.last_frame + 1))
        elif follow_limit:
            if track.followed_before >= follow_limit:
                runs.append((track.first_frame, track.first_detected))
            if track.followed_after >= follow_limit:
                runs.append((track.last_detected + 1, track.last_frame + 1))
    return _bounded(_merged(runs))


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for start, stop in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((start, stop))
    return merged


def _bounded(runs: list[Run]) -> tuple[Run, ...]:
    """Join neighbouring runs, those with the shortest gaps first, until they are few enough."""
    excess = len(runs) - MAX_RUNS
    if excess <= 0:
        return tuple(runs)
    gaps = [after[0] - before[1] for before, after in pairwise(runs)]
    joined = set(sorted(range(len(gaps)), key=lambda position: (gaps[position], position))[:excess])
    bounded = [runs[0]]
    for position, run in enumerate(runs[1:]):
        if position in joined:
            bounded[-1] = bounded[-1][0], run[1]
        else:
            bounded.append(run)
    return tuple(bounded)
