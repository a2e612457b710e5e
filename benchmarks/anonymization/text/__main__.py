"""Benchmark of the text policy: what is covered, what is kept, and what both cost.

Lines are drawn over real footage, as stills and as short videos in which the overlay stands, shakes or
scrolls. Identifying lines count as covered in a frame if at least 99 % of their letters' box is redacted;
harmless ones as kept if at most 5 % of it is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.anonymization.text.overlays import GIVEN_NAMES, SURNAMES, Line, draw, fonts
from framecloak.adapters.media.video.source import open_video
from framecloak.entrypoints.cli.main import main as framecloak

SIZE = 1280, 720
MOTIONS = ("standing", "shaking", "scrolling")
BIT_RATES = (300_000, 2_000_000, 8_000_000)
VIDEO_FRAMES = 25
SEED = 19
LETTERS = (540, 150, 820, 440)
"""Box of the letters on the house front in street.mp4, at ``SIZE``."""

Box = tuple[int, int, int, int]
Tally = dict[tuple[bool, int], list[int]]
"""Frames of lines by whether they identify and by size: as they should be, and all."""


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, default=Path("../shared/data/street.mp4"))
    parser.add_argument("--stills", type=int, default=200)
    parser.add_argument("--videos", type=int, default=9)
    arguments = parser.parse_args()
    if not arguments.footage.is_file():
        raise SystemExit(f"there is no footage at {arguments.footage}; give one with --footage")
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names.txt"
        names.write_text("\n".join([*SURNAMES, *GIVEN_NAMES]), "utf-8")
        for title, tally, cost in (
            ("stills", *_stills(Path(folder), arguments.footage, arguments.stills, names)),
            ("videos", *_videos(Path(folder), arguments.footage, arguments.videos, names)),
        ):
            _print(title, tally, cost)


def _stills(folder: Path, footage: Path, count: int, names: Path) -> tuple[Tally, float]:
    pictures = folder / "stills"
    pictures.mkdir()
    chance, backgrounds, files = _chance(SEED), _backgrounds(footage), fonts()
    lines: list[list[Line]] = []
    for number in range(count):
        image, drawn = draw(next(backgrounds), chance, files, avoid=LETTERS)
        quality = [cv2.IMWRITE_JPEG_QUALITY, chance.choice((40, 70, 95))]
        cv2.imwrite(str(pictures / f"{number:04d}.jpg"), image[..., ::-1], quality)
        lines.append(drawn)
    entries, cost = _redact(pictures, names)
    tally: Tally = defaultdict(lambda: [0, 0])
    for boxes, drawn in zip(entries, lines, strict=True):
        _count(tally, boxes, drawn)
    return tally, cost


def _videos(folder: Path, footage: Path, count: int, names: Path) -> tuple[Tally, float]:
    tally: Tally = defaultdict(lambda: [0, 0])
    chance, backgrounds, files, costs = _chance(SEED + 1), _backgrounds(footage), fonts(), []
    for number in range(count):
        clear = np.zeros((SIZE[1] + 200, SIZE[0] + 40, 3), np.uint8)
        _, drawn = draw(clear, _chance(number), files, avoid=LETTERS)
        motion = MOTIONS[number % len(MOTIONS)]
        path = folder / f"{number}.mp4"
        offsets = [_offset(motion, index, chance) for index in range(VIDEO_FRAMES)]
        frames = []
        for x, y in offsets:
            under = cv2.copyMakeBorder(next(backgrounds), 0, 200, 0, 40, cv2.BORDER_REPLICATE)
            frame, _ = draw(np.asarray(under, np.uint8), _chance(number), files, avoid=LETTERS)
            frames.append(frame[y : y + SIZE[1], x : x + SIZE[0]])
        _write(path, frames, BIT_RATES[number // len(MOTIONS) % len(BIT_RATES)])
        entries, cost = _redact(path, names)
        costs.append(cost)
        for boxes, (x, y) in zip(entries, offsets, strict=True):
            _count(tally, boxes, [line for line in _moved(drawn, x, y) if _is_whole(line.box)])
    return tally, sum(costs) / max(1, len(costs))


def _chance(seed: int) -> random.Random:
    """Return a source of reproducible choices."""
    return random.Random(seed)  # noqa: S311


def _offset(motion: str, index: int, chance: random.Random) -> tuple[int, int]:
    if motion == "standing":
        return 20, 0
    return (20 + chance.randint(-4, 4), chance.randint(0, 4)) if motion == "shaking" else (20, 4 * index)


def _moved(lines: list[Line], x: int, y: int) -> Iterator[Line]:
    for line in lines:
        x1, y1, x2, y2 = line.box
        yield Line(line.text, line.identifies, line.size, line.style, (x1 - x, y1 - y, x2 - x, y2 - y))


def _is_whole(box: Box) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= SIZE[0] and box[3] <= SIZE[1]


def _backgrounds(footage: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video over and over, at the size of the overlays."""
    while True:
        source = open_video(footage)
        for frame in source.frames(0, source.info.frame_count):
            yield frame.rgb(*SIZE)


def _write(path: Path, frames: list[NDArray[np.uint8]], bit_rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.bit_rate = "yuv420p", bit_rate
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _redact(source: Path, names: Path) -> tuple[list[list[Box]], float]:
    """Redact a file or folder; return the boxes of each frame, and the ratio of costs."""
    output, seconds = source.with_suffix(".zip"), []
    policy = ["--text", "identifying", "--names", str(names)]
    for options in ([], policy):
        started = _processor_seconds()
        fixed = ["--level", "full", "--verify", "none", "--force", "--quiet", "--threads", "1"]
        if framecloak(["redact", str(source), "-o", str(output), *fixed, *options]):
            raise SystemExit(f"{source} cannot be redacted")
        seconds.append(_processor_seconds() - started)
    with zipfile.ZipFile(output) as archive:
        frames = json.loads(archive.read("manifest.json"))["frames"]
    output.unlink()
    whole = (0, 0, *SIZE)
    boxes = [
        [whole] if frame["blanked"] else [tuple(box["xyxy"]) for box in frame["boxes"]] for frame in frames
    ]
    return boxes, seconds[1] / seconds[0]


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _count(tally: Tally, boxes: list[Box], lines: list[Line]) -> None:
    mask = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    for line in lines:
        x1, y1, x2, y2 = line.box
        share = mask[y1:y2, x1:x2].mean()
        right = share >= 0.99 if line.identifies else share <= 0.05
        if os.environ.get("SHOW_FAILURES") and line.identifies and not right:
            print(f"readable: {line.text!r}, {line.size} px, {line.style}, {share:.0%} covered")
        counts = tally[line.identifies, line.size]
        counts[0] += bool(right)
        counts[1] += 1


def _print(title: str, tally: Tally, cost: float) -> None:
    print(f"\n{title}: {cost:.2f} times the processor time of --text all\n")
    print("| px | identifying lines | covered | harmless lines | kept |\n| --- | --- | --- | --- | --- |")
    for size in sorted({size for _, size in tally}):
        covered, identifying = tally[True, size]
        kept, harmless = tally[False, size]
        print(f"| {size} | {identifying} | {covered} | {harmless} | {kept / max(1, harmless):.2f} |")


if __name__ == "__main__":
    main()
