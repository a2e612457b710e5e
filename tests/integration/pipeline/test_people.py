"""One of six people is kept, or removed, in a film of a photograph that drifts."""

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
from fakes.results import IMPRINT
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
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.work.parts import AssemblySpec, ResultAssembler, write_part
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.faces import Embedding
from framecloak.domain.model.segments import Segment
from framecloak.domain.reid.galleries.model import Enrolment
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.reid.reference_people import ReferencePeople, reference_people
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings
from support.samples.images import GROUP_BOXES, group_photograph
from support.samples.media import write_video
from support.use_cases import World
from support.worker_harness import Desk, unzipped

SIZE = (960, 640)
"""Width and height of the film, a window on the photograph."""
PERSON = 2
"""Which of the six, from the left."""
SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)


@dataclass(frozen=True)
class Drift:
    """How a window drifts over the photograph: for so many frames, by twice and once the pace in each."""

    length: int
    pace: int

    def offset(self, index: int) -> tuple[int, int]:
        """Where the window is in a frame."""
        return 2 * self.pace * index, 40 + self.pace * index

    def visible(self, index: int) -> dict[int, tuple[int, int, int, int]]:
        """The people whose faces are wholly in a frame, and where the middle of each is."""
        x, y = self.offset(index)
        found = {}
        for person, (x1, y1, x2, y2) in enumerate(GROUP_BOXES.astype(int) - [x, y, x, y]):
            if x1 >= 10 and y1 >= 10 and x2 <= SIZE[0] - 10 and y2 <= SIZE[1] - 10:
                found[person] = x1 + 15, y1 + 15, x2 - 15, y2 - 15
        return found

    def pictures(self) -> Iterator[Image]:
        """What the window shows, (h, w, 3) BGR."""
        photograph = group_photograph()[:, :, ::-1]
        for x, y in map(self.offset, range(self.length)):
            yield np.ascontiguousarray(photograph[y : y + SIZE[1], x : x + SIZE[0]])


SHORT, LONG = Drift(20, 3), Drift(60, 1)
"""The same way; the long form adds tracks longer than evidence reaches, and slices that do not see all."""


def portrait(path: Path, person: int) -> Path:
    """A picture of one of the people, mirrored and brightened, so that it is no frame of the film."""
    x1, y1, x2, y2 = GROUP_BOXES[person].astype(int)
    picture = group_photograph()[y1 - 50 : y2 + 50, x1 - 50 : x2 + 50, ::-1]
    cv2.imwrite(str(path), cv2.convertScaleAbs(np.ascontiguousarray(picture[:, ::-1]), alpha=1.1, beta=5))
    return path


@pytest.fixture(
    scope="module", params=[SHORT, pytest.param(LONG, marks=pytest.mark.nightly)], ids=["short", "long"]
)
def drift(request: pytest.FixtureRequest) -> Drift:
    found: Drift = request.param
    return found


@pytest.fixture(scope="module")
def film(drift: Drift, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, size=SIZE, pictures=drift.pictures(), options={"crf": "18"})


@pytest.fixture(scope="module")
def container() -> Container:
    return Container.build(Settings.from_environment({"RECOGNIZER": "dlib-resnet"}))


@pytest.fixture(scope="module")
def plain(container: Container) -> PipelineTools:
    return container.pipeline_tools(Level.FACES, Verify.ALL)


@pytest.fixture(scope="module")
def known(
    container: Container, plain: PipelineTools, tmp_path_factory: pytest.TempPathFactory
) -> ReferencePeople:
    assert plain.detector
    picture = portrait(tmp_path_factory.mktemp("people") / "somebody.png", PERSON)
    return reference_people([open_image(picture)], plain.detector, container.load_recognizer())


def working(
    plain: PipelineTools, container: Container, known: ReferencePeople, mode: IdentityMode
) -> PipelineTools:
    rule = identity_rule(known.space, mode, None, Unknown.REDACT)
    identification = IdentificationSetup(container.load_recognizer(), known, rule)
    return replace(plain, identification=identification)


def order(film: Path, drift: Drift) -> ExportJob:
    stem = lambda index: f"frames/{index:07d}"  # noqa: E731
    exhibit = ExportSource(0, open_video(film), None, stem, (Segment(0, drift.length),))
    return ExportJob(
        IMPRINT, Level.FACES, Appearance(OutputFormat.PNG), group_sources([exhibit]), verify=Verify.ALL
    )


@pytest.mark.parametrize("mode", IdentityMode)
def test_pixels_of_one_person_and_of_the_others(
    film: Path,
    drift: Drift,
    plain: PipelineTools,
    container: Container,
    known: ReferencePeople,
    tmp_path: Path,
    mode: IdentityMode,
) -> None:
    path = tmp_path / "out.zip"
    with ZipArchive(path) as result:
        order(film, drift).run(working(plain, container, known, mode), result, lambda: None)
    originals = {frame.index: frame.bgr() for frame in open_video(film).frames(0, drift.length)}
    shown = 0
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("manifest.json"))
        assert (document["proof"]["frames"], document["proof"]["residual_before"]) == (drift.length, 0)
        for index in range(drift.length):
            data = np.frombuffer(archive.read(f"frames/{index:07d}.png"), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert picture is not None
            for person, (x1, y1, x2, y2) in drift.visible(index).items():
                face, original = picture[y1:y2, x1:x2], originals[index][y1:y2, x1:x2]
                kept = (person == PERSON) is (mode is IdentityMode.EXCEPT)
                if kept:
                    assert np.array_equal(face, original), (index, person)
                    shown += 1
                else:
                    assert not face.any(), (index, person)
    assert shown >= drift.length
    Draft202012Validator(SCHEMA).validate(document)
    identities = document["identities"]
    assert (identities["mode"], identities["faces"], identities["people"]) == (mode, 1, known.reference)
    assert document["models"][-1]["name"] == "dlib-resnet"
    assert {one["decision"] for one in identities["decisions"]} >= {"known", "stranger"}


def test_slices_agree_about_people(
    film: Path,
    drift: Drift,
    plain: PipelineTools,
    container: Container,
    known: ReferencePeople,
    tmp_path: Path,
) -> None:
    export, instruments = order(film, drift), working(plain, container, known, IdentityMode.EXCEPT)
    whole = tmp_path / "whole.zip"
    with ZipArchive(whole) as result:
        export.run(instruments, result, lambda: None)
    segments = (Segment(0, drift.length),)
    source = export.groups[0].source
    sliced = tmp_path / "sliced.zip"
    binding = AssemblySpec(IMPRINT, export.level, export.appearance, source.sha256(), segments, ())
    slices = plan_slices(segments, max_frames=drift.length // 4 + 2)
    assert len(slices) > 2
    with ZipArchive(sliced) as result, closing(ResultAssembler(binding, result, lambda: None)) as binder:
        for number, segment in enumerate(slices):
            part = tmp_path / f"{number}.zip"
            with ZipArchive(part) as archive:
                write_part(export, segment, instruments, archive, lambda: None).seam.close()
            with ZipReader(part) as reader:
                binder.add(reader)
        binder.finish()
    assert sliced.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("mode", IdentityMode)
async def test_a_request_names_a_gallery(
    film: Path,
    drift: Drift,
    plain: PipelineTools,
    container: Container,
    known: ReferencePeople,
    postgres_database: PostgresDatabase,
    tmp_path: Path,
    mode: IdentityMode,
) -> None:
    recognizer, vault = container.load_recognizer(), AesGalleryCipher(b"v" * 32)
    world = World(tmp_path, real_database=postgres_database, vault=vault, recognizer=recognizer)
    anna = await world.person("anna")
    galleries = GalleryService(world.database, vault, world.clock, 10)
    gallery = await galleries.create(anna, "staff", recognizer.space)
    (likenesses,) = known.embeddings
    enrolment = Enrolment("Grace", Embedding(recognizer.space, likenesses.vectors[0]))
    await galleries.enrol(anna, gallery.id, [enrolment])
    desk = Desk(world)
    desk.anna = anna
    desk.open_video = lambda _: open_video(film)
    desk.detector = plain.detector
    wanted = IdentityOptions(mode, gallery.id)
    order = replace(await world.order(anna, (0, drift.length)), identities=wanted)
    request_id = (await world.submissions.submit(anna, order)).request.id
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.error, request.spec.identities) == (Status.COMPLETED, None, wanted)
    (result,) = desk.results().values()
    entries = unzipped(result)
    assert b"Grace" not in result
    assert json.loads(entries["manifest.json"])["identities"]["people"] == f"gallery:{gallery.id}"
    frames = sorted(name for name in entries if name.startswith("frames/"))
    for index, name in enumerate(frames):
        picture = np.frombuffer(entries[name], np.uint8).reshape(SIZE[1], SIZE[0], 3)
        for person, (x1, y1, x2, y2) in drift.visible(index).items():
            redacted = np.ptp(picture[y1:y2, x1:x2].reshape(-1, 3), axis=0).max() == 0
            assert bool(redacted) is ((person == PERSON) is (mode is IdentityMode.ONLY)), (index, person)
    assert len(frames) == drift.length
