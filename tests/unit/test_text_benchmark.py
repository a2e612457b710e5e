"""Drawn screens of `benchmarks/anonymization/text`: fonts, places of lines, and what is counted."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2]
SIZE = 1280, 720


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules under test; benchmarks are not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from benchmarks.anonymization.text import fonts, overlays, tally, ultrasound

    families = fonts.families(fonts.SYSTEM_FOLDERS)
    if not any(family.has_all for family in families):
        pytest.skip("needs scalable fonts with Latin letters: apt-get install fonts-dejavu-core")
    return SimpleNamespace(
        fonts=fonts, overlays=overlays, tally=tally, ultrasound=ultrasound, families=families
    )


def chance(seed: int) -> random.Random:
    """Return a source of reproducible choices."""
    return random.Random(seed)  # noqa: S311


@pytest.mark.parametrize("kind", ["rows", "ultrasound"])
def test_each_line_is_drawn_within_its_box(bench: SimpleNamespace, kind: str) -> None:
    draw = bench.overlays.draw if kind == "rows" else bench.ultrasound.draw_ultrasound
    for seed in range(3):
        overlay = draw(SIZE, chance(seed), bench.families)
        assert {line.identifies for line in overlay.lines} == {True, False}
        left = np.asarray(overlay.image)[..., 3].copy()
        margin = bench.overlays.MARGIN_PX
        for line in overlay.lines:
            x1, y1, x2, y2 = line.box
            assert left[y1:y2, x1:x2].any(), line
            left[max(0, y1 - margin) : y2 + margin, max(0, x1 - margin) : x2 + margin] = 0
        assert not left.any()


def test_the_same_seed_draws_the_same_screen(bench: SimpleNamespace) -> None:
    first, second = (bench.ultrasound.draw_ultrasound(SIZE, chance(7), bench.families) for _ in range(2))
    assert first.lines == second.lines
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    frames = bench.ultrasound.scans(SIZE, 7)
    before, after = next(frames), next(frames)
    assert not np.array_equal(before, after)
    assert np.array_equal(before, next(bench.ultrasound.scans(SIZE, 7)))


def test_a_font_without_a_letter_is_not_chosen_for_it(bench: SimpleNamespace) -> None:
    for family in bench.families:
        path = family.file_for("Şahin \N{EGYPTIAN HIEROGLYPH A001}", chance(1))
        assert path is None, family.name
    assert {family.file_for("Depth 1.5 cm", chance(1)) is None for family in bench.families} == {False}


def test_frames_of_lines_count_by_size_and_by_font(bench: SimpleNamespace) -> None:
    line = bench.overlays.Line("Berger", True, 16, "plain", (10, 10, 60, 30), "Sans")
    other = bench.overlays.Line("5 mm", False, 20, "plain", (10, 50, 60, 70), "Serif")
    tally, both = bench.tally.Tally(), bench.tally.Tally()
    tally.add([(0, 0, 80, 40)], [line, other])
    tally.add([(0, 45, 80, 80)], [line, other])
    both.add_all(tally)
    assert both.lines == {(True, 16): [1, 2], (False, 20): [1, 2]}
    assert both.families == {(True, "Sans"): [1, 2], (False, "Serif"): [1, 2]}
