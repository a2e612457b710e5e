"""Films of people who are turned, tilted or squeezed, scored by the boxes of the upright film.

The upright film is redacted, and its boxes are mapped into the turned one. A box is found again if at least
`COVER` of it, shrunk by `SHRINK` on each side, is covered there. No annotation is needed, so the films cannot
favour a program that was tuned to some truth; boxes that are wrong in the upright film count as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.anonymization.sight.runs import ASPECT_OPTION, Run, is_offered, redact

COVER = 0.85
SHRINK = 0.2
"""Share of its width and height that a mapped box loses on each side before its coverage is measured."""
GROW = 1.3
"""Redacted pixels are away from every box if they lie outside all mapped boxes grown by this factor."""
GRID = 24
"""Points per side at which the coverage of a box is sampled."""
ASPECT = "2:1"
UNTAGGED = "untagged-narrow"

Affine = NDArray[np.float64]
Box = Sequence[float]


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one film.

    Attributes:
        film: name of the film, and the option it was run with.
        boxes: boxes of the upright film.
        found: those of them that the film's own boxes cover.
        away: share of the picture redacted away from every mapped box, mean over the frames.
        run: run of the film itself.
    """

    film: str
    boxes: int
    found: int
    away: float
    run: Run

    @property
    def share(self) -> float:
        """Covered share of the boxes; nan without any."""
        return self.found / self.boxes if self.boxes else float("nan")


def make_films(data: Path, folder: Path, seconds: float) -> dict[str, dict]:
    """Write the films into a folder, unless they are there already, and return `films.json`."""
    record = folder / "films.json"
    if not record.is_file():
        script = data / "sight" / "make_films.py"
        subprocess.run([sys.executable, script, folder, str(seconds)], check=True, stdout=subprocess.DEVNULL)
    films: dict[str, dict] = json.loads(record.read_text())
    return films


def compare_films(
    films: Mapping[str, dict], folder: Path, options: Sequence[str], *, only: Sequence[str] = ()
) -> None:
    """Redact every film and print a table per source.

    Args:
        films: contents of `films.json`.
        folder: the films.
        options: options of the command.
        only: parts of names; other films are left out, except upright ones. All films when empty.
    """
    has_aspect = is_offered(ASPECT_OPTION)
    for upright in dict.fromkeys(entry["of"] for entry in films.values()):
        names = [
            name
            for name, entry in films.items()
            if entry["of"] == upright and name != upright and (not only or any(part in name for part in only))
        ]
        if not names:
            continue
        truth = redact(folder / f"{upright}.mp4", options)
        source = upright.removesuffix("-0")
        print(f"\n{source}, {truth.detector}: share of the upright film's boxes that are covered")
        print(f"{'film':24}{'boxes':>7}{'covered':>9}{'away':>8}{'blanked':>9}{'ms/frame':>10}")
        _print(score_film(upright, films[upright], truth, truth))
        for name in names:
            turned = redact(folder / f"{name}.mp4", options)
            _print(score_film(name, films[name], truth, turned))
            if name.endswith(UNTAGGED):
                label = f"{UNTAGGED} {ASPECT}"
                if not has_aspect:
                    print(f"{label:24} not available: {ASPECT_OPTION} is not an option of this version")
                    continue
                told = redact(folder / f"{name}.mp4", [*options, ASPECT_OPTION, ASPECT])
                _print(score_film(label, films[name], truth, told))


def score_film(name: str, entry: Mapping, upright: Run, turned: Run) -> Row:
    """Score one film.

    Args:
        name: label of the row.
        entry: `{"matrix", "size"}` of the film.
        upright: run of the upright film.
        turned: run of this film.
    """
    matrix = np.asarray(entry["matrix"], float)
    width, height = entry["size"]
    total = found = 0
    away = 0.0
    for index, boxes in upright.boxes.items():
        own = turned.boxes.get(index, [])
        total += len(boxes)
        found += sum(covered_share(box, matrix, own, (width, height)) >= COVER for box in boxes)
        away += _away(boxes, matrix, own, (width, height))
    label = name.removeprefix(entry["of"].removesuffix("-0")).lstrip("-") or name
    return Row(label, total, found, away / max(1, len(upright.boxes)), turned)


def covered_share(box: Box, matrix: Affine, own: Sequence[Box], size: tuple[int, int]) -> float:
    """Return the share of a box, shrunk and mapped, that lies in boxes of the film.

    Args:
        box: box (x1, y1, x2, y2) of the upright film.
        matrix: 2x3 map from upright pixels to pixels of the film.
        own: boxes of the film.
        size: width and height of the film; what lies outside does not count.
    """
    x1, y1, x2, y2 = box
    steps = SHRINK + (1 - 2 * SHRINK) * (np.arange(GRID) + 0.5) / GRID
    xs, ys = np.meshgrid(x1 + steps * (x2 - x1), y1 + steps * (y2 - y1))
    points = matrix[:, :2] @ np.stack([xs.ravel(), ys.ravel()]) + matrix[:, 2:]
    inside = (points >= 0).all(axis=0) & (points < np.array(size)[:, None]).all(axis=0)
    if not inside.any():
        return 1.0
    x, y = points[:, inside]
    hidden = np.zeros(x.shape, bool)
    for left, top, right, bottom in own:
        hidden |= (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return float(hidden.mean())


def _away(boxes: Sequence[Box], matrix: Affine, own: Sequence[Box], size: tuple[int, int]) -> float:
    """Return the share of the frame in own boxes, but outside the grown rectangles around mapped boxes."""
    mask = np.zeros((size[1], size[0]), bool)
    for x1, y1, x2, y2 in own:
        mask[max(0, round(y1)) : max(0, round(y2)), max(0, round(x1)) : max(0, round(x2))] = True
    for x1, y1, x2, y2 in boxes:
        corners = matrix[:, :2] @ np.array([[x1, x2, x1, x2], [y1, y1, y2, y2]]) + matrix[:, 2:]
        low, high = corners.min(axis=1), corners.max(axis=1)
        reach = (high - low) * (GROW - 1) / 2
        (left, top), (right, bottom) = np.maximum(0, np.rint([low - reach, high + reach])).astype(int)
        mask[top:bottom, left:right] = False
    return float(mask.mean())


def _print(row: Row) -> None:
    print(
        f"{row.film:24}{row.boxes:7}{row.share:9.3f}{row.away:8.2%}{len(row.run.blanked):9}"
        f"{row.run.milliseconds:10.1f}",
        flush=True,
    )
