"""Parts of one result that different machines made: what may differ, and what the manifest says then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import framecloak.domain.anonymization.results.manifest
from fakes.media import FakeArchive
from fakes.results import IMPRINT
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityRule
from framecloak.domain.anonymization.model.options import Appearance, Level, OutputFormat, Verify
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.work.parts import AssemblySpec, ResultAssembler, write_part
from framecloak.domain.errors import WorkersDisagreeError
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.model.segments import Segment
from framecloak.domain.reid.reference_people import ReferencePeople
from support.samples.scripted_video import (
    LENS,
    PERSON,
    BlackBoxes,
    RawBytes,
    ScriptedAreas,
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedSource,
    walking,
)
from support.use_cases import World
from support.worker_harness import Desk

SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)
LENGTH = 60
INT8 = ModelCard("centerface", "a" * 64, "MIT", "CPU", "int8")
FP32 = ModelCard("centerface", "b" * 64, "MIT", "CPU", "fp32")
CUDA = replace(FP32, provider="CUDA")
SLICES = (Segment(0, 20), Segment(20, 40), Segment(40, 60))


def worker(card: ModelCard = FP32, *, plates: bool = False) -> PipelineTools:
    """What one machine works with."""
    areas = {TargetKind.TEXT: ScriptedAreas({})}
    if plates:
        areas[TargetKind.PLATE] = ScriptedAreas({}, card=ModelCard("plates", "d" * 64, "MIT", "CPU", "fp32"))
    detector = ScriptedDetector(walking(range(LENGTH)), card=card)
    return PipelineTools(detector, BlackBoxes(), RawBytes(), 2, box_detectors=areas, residual_tools=LENS)


def bound(workers: Sequence[PipelineTools], verify: Verify = Verify.NONE) -> FakeArchive:
    """A result of which each worker makes one of three slices."""
    source, segments = ScriptedSource(LENGTH), (Segment(0, LENGTH),)
    look = Appearance(OutputFormat.PNG)
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", segments)
    export = ExportJob(IMPRINT, Level.FULL, look, group_sources([exhibit]), verify=verify)
    parts = []
    for piece, working in zip(SLICES, workers, strict=True):
        parts.append(FakeArchive())
        write_part(export, piece, working, parts[-1], lambda: None).continuation.close()
    result = FakeArchive()
    binding = AssemblySpec(IMPRINT, Level.FULL, look, source.sha256(), segments, ())
    with closing(ResultAssembler(binding, result, lambda: None)) as binder:
        for part in parts:
            binder.add(part)
        binder.finish()
    return result


def models(result: FakeArchive) -> list[dict[str, object]]:
    document = json.loads(result.entries["manifest.json"])
    Draft202012Validator(SCHEMA).validate(document)
    return [one for one in document["models"] if one["name"] == "centerface"]


def test_machines_that_are_alike_are_named_once() -> None:
    (one,) = models(bound([worker(INT8)] * 3))
    assert (one["precision"], "segments" in one) == ("int8", False)


def test_of_machines_that_calculate_differently_each_is_named_with_its_frames() -> None:
    found = models(bound([worker(INT8), worker(FP32), worker(INT8)]))
    assert [(one["precision"], one["sha256"], one["segments"]) for one in found] == [
        ("int8", "a" * 64, [[0, 20], [40, 60]]),
        ("fp32", "b" * 64, [[20, 40]]),
    ]


def test_a_gpu_beside_a_cpu_is_named() -> None:
    found = models(bound([worker(FP32), worker(CUDA), worker(CUDA)]))
    assert [(one["provider"], one["segments"]) for one in found] == [
        ("CPU", [[0, 20]]),
        ("CUDA", [[20, 60]]),
    ]


def test_what_all_machines_have_alike_has_all_frames() -> None:
    document = json.loads(bound([worker(INT8), worker(FP32), worker(FP32)]).entries["manifest.json"])
    assert [("segments" in one) for one in document["models"]] == [True, True, False]


def refused(workers: Sequence[PipelineTools], verify: Verify = Verify.NONE) -> str:
    with pytest.raises(WorkersDisagreeError) as raised:
        bound(workers, verify)
    return str(raised.value)


def test_different_models_make_no_result() -> None:
    other = ModelCard("buffalo_l/det_10g", "c" * 64, "non-commercial", "CPU", "fp32")
    assert "buffalo_l/det_10g" in refused([worker(), worker(), worker(other)])
    assert "centerface" in refused([worker(INT8), worker(FP32), worker(replace(FP32, sha256="c" * 64))])


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_detector_of_plates_on_one_machine_only_makes_no_result(where: int) -> None:
    told = refused([worker(plates=number == where) for number in range(3)])
    assert "plates" in told
    # The first machine is what the others are compared with.
    assert f"frames {SLICES[where or 1]}" in told


def test_a_recogniser_on_one_machine_only_makes_no_result() -> None:
    without = replace(worker(), residual_tools=replace(LENS, recognizer=None))
    some = replace(worker(), residual_tools=replace(LENS, recognizer=ScriptedRecognizer(lambda *_: 0.0)))
    assert "known" in refused([without, without, some], Verify.ALL)


def test_people_who_were_told_apart_in_some_frames_only_make_no_result() -> None:
    recognizer = ScriptedRecognizer(lambda *_: 0.9)
    people = ReferencePeople(f"folder:{'0' * 64}", recognizer.space, (PERSON,))

    def told_apart(threshold: float) -> PipelineTools:
        rule = IdentityRule(IdentityMode.EXCEPT, threshold, 0.3)
        return replace(worker(), identification=IdentificationSetup(recognizer, people, rule))

    assert "identities threshold" in refused([told_apart(0.5), told_apart(0.5), told_apart(0.6)])
    assert "known" in refused([told_apart(0.5), worker(), worker()])


async def test_a_request_that_unlike_workers_have_made_fails_at_once(tmp_path: Path) -> None:
    desk = Desk(World(tmp_path))
    request_id = await desk.submit((0, 40))
    worker = desk.worker()
    await desk.world.dispatcher.run()
    lease = await worker.lease(request_id)
    assert lease is not None
    await worker.process(lease)
    desk.detector = FakeFaceDetector()
    desk.detector.card = replace(desk.detector.card, name="another")
    await desk.process(request_id, desk.worker("worker-2"))
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert request.error is not None
    assert "another" in request.error
    assert "same models and settings" in request.error
    assert desk.results() == desk.parts() == {}
    # What was made stays as it is, and so does the answer.
    assert len(desk.archives) == 3
