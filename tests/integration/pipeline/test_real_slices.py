"""Slices of a film with faces and text, found by the models that ship: the bytes are those of one go."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import pytest

from fakes.results import IMPRINT
from framecloak.adapters.media.video.probing import PyAvProber, keyframe_numbers
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.work.parts import AssemblySpec, ResultAssembler, write_part
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
"""Frames; a slice does not look at all of them, as far as it looks beyond both of its ends."""

FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Line:
    """Words in a film: where they begin, how far each frame moves them to the left, and when they show."""

    words: str
    left: float
    bottom: int
    pace: float = 0.0
    frames: range = range(LENGTH)


@dataclass(frozen=True)
class Script:
    """A film, and its slices.

    Attributes:
        letters: their size, as OpenCV counts.
        stroke: pixels that their strokes are wide.
        slack: pixels above and below a line that may stay; the detector draws what it finds in cells of four.
        longest: frames of a slice at most.
        lines: what is written.
    """

    size: tuple[int, int]
    letters: float
    stroke: int
    slack: int
    longest: int
    lines: tuple[Line, ...]

    def box(self, line: Line, index: int) -> tuple[int, int, int, int]:
        """Where the capital letters of a line are in a frame, perhaps partly beside it."""
        (width, height), _ = cv2.getTextSize(line.words, FONT, self.letters, self.stroke)
        left = round(line.left - line.pace * index)
        return left, line.bottom - height, left + width, line.bottom

    def pictures(self) -> Iterator[Image]:
        """The demo's film with a line that stays, one that scrolls and one that is there for eight frames."""
        for index, picture in enumerate(demo_shots(LENGTH, self.size)):
            for line in self.lines:
                if index in line.frames:
                    place = self.box(line, index)[0], line.bottom
                    cv2.putText(picture, line.words, place, FONT, self.letters, (255,) * 3, self.stroke)
            yield picture


SMALL = Script(
    size=(352, 192),
    letters=0.7,
    stroke=2,
    slack=2,
    longest=29,
    lines=(
        # Single words: as small as they are, the detector may take two for two lines.
        Line("CAMERA12", 15, 25),
        Line("BREAKINGNEWS", 330, 180, pace=3.4),
        Line("JANEDOE", 230, 25, frames=range(30, 38)),
    ),
)
LARGE = Script(
    size=video.SIZE,
    letters=1.2,
    stroke=3,
    slack=1,
    longest=19,
    lines=(
        Line("CAMERA 12", 40, 60),
        Line("BREAKING NEWS", 1200, 690, pace=12),
        Line("JANE DOE", 800, 60, frames=range(30, 38)),
    ),
)
"""Has the size that is examined twice, and slices that are shorter; as many frames as the small one."""


@pytest.fixture(
    scope="module", params=[SMALL, pytest.param(LARGE, marks=pytest.mark.nightly)], ids=["small", "large"]
)
def script(request: pytest.FixtureRequest) -> Script:
    found: Script = request.param
    return found


@pytest.fixture(scope="module")
def film(script: Script, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    # Without loss: with one, x264 writes another film each time on some processors.
    return write_video(path, size=script.size, pictures=script.pictures(), options={"qp": "0"})


@pytest.fixture(scope="module")
def instruments() -> PipelineTools:
    return Container.build(Settings.from_environment({})).pipeline_tools(Level.FULL)


@pytest.fixture(scope="module")
def export(film: Path) -> ExportJob:
    exhibit = ExportSource(0, open_video(film), None, lambda index: f"frames/{index}", SEGMENTS, (REGION,))
    return ExportJob(IMPRINT, Level.FULL, Appearance(), group_sources([exhibit]))


@pytest.fixture(scope="module")
def in_one_go(
    export: ExportJob, instruments: PipelineTools, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "frames.zip"
    with ZipArchive(path) as archive:
        export.run(instruments, archive, lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize(("is_cut", "by_one_worker"), [(False, False), (True, False), (True, True)])
def test_the_archive_is_the_same_to_the_byte(
    export: ExportJob,
    instruments: PipelineTools,
    script: Script,
    film: Path,
    in_one_go: bytes,
    tmp_path: Path,
    is_cut: bool,
    by_one_worker: bool,
) -> None:
    """The large film is the long form: it adds the looks at full size, and cuts every 19 frames."""
    longest = script.longest if is_cut else 1000
    slices = plan_slices(SEGMENTS, keyframe_numbers(PyAvProber().probe(film).frame_index), longest)
    result = tmp_path / "frames.zip"
    source = export.groups[0].source
    binding = AssemblySpec(
        export.issuer, export.level, export.appearance, source.sha256(), SEGMENTS, (REGION,)
    )
    seam = None
    with ExitStack() as last_seam, ZipArchive(result) as bound:
        binder = last_seam.enter_context(closing(ResultAssembler(binding, bound, lambda: None)))
        for number, segment in enumerate(slices):
            path = tmp_path / f"{number}.zip"
            with ZipArchive(path) as archive:
                written = write_part(export, segment, instruments, archive, lambda: None, seam)
            last_seam.callback(written.seam.close)
            seam = written.seam if by_one_worker else None
            if not by_one_worker:
                written.seam.close()
            with ZipReader(path) as part:
                binder.add(part)
        binder.finish()
    assert len(slices) > len(SEGMENTS) if is_cut else len(slices) == len(SEGMENTS)
    assert result.read_bytes() == in_one_go


def test_every_line_is_covered_in_every_frame_that_shows_it(in_one_go: bytes, script: Script) -> None:
    with zipfile.ZipFile(BytesIO(in_one_go)) as archive:
        frames = json.loads(archive.read("manifest.json"))["frames"]
    width = script.size[0]

    def is_covered(entry: dict, box: tuple[int, int, int, int]) -> bool:
        """Whether one redacted text holds a line's middle nine tenths, but for the slack above and below."""
        dx, dy = (box[2] - box[0]) // 20, script.slack
        x1, y1, x2, y2 = max(0, box[0]) + dx, box[1] + dy, min(width, box[2]) - dx, box[3] - dy
        texts = [one["xyxy"] for one in entry["boxes"] if one["kind"] == "text"]
        return any(a <= x1 and b <= y1 and c >= x2 and d >= y2 for a, b, c, d in texts)

    assert {box["kind"] for entry in frames for box in entry["boxes"]} >= {"face", "text"}
    for entry in frames:
        for line in script.lines:
            box = script.box(line, entry["index"])
            if entry["index"] in line.frames and box[2] < width:
                assert is_covered(entry, box), (entry["index"], line.words)
