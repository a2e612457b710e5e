"""Videos whose frame size changes: marked and detected areas are redacted in frames of every size."""

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

from fakes.results import ISSUER
from fakes.vision import FakeBoxDetector, FakeFaceDetector, paint_face, paint_text
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.frames import MAX_DISTORTION
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.overlays.service import propose_for_video
from framecloak.domain.anonymization.pipeline.config import PipelineTools, ResidualTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import FrameAnalysisError, UnreadableVideoError
from framecloak.domain.imaging.detections import BoxDetections, FloatArray, Image, TargetKind
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import FrameSource
from support.samples.media import numbered_frame, read_number, write_changing_size, write_image

FULL, SMALL, LARGE, TURNED = (640, 384), (320, 192), (960, 576), (384, 640)
NAME_BOX = (480, 32, 600, 72)
"""Box of the patient's name, in pixels of the first frame size."""
REGION = Region(NAME_BOX[0], NAME_BOX[1], NAME_BOX[2] - NAME_BOX[0], NAME_BOX[3] - NAME_BOX[1])
ALLOWED_DISTORTION, EXCESSIVE_DISTORTION = MAX_DISTORTION - 0.05, MAX_DISTORTION + 0.1
LENGTH = 12
"""Frames of each size."""

SIZES = {"smaller": (FULL, SMALL), "larger": (FULL, LARGE), "back and forth": (FULL, SMALL, LARGE, FULL)}


def face(number: int) -> tuple[int, int, int, int]:
    """Return the box of the face in a frame, in pixels of the first frame size."""
    return 64 + 2 * number, 160, 128 + 2 * number, 240


def frame_image(number: int, *, missed: bool = False) -> Image:
    """Return a frame (h, w, 3) BGR with a name on white and a moving face."""
    image = np.full((FULL[1], FULL[0], 3), 90, np.uint8)
    image[NAME_BOX[1] : NAME_BOX[3], NAME_BOX[0] : NAME_BOX[2]] = 255
    if not missed:
        paint_face(image, face(number), 1.0)
    return image


def write_source(
    path: Path, sizes: Sequence[tuple[int, int]], missed: frozenset[int] = frozenset()
) -> VideoSource:
    """Write a video of the frames in one size after the other, and open it."""
    numbers = range(LENGTH * len(sizes))
    images = [frame_image(number, missed=number in missed) for number in numbers]
    parts = [
        (size, images[LENGTH * position : LENGTH * (position + 1)]) for position, size in enumerate(sizes)
    ]
    return open_video(write_changing_size(path, parts))


def pipeline_tools(folder: Path, level: Level = Level.FACES) -> PipelineTools:
    return PipelineTools(
        None if level is Level.MINIMAL else FakeFaceDetector(),
        OpenCvRedactor(),
        OpenCvEncoder(),
        OpenCvSampler(),
        2,
        video_encoder=X264VideoEncoder(folder),
        box_detectors={TargetKind.TEXT: FakeBoxDetector()} if level is Level.FULL else {},
        residual_tools=ResidualTools(OpenCvReader(), OpenCvEncoder(), None),
    )


def redact(
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
    """Redact a source; return the manifest and all frames of the result."""
    segments = (Segment(0, source.info.frame_count),)
    export_source = ExportSource(
        0,
        source,
        None,
        lambda index: f"frames/{index:07d}",
        segments,
        regions,
        keep_text=keep_text,
        boxes=boxes,
    )
    job = ExportJob(ISSUER, level, Appearance(output), group_sources([export_source]), verify=verify)
    path = folder / "out.zip"
    with ZipArchive(path) as archive:
        job.run(pipeline_tools(folder, level), archive, lambda: None)
    with ZipFile(path) as zipped:
        manifest: dict[str, Any] = json.loads(zipped.read("manifest.json"))
        if not output.is_video:
            return manifest, [_decoded(zipped.read(entry["file"])) for entry in manifest["frames"]]
        (folder / "video.mp4").write_bytes(zipped.read(zipped.namelist()[0]))
    with av.open(str(folder / "video.mp4")) as container:
        frames = [
            np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)
        ]
    return manifest, frames


def _decoded(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def inner(image: Image, box: tuple[int, int, int, int]) -> Image:
    """Return the pixels of a box without its border, which scaling and encoding soften."""
    x1, y1, x2, y2 = box
    return image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".webm"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_all_frames_have_the_size_of_the_first(
    sizes: Sequence[tuple[int, int]], suffix: str, tmp_path: Path
) -> None:
    count = LENGTH * len(sizes)
    images = [numbered_frame(number, FULL) for number in range(count)]
    parts = [
        (size, images[LENGTH * position : LENGTH * (position + 1)]) for position, size in enumerate(sizes)
    ]
    path = write_changing_size(tmp_path / f"call{suffix}", parts)
    with av.open(str(path)) as container:
        stored = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert stored == [size for size in sizes for _ in range(LENGTH)]
    source = open_video(path)
    assert (source.info.width, source.info.height, source.info.frame_count) == (*FULL, count)
    for start in (0, LENGTH - 1, LENGTH, count - 1):
        for frame in source.frames(start, count):
            pixels, resized = frame.bgr(), frame.rgb(320, 160)
            assert (frame.width, frame.height) == FULL
            assert (pixels.shape, pixels.flags.c_contiguous) == ((FULL[1], FULL[0], 3), True)
            assert resized.shape == (160, 320, 3)
            assert read_number(pixels) == read_number(resized) == frame.index
            expected = images[frame.index]
            assert np.abs(pixels.astype(int) - expected).mean() < 6
    preview = _decoded(PyAvProber().frame_jpeg(path, LENGTH, None))
    assert preview.shape == (FULL[1], FULL[0], 3)


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_region_is_black_in_frames_of_every_size(
    sizes: Sequence[tuple[int, int]], output: OutputFormat, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "call.mkv", sizes)
    manifest, frames = redact(tmp_path, source, output=output, level=Level.MINIMAL, regions=(REGION,))
    assert manifest["summary"]["blanked"] == 0
    assert len(frames) == LENGTH * len(sizes)
    for entry, image in zip(manifest["frames"], frames, strict=True):
        assert [box["xyxy"] for box in entry["boxes"]] == [list(NAME_BOX)]
        x1, y1, x2, y2 = NAME_BOX
        assert image.shape == (FULL[1], FULL[0], 3)
        assert inner(image, NAME_BOX).max() < 20
        assert image[y1 - 12 : y2 + 12, x1 - 12 : x2 + 12].max() < 160


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_face_missed_around_a_size_change_is_covered(
    sizes: Sequence[tuple[int, int]], output: OutputFormat, tmp_path: Path
) -> None:
    """The two frames on each side of a change and the last two have no detectable face."""
    count = LENGTH * len(sizes)
    missed = {number for number in range(count) if (number + 2) % LENGTH < 4 and number >= 2}
    source = write_source(tmp_path / "call.mkv", sizes, frozenset(missed))
    manifest, frames = redact(tmp_path, source, output=output, verify=Verify.ALL)
    assert manifest["summary"]["tracks"] == 1
    assert manifest["proof"]["residual_after"] == 0
    origins = {entry["index"]: [box["origin"] for box in entry["boxes"]] for entry in manifest["frames"]}
    seen = (["detected"], ["between"])
    assert {number for number, frame_origins in origins.items() if frame_origins not in seen} == missed
    for number, image in enumerate(frames):
        assert inner(image, face(number)).max() < 20


class LightTextDetector:
    """Detector that reports the lightest pixels as one text box."""

    stride = 32
    card = FakeBoxDetector().card

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        rows, columns = np.nonzero((image > 230).all(axis=2))
        if not len(rows):
            return BoxDetections(np.empty((0, 4), np.float32), np.empty(0, np.float32))
        box: FloatArray = np.array(
            [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32
        )
        return BoxDetections(box, np.ones(1, np.float32))


def test_kept_text_stays_and_other_text_is_redacted(tmp_path: Path) -> None:
    kept, other = (64, 32, 224, 72), (64, 288, 304, 328)
    images = []
    for number in range(2 * LENGTH):
        image = frame_image(number)[:, :, ::-1].copy()
        for box in (kept, other):
            paint_text(image, box, 1.0)
        images.append(np.ascontiguousarray(image[:, :, ::-1]))
    path = write_changing_size(tmp_path / "call.mkv", [(FULL, images[:LENGTH]), (SMALL, images[LENGTH:])])
    region = Region(40, 16, 216, 72)
    _, frames = redact(tmp_path, open_video(path), level=Level.FULL, keep_text=(region,))
    assert len(frames) == 2 * LENGTH
    for image in frames:
        assert inner(image, kept)[:, :, 1:].min() > 200
        assert inner(image, other).max() < 20


def test_boxes_of_a_table_are_rendered_in_frames_of_every_size(tmp_path: Path) -> None:
    source = write_source(tmp_path / "call.mkv", (FULL, SMALL, LARGE))
    builder = BoxTableBuilder()
    for number in range(3 * LENGTH):
        boxes = [(NAME_BOX, Origin.MANUAL), (face(number), Origin.DETECTED)]
        builder.add(number, [RedactedBox(corners, None, None, origin) for corners, origin in boxes])
    table = builder.finish().clipped_to(source.info.width, source.info.height)
    _, frames = redact(tmp_path, source, level=Level.MINIMAL, boxes=table)
    for number, image in enumerate(frames):
        assert inner(image, NAME_BOX).max() < 20
        assert inner(image, face(number)).max() < 20


def test_a_static_overlay_is_proposed_across_size_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = []
    for _ in range(60):
        blobs = rng.integers(40, 200, (24, 40, 3), np.uint8)
        image = cv2.resize(blobs, FULL, interpolation=cv2.INTER_CUBIC)
        image[NAME_BOX[1] : NAME_BOX[3], NAME_BOX[0] : NAME_BOX[2]] = 255
        images.append(np.asarray(image, np.uint8))
    path = write_changing_size(tmp_path / "call.mkv", [(FULL, images[:3]), (SMALL, images[3:])])
    proposals = propose_for_video(open_video(path), LightTextDetector())
    x1, y1, x2, y2 = NAME_BOX
    areas = [proposal.region.xyxy for proposal in proposals]
    assert any(
        left <= x1 and top <= y1 and right >= x2 and bottom >= y2 for left, top, right, bottom in areas
    )


def test_frames_of_another_aspect_ratio_are_blanked_and_counted(tmp_path: Path) -> None:
    source = write_source(tmp_path / "call.mkv", (FULL, TURNED, SMALL))
    manifest, frames = redact(tmp_path, source, regions=(REGION,))
    black = [entry["index"] for entry in manifest["frames"] if entry["blanked"]]
    assert black == list(range(LENGTH, 2 * LENGTH))
    assert manifest["summary"]["blanked"] == LENGTH
    assert {image.shape for image in frames} == {(FULL[1], FULL[0], 3)}
    assert not any(frames[number].any() for number in black)
    assert all(inner(frames[number], NAME_BOX).max() < 20 for number in range(3 * LENGTH))


@pytest.mark.parametrize(("factor", "readable"), [(ALLOWED_DISTORTION, True), (EXCESSIVE_DISTORTION, False)])
@pytest.mark.parametrize("across", [True, False])
def test_the_aspect_ratio_may_differ_up_to_the_limit(
    factor: float, *, readable: bool, across: bool, tmp_path: Path
) -> None:
    width, height = (240, round(240 / factor / 2) * 2) if across else (round(240 / factor / 2) * 2, 240)
    images = [numbered_frame(number, (240, 240)) for number in range(6)]
    path = write_changing_size(
        tmp_path / "call.mkv", [((240, 240), images[:3]), ((width, height), images[3:])]
    )
    with closing(open_video(path).frames(3, 6)) as frames:
        frame = next(frames)
    assert (frame.width, frame.height) == (240, 240)
    if readable:
        assert read_number(frame.bgr()) == 3
        return
    for read in (frame.bgr, lambda: frame.rgb(64, 64)):
        with pytest.raises(FrameAnalysisError, match=f"frame 3 has {width}x{height} pixels"):
            read()


def test_an_image_of_another_size_than_its_header_is_refused(tmp_path: Path) -> None:
    """Regions are checked against the header; they might be outside of the decoded image."""
    path = write_image(tmp_path / "scan.jpg", numbered_frame(0, FULL))
    source = open_image(path)
    write_image(path, numbered_frame(0, SMALL))
    with pytest.raises(UnreadableVideoError, match="not have the size"):
        source.frames(0, 1)
