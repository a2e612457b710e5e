"""Videos and pictures whose faces were marked by hand.

`verified.json` has the format of `benchmarks.anonymization.coverage`: a woman in red who turns her head away
in ``street.mp4``, a woman in teal in profile, and the 21 faces of ``city.jpg``, of which `hard` ones are
mostly covered by other people. Its `ignore` lists heads without a face, and one on a poster.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from benchmarks.anonymization import coverage
from benchmarks.anonymization.sight.runs import Run, redact
from benchmarks.footage.stills import FACES

TRUTH: dict[str, Any] = json.loads(Path(__file__).with_name("verified.json").read_text())
CITY = "city.jpg"
COVER = 0.85


def check_videos(data: Path, options: Sequence[str]) -> None:
    """Print how well the faces of the videos are covered."""
    runs: dict[str, Run] = {}
    street = json.loads((data / "street_faces.json").read_text())["street.mp4"]
    run = runs["street.mp4"] = redact(data / "street.mp4", options)
    score = coverage.score(street, run.boxes)
    print(
        f"\nstreet.mp4: clear {score.recall:.3f}, all {score.recall_all:.3f}, "
        f"redacted {score.redacted_area:.2%}, away from faces {score.false_area:.2%}, "
        f"blanked {len(run.blanked)}, {run.milliseconds:.1f} ms/frame, by {run.detector}"
    )
    for miss in score.misses:
        print(f"  missed in frame {miss.frame}: {miss.box}, hard {miss.hard}, covered {miss.covered:.2f}")
    for name, truth in TRUTH.items():
        if name == CITY:
            continue
        source = truth["source"]
        if source not in runs:
            runs[source] = redact(data / source, options)
        shares = coverage.covered_shares(truth, runs[source].boxes)
        frames = list(truth["frames"])
        open_ = [frame for frame, share in zip(frames, shares, strict=True) if share < COVER]
        print(
            f"{name}, {Path(source).name}, frames {frames[0]} to {frames[-1]}: covered in "
            f"{len(frames) - len(open_)} of {len(frames)}, least {min(shares):.2f}, "
            f"{runs[source].milliseconds:.1f} ms/frame"
        )
        print("  covered share by frame: " + " ".join(f"{share:.2f}" for share in shares), flush=True)


def check_pictures(data: Path, options: Sequence[str]) -> None:
    """Print the outcome of every picture: exit code, whether it is black, boxes and faces covered."""
    print(f"\n{'picture':44}{'exit':>5}{'black':>7}{'boxes':>7}{'faces covered':>15}{'away':>8}{'ms':>8}")
    black = 0
    for path in sorted(
        [*(data / "faces").iterdir(), *(data / "plates").glob("*.jpg"), data / "sight" / CITY]
    ):
        run = redact(path, options)
        score = coverage.score(_truth_of(path), run.boxes)
        black += bool(run.blanked)
        colour = "yes" if run.blanked else "no"
        hit = f"{score.faces - len(score.misses)} of {score.faces}" if score.faces else "-"
        print(
            f"{path.name:44}{run.exit_code:5}{colour:>7}{len(run.boxes[0]):7}{hit:>15}"
            f"{score.false_area:8.2%}{run.milliseconds:8.0f}",
            flush=True,
        )
        for miss in score.misses:
            print(f"  missed: {miss.face} {miss.box}, covered {miss.covered:.2f}")
    print(f"black pictures: {black}")


def _truth_of(path: Path) -> dict[str, Any]:
    if path.name == CITY:
        truth: dict[str, Any] = TRUTH[CITY]
        return truth
    height, width = cv2.imread(str(path)).shape[:2]
    faces = [{"xyxy": box, "hard": False} for box in FACES.get(path.name, ())]
    return {"width": width, "height": height, "frames": {"0": faces}}
