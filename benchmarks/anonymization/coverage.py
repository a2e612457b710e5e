"""Score redaction boxes against ground truth, one clip or many.

    python -m benchmarks.anonymization.coverage GT RESULTS

GT is `gt.json` of `benchmarks.footage.make` or a file like `street_faces.json`. RESULTS is a folder with
`CLIP.json` for each clip `CLIP.mp4`, or one file `{"CLIP.mp4": {...}}`; each holds `{frame index: [[x1, y1,
x2, y2], ...]}`, the boxes as redacted, in pixels of the full frame. A frame of the ground truth that is
absent from the results counts as not redacted; a frame that is absent from the ground truth is ignored.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = Sequence[float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Miss:
    """A face of one frame of which less than the required share was redacted."""

    frame: int
    face: str
    box: tuple[float, ...]
    hard: bool
    covered: float


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of faces and pixels; areas are pixels summed over the frames."""

    frames: int
    pixels: int
    clear: int
    faces: int
    redacted: int
    false: int
    misses: tuple[Miss, ...]
    leak: int
    """Longest run of consecutive frames in which one face, hard or not, was missed."""
    clear_leak: int
    """As ``leak``, among frames in which the face is not hard."""
    people: int = 0
    """People of the clip: ids that occur in a frame in which the face is not turned away."""
    exposed: int = 0
    """Those of them whose face was missed in at least one such frame."""
    clear_people: int = 0
    """People whose face is not hard in at least one frame."""
    clear_exposed: int = 0
    """Those of them who were missed in at least one frame in which the face is not hard."""

    @property
    def missed_clear(self) -> int:
        """Missed face-frames that are not hard."""
        return sum(not miss.hard for miss in self.misses)

    @property
    def recall(self) -> float:
        """Share of the faces that are not hard and were covered; nan without any."""
        return 1 - self.missed_clear / self.clear if self.clear else float("nan")

    @property
    def recall_all(self) -> float:
        """Share of all faces that were covered; nan without any."""
        return 1 - len(self.misses) / self.faces if self.faces else float("nan")

    @property
    def redacted_area(self) -> float:
        """Redacted share of the frame, mean over the frames."""
        return self.redacted / self.pixels if self.pixels else 0.0

    @property
    def false_area(self) -> float:
        """Share of the frame that was redacted away from every grown face, mean over the frames."""
        return self.false / self.pixels if self.pixels else 0.0


def score(
    gt: Mapping[str, Any],
    boxes: Mapping[int, Sequence[Box]],
    *,
    cover: float = 0.85,
    expand: float = 1.6,
    ellipse: bool = False,
) -> Score:
    """Score one clip.

    Args:
        gt: `{"width", "height", "frames": {"0": [{"xyxy", "hard", "id"?, "away"?}]}}`. Faces without an `id`
            count as different in every frame and are not counted as people; `away` marks the back of a head,
            which counts as a face but not for its person. An optional `"ignore": {"0": [xyxy]}` lists faces
            that need not be redacted, but whose redaction is not false either.
        boxes: Redacted boxes (x1, y1, x2, y2) in pixels, by frame index.
        cover: Share of a face's box that the union of the redacted boxes has to cover.
        expand: Redacted pixels inside a face's box grown by this factor about its centre are not false.
        ellipse: Redact the ellipse inscribed in each box instead of the box.
    """
    width, height = gt["width"], gt["height"]
    misses: list[Miss] = []
    people: dict[str, list[tuple[bool, bool]]] = {}
    redacted = false = 0
    for key, faces in gt["frames"].items():
        mask = np.zeros((height, width), bool)
        for box in boxes.get(int(key), ()):
            _paint(mask, box, ellipse=ellipse)
        for number, face in enumerate(faces):
            covered = _covered(mask, face["xyxy"])
            if "id" in face and not face.get("away"):
                people.setdefault(face["id"], []).append((face["hard"], covered >= cover))
            if covered < cover:
                name = str(face.get("id", f"frame {key}, face {number}"))
                misses.append(Miss(int(key), name, tuple(face["xyxy"]), face["hard"], covered))
        redacted += int(np.count_nonzero(mask))
        for box in (*(face["xyxy"] for face in faces), *gt.get("ignore", {}).get(key, ())):
            mask[_window(_grown(box, expand), mask)] = False
        false += int(np.count_nonzero(mask))
    clearly = [[hit for hard, hit in seen if not hard] for seen in people.values()]
    everyone = [face for faces in gt["frames"].values() for face in faces]
    return Score(
        frames=len(gt["frames"]),
        pixels=len(gt["frames"]) * width * height,
        clear=sum(not face["hard"] for face in everyone),
        faces=len(everyone),
        redacted=redacted,
        false=false,
        misses=tuple(misses),
        leak=_longest_run(misses),
        clear_leak=_longest_run(miss for miss in misses if not miss.hard),
        people=len(people),
        exposed=sum(not all(hit for _, hit in seen) for seen in people.values()),
        clear_people=sum(bool(seen) for seen in clearly),
        clear_exposed=sum(not all(seen) for seen in clearly),
    )


def covered_shares(gt: Mapping[str, Any], boxes: Mapping[int, Sequence[Box]]) -> list[float]:
    """Return the covered share of every face of a clip, in the order of the ground truth."""
    shares = []
    for key, faces in gt["frames"].items():
        mask = np.zeros((gt["height"], gt["width"]), bool)
        for box in boxes.get(int(key), ()):
            _paint(mask, box, ellipse=False)
        shares += [_covered(mask, face["xyxy"]) for face in faces]
    return shares


def wilson_interval(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a share; (nan, nan) if nothing was counted.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Args:
        hits: number of successes.
        count: number of trials.
        z: quantile of the normal distribution; 1.96 gives 95 %.
    """
    if not count:
        return float("nan"), float("nan")
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def total(scores: Sequence[Score]) -> Score:
    """Pool clips: faces and pixels are summed, so a large frame weighs more; a leak is the longest."""
    return Score(
        frames=sum(s.frames for s in scores),
        pixels=sum(s.pixels for s in scores),
        clear=sum(s.clear for s in scores),
        faces=sum(s.faces for s in scores),
        redacted=sum(s.redacted for s in scores),
        false=sum(s.false for s in scores),
        misses=tuple(miss for s in scores for miss in s.misses),
        leak=max((s.leak for s in scores), default=0),
        clear_leak=max((s.clear_leak for s in scores), default=0),
        people=sum(s.people for s in scores),
        exposed=sum(s.exposed for s in scores),
        clear_people=sum(s.clear_people for s in scores),
        clear_exposed=sum(s.clear_exposed for s in scores),
    )


def table(scores: Mapping[str, Score]) -> str:
    """Lay the scores out as text, one line a clip and one for all."""
    head = (
        f"{'clip':16}{'frames':>7}{'clear':>7}{'all':>7}{'recall':>9}{'all':>9}{'redacted':>10}{'false':>8}"
    )
    lines = [head + f"{'missed':>8}{'all':>6}{'leak':>6}{'all':>6}"]
    rows = [*scores.items(), ("total", total(list(scores.values())))] if len(scores) > 1 else scores.items()
    lines += [
        f"{name:16}{s.frames:7}{s.clear:7}{s.faces:7}{s.recall:9.2%}{s.recall_all:9.2%}"
        f"{s.redacted_area:10.2%}{s.false_area:8.2%}{s.missed_clear:8}{len(s.misses):6}{s.clear_leak:6}{s.leak:6}"
        for name, s in rows
    ]
    return "\n".join(lines)


def people_table(scores: Mapping[str, Score]) -> str:
    """Lay out how many people were never missed, with 95 % intervals: one line a clip and one for all."""
    lines = [f"{'clip':16}{'people':>7}{'never missed, clear frames':>32}{'people':>9}{'all frames':>32}"]
    for name, s in (*scores.items(), ("total", total(list(scores.values())))):
        clear = _people_share(s.clear_people - s.clear_exposed, s.clear_people)
        everyone = _people_share(s.people - s.exposed, s.people)
        lines.append(f"{name:16}{s.clear_people:7}{clear:>32}{s.people:9}{everyone:>32}")
    return "\n".join(lines)


def load_results(path: Path, clips: Iterable[str]) -> dict[str, dict[int, list[list[float]]]]:
    """Read the boxes of every clip that the results hold."""
    if path.is_dir():
        files = {clip: path / f"{Path(clip).stem}.json" for clip in clips}
        raw = {clip: json.loads(file.read_text()) for clip, file in files.items() if file.is_file()}
    else:
        held = json.loads(path.read_text())
        raw = {clip: held[clip] for clip in clips if clip in held}
    return {clip: {int(index): boxes for index, boxes in frames.items()} for clip, frames in raw.items()}


def _people_share(hits: int, count: int) -> str:
    if not count:
        return "-"
    low, high = wilson_interval(hits, count)
    return f"{hits} = {hits / count:.1%} [{low:.1%}, {high:.1%}]"


def _covered(mask: Mask, box: Box) -> float:
    visible = mask[_window(box, mask)]
    return np.count_nonzero(visible) / visible.size if visible.size else 0.0


def _paint(mask: Mask, box: Box, *, ellipse: bool) -> None:
    rows, columns = window = _window(box, mask)
    if not ellipse:
        mask[window] = True
        return
    x1, y1, x2, y2 = box[:4]
    if x2 <= x1 or y2 <= y1:
        return
    across = ((np.arange(columns.start, columns.stop) + 0.5 - (x1 + x2) / 2) / ((x2 - x1) / 2)) ** 2
    down = ((np.arange(rows.start, rows.stop) + 0.5 - (y1 + y2) / 2) / ((y2 - y1) / 2)) ** 2
    mask[window] |= down[:, None] + across <= 1


def _window(box: Box, mask: Mask) -> tuple[slice, slice]:
    """Return the whole pixels of a box inside the frame; possibly none."""
    (top, bottom), (left, right) = (
        (max(0, round(low)), min(size, round(high)))
        for low, high, size in zip(box[1::-1], box[3:1:-1], mask.shape, strict=True)
    )
    return slice(top, max(top, bottom)), slice(left, max(left, right))


def _grown(box: Box, factor: float) -> Box:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    reach_x, reach_y = factor * (box[2] - box[0]) / 2, factor * (box[3] - box[1]) / 2
    return x - reach_x, y - reach_y, x + reach_x, y + reach_y


def _longest_run(misses: Iterable[Miss]) -> int:
    longest, runs = 0, dict[str, tuple[int, int]]()
    for miss in sorted(misses, key=lambda miss: miss.frame):
        last, length = runs.get(miss.face, (-1, 0))
        length = length + 1 if miss.frame == last + 1 else 1
        runs[miss.face] = miss.frame, length
        longest = max(longest, length)
    return longest


def main() -> None:
    """Print the table and, on request, every missed face."""
    parser = argparse.ArgumentParser(description="Score redaction boxes against ground truth.")
    parser.add_argument("gt", type=Path)
    parser.add_argument("results", type=Path, help="folder of CLIP.json, or one JSON file keyed by clip")
    parser.add_argument("--cover", type=float, default=0.85)
    parser.add_argument("--expand", type=float, default=1.6)
    parser.add_argument("--ellipse", action="store_true", help="score the ellipse inscribed in each box")
    parser.add_argument("--misses", action="store_true", help="list every missed face")
    arguments = parser.parse_args()
    truth = json.loads(arguments.gt.read_text())
    results = load_results(arguments.results, truth)
    if not results:
        parser.error(f"{arguments.results} holds none of the clips: {', '.join(truth)}")
    options = {"cover": arguments.cover, "expand": arguments.expand, "ellipse": arguments.ellipse}
    scores = {clip: score(truth[clip], boxes, **options) for clip, boxes in results.items()}
    print(table(scores))
    print("\n" + people_table(scores))
    if absent := [clip for clip in truth if clip not in results]:
        print(f"not scored, no results: {', '.join(absent)}")
    if arguments.misses:
        for clip, found in scores.items():
            for miss in found.misses:
                kind = "hard " if miss.hard else ""
                print(f"{clip} frame {miss.frame}: {kind}{miss.face} {miss.box} covered {miss.covered:.2f}")


if __name__ == "__main__":
    main()
