"""Text decisions in parts: a result made in slices is byte for byte the one made as a whole."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER, FakeVideoEncoder
from fakes.vision import FakeBoxDetector, FakeFaceDetector, FakeTextReader, paint_line
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.edited_manifest import read_edited_manifest
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler
from framecloak.domain.anonymization.work.parts import write_part
from framecloak.domain.errors import InvalidManifestError, WorkersDisagreeError
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Segment

LENGTH = 60
SEGMENTS = (Segment(0, 40), Segment(45, LENGTH))
NAME = "Berger, Anna."


def draw(index: int) -> Image:
    """Draw a measurement that moves, and a line that names a person in some frames."""
    image = np.full((128, 256, 3), 90, np.uint8)
    paint_line(image, (16 + 8 * (index // 30), 16), "Depth 12.5 cm", height=32)
    paint_line(image, (16, 80), NAME if 20 <= index < 30 else "Gain 55 dB", height=32)
    return image[..., ::-1].copy()


def pipeline_tools(*names: str) -> PipelineTools:
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), NameIndex(names))
    return PipelineTools(
        FakeFaceDetector(),
        FakeRedactor(),
        FakeEncoder(),
        FakeSampler(),
        1,
        video_encoder=FakeVideoEncoder(),
        box_detectors={TargetKind.TEXT: FakeBoxDetector()},
        line_reader=LineReader(FakeTextReader(), policy),
    )


def export_job() -> ExportJob:
    source = ExportSource(0, FakeSource("text.mp4", LENGTH, draw), None, str, SEGMENTS, ())
    return ExportJob(ISSUER, Level.FULL, Appearance(OutputFormat.PNG), group_sources([source]))


def ignore_progress() -> None:
    """Progress callback that does nothing."""


def manifest(archive: FakeArchive) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(archive.entries["manifest.json"])
    return document


@pytest.fixture(scope="module")
def whole() -> FakeArchive:
    archive = FakeArchive()
    export_job().run(pipeline_tools("Berger"), archive, ignore_progress)
    return archive


def in_slices(*slices: Segment, last_name: str = "Berger") -> FakeArchive:
    """Export in slices, the last one with a name of its own."""
    job, result = export_job(), FakeArchive()
    digest = FakeSource("text.mp4", LENGTH).sha256()
    spec = AssemblySpec(ISSUER, job.level, job.appearance, digest, SEGMENTS, ())
    with closing(ResultAssembler(spec, result, ignore_progress)) as assembler:
        for slice_ in slices:
            part, tools = FakeArchive(), pipeline_tools(last_name if slice_ is slices[-1] else "Berger")
            write_part(job, slice_, tools, part, ignore_progress).continuation.close()
            assert NAME.encode() not in part.entries["part.json"]
            assembler.add(part)
        assembler.finish()
    return result


@pytest.mark.parametrize("cuts", [(), (20,), (7, 23, 31)])
def test_slices_decide_on_text_like_the_whole(whole: FakeArchive, cuts: tuple[int, ...]) -> None:
    first = [Segment(*limits) for limits in pairwise([0, *cuts, 40])]
    assert in_slices(*first, SEGMENTS[1]).entries == whole.entries


def test_a_manifest_says_where_kept_text_is_and_never_what_it_says(whole: FakeArchive) -> None:
    decisions = manifest(whole)["text"]["decisions"]
    kept = [each for each in decisions if each["kept"]]
    assert kept
    assert all(each["places"] for each in kept)
    assert all("places" not in each for each in decisions if not each["kept"])
    assert any(len(each["places"]) > 1 for each in kept), "one line moves"
    assert not any(NAME.encode() in data or b"Berger" in data for data in whole.entries.values())


def test_parts_with_and_without_a_list_of_names_are_not_mixed() -> None:
    with pytest.raises(WorkersDisagreeError, match="text names"):
        in_slices(*SEGMENTS, last_name="")


def test_a_result_made_of_known_boxes_keeps_the_decisions_on_text(whole: FakeArchive) -> None:
    edited = read_edited_manifest(whole.entries["manifest.json"])
    assert edited.text is not None
    assert json.loads(edited.text.to_bytes()) == manifest(whole)["text"]
    again, job = FakeArchive(), export_job()
    (source,) = job.groups[0].inputs
    groups = group_sources([replace(source, boxes=edited.tables[0])])
    based_on = BasedOn(edited.sha256, SignatureState.NONE)
    replace(job, groups=groups, based_on=based_on, earlier_text=edited.text).run(
        replace(pipeline_tools(), detector=None, box_detectors={}, line_reader=None), again, ignore_progress
    )
    assert manifest(again)["text"] == manifest(whole)["text"]
    assert [again.entries[f"{index}.png"] for index in range(20, 30)] == [
        whole.entries[f"{index}.png"] for index in range(20, 30)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "Berger"},
        {"kept": 1},
        {"segment": [3, 3]},
        {"track": -1},
        {"text": NAME},
        {"places": [{"frame": 0, "xyxy": [5, 5, 5, 9]}]},
        {"places": [[0, 1, 2, 3, 4]]},
    ],
)
def test_decisions_that_were_tampered_with_are_refused(whole: FakeArchive, change: dict[str, Any]) -> None:
    document = manifest(whole)
    document["text"]["decisions"][0] |= change
    with pytest.raises(InvalidManifestError) as caught:
        read_edited_manifest(json.dumps(document).encode())
    assert NAME not in str(caught.value)
