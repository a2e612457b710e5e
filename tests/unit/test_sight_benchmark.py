"""Scores of `benchmarks/anonymization/coverage.py` and of the films of `benchmarks/anonymization/sight`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules under test; benchmarks are not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from benchmarks.anonymization import coverage
    from benchmarks.anonymization.sight import films, runs

    return SimpleNamespace(coverage=coverage, films=films, runs=runs)


def truth(*frames: list[dict[str, Any]]) -> dict[str, Any]:
    return {"width": 100, "height": 100, "frames": {str(index): faces for index, faces in enumerate(frames)}}


def face(name: str, *, hard: bool = False, away: bool = False) -> dict[str, Any]:
    return {"xyxy": [10, 10, 30, 30], "hard": hard, "id": name} | ({"away": True} if away else {})


COVERED: list[list[float]] = [[10, 10, 30, 30]]


def test_a_person_who_is_open_in_one_frame_is_exposed(bench: SimpleNamespace) -> None:
    score = bench.coverage.score(truth([face("a")], [face("a")]), {0: COVERED, 1: []})
    assert (score.people, score.exposed, score.clear_people, score.clear_exposed) == (1, 1, 1, 1)


def test_a_person_who_is_open_while_hard_is_not_exposed_among_clear_ones(bench: SimpleNamespace) -> None:
    score = bench.coverage.score(truth([face("a")], [face("a", hard=True)]), {0: COVERED})
    assert (score.people, score.exposed, score.clear_people, score.clear_exposed) == (1, 1, 1, 0)


def test_the_back_of_a_head_counts_as_a_face_but_does_not_expose_its_person(bench: SimpleNamespace) -> None:
    score = bench.coverage.score(truth([face("a")], [face("a", hard=True, away=True)]), {0: COVERED})
    assert (score.faces, len(score.misses)) == (2, 1)
    assert (score.people, score.exposed) == (1, 0)


def test_faces_without_an_id_are_not_people(bench: SimpleNamespace) -> None:
    score = bench.coverage.score(truth([{"xyxy": [10, 10, 30, 30], "hard": False}]), {})
    assert (score.faces, score.people) == (1, 0)


def test_people_of_different_clips_are_added(bench: SimpleNamespace) -> None:
    one = bench.coverage.score(truth([face("a")]), {})
    two = bench.coverage.score(truth([face("a")]), {0: COVERED})
    both = bench.coverage.total([one, two])
    assert (both.people, both.exposed) == (2, 1)
    assert "1 = 50.0%" in bench.coverage.people_table({"one": one, "two": two})


def test_the_wilson_interval_agrees_with_its_published_example(bench: SimpleNamespace) -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: 81 of 263.
    low, high = bench.coverage.wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_the_wilson_interval_of_all_successes_ends_at_one(bench: SimpleNamespace) -> None:
    low, high = bench.coverage.wilson_interval(10, 10)
    assert high == pytest.approx(1)
    assert low == pytest.approx(0.7225, abs=1e-4)


def test_covered_shares_are_in_the_order_of_the_truth(bench: SimpleNamespace) -> None:
    shares = bench.coverage.covered_shares(truth([face("a")], [face("a")]), {0: [[10, 10, 20, 30]]})
    assert shares == [0.5, 0.0]


def test_a_mapped_box_needs_coverage_of_its_middle_only(bench: SimpleNamespace) -> None:
    upright = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert bench.films.covered_share([0, 0, 50, 50], upright, [[10, 10, 40, 40]], (100, 100)) == 1
    assert bench.films.covered_share([0, 0, 50, 50], upright, [[10, 10, 25, 40]], (100, 100)) == 0.5


def test_a_box_is_looked_for_where_the_film_was_turned_to(bench: SimpleNamespace) -> None:
    quarter = np.array([[0.0, -1, 100], [1, 0, 0]])
    assert bench.films.covered_share([0, 0, 20, 10], quarter, [[90, 0, 100, 20]], (100, 100)) == 1
    assert bench.films.covered_share([0, 0, 20, 10], quarter, [[0, 0, 20, 10]], (100, 100)) == 0


def test_a_film_counts_boxes_found_and_area_away_from_them(bench: SimpleNamespace) -> None:
    def run(boxes: list[list[float]]) -> object:
        return bench.runs.Run(0, 1, frozenset(), {0: boxes}, "centerface int8", 1.0)

    entry = {"of": "street-0", "matrix": [[1, 0, 0], [0, 1, 0]], "size": [100, 100]}
    row = bench.films.score_film(
        "street-20",
        entry,
        run([[0, 0, 20, 20], [50, 50, 60, 60]]),
        run([[0, 0, 20, 20], [80, 80, 90, 90]]),
    )
    assert (row.film, row.boxes, row.found) == ("20", 2, 1)
    assert row.away == pytest.approx(0.01)
