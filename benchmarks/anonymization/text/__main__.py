"""Benchmark of the text policy: what is covered, what is kept, and what both cost.

Lines are drawn over real footage, as stills and as short videos in which the overlay stands, shakes or
scrolls. Identifying lines count as covered in a frame if at least 99 % of their letters' box is redacted;
harmless ones as kept if at most 5 % of it is. What is covered elsewhere is covered needlessly.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.anonymization.text.overlays import GIVEN_NAMES, SURNAMES, Line, draw, fonts
from benchmarks.anonymization.text.tally import (
    LETTERS,
    SIZE,
    Box,
    Tallies,
    Tally,
    print_conditions,
    print_sizes,
    show_progress,
)
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.imaging.detections import Detections, ModelCard
from framecloak.entrypoints.cli.progress import Monitor, OutputMode
from framecloak.entrypoints.cli.redact.run import RedactArguments, redact
from framecloak.entrypoints.cli.redact.text import TextArguments
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings

MOTIONS = ("standing", "shaking", "scrolling")
BIT_RATES = (300_000, 1_000_000, 8_000_000)
VIDEO_FRAMES = 25
STILLS_PER_RUN = 10
POLICIES = ("all", "identifying")
SEED = 19


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, default=Path("../shared/data/street.mp4"))
    parser.add_argument("--stills", type=int, default=200)
    parser.add_argument("--videos", type=int, default=9)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of all choices")
    parser.add_argument("--policy", choices=POLICIES, help="measure one policy alone, without the other")
    parser.add_argument("--presidio", type=Path, help="interpreter with presidio-image-redactor and spacy")
    parser.add_argument("--with-faces", action="store_true", help="also search for faces, as users do")
    arguments = parser.parse_args()
    if not arguments.footage.is_file():
        raise SystemExit(f"there is no footage at {arguments.footage}; give one with --footage")
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names.txt"
        names.write_text("\n".join([*SURNAMES, *GIVEN_NAMES]), "utf-8")
        policies = [arguments.policy] if arguments.policy else POLICIES
        redaction = Redaction(names, policies, with_faces=arguments.with_faces)
        presidio = Presidio(arguments.presidio, names) if arguments.presidio else None
        stills = _stills(
            Path(folder), arguments.footage, arguments.stills, redaction, arguments.seed, presidio
        )
        print_sizes("stills", stills)
        videos, conditions = _videos(
            Path(folder), arguments.footage, arguments.videos, redaction, arguments.seed
        )
        print_sizes("videos", videos)
        print_conditions(conditions)


def _stills(
    folder: Path,
    footage: Path,
    count: int,
    redaction: Redaction,
    seed: int,
    presidio: Presidio | None,
) -> Tallies:
    tallies = {mode: Tally() for mode in (*redaction.policies, *(["presidio"] if presidio else []))}
    chance, backgrounds, files = _chance(seed), _backgrounds(footage), fonts()
    for start in range(0, count, STILLS_PER_RUN):
        pictures = folder / f"stills-{start}"
        pictures.mkdir()
        lines: list[list[Line]] = []
        for number in range(start, min(count, start + STILLS_PER_RUN)):
            image, drawn = draw(next(backgrounds), chance, files, avoid=LETTERS)
            quality = [cv2.IMWRITE_JPEG_QUALITY, chance.choice((40, 70, 95))]
            cv2.imwrite(str(pictures / f"{number:04d}.jpg"), image[..., ::-1], quality)
            lines.append(drawn)
        for mode, tally in tallies.items():
            found = presidio.run(pictures) if presidio and mode == "presidio" else None
            each_boxes = found if found is not None else redaction.run(pictures, mode, tally)
            for boxes, drawn in zip(each_boxes, lines, strict=True):
                tally.add(boxes, drawn)
        show_progress("stills", start + len(lines), tallies)
    return tallies


def _videos(
    folder: Path, footage: Path, count: int, redaction: Redaction, seed: int
) -> tuple[Tallies, Mapping[tuple[str, int], Tally]]:
    """Return the counts of all videos by policy, and those of the last policy by motion and bit rate."""
    tallies = {mode: Tally() for mode in redaction.policies}
    conditions: dict[tuple[str, int], Tally] = defaultdict(Tally)
    chance, backgrounds, files = _chance(seed + 1), _backgrounds(footage), fonts()
    for number in range(count):
        clear = np.zeros((SIZE[1] + 200, SIZE[0] + 40, 3), np.uint8)
        _, drawn = draw(clear, _chance(1000 * (seed - SEED) + number), files, avoid=LETTERS)
        motion = MOTIONS[number % len(MOTIONS)]
        path = folder / f"{number}.mp4"
        offsets = [_offset(motion, index, chance) for index in range(VIDEO_FRAMES)]
        frames = []
        for x, y in offsets:
            under = cv2.copyMakeBorder(next(backgrounds), 0, 200, 0, 40, cv2.BORDER_REPLICATE)
            frame, _ = draw(
                np.asarray(under, np.uint8), _chance(1000 * (seed - SEED) + number), files, avoid=LETTERS
            )
            frames.append(frame[y : y + SIZE[1], x : x + SIZE[0]])
        bit_rate = BIT_RATES[number // len(MOTIONS) % len(BIT_RATES)]
        _write(path, frames, bit_rate)
        for mode, tally in tallies.items():
            of_video = Tally()
            for boxes, (x, y) in zip(redaction.run(path, mode, of_video), offsets, strict=True):
                moved = list(_moved(drawn, x, y))
                of_video.add(boxes, [line for line in moved if _is_whole(line.box)], moved)
            tally.add_all(of_video)
            if mode == list(tallies)[-1]:
                conditions[motion, bit_rate].add_all(of_video)
        show_progress("videos", number + 1, tallies)
    return tallies, conditions


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


class _NoFaces:
    """Face detector that finds none: the search for faces takes most of the time, and covers no text."""

    card = ModelCard("none", "0" * 64, "none", "CPU", "fp32")
    stride = 32
    max_batch = 8

    def detect(self, images: Sequence[NDArray[np.uint8]], threshold: float) -> list[Detections]:  # noqa: ARG002
        return [Detections.empty() for _ in images]


class Redaction:
    """Redaction of a file or folder under each text policy.

    Args:
        names: list of names.
        policies: text policies to measure.
        with_faces: True to search for faces as well.
    """

    def __init__(self, names: Path, policies: Sequence[str] = POLICIES, *, with_faces: bool) -> None:
        arguments = {"all": TextArguments(), "identifying": TextArguments(mode="identifying", names=names)}
        self.policies = {policy: arguments[policy] for policy in policies}
        container = Container.build(replace(Settings.from_environment(os.environ), threads=1))
        self._container = replace(
            container,
            load_box_detectors=cache(container.load_box_detectors),
            load_detector=cache(container.load_detector) if with_faces else _NoFaces,
            load_second_detector=container.load_second_detector if with_faces else lambda _: None,
        )

    def run(self, source: Path, mode: str, tally: Tally) -> list[list[Box]]:
        """Redact a file or folder; return the boxes of each frame."""
        output, started = source.with_suffix(".zip"), _processor_seconds()
        arguments = RedactArguments(
            (source,), output, Level.FULL, verify=Verify.NONE, overwrite=True, text=self.policies[mode]
        )
        redact(arguments, self._container, Monitor(OutputMode.QUIET))
        tally.seconds += _processor_seconds() - started
        with zipfile.ZipFile(output) as archive:
            frames = json.loads(archive.read("manifest.json"))["frames"]
        output.unlink()
        whole = (0, 0, *SIZE)
        return [
            [whole] if frame["blanked"] else [tuple(box["xyxy"]) for box in frame["boxes"]]
            for frame in frames
        ]


@dataclass(frozen=True)
class Presidio:
    """Presidio in an environment of its own: it reads with Tesseract, which must be installed.

    Attributes:
        interpreter: Python that has it.
        names: list of names.
    """

    interpreter: Path
    names: Path

    def run(self, folder: Path) -> list[list[Box]]:
        """Return the boxes that it would redact in each image of a folder."""
        script = Path(__file__).with_name("presidio_boxes.py")
        command = [str(self.interpreter), str(script), str(self.names), str(folder)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        return [[tuple(box) for box in boxes] for boxes in json.loads(result.stdout)]


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
