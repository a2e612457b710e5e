"""Parts of one result from different machines: permitted differences and their record in the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import framecloak.domain.anonymization.results.manifest
from fakes.media import FakeArchive, FakeSampler
from fakes.results import ISSUER, FakeVideoEncoder
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityRule
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler, VideoAssembly
from framecloak.domain.anonymization.work.parts import write_part
from framecloak.domain.errors import WorkersDisagreeError
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.video import EncoderIdentity
from framecloak.domain.reid.reference_people import ReferencePeople
from support.samples.scripted_video import (
    PERSON,
    RESIDUAL_TOOLS,
    BlackBoxRedactor,
    RawEncoder,
    ScriptedBoxDetector,
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedSource,
    walking_face,
)
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness

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


NVENC = EncoderIdentity("h264_nvenc", "e" * 64)


def worker(
    card: ModelCard = FP32, *, plates: bool = False, encoder: EncoderIdentity | None = None
) -> PipelineTools:
    """Return the pipeline tools of one machine."""
    box_detectors = {TargetKind.TEXT: ScriptedBoxDetector({})}
    if plates:
        box_detectors[TargetKind.PLATE] = ScriptedBoxDetector(
            {}, card=ModelCard("plates", "d" * 64, "MIT", "CPU", "fp32")
        )
    detector = ScriptedDetector(walking_face(range(LENGTH)), card=card)
    return PipelineTools(
        detector,
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        box_detectors=box_detectors,
        residual_tools=RESIDUAL_TOOLS,
        video_encoder=FakeVideoEncoder(encoder),
    )


def assembled(
    workers: Sequence[PipelineTools],
    verify: Verify = Verify.NONE,
    output_format: OutputFormat = OutputFormat.PNG,
) -> FakeArchive:
    """Assemble a result from three slices, each made with the tools of one worker."""
    source, segments = ScriptedSource(LENGTH), (Segment(0, LENGTH),)
    appearance = Appearance(output_format)
    export_source = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", segments)
    export = ExportJob(ISSUER, Level.FULL, appearance, group_sources([export_source]), verify=verify)
    parts = []
    for slice_, tools in zip(SLICES, workers, strict=True):
        parts.append(FakeArchive())
        write_part(export, slice_, tools, parts[-1], lambda: None).continuation.close()
    result = FakeArchive()
    video = VideoAssembly(FakeVideoEncoder(), source) if output_format.is_video else None
    assembly = AssemblySpec(ISSUER, Level.FULL, appearance, source.sha256(), segments, (), video)
    with closing(ResultAssembler(assembly, result, lambda: None)) as assembler:
        for part in parts:
            assembler.add(part)
        assembler.finish()
    return result


def models(result: FakeArchive) -> list[dict[str, object]]:
    document = json.loads(result.entries["manifest.json"])
    Draft202012Validator(SCHEMA).validate(document)
    return [model for model in document["models"] if model["name"] == "centerface"]


def test_identical_machines_have_one_entry() -> None:
    (model,) = models(assembled([worker(INT8)] * 3))
    assert (model["precision"], "segments" in model) == ("int8", False)


def test_machines_with_different_precision_are_listed_with_their_frames() -> None:
    listed = models(assembled([worker(INT8), worker(FP32), worker(INT8)]))
    assert [(model["precision"], model["sha256"], model["segments"]) for model in listed] == [
        ("int8", "a" * 64, [[0, 20], [40, 60]]),
        ("fp32", "b" * 64, [[20, 40]]),
    ]


def test_a_gpu_and_a_cpu_are_listed_with_their_frames() -> None:
    listed = models(assembled([worker(FP32), worker(CUDA), worker(CUDA)]))
    assert [(model["provider"], model["segments"]) for model in listed] == [
        ("CPU", [[0, 20]]),
        ("CUDA", [[20, 60]]),
    ]


def test_a_model_common_to_all_machines_has_no_segments() -> None:
    document = json.loads(assembled([worker(INT8), worker(FP32), worker(FP32)]).entries["manifest.json"])
    assert [("segments" in model) for model in document["models"]] == [True, True, False]


def refused(
    workers: Sequence[PipelineTools],
    verify: Verify = Verify.NONE,
    output_format: OutputFormat = OutputFormat.PNG,
) -> str:
    with pytest.raises(WorkersDisagreeError) as raised:
        assembled(workers, verify, output_format)
    return str(raised.value)


def test_parts_of_different_video_encoders_are_refused() -> None:
    software, hardware = worker(), worker(encoder=NVENC)
    message = refused([software, hardware, software], output_format=OutputFormat.MP4)
    assert "encoder name: h264_nvenc instead of libx264" in message
    message = refused([hardware, hardware, software], output_format=OutputFormat.MP4)
    assert "encoder name: libx264 instead of h264_nvenc" in message
    other_driver = worker(encoder=replace(NVENC, parameters_sha256="f" * 64))
    message = refused([hardware, other_driver, hardware], output_format=OutputFormat.MP4)
    assert f"encoder parameters_sha256: {'f' * 64} instead of {'e' * 64}" in message


def test_a_hardware_encoder_is_named_in_the_manifest() -> None:
    result = assembled([worker(encoder=NVENC)] * 3, output_format=OutputFormat.MP4)
    assert models(result)
    settings = json.loads(result.entries["manifest.json"])["settings"]
    assert settings["encoder"] == {"name": "h264_nvenc", "parameters_sha256": "e" * 64}


def test_an_encoder_that_made_nothing_of_the_result_is_not_named() -> None:
    for workers, output_format in (
        ([worker(), worker(encoder=NVENC), worker()], OutputFormat.PNG),
        ([worker()] * 3, OutputFormat.MP4),
    ):
        result = assembled(workers, output_format=output_format)
        assert "encoder" not in json.loads(result.entries["manifest.json"])["settings"]


def test_parts_with_different_limits_of_text_are_refused() -> None:
    other = replace(worker(), max_text_share=0.5)
    assert "max_text_share: 0.5 instead of 0.25" in refused([worker(), worker(), other])
    document = json.loads(assembled([other] * 3).entries["manifest.json"])
    assert {document["settings"]["areas"][kind]["max_share"] for kind in ("video", "picture")} == {0.5}


def test_parts_with_different_times_of_following_are_refused() -> None:
    other = replace(worker(), follow_seconds=0.0)
    assert "follow_seconds: 0.0 instead of 1.5" in refused([worker(), worker(), other])
    document = json.loads(assembled([other] * 3).entries["manifest.json"])
    assert document["sources"][0]["tracking"]["follow"] == 0
    document = json.loads(assembled([worker()] * 3).entries["manifest.json"])
    assert document["sources"][0]["tracking"]["follow"] == 38


def test_parts_with_different_models_are_refused() -> None:
    other = ModelCard("buffalo_l/det_10g", "c" * 64, "non-commercial", "CPU", "fp32")
    assert "buffalo_l/det_10g" in refused([worker(), worker(), worker(other)])
    assert "centerface" in refused([worker(INT8), worker(FP32), worker(replace(FP32, sha256="c" * 64))])


@pytest.mark.parametrize("plates_at", [0, 1, 2])
def test_parts_with_and_without_a_plate_detector_are_refused(plates_at: int) -> None:
    message = refused([worker(plates=number == plates_at) for number in range(3)])
    assert "plates" in message
    # The others are compared with the first machine.
    assert f"frames {SLICES[plates_at or 1]}" in message


def test_parts_with_and_without_a_recogniser_are_refused() -> None:
    without = replace(worker(), residual_tools=replace(RESIDUAL_TOOLS, recognizer=None))
    with_recognizer = replace(
        worker(), residual_tools=replace(RESIDUAL_TOOLS, recognizer=ScriptedRecognizer(lambda *_: 0.0))
    )
    assert "known" in refused([without, without, with_recognizer], Verify.ALL)


def test_parts_with_different_identification_are_refused() -> None:
    recognizer = ScriptedRecognizer(lambda *_: 0.9)
    people = ReferencePeople(f"folder:{'0' * 64}", recognizer.space, (PERSON,))

    def identifying_worker(threshold: float) -> PipelineTools:
        rule = IdentityRule(IdentityMode.EXCEPT, threshold, 0.3)
        return replace(worker(), identification=IdentificationSetup(recognizer, people, rule))

    assert "identities threshold" in refused(
        [identifying_worker(0.5), identifying_worker(0.5), identifying_worker(0.6)]
    )
    assert "known" in refused([identifying_worker(0.5), worker(), worker()])


async def test_a_request_with_inconsistent_parts_fails_immediately(tmp_path: Path) -> None:
    harness = WorkerHarness(FakeService(tmp_path))
    request_id = await harness.submit((0, 40))
    worker = harness.worker()
    await harness.world.dispatcher.run()
    lease = await worker.lease(request_id)
    assert lease is not None
    await worker.process(lease)
    harness.detector = FakeFaceDetector()
    harness.detector.card = replace(harness.detector.card, name="another")
    await harness.process(request_id, harness.worker("worker-2"))
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert request.error is not None
    assert "another" in request.error
    assert "same models and settings" in request.error
    assert harness.results() == harness.parts() == {}
    # The request is not processed again.
    assert len(harness.archives) == 3
