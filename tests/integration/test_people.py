"""One of six people is kept, or removed, in a film of a photograph that drifts."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream
from jsonschema import Draft202012Validator

import domain.anonymization.manifest
from adapters.media.archive import ZipArchive, ZipReader
from adapters.media.pictures import open_picture
from adapters.media.pyav import open_video
from adapters.postgres.unit_of_work import PostgresDatabase
from adapters.security.vault import Vault
from desk import Desk, unzipped
from domain.anonymization.export import Exhibit, Export, batches
from domain.anonymization.identities import Identities, IdentityMode, Unknown
from domain.anonymization.instruments import Instruments
from domain.anonymization.lifecycle import Status
from domain.anonymization.parts import Binder, Binding, write_part
from domain.anonymization.planning import plan_slices
from domain.anonymization.request import Appearance, Level, OutputFormat, Verify
from domain.anonymization.verdicts import Identification, rule_for
from domain.reid.faces import Embedding
from domain.reid.galleries import Galleries
from domain.reid.gallery import Enrolment
from domain.reid.people import People, people_in_pictures
from domain.videos import Segment
from entrypoints.bootstrap import Container
from entrypoints.settings import Settings
from fakes.results import IMPRINT
from pictures import GROUP_BOXES, group_photograph
from world import World

SIZE = (960, 640)
"""Width and height of the film, a window on the photograph."""
LENGTH = 60
PERSON = 2
"""Which of the six, from the left."""
SCHEMA = json.loads(
    Path(domain.anonymization.manifest.__file__).with_name("manifest.schema.json").read_text("utf-8")
)


def offset(index: int) -> tuple[int, int]:
    """Where the window is in a frame."""
    return 2 * index, 40 + index


def shoot(path: Path) -> None:
    """A film of the photograph, over which a window drifts."""
    photograph = group_photograph()
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream("libx264", rate=25, options={"crf": "18"}))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(LENGTH):
            x, y = offset(index)
            picture = np.ascontiguousarray(photograph[y : y + SIZE[1], x : x + SIZE[0]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))


def portrait(path: Path, person: int) -> Path:
    """A picture of one of the people, mirrored and brightened, so that it is no frame of the film."""
    x1, y1, x2, y2 = GROUP_BOXES[person].astype(int)
    picture = group_photograph()[y1 - 50 : y2 + 50, x1 - 50 : x2 + 50, ::-1]
    cv2.imwrite(str(path), cv2.convertScaleAbs(np.ascontiguousarray(picture[:, ::-1]), alpha=1.1, beta=5))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    shoot(path)
    return path


@pytest.fixture(scope="module")
def container() -> Container:
    return Container.build(Settings.from_environment({"RECOGNIZER": "dlib-resnet"}))


@pytest.fixture(scope="module")
def plain(container: Container) -> Instruments:
    return container.instruments(Level.FACES, Verify.ALL)


@pytest.fixture(scope="module")
def known(container: Container, plain: Instruments, tmp_path_factory: pytest.TempPathFactory) -> People:
    assert plain.detector
    picture = portrait(tmp_path_factory.mktemp("people") / "somebody.png", PERSON)
    return people_in_pictures([open_picture(picture)], plain.detector, container.load_recognizer())


def working(plain: Instruments, container: Container, known: People, mode: IdentityMode) -> Instruments:
    rule = rule_for(known.space, mode, None, Unknown.REDACT)
    identification = Identification(container.load_recognizer(), known, rule)
    return replace(plain, identification=identification)


def order(film: Path) -> Export:
    stem = lambda index: f"frames/{index:07d}"  # noqa: E731
    exhibit = Exhibit(0, open_video(film), None, stem, (Segment(0, LENGTH),))
    return Export(IMPRINT, Level.FACES, Appearance(OutputFormat.PNG), batches([exhibit]), verify=Verify.ALL)


def visible(index: int) -> dict[int, tuple[int, int, int, int]]:
    """The people whose faces are wholly in a frame, and where the middle of each is."""
    x, y = offset(index)
    found = {}
    for person, (x1, y1, x2, y2) in enumerate(GROUP_BOXES.astype(int) - [x, y, x, y]):
        if x1 >= 10 and y1 >= 10 and x2 <= SIZE[0] - 10 and y2 <= SIZE[1] - 10:
            found[person] = x1 + 15, y1 + 15, x2 - 15, y2 - 15
    return found


@pytest.mark.parametrize("mode", IdentityMode)
def test_pixels_of_one_person_and_of_the_others(
    film: Path, plain: Instruments, container: Container, known: People, tmp_path: Path, mode: IdentityMode
) -> None:
    path = tmp_path / "out.zip"
    order(film).run(working(plain, container, known, mode), ZipArchive(path), lambda: None)
    originals = {frame.index: frame.bgr() for frame in open_video(film).frames(0, LENGTH)}
    shown = 0
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("manifest.json"))
        assert (document["proof"]["frames"], document["proof"]["residual_before"]) == (LENGTH, 0)
        for index in range(LENGTH):
            data = np.frombuffer(archive.read(f"frames/{index:07d}.png"), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert picture is not None
            for person, (x1, y1, x2, y2) in visible(index).items():
                face, original = picture[y1:y2, x1:x2], originals[index][y1:y2, x1:x2]
                kept = (person == PERSON) is (mode is IdentityMode.EXCEPT)
                if kept:
                    assert np.array_equal(face, original), (index, person)
                    shown += 1
                else:
                    assert not face.any(), (index, person)
    assert shown >= LENGTH
    Draft202012Validator(SCHEMA).validate(document)
    identities = document["identities"]
    assert (identities["mode"], identities["faces"], identities["people"]) == (mode, 1, known.reference)
    assert document["models"][-1]["name"] == "dlib-resnet"
    assert {one["decision"] for one in identities["decisions"]} >= {"known", "stranger"}


def test_slices_agree_about_people(
    film: Path, plain: Instruments, container: Container, known: People, tmp_path: Path
) -> None:
    export, instruments = order(film), working(plain, container, known, IdentityMode.EXCEPT)
    whole = tmp_path / "whole.zip"
    export.run(instruments, ZipArchive(whole), lambda: None)
    segments = (Segment(0, LENGTH),)
    source = export.batches[0].source
    sliced = tmp_path / "sliced.zip"
    binding = Binding(IMPRINT, export.level, export.appearance, source.sha256(), segments, ())
    binder = Binder(binding, ZipArchive(sliced), lambda: None)
    for number, segment in enumerate(plan_slices(segments, longest=17)):
        part = tmp_path / f"{number}.zip"
        write_part(export, segment, instruments, ZipArchive(part), lambda: None).seam.close()
        with ZipReader(part) as reader:
            binder.add(reader)
    binder.finish()
    assert sliced.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("mode", IdentityMode)
async def test_a_request_names_a_gallery(
    film: Path,
    plain: Instruments,
    container: Container,
    known: People,
    postgres_database: PostgresDatabase,
    tmp_path: Path,
    mode: IdentityMode,
) -> None:
    recognizer, vault = container.load_recognizer(), Vault(b"v" * 32)
    world = World(tmp_path, real_database=postgres_database, vault=vault, recognizer=recognizer)
    anna = await world.person("anna")
    galleries = Galleries(world.database, vault, world.clock, 10)
    gallery = await galleries.create(anna, "staff", recognizer.space)
    (likenesses,) = known.likenesses
    enrolment = Enrolment("Grace", Embedding(recognizer.space, likenesses.vectors[0]))
    await galleries.enrol(anna, gallery.id, [enrolment])
    desk = Desk(world)
    desk.anna = anna
    desk.open_video = lambda _: open_video(film)
    desk.detector = plain.detector
    wanted = Identities(mode, gallery.id)
    order = replace(await world.order(anna, (0, LENGTH)), identities=wanted)
    request_id = (await world.submissions.submit(anna, order)).request.id
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.error, request.order.identities) == (Status.COMPLETED, None, wanted)
    (result,) = desk.results().values()
    entries = unzipped(result)
    assert b"Grace" not in result
    assert json.loads(entries["manifest.json"])["identities"]["people"] == f"gallery:{gallery.id}"
    frames = sorted(name for name in entries if name.startswith("frames/"))
    for index, name in enumerate(frames):
        picture = np.frombuffer(entries[name], np.uint8).reshape(SIZE[1], SIZE[0], 3)
        for person, (x1, y1, x2, y2) in visible(index).items():
            redacted = np.ptp(picture[y1:y2, x1:x2].reshape(-1, 3), axis=0).max() == 0
            assert bool(redacted) is ((person == PERSON) is (mode is IdentityMode.ONLY)), (index, person)
    assert len(frames) == LENGTH
