"""Level ``full`` against ``faces``: cost in time, coverage of plates, and additional redaction.

    python -m benchmarks.anonymization.level_full [--shared FOLDER] [--runs 3]

The folder holds ``street.mp4`` and ``plates/`` (images, and text lines ``file x y w h plate``). Times are
medians of interleaved runs in this process, so other load on the machine affects both equally.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import FrameSource
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings

COVERED = 0.85
LETTERS = (860, 270, 1180, 625)
"""Box of the letters on the house front in all frames of street.mp4: x1, y1, x2, y2."""


def frames(source: FrameSource, level: Level, instruments: PipelineTools) -> list[RedactedFrame]:
    """Return all frames of a source, redacted."""
    whole = Segment(0, source.info.frame_count)
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index}", (whole,))
    export = ExportJob("framecloak benchmark", level, Appearance(), group_sources([exhibit]))
    instructions = export.redaction_spec(export.groups[0])
    return list(redacted_frames(source, whole, instructions, instruments))


def mask(found: RedactedFrame, size: tuple[int, int]) -> np.ndarray:
    """Return the mask (h, w) of pixels redacted as text or plates."""
    covered = np.zeros(size, bool)
    for box in found.boxes:
        if box.kind is not TargetKind.FACE:
            x1, y1, x2, y2 = box.xyxy
            covered[y1:y2, x1:x2] = True
    return covered


def cost(container: Container, video: Path, runs: int) -> tuple[float, float]:
    """Return the ratios of the medians: wall time, and processor time."""
    taken: dict[Level, list[tuple[float, float]]] = {Level.FACES: [], Level.FULL: []}
    for _ in range(runs):
        for level, times in taken.items():
            instruments = container.pipeline_tools(level)
            wall, cpu = time.perf_counter(), time.process_time()
            frames(container.open_source(video), level, instruments)
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
    faces, full = (np.array([statistics.median(row) for row in zip(*t, strict=True)]) for t in taken.values())
    return float(full[0] / faces[0]), float(full[1] / faces[1])


def plates(container: Container, folder: Path) -> tuple[list[float], list[float]]:
    """Return per image the covered share of the plate, and the redacted share of the rest."""
    instruments = container.pipeline_tools(Level.FULL)
    covered, elsewhere = [], []
    for text in sorted(folder.glob("*.txt")):
        name, *numbers, _plate = text.read_text().split()
        x, y, width, height = map(int, numbers[:4])
        source = container.open_source(folder / name)
        (found,) = frames(source, Level.FULL, instruments)
        area = mask(found, (source.info.height, source.info.width))
        covered.append(float(area[y : y + height, x : x + width].mean()))
        area[y : y + height, x : x + width] = False
        elsewhere.append(float(area.mean()))
    return covered, elsewhere


def beside_letters(container: Container, video: Path) -> float:
    """Return the largest share of a frame that is redacted as text outside the letters."""
    source = container.open_source(video)
    shares = []
    for found in frames(source, Level.FULL, container.pipeline_tools(Level.FULL)):
        area = mask(found, (source.info.height, source.info.width))
        x1, y1, x2, y2 = LETTERS
        area[y1:y2, x1:x2] = False
        shares.append(float(area.mean()))
    return max(shares)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--small", type=Path, help="the same film at 640x360, to measure its cost too")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    container = Container.build(Settings.from_environment({}))
    covered, elsewhere = plates(container, options.shared / "plates")
    enough = sum(share >= COVERED for share in covered)
    print(f"plates covered by {COVERED:.0%} or more: {enough} of {len(covered)}, least {min(covered):.2f}")
    print(f"redacted beside them, mean: {np.mean(elsewhere):.2%} of the picture")
    street = options.shared / "street.mp4"
    print(f"street.mp4, text away from the letters, worst frame: {beside_letters(container, street):.3%}")
    for video in filter(None, (street, options.small)):
        wall, cpu = cost(container, video, options.runs)
        print(f"{video.name}: full takes {wall:.2f} times as long as faces ({cpu:.2f} in processor time)")


if __name__ == "__main__":
    main()
