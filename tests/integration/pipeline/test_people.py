"""Keeping or redacting one of six people, in a video that pans over a photograph."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

import framecloak.domain.anonymization.results.manifest
from fakes.results import ISSUER
from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup, identity_rule
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityOptions, Unknown
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler
from framecloak.domain.anonymization.work.parts import write_part
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.faces import Embedding
from framecloak.domain.model.segments import Segment
from framecloak.domain.reid.galleries.model import Enrolment
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.reid.reference_people import ReferencePeople, reference_people
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings
from support.result_files import unzipped
from support.samples.images import GROUP_BOXES, group_photo
from support.samples.media import write_video
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness

SIZE = (960, 640)
"""Width and height of the video, a window on the photograph."""
PERSON = 2
"""Index of the reference person, counted from the left."""
SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)


@dataclass(frozen=True)
class Pan:
    """Pan of a window over the photograph: per frame right by twice the pace and down by the pace."""

    length: int
    pace: int

    def offset(self, index: int) -> tuple[int, int]:
        """Return the top left corner of the window in a frame."""
        return 2 * self.pace * index, 40 + self.pace * index

    def visible(self, index: int) -> dict[int, tuple[int, int, int, int]]:
        """Return the people whose faces are completely in a frame, with the inner box of each face."""
        x, y = self.offset(index)
        boxes = {}
        for person, (x1, y1, x2, y2) in enumerate(GROUP_BOXES.astype(int) - [x, y, x, y]):
            if x1 >= 10 and y1 >= 10 and x2 <= SIZE[0] - 10 and y2 <= SIZE[1] - 10:
                boxes[person] = x1 + 15, y1 + 15, x2 - 15, y2 - 15
        return boxes

    def images(self) -> Iterator[Image]:
        """Yield the content of the window in each frame, (h, w, 3) BGR."""
        photograph = group_photo()[:, :, ::-1]
        for x, y in map(self.offset, range(self.length)):
            yield np.ascontiguousarray(photograph[y : y + SIZE[1], x : x + SIZE[0]])


SHORT, LONG = Pan(20, 3), Pan(60, 1)
"""Two pans over the same distance. The long one has tracks longer than the evidence of a slice."""


def write_reference_photo(path: Path, person: int) -> Path:
    """Write a photo of one person, mirrored and brightened so that it differs from every frame."""
    x1, y1, x2, y2 = GROUP_BOXES[person].astype(int)
    crop = group_photo()[y1 - 50 : y2 + 50, x1 - 50 : x2 + 50, ::-1]
    cv2.imwrite(str(path), cv2.convertScaleAbs(np.ascontiguousarray(crop[:, ::-1]), alpha=1.1, beta=5))
    return path


@pytest.fixture(
    scope="module", params=[SHORT, pytest.param(LONG, marks=pytest.mark.nightly)], ids=["short", "long"]
)
def pan(request: pytest.FixtureRequest) -> Pan:
    param: Pan = request.param
    return param


@pytest.fixture(scope="module")
def video_path(pan: Pan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    return write_video(path, size=SIZE, images=pan.images(), options={"crf": "18"})


@pytest.fixture(scope="module")
def container() -> Container:
    return Container.build(Settings.from_environment({"RECOGNIZER": "dlib-resnet"}))


@pytest.fixture(scope="module")
def tools(container: Container) -> PipelineTools:
    return container.pipeline_tools(Level.FACES, Verify.ALL)


@pytest.fixture(scope="module")
def people(
    container: Container, tools: PipelineTools, tmp_path_factory: pytest.TempPathFactory
) -> ReferencePeople:
    assert tools.detector
    photo = write_reference_photo(tmp_path_factory.mktemp("people") / "reference.png", PERSON)
    return reference_people([open_image(photo)], tools.detector, container.load_recognizer())


def identifying_tools(
    tools: PipelineTools, container: Container, people: ReferencePeople, mode: IdentityMode
) -> PipelineTools:
    rule = identity_rule(people.space, mode, None, Unknown.REDACT)
    identification = IdentificationSetup(container.load_recognizer(), people, rule)
    return replace(tools, identification=identification)


def export_job(video_path: Path, pan: Pan) -> ExportJob:
    entry_name = lambda index: f"frames/{index:07d}"  # noqa: E731
    export_source = ExportSource(0, open_video(video_path), None, entry_name, (Segment(0, pan.length),))
    return ExportJob(
        ISSUER, Level.FACES, Appearance(OutputFormat.PNG), group_sources([export_source]), verify=Verify.ALL
    )


@pytest.mark.parametrize("mode", IdentityMode)
def test_only_the_faces_of_the_rule_are_redacted(
    video_path: Path,
    pan: Pan,
    tools: PipelineTools,
    container: Container,
    people: ReferencePeople,
    tmp_path: Path,
    mode: IdentityMode,
) -> None:
    path = tmp_path / "out.zip"
    with ZipArchive(path) as result:
        export_job(video_path, pan).run(
            identifying_tools(tools, container, people, mode), result, lambda: None
        )
    originals = {frame.index: frame.bgr() for frame in open_video(video_path).frames(0, pan.length)}
    visible_faces = 0
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("manifest.json"))
        assert (document["proof"]["frames"], document["proof"]["residual_before"]) == (pan.length, 0)
        for index in range(pan.length):
            data = np.frombuffer(archive.read(f"frames/{index:07d}.png"), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert image is not None
            for person, (x1, y1, x2, y2) in pan.visible(index).items():
                face, original = image[y1:y2, x1:x2], originals[index][y1:y2, x1:x2]
                kept = (person == PERSON) is (mode is IdentityMode.EXCEPT)
                if kept:
                    assert np.array_equal(face, original), (index, person)
                    visible_faces += 1
                else:
                    assert not face.any(), (index, person)
    assert visible_faces >= pan.length
    Draft202012Validator(SCHEMA).validate(document)
    identities = document["identities"]
    assert (identities["mode"], identities["faces"], identities["people"]) == (mode, 1, people.reference)
    assert document["models"][-1]["name"] == "dlib-resnet"
    assert {entry["decision"] for entry in identities["decisions"]} >= {"known", "stranger"}


def test_slices_agree_about_identities(
    video_path: Path,
    pan: Pan,
    tools: PipelineTools,
    container: Container,
    people: ReferencePeople,
    tmp_path: Path,
) -> None:
    job, tools_with_identities = (
        export_job(video_path, pan),
        identifying_tools(tools, container, people, IdentityMode.EXCEPT),
    )
    whole = tmp_path / "whole.zip"
    with ZipArchive(whole) as result:
        job.run(tools_with_identities, result, lambda: None)
    segments = (Segment(0, pan.length),)
    source = job.groups[0].source
    sliced = tmp_path / "sliced.zip"
    assembly_spec = AssemblySpec(ISSUER, job.level, job.appearance, source.sha256(), segments, ())
    slices = plan_slices(segments, max_frames=pan.length // 4 + 2)
    assert len(slices) > 2
    with (
        ZipArchive(sliced) as result,
        closing(ResultAssembler(assembly_spec, result, lambda: None)) as assembler,
    ):
        for number, segment in enumerate(slices):
            part = tmp_path / f"{number}.zip"
            with ZipArchive(part) as archive:
                write_part(job, segment, tools_with_identities, archive, lambda: None).continuation.close()
            with ZipReader(part) as reader:
                assembler.add(reader)
        assembler.finish()
    assert sliced.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("mode", IdentityMode)
async def test_a_request_with_a_gallery_redacts_by_identity(
    video_path: Path,
    pan: Pan,
    tools: PipelineTools,
    container: Container,
    people: ReferencePeople,
    postgres_database: PostgresDatabase,
    tmp_path: Path,
    mode: IdentityMode,
) -> None:
    recognizer, cipher = container.load_recognizer(), AesGalleryCipher(b"v" * 32)
    world = FakeService(tmp_path, real_database=postgres_database, vault=cipher, recognizer=recognizer)
    anna = await world.person("anna")
    galleries = GalleryService(world.database, cipher, world.clock, 10)
    gallery = await galleries.create(anna, "staff", recognizer.space)
    (embeddings,) = people.embeddings
    enrolment = Enrolment("Grace", Embedding(recognizer.space, embeddings.vectors[0]))
    await galleries.enrol(anna, gallery.id, [enrolment])
    harness = WorkerHarness(world)
    harness.anna = anna
    harness.open_video = lambda _: open_video(video_path)
    harness.detector = tools.detector
    options = IdentityOptions(mode, gallery.id)
    spec = replace(await world.request_spec(anna, (0, pan.length)), identities=options)
    request_id = (await world.submissions.submit(anna, spec)).request.id
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.error, request.spec.identities) == (Status.COMPLETED, None, options)
    (result,) = harness.results().values()
    entries = unzipped(result)
    assert b"Grace" not in result
    assert json.loads(entries["manifest.json"])["identities"]["people"] == f"gallery:{gallery.id}"
    frames = sorted(name for name in entries if name.startswith("frames/"))
    for index, name in enumerate(frames):
        image = np.frombuffer(entries[name], np.uint8).reshape(SIZE[1], SIZE[0], 3)
        for person, (x1, y1, x2, y2) in pan.visible(index).items():
            redacted = np.ptp(image[y1:y2, x1:x2].reshape(-1, 3), axis=0).max() == 0
            assert bool(redacted) is ((person == PERSON) is (mode is IdentityMode.ONLY)), (index, person)
    assert len(frames) == pan.length
