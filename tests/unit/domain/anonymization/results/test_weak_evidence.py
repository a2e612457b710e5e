"""Frames in which a face is covered on weak grounds only."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.report_data import ReportEvidence, TrackEvidence
from framecloak.domain.anonymization.results.weak_evidence import MAX_RUNS, weak_runs

DETECTED, LINKED, FOLLOWED = Origin.DETECTED, Origin.LINKED, Origin.FOLLOWED


def runs(origins: Sequence[Origin], score: float = 0.9, follow_limit: int = 3) -> list[tuple[int, int]]:
    """Return the weak runs of one track that starts in frame 10."""
    evidence = ReportEvidence()
    for index, origin in enumerate(origins, start=10):
        box = RedactedBox((0, 0, 9, 9), 0, score, origin)
        evidence.add(0, RedactedFrame(index, b"", (box,), blanked=False))
    return list(weak_runs(evidence.tracks_of(0), follow_limit))


def test_a_track_without_a_sure_detection_is_weak_throughout() -> None:
    origins = [Origin.EXTENDED, LINKED, DETECTED, Origin.FILLED, LINKED, Origin.EXTENDED]
    assert runs(origins, score=0.64) == [(10, 16)]
    assert runs(origins, score=0.65) == []


def test_a_head_that_was_followed_until_the_limit_is_weak_there() -> None:
    assert runs([FOLLOWED] * 2 + [DETECTED] + [FOLLOWED] * 2) == []
    assert runs([FOLLOWED] * 3 + [DETECTED]) == [(10, 13)]
    assert runs([DETECTED, *[FOLLOWED] * 3, Origin.EXTENDED]) == [(11, 15)]
    assert runs([DETECTED, *[FOLLOWED] * 2, DETECTED, *[FOLLOWED] * 2]) == []
    assert runs([DETECTED, *[FOLLOWED] * 3], follow_limit=0) == []


@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(1, 9)), max_size=300))
def test_runs_are_few_disjoint_and_cover_all_weak_frames(ranges: list[tuple[int, int]]) -> None:
    tracks = [
        TrackEvidence(0, number, start, start + length - 1) for number, (start, length) in enumerate(ranges)
    ]
    found = weak_runs(tracks, 0)
    assert len(found) <= MAX_RUNS
    limits = [limit for run in found for limit in run]
    assert limits == sorted(set(limits))
    for start, length in ranges:
        assert any(first <= start and start + length <= stop for first, stop in found)
