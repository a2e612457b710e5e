"""Residual checks with real models: a redactor that misses a face is corrected."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.results import ISSUER
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.source import open_video
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
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
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


class IncompleteRedactor:
    """Redactor that omits the largest face, as if the tracker had missed it."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        kept = boxes[:0] if len(boxes) == 1 and style is RedactionStyle.PIXELATE else boxes
        if style is RedactionStyle.PIXELATE and len(boxes) > 1:
            areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            kept = boxes[areas < areas.max()]
        OpenCvRedactor().redact(image, kept, style, shape)


class FailingReader(OpenCvReader):
    """Reader that fails for one frame."""

    def read(self, data: bytes, index: int) -> Frame:
        if index == 10:
            raise FrameAnalysisError("no image")
        return super().read(data, index)


@pytest.fixture(scope="module")
def video_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    return write_video(path, size=video.SIZE, images=demo_shots(LENGTH), options={})


@pytest.fixture(scope="module")
def tools() -> PipelineTools:
    return Container.build(Settings.from_environment({})).pipeline_tools(Level.FACES, Verify.ALL)


def manifest_of(
    video_path: Path, tools: PipelineTools, appearance: Appearance, verify: Verify
) -> dict[str, Any]:
    source = open_video(video_path)
    export_source = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", (Segment(0, LENGTH),))
    job = ExportJob(ISSUER, Level.FACES, appearance, group_sources([export_source]), verify=verify)
    path = video_path.with_name("out.zip")
    with ZipArchive(path) as archive:
        job.run(replace(tools, video_encoder=X264VideoEncoder(video_path.parent)), archive, lambda: None)
    with zipfile.ZipFile(path) as result:
        manifest: dict[str, Any] = json.loads(result.read("manifest.json"))
    return manifest


@pytest.mark.parametrize("output", [OutputFormat.JPG, OutputFormat.MP4])
def test_a_missed_face_is_detected_and_redacted_again(
    video_path: Path, tools: PipelineTools, output: OutputFormat
) -> None:
    appearance = Appearance(output, style=RedactionStyle.PIXELATE)
    manifest = manifest_of(video_path, replace(tools, redactor=IncompleteRedactor()), appearance, Verify.ALL)
    summary = manifest["proof"]
    assert summary["frames"] == LENGTH
    assert summary["redacted_again"] == LENGTH
    assert summary["residual_before"] >= LENGTH
    assert summary["similarity_before"] > summary["strangers"]
    for entry in manifest["frames"]:
        again = [box for box in entry["boxes"] if box["origin"] == "residual"]
        assert again or entry["blanked"]
    assert summary["blanked"] == sum(entry["blanked"] for entry in manifest["frames"]) < LENGTH / 2


def test_solid_redaction_leaves_no_residuals(video_path: Path, tools: PipelineTools) -> None:
    summary = manifest_of(video_path, tools, Appearance(), Verify.SAMPLE)["proof"]
    assert (summary["frames"], summary["residual_after"], summary["blanked"]) == (2, 0, 0)


def test_a_frame_that_cannot_be_checked_is_blanked(video_path: Path, tools: PipelineTools) -> None:
    assert tools.residual_tools is not None
    failing_tools = replace(
        tools, residual_tools=replace(tools.residual_tools, reader=FailingReader(), recognizer=None)
    )
    manifest = manifest_of(video_path, failing_tools, Appearance(), Verify.SAMPLE)
    assert [entry["index"] for entry in manifest["frames"] if entry["blanked"]] == [10]
    assert (manifest["proof"]["failed"], manifest["proof"]["recognizer"]) == (1, None)


def test_a_reader_refuses_data_that_is_not_an_image() -> None:
    text = OpenCvRedactor.__name__.encode()
    for data in (b"", text):
        with pytest.raises(FrameAnalysisError):
            OpenCvReader().read(data, 0)
