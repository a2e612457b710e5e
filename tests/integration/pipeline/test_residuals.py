"""Real footage, real models, a redactor that overlooks a face: the second search finds it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.results import IMPRINT
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.video.x264 import X264VideoEncoder
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Level,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.processes.demo import video
from framecloak.entrypoints.settings import Settings
from support.demo_shots import demo_shots
from support.samples.media import write_video

LENGTH = 12


class Forgetful:
    """Redacts all faces but the largest, as if the tracker had missed it; whatever else is black it does."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        kept = boxes[:0] if len(boxes) == 1 and style is RedactionStyle.PIXELATE else boxes
        if style is RedactionStyle.PIXELATE and len(boxes) > 1:
            areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            kept = boxes[areas < areas.max()]
        OpenCvRedactor().redact(image, kept, style, shape)


class Unreadable(OpenCvReader):
    """Cannot read one frame again."""

    def read(self, data: bytes, index: int) -> Frame:
        if index == 10:
            raise FrameAnalysisError("no picture")
        return super().read(data, index)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, size=video.SIZE, pictures=demo_shots(LENGTH), options={})


@pytest.fixture(scope="module")
def shipped() -> PipelineTools:
    return Container.build(Settings.from_environment({})).pipeline_tools(Level.FACES, Verify.ALL)


def manifest_of(film: Path, instruments: PipelineTools, look: Appearance, verify: Verify) -> dict[str, Any]:
    source = open_video(film)
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", (Segment(0, LENGTH),))
    export = ExportJob(IMPRINT, Level.FACES, look, group_sources([exhibit]), verify=verify)
    path = film.with_name("out.zip")
    with ZipArchive(path) as archive:
        export.run(replace(instruments, video_encoder=X264VideoEncoder(film.parent)), archive, lambda: None)
    with zipfile.ZipFile(path) as result:
        manifest: dict[str, Any] = json.loads(result.read("manifest.json"))
    return manifest


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
def test_a_face_that_was_overlooked_is_found_and_redacted_again(
    film: Path, shipped: PipelineTools, output: OutputFormat
) -> None:
    look = Appearance(output, style=RedactionStyle.PIXELATE)
    manifest = manifest_of(film, replace(shipped, redactor=Forgetful()), look, Verify.ALL)
    proof = manifest["proof"]
    assert proof["frames"] == LENGTH
    assert proof["redacted_again"] == LENGTH
    assert proof["residual_before"] >= LENGTH
    assert proof["similarity_before"] > proof["strangers"]
    for entry in manifest["frames"]:
        again = [box for box in entry["boxes"] if box["origin"] == "residual"]
        assert again or entry["blanked"]
    assert proof["blanked"] == sum(entry["blanked"] for entry in manifest["frames"]) < LENGTH / 2


def test_solid_leaves_nothing(film: Path, shipped: PipelineTools) -> None:
    proof = manifest_of(film, shipped, Appearance(), Verify.SAMPLE)["proof"]
    assert (proof["frames"], proof["residual_after"], proof["blanked"]) == (2, 0, 0)


def test_what_cannot_be_searched_is_black(film: Path, shipped: PipelineTools) -> None:
    assert shipped.residual_tools is not None
    blind = replace(
        shipped, residual_tools=replace(shipped.residual_tools, reader=Unreadable(), recognizer=None)
    )
    manifest = manifest_of(film, blind, Appearance(), Verify.SAMPLE)
    assert [entry["index"] for entry in manifest["frames"] if entry["blanked"]] == [10]
    assert (manifest["proof"]["failed"], manifest["proof"]["recognizer"]) == (1, None)


def test_a_reader_refuses_what_is_no_picture() -> None:
    image = OpenCvRedactor.__name__.encode()
    for data in (b"", image):
        with pytest.raises(FrameAnalysisError):
            OpenCvReader().read(data, 0)
