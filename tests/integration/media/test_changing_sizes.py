"""Streams that change the size of their picture on the way: what is marked and found goes from all of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import av
import cv2
import numpy as np
import pytest

from fakes.results import IMPRINT
from fakes.vision import FakeAreaDetector, FakeFaceDetector, plant_area, plant_face
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.frames import MAX_DISTORTION
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.adapters.media.video.x264 import X264VideoEncoder
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.overlays.service import propose_for_video
from framecloak.domain.anonymization.pipeline.config import PipelineTools, ResidualTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.errors import FrameAnalysisError, UnreadableVideoError
from framecloak.domain.imaging.detections import BoxDetections, FloatArray, Image, TargetKind
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import FrameSource
from support.samples.media import numbered_picture, read_number, write_changing_size, write_picture

FULL, SMALL, LARGE, TURNED = (640, 384), (320, 192), (960, 576), (384, 640)
NAME = (480, 32, 600, 72)
"""Where the patient's name is, in pixels of the first frame."""
REGION = Region(NAME[0], NAME[1], NAME[2] - NAME[0], NAME[3] - NAME[1])
LESS, MORE = MAX_DISTORTION - 0.05, MAX_DISTORTION + 0.1
LENGTH = 12
"""Frames of each size."""

SIZES = {"smaller": (FULL, SMALL), "larger": (FULL, LARGE), "to and fro": (FULL, SMALL, LARGE, FULL)}


def face(number: int) -> tuple[int, int, int, int]:
    """Where the face is in a frame, in pixels of the first one; nothing tells where a size begins."""
    return 64 + 2 * number, 160, 128 + 2 * number, 240


def scene(number: int, *, missed: bool = False) -> Image:
    """A frame (h, w, 3) BGR: a name on white, and a face that wanders."""
    picture = np.full((FULL[1], FULL[0], 3), 90, np.uint8)
    picture[NAME[1] : NAME[3], NAME[0] : NAME[2]] = 255
    if not missed:
        plant_face(picture, face(number), 1.0)
    return picture


def film(path: Path, sizes: Sequence[tuple[int, int]], missed: frozenset[int] = frozenset()) -> VideoSource:
    """The scene, at one size after the other."""
    numbers = range(LENGTH * len(sizes))
    shots = [scene(number, missed=number in missed) for number in numbers]
    parts = [(size, shots[LENGTH * place : LENGTH * (place + 1)]) for place, size in enumerate(sizes)]
    return open_video(write_changing_size(path, parts))


def instruments(folder: Path, level: Level = Level.FACES) -> PipelineTools:
    return PipelineTools(
        None if level is Level.MINIMAL else FakeFaceDetector(),
        OpenCvRedactor(),
        OpenCvEncoder(),
        2,
        video_encoder=X264VideoEncoder(folder),
        box_detectors={TargetKind.TEXT: FakeAreaDetector()} if level is Level.FULL else {},
        residual_tools=ResidualTools(OpenCvReader(), OpenCvEncoder(), None),
    )


def redacted(
    folder: Path,
    source: FrameSource,
    *,
    output: OutputFormat = OutputFormat.JPG,
    level: Level = Level.FACES,
    verify: Verify = Verify.NONE,
    regions: tuple[Region, ...] = (),
    keep_text: tuple[Region, ...] = (),
    boxes: BoxTable | None = None,
) -> tuple[dict[str, Any], list[Image]]:
    """The manifest and all frames of what a source became."""
    whole = (Segment(0, source.info.frame_count),)
    exhibit = ExportSource(
        0,
        source,
        None,
        lambda index: f"frames/{index:07d}",
        whole,
        regions,
        keep_text=keep_text,
        boxes=boxes,
    )
    export = ExportJob(IMPRINT, level, Appearance(output), group_sources([exhibit]), verify=verify)
    path = folder / "out.zip"
    with ZipArchive(path) as archive:
        export.run(instruments(folder, level), archive, lambda: None)
    with ZipFile(path) as zipped:
        manifest: dict[str, Any] = json.loads(zipped.read("manifest.json"))
        if not output.is_video:
            return manifest, [_opened(zipped.read(entry["file"])) for entry in manifest["frames"]]
        (folder / "film.mp4").write_bytes(zipped.read(zipped.namelist()[0]))
    with av.open(str(folder / "film.mp4")) as container:
        shown = [np.asarray(one.to_ndarray(format="bgr24"), np.uint8) for one in container.decode(video=0)]
    return manifest, shown


def _opened(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def inner(picture: Image, box: tuple[int, int, int, int]) -> Image:
    """What is in a box, without its outermost pixels: scaling and encoding soften borders."""
    x1, y1, x2, y2 = box
    return picture[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".webm"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_frames_are_all_of_the_size_of_the_first(
    sizes: Sequence[tuple[int, int]], suffix: str, tmp_path: Path
) -> None:
    count = LENGTH * len(sizes)
    shots = [numbered_picture(number, FULL) for number in range(count)]
    parts = [(size, shots[LENGTH * place : LENGTH * (place + 1)]) for place, size in enumerate(sizes)]
    path = write_changing_size(tmp_path / f"call{suffix}", parts)
    with av.open(str(path)) as container:
        stored = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert stored == [size for size in sizes for _ in range(LENGTH)]
    source = open_video(path)
    assert (source.info.width, source.info.height, source.info.frame_count) == (*FULL, count)
    for start in (0, LENGTH - 1, LENGTH, count - 1):
        for frame in source.frames(start, count):
            picture, examined = frame.bgr(), frame.rgb(320, 160)
            assert (frame.width, frame.height) == FULL
            assert (picture.shape, picture.flags.c_contiguous) == ((FULL[1], FULL[0], 3), True)
            assert examined.shape == (160, 320, 3)
            assert read_number(picture) == read_number(examined) == frame.index
            expected = shots[frame.index]
            assert np.abs(picture.astype(int) - expected).mean() < 6
    shown = _opened(PyAvProber().frame_jpeg(path, LENGTH, None))
    assert shown.shape == (FULL[1], FULL[0], 3)


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_region_is_black_in_frames_of_every_size(
    sizes: Sequence[tuple[int, int]], output: OutputFormat, tmp_path: Path
) -> None:
    source = film(tmp_path / "call.mkv", sizes)
    manifest, frames = redacted(tmp_path, source, output=output, level=Level.MINIMAL, regions=(REGION,))
    assert manifest["summary"]["blanked"] == 0
    assert len(frames) == LENGTH * len(sizes)
    for entry, picture in zip(manifest["frames"], frames, strict=True):
        assert [box["xyxy"] for box in entry["boxes"]] == [list(NAME)]
        x1, y1, x2, y2 = NAME
        assert picture.shape == (FULL[1], FULL[0], 3)
        assert inner(picture, NAME).max() < 20
        assert picture[y1 - 12 : y2 + 12, x1 - 12 : x2 + 12].max() < 160


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_face_that_is_missed_where_the_size_changes_is_covered(
    sizes: Sequence[tuple[int, int]], output: OutputFormat, tmp_path: Path
) -> None:
    """Neither the two frames on each side of a change nor the last two show a face that can be found."""
    count = LENGTH * len(sizes)
    missed = {number for number in range(count) if (number + 2) % LENGTH < 4 and number >= 2}
    source = film(tmp_path / "call.mkv", sizes, frozenset(missed))
    manifest, frames = redacted(tmp_path, source, output=output, verify=Verify.ALL)
    assert manifest["summary"]["tracks"] == 1
    assert manifest["proof"]["residual_after"] == 0
    origins = {entry["index"]: [box["origin"] for box in entry["boxes"]] for entry in manifest["frames"]}
    assert {number for number, one in origins.items() if one != ["detected"]} == missed
    for number, picture in enumerate(frames):
        assert inner(picture, face(number)).max() < 20


class FindsText:
    """Finds what is lighter than anything else, as text."""

    stride = 32
    card = FakeAreaDetector().card

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        rows, columns = np.nonzero((image > 230).all(axis=2))
        if not len(rows):
            return BoxDetections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
        box: FloatArray = np.array(
            [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32
        )
        return BoxDetections(box, np.ones(1, np.float32))


def test_kept_text_stays_where_it_was_marked_and_other_text_goes(tmp_path: Path) -> None:
    kept, other = (64, 32, 224, 72), (64, 288, 304, 328)
    shots = []
    for number in range(2 * LENGTH):
        picture = scene(number)[:, :, ::-1].copy()
        for box in (kept, other):
            plant_area(picture, box, 1.0)
        shots.append(np.ascontiguousarray(picture[:, :, ::-1]))
    path = write_changing_size(tmp_path / "call.mkv", [(FULL, shots[:LENGTH]), (SMALL, shots[LENGTH:])])
    region = Region(40, 16, 216, 72)
    _, frames = redacted(tmp_path, open_video(path), level=Level.FULL, keep_text=(region,))
    assert len(frames) == 2 * LENGTH
    for picture in frames:
        assert inner(picture, kept)[:, :, 1:].min() > 200
        assert inner(picture, other).max() < 20


def test_rendering_puts_the_boxes_of_a_table_into_frames_of_every_size(tmp_path: Path) -> None:
    source = film(tmp_path / "call.mkv", (FULL, SMALL, LARGE))
    builder = BoxTableBuilder()
    for number in range(3 * LENGTH):
        corners = [(NAME, Origin.MANUAL), (face(number), Origin.DETECTED)]
        builder.add(number, [RedactedBox(one, None, None, origin) for one, origin in corners])
    table = builder.finish().clipped_to(source.info.width, source.info.height)
    _, frames = redacted(tmp_path, source, level=Level.MINIMAL, boxes=table)
    for number, picture in enumerate(frames):
        assert inner(picture, NAME).max() < 20
        assert inner(picture, face(number)).max() < 20


def test_what_stands_still_is_proposed_though_the_size_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shots = []
    for _ in range(60):
        blobs = rng.integers(40, 200, (24, 40, 3), np.uint8)
        picture = cv2.resize(blobs, FULL, interpolation=cv2.INTER_CUBIC)
        picture[NAME[1] : NAME[3], NAME[0] : NAME[2]] = 255
        shots.append(np.asarray(picture, np.uint8))
    path = write_changing_size(tmp_path / "call.mkv", [(FULL, shots[:3]), (SMALL, shots[3:])])
    proposals = propose_for_video(open_video(path), FindsText())
    x1, y1, x2, y2 = NAME
    areas = [one.region.xyxy for one in proposals]
    assert any(
        left <= x1 and top <= y1 and right >= x2 and bottom >= y2 for left, top, right, bottom in areas
    )


def test_frames_of_another_shape_are_black_and_counted(tmp_path: Path) -> None:
    source = film(tmp_path / "call.mkv", (FULL, TURNED, SMALL))
    manifest, frames = redacted(tmp_path, source, regions=(REGION,))
    black = [entry["index"] for entry in manifest["frames"] if entry["blanked"]]
    assert black == list(range(LENGTH, 2 * LENGTH))
    assert manifest["summary"]["blanked"] == LENGTH
    assert {picture.shape for picture in frames} == {(FULL[1], FULL[0], 3)}
    assert not any(frames[number].any() for number in black)
    assert all(inner(frames[number], NAME).max() < 20 for number in range(3 * LENGTH))


@pytest.mark.parametrize(("factor", "shown"), [(LESS, True), (MORE, False)])
@pytest.mark.parametrize("across", [True, False])
def test_how_far_a_shape_may_differ(factor: float, *, shown: bool, across: bool, tmp_path: Path) -> None:
    width, height = (240, round(240 / factor / 2) * 2) if across else (round(240 / factor / 2) * 2, 240)
    pictures = [numbered_picture(number, (240, 240)) for number in range(6)]
    path = write_changing_size(
        tmp_path / "call.mkv", [((240, 240), pictures[:3]), ((width, height), pictures[3:])]
    )
    with closing(open_video(path).frames(3, 6)) as frames:
        frame = next(frames)
    assert (frame.width, frame.height) == (240, 240)
    if shown:
        assert read_number(frame.bgr()) == 3
        return
    for read in (frame.bgr, lambda: frame.rgb(64, 64)):
        with pytest.raises(FrameAnalysisError, match=f"frame 3 has {width}x{height} pixels"):
            read()


def test_a_picture_of_another_size_than_its_header_says_is_refused(tmp_path: Path) -> None:
    """A region was checked against the header; it might lie outside what is decoded."""
    path = write_picture(tmp_path / "scan.jpg", numbered_picture(0, FULL))
    source = open_image(path)
    write_picture(path, numbered_picture(0, SMALL))
    with pytest.raises(UnreadableVideoError, match="not of the size"):
        source.frames(0, 1)
