"""Score ``framecloak redact`` and ``deface`` on deliberately hard footage: ``make bench-hard``.

The clips come from ``benchmarks.footage``: dark rooms, close-ups, motion blur, faces cut by the edge, quick
cuts and more, with exact ground truth. None of them was used to choose the models or the int8 ranges.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.anonymization import coverage
from benchmarks.anonymization.coverage import Score
from benchmarks.anonymization.redact_vs_deface import deface_boxes
from benchmarks.anonymization.sight.runs import ASPECT_OPTION, Run, is_offered, redact
from benchmarks.footage.clip import SEED
from benchmarks.footage.make import THEMES

Truth = Mapping[str, Any]
OURS, THEIRS = "framecloak redact", "deface, defaults, its ellipses"


def render_clips(folder: Path, theme: str, seed: int) -> None:
    """Render the clips of a theme into a folder, unless they are there already."""
    if not (folder / "gt.json").is_file():
        words = ["--theme", theme, "--seed", str(seed)]
        command = [sys.executable, "-m", "benchmarks.footage.make", folder, *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def compare(clips: Path, options: Sequence[str] = (), *, deface_every: int = 1) -> dict[str, Score]:
    """Redact the clips of a folder, print the tables of each program, and return its total.

    Args:
        clips: folder with the clips and `gt.json`.
        options: options of ``framecloak redact``.
        deface_every: run ``deface``, which is slow, on every so many frames, and score those; 0 leaves it
            out. A person whom it misses in between then counts as never missed, which is in its favour.
    """
    truth = json.loads((clips / "gt.json").read_text())
    totals = {OURS: _print(OURS, _score_ours(clips, truth, options))}
    if deface_every:
        totals[THEIRS] = _print(THEIRS, _score_theirs(clips, truth, deface_every))
    return totals


def _score_ours(clips: Path, truth: Truth, options: Sequence[str]) -> dict[str, Score]:
    """Return our scores; a clip that conceals its pixel aspect is run with the option for it."""
    has_aspect = is_offered(ASPECT_OPTION)
    scores: dict[str, Score] = {}
    runs: list[Run] = []
    plain: dict[str, Score] = {}
    for name, entry in truth.items():
        stem, aspect = Path(name).stem, entry.get("true_aspect")
        run = redact(clips / name, options)
        scores[stem] = coverage.score(entry, run.boxes)
        if aspect and has_aspect:
            plain[stem] = scores[stem]
            run = redact(clips / name, [*options, ASPECT_OPTION, aspect])
            scores[stem] = coverage.score(entry, run.boxes)
        elif aspect:
            print(f"{stem}: {ASPECT_OPTION} {aspect} is not available, so the clip is run without it")
        runs.append(run)
    for stem, score in plain.items():
        print(f"{stem} without {ASPECT_OPTION}: clear {score.recall:.2%}, all {score.recall_all:.2%}")
    frames = sum(run.frames for run in runs)
    spent = sum(run.milliseconds * run.frames for run in runs) / max(1, frames)
    black = sum(len(run.blanked) for run in runs)
    detectors = ", ".join(sorted({run.detector for run in runs}))
    print(f"{detectors}: {spent:.1f} ms of processor time per frame, {black} of {frames} frames blanked")
    return scores


def _score_theirs(clips: Path, truth: Truth, every: int) -> dict[str, Score]:
    scores = {}
    frames, before = 0, time.process_time()
    for name, entry in truth.items():
        boxes = {int(index): row for index, row in deface_boxes(clips / name, every=every).items()}
        seen = {key: faces for key, faces in entry["frames"].items() if int(key) in boxes}
        scores[Path(name).stem] = coverage.score({**entry, "frames": seen}, boxes, ellipse=True)
        frames += len(boxes)
    spent = 1000 * (time.process_time() - before) / max(1, frames)
    print(f"\n{spent:.1f} ms of processor time per frame, detection and scoring, every frame of {every}")
    return scores


def _print(program: str, scores: Mapping[str, Score]) -> Score:
    print(f"{program}\n{coverage.table(scores)}\n\n{coverage.people_table(scores)}", flush=True)
    return coverage.total(list(scores.values()))


def main() -> None:
    """Render the clips, redact them, and print the tables of each program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder that benchmarks/footage/make.py has filled")
    parser.add_argument("--theme", choices=THEMES, default="hard", help="which clips to render")
    parser.add_argument("--seed", type=int, default=SEED, help="of the clips to render")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        clips = arguments.clips
        if clips is None:
            clips = Path(temporary) / "clips"
            render_clips(clips, arguments.theme, arguments.seed)
        compare(clips)


if __name__ == "__main__":
    main()
