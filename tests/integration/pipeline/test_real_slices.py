"""Slices of a video with faces and text, with the real models: slicing does not change the bytes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes.results import ISSUER
from framecloak.adapters.media.video.probing import PyAvProber, keyframe_numbers
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler
from framecloak.domain.anonymization.work.parts import write_part
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Region, Segment
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.processes.demo import video
from framecloak.entrypoints.settings import Settings
from support.demo_shots import demo_shots
from support.samples.media import write_video

SEGMENTS = (Segment(3, 60), Segment(70, 118))
REGION = Region(0, 0, 64, 32)
LENGTH = 120
"""Frames; more than a slice analyses, including those beyond its two ends."""

UPSIDE_DOWN = range(88, 104)
"""Frames in which the camera hangs upside down."""

FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Line:
    """A line of text: its position in the first frame, its movement to the left per frame, and its frames."""

    words: str
    left: float
    bottom: int
    pace: float = 0.0
    frames: range = range(LENGTH)


@dataclass(frozen=True)
class VideoSpec:
    """A video and its slices.

    Attributes:
        letters: font scale of OpenCV.
        stroke: width of the strokes in pixels.
        slack: pixels above and below a line that may stay visible; the detector works in cells of four.
        max_frames: maximum length of a slice.
        lines: lines of text.
    """

    size: tuple[int, int]
    letters: float
    stroke: int
    slack: int
    max_frames: int
    lines: tuple[Line, ...]

    def box(self, line: Line, index: int) -> tuple[int, int, int, int]:
        """Return the box of the capital letters of a line in a frame; it may extend beyond the frame."""
        (width, height), _ = cv2.getTextSize(line.words, FONT, self.letters, self.stroke)
        left = round(line.left - line.pace * index)
        return left, line.bottom - height, left + width, line.bottom

    def images(self) -> Iterator[Image]:
        """Yield the frames of the demo video with a static line, a scrolling one and one of eight frames."""
        for index, shot in enumerate(demo_shots(LENGTH, self.size)):
            image = np.ascontiguousarray(np.rot90(shot, 2)) if index in UPSIDE_DOWN else shot
            for line in self.lines:
                if index in line.frames:
                    origin = self.box(line, index)[0], line.bottom
                    cv2.putText(image, line.words, origin, FONT, self.letters, (255,) * 3, self.stroke)
            yield image


SMALL = VideoSpec(
    size=(352, 192),
    letters=0.7,
    stroke=2,
    slack=2,
    max_frames=29,
    lines=(
        # Single words: in this small size the detector may split two words into two lines.
        Line("CAMERA12", 15, 25),
        Line("BREAKINGNEWS", 330, 180, pace=3.4),
        Line("JANEDOE", 230, 25, frames=range(30, 38)),
    ),
)
LARGE = VideoSpec(
    size=video.SIZE,
    letters=1.2,
    stroke=3,
    slack=1,
    max_frames=19,
    lines=(
        Line("CAMERA 12", 40, 60),
        Line("BREAKING NEWS", 1200, 690, pace=12),
        Line("JANE DOE", 800, 60, frames=range(30, 38)),
    ),
)
"""Large enough for detection at two scales, with shorter slices and as many frames as the small one."""


@pytest.fixture(
    scope="module", params=[SMALL, pytest.param(LARGE, marks=pytest.mark.nightly)], ids=["small", "large"]
)
def spec(request: pytest.FixtureRequest) -> VideoSpec:
    param: VideoSpec = request.param
    return param


@pytest.fixture(scope="module")
def video_path(spec: VideoSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    # Lossless: lossy x264 output differs from run to run on some processors.
    return write_video(path, size=spec.size, images=spec.images(), options={"qp": "0"})


@pytest.fixture(scope="module")
def tools() -> PipelineTools:
    return Container.build(Settings.from_environment({})).pipeline_tools(Level.FULL)


@pytest.fixture(scope="module")
def job(video_path: Path) -> ExportJob:
    export_source = ExportSource(
        0, open_video(video_path), None, lambda index: f"frames/{index}", SEGMENTS, (REGION,)
    )
    return ExportJob(ISSUER, Level.FULL, Appearance(), group_sources([export_source]))


@pytest.fixture(scope="module")
def unsliced_result(job: ExportJob, tools: PipelineTools, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "frames.zip"
    with ZipArchive(path) as archive:
        job.run(tools, archive, lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize(("is_cut", "by_one_worker"), [(False, False), (True, False), (True, True)])
def test_slicing_does_not_change_the_archive(
    job: ExportJob,
    tools: PipelineTools,
    spec: VideoSpec,
    video_path: Path,
    unsliced_result: bytes,
    tmp_path: Path,
    is_cut: bool,
    by_one_worker: bool,
) -> None:
    """The nightly form uses the large video: detection at full size, and slices of 19 frames."""
    max_frames = spec.max_frames if is_cut else 1000
    slices = plan_slices(SEGMENTS, keyframe_numbers(PyAvProber().probe(video_path).frame_index), max_frames)
    result = tmp_path / "frames.zip"
    source = job.groups[0].source
    assembly_spec = AssemblySpec(job.issuer, job.level, job.appearance, source.sha256(), SEGMENTS, (REGION,))
    continuation = None
    with ExitStack() as open_continuations, ZipArchive(result) as assembled:
        assembler = open_continuations.enter_context(
            closing(ResultAssembler(assembly_spec, assembled, lambda: None))
        )
        for number, segment in enumerate(slices):
            path = tmp_path / f"{number}.zip"
            with ZipArchive(path) as archive:
                part_result = write_part(job, segment, tools, archive, lambda: None, continuation)
            open_continuations.callback(part_result.continuation.close)
            continuation = part_result.continuation if by_one_worker else None
            if not by_one_worker:
                part_result.continuation.close()
            with ZipReader(path) as part:
                assembler.add(part)
        assembler.finish()
    assert len(slices) > len(SEGMENTS) if is_cut else len(slices) == len(SEGMENTS)
    assert result.read_bytes() == unsliced_result


def test_every_line_is_covered_in_every_frame_that_contains_it(
    unsliced_result: bytes, spec: VideoSpec
) -> None:
    with zipfile.ZipFile(BytesIO(unsliced_result)) as archive:
        frames = json.loads(archive.read("manifest.json"))["frames"]
    width = spec.size[0]

    def is_covered(entry: dict, box: tuple[int, int, int, int]) -> bool:
        """Return True if one text box covers the middle nine tenths of a line, except for the slack."""
        dx, dy = (box[2] - box[0]) // 20, spec.slack
        x1, y1, x2, y2 = max(0, box[0]) + dx, box[1] + dy, min(width, box[2]) - dx, box[3] - dy
        text_boxes = [
            redacted_box["xyxy"] for redacted_box in entry["boxes"] if redacted_box["kind"] == "text"
        ]
        return any(a <= x1 and b <= y1 and c >= x2 and d >= y2 for a, b, c, d in text_boxes)

    assert {box["kind"] for entry in frames for box in entry["boxes"]} >= {"face", "text"}
    upside_down = [entry for entry in frames if entry["index"] in UPSIDE_DOWN]
    assert all(any(box["kind"] == "face" for box in entry["boxes"]) for entry in upside_down)
    for entry in frames:
        for line in spec.lines:
            box = spec.box(line, entry["index"])
            if entry["index"] in line.frames and box[2] < width:
                assert is_covered(entry, box), (entry["index"], line.words)
