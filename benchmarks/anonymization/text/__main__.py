"""Benchmark of the text policy: what is covered, what is kept, and what both cost.

Lines are drawn over real footage, as stills and as short videos in which the overlay stands, shakes or
scrolls, and on drawn screens of ultrasound devices. Identifying lines count as covered in a frame if at least
99 % of their letters' box is redacted; harmless ones as kept if at most 5 % of it is. What is covered
elsewhere is covered needlessly.
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
from typing import TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.anonymization.text.fonts import SYSTEM_FOLDERS, Family, families
from benchmarks.anonymization.text.overlays import GIVEN_NAMES, SURNAMES, Line, Overlay, draw
from benchmarks.anonymization.text.tally import (
    LETTERS,
    SIZE,
    Box,
    Tallies,
    Tally,
    print_conditions,
    print_families,
    print_sizes,
    show_progress,
)
from benchmarks.anonymization.text.ultrasound import PROBES, draw_ultrasound, scans
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.imaging.detections import Detections, ModelCard
from framecloak.entrypoints.cli.progress import Monitor, OutputMode
from framecloak.entrypoints.cli.redact.run import RedactArguments, redact
from framecloak.entrypoints.cli.redact.text import TextArguments
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings

ULTRASOUND = "ultrasound"
MOTIONS = ("standing", "shaking", "scrolling", ULTRASOUND)
"""Motions of overlays over footage, and screens of ultrasound devices, which stand."""
BIT_RATES = (300_000, 1_000_000, 8_000_000)
VIDEO_FRAMES = 25
STILLS_PER_RUN = 10
STILLS_PER_ULTRASOUND = 4
POLICIES = ("all", "identifying")
SEED = 19


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, default=Path("../shared/data/street.mp4"))
    parser.add_argument("--stills", type=int, default=200)
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--fonts", type=Path, action="append", default=[], help="folder with further fonts")
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
        terms = Path(folder) / "device-terms.txt"
        terms.write_text("\n".join(PROBES), "utf-8")
        screens = Screens(arguments.footage, families([*SYSTEM_FOLDERS, *arguments.fonts]))
        policies = [arguments.policy] if arguments.policy else POLICIES
        redaction = Redaction(names, terms, policies, with_faces=arguments.with_faces)
        presidio = Presidio(arguments.presidio, names) if arguments.presidio else None
        stills = _stills(Path(folder), screens, arguments.stills, redaction, arguments.seed, presidio)
        print_sizes("stills", stills)
        videos, conditions = _videos(Path(folder), screens, arguments.videos, redaction, arguments.seed)
        print_sizes("videos", videos)
        print_conditions(conditions)
        print_families([stills[redaction.last], videos[redaction.last]])


Drawn: TypeAlias = tuple[NDArray[np.uint8], list[Line]]
"""An image (h, w, 3) RGB, and the lines on it."""


@dataclass(frozen=True)
class Screens:
    """Screens of devices, over footage and by themselves.

    Attributes:
        footage: video under the overlays.
        fonts: families of fonts to draw with.
    """

    footage: Path
    fonts: Sequence[Family]

    def still(self, number: int, chance: random.Random, under: NDArray[np.uint8]) -> Drawn:
        """Draw a still: one of a few is of an ultrasound device, and the others lie over the footage."""
        if number % STILLS_PER_ULTRASOUND == STILLS_PER_ULTRASOUND - 1:
            overlay = draw_ultrasound(SIZE, chance, self.fonts)
            return overlay.over(next(scans(SIZE, chance.randrange(2**31)))), overlay.lines
        overlay = draw(SIZE, chance, self.fonts, avoid=LETTERS)
        return overlay.over(under), overlay.lines

    def overlay(self, motion: str, seed: int) -> Overlay:
        """Draw the overlay of a video, with room for its motion."""
        if motion == ULTRASOUND:
            return draw_ultrasound(SIZE, _chance(seed), self.fonts)
        return draw((SIZE[0] + 40, SIZE[1] + 200), _chance(seed), self.fonts, avoid=LETTERS)

    def frame(
        self, overlay: Overlay, offset: tuple[int, int], backgrounds: Iterator[NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Draw a frame of a video, in which an overlay lies at an offset."""
        under, (width, height), (x, y) = next(backgrounds), overlay.image.size, offset
        larger = cv2.copyMakeBorder(under, 0, height - SIZE[1], 0, width - SIZE[0], cv2.BORDER_REPLICATE)
        return overlay.over(np.asarray(larger, np.uint8))[y : y + SIZE[1], x : x + SIZE[0]]


def _stills(
    folder: Path,
    screens: Screens,
    count: int,
    redaction: Redaction,
    seed: int,
    presidio: Presidio | None,
) -> Tallies:
    tallies = {mode: Tally() for mode in (*redaction.policies, *(["presidio"] if presidio else []))}
    chance, backgrounds = _chance(seed), _backgrounds(screens.footage)
    for start in range(0, count, STILLS_PER_RUN):
        pictures = folder / f"stills-{start}"
        pictures.mkdir()
        lines: list[list[Line]] = []
        for number in range(start, min(count, start + STILLS_PER_RUN)):
            image, drawn = screens.still(number, chance, next(backgrounds))
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
    folder: Path, screens: Screens, count: int, redaction: Redaction, seed: int
) -> tuple[Tallies, Mapping[tuple[str, int], Tally]]:
    """Return the counts of all videos by policy, and those of the last policy by motion and bit rate."""
    tallies = {mode: Tally() for mode in redaction.policies}
    conditions: dict[tuple[str, int], Tally] = defaultdict(Tally)
    chance, footage = _chance(seed + 1), _backgrounds(screens.footage)
    for number in range(count):
        motion, own_seed = MOTIONS[number % len(MOTIONS)], 1000 * (seed - SEED) + number
        backgrounds = scans(SIZE, own_seed) if motion == ULTRASOUND else footage
        overlay = screens.overlay(motion, own_seed)
        path, drawn = folder / f"{number}.mp4", overlay.lines
        offsets = [_offset(motion, index, chance) for index in range(VIDEO_FRAMES)]
        frames = [screens.frame(overlay, offset, backgrounds) for offset in offsets]
        bit_rate = BIT_RATES[number // len(MOTIONS) % len(BIT_RATES)]
        _write(path, frames, bit_rate)
        for mode, tally in tallies.items():
            of_video = Tally()
            for boxes, (x, y) in zip(redaction.run(path, mode, of_video), offsets, strict=True):
                moved = list(_moved(drawn, x, y))
                of_video.add(boxes, [line for line in moved if _is_whole(line.box)], moved)
            tally.add_all(of_video)
            if mode == redaction.last:
                conditions[motion, bit_rate].add_all(of_video)
        show_progress("videos", number + 1, tallies)
    return tallies, conditions


def _chance(seed: int) -> random.Random:
    """Return a source of reproducible choices."""
    return random.Random(seed)  # noqa: S311


def _offset(motion: str, index: int, chance: random.Random) -> tuple[int, int]:
    if motion in ("standing", ULTRASOUND):
        return (20 if motion == "standing" else 0), 0
    return (20 + chance.randint(-4, 4), chance.randint(0, 4)) if motion == "shaking" else (20, 4 * index)


def _moved(lines: list[Line], x: int, y: int) -> Iterator[Line]:
    for line in lines:
        x1, y1, x2, y2 = line.box
        yield replace(line, box=(x1 - x, y1 - y, x2 - x, y2 - y))


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
        terms: list of terms of the devices.
        policies: text policies to measure.
        with_faces: True to search for faces as well.
    """

    def __init__(
        self, names: Path, terms: Path, policies: Sequence[str] = POLICIES, *, with_faces: bool
    ) -> None:
        identifying = TextArguments(mode="identifying", names=names, device_terms=terms)
        arguments = {"all": TextArguments(), "identifying": identifying}
        self.policies = {policy: arguments[policy] for policy in policies}
        container = Container.build(replace(Settings.from_environment(os.environ), threads=1))
        self._container = replace(
            container,
            load_box_detectors=cache(container.load_box_detectors),
            load_detector=cache(container.load_detector) if with_faces else _NoFaces,
            load_second_detector=container.load_second_detector if with_faces else lambda _: None,
        )

    @property
    def last(self) -> str:
        """The last text policy, whose counts are shown in detail."""
        return list(self.policies)[-1]

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
