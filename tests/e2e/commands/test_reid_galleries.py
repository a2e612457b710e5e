"""``framecloak reid enroll`` and ``search``: choice of gallery, and search results."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest

from framecloak.domain.model.accounts import Means, Principal
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.reid.galleries.model import Gallery
from framecloak.entrypoints.cli.admin.connection import OPERATOR
from support.processes.installation import PASSWORD, Installation, error_line
from support.samples import images

pytest_plugins = ("support.processes.shared_installation",)


@pytest.fixture(scope="module", autouse=True)
def accounts(installation: Installation) -> None:
    for name in ("mary", "joan"):
        created = installation.run("users", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
        assert created.code == 0


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An image each of two people; others in the group have nearly the threshold's similarity."""
    folder, group = tmp_path_factory.mktemp("faces"), images.group_photo()[:, :, ::-1]
    paths = folder / "person0.png", folder / "person1.png"
    for path, (x1, y1, x2, y2) in zip(paths, images.GROUP_BOXES[2:4].astype(int), strict=True):
        assert cv2.imwrite(str(path), np.ascontiguousarray(group[y1 - 40 : y2 + 40, x1 - 40 : x2 + 40]))
    return paths


@pytest.fixture(scope="module")
def space(installation: Installation, faces: tuple[Path, Path]) -> EmbeddingSpace:
    """Embedding space of the embedded recogniser."""
    assert installation.run("reid", "enroll", "sample", faces[0], installed=True).code == 0
    newest: Gallery = installation.portal.call(
        installation.service.use_cases.galleries.list, OPERATOR, 1, 0
    ).items[0]
    return newest.space


def make(installation: Installation, owner: str, name: str, space: EmbeddingSpace) -> Gallery:
    """Create a gallery of a user, as that user does over HTTP."""
    call, service = installation.portal.call, installation.service
    users = call(service.use_cases.account_administration.list_users, OPERATOR, 100, 0).items
    (user,) = (user for user in users if user.username == owner)
    gallery: Gallery = call(
        service.use_cases.galleries.create,
        Principal(user.id, user.username, user.role, Means.SESSION),
        name,
        space,
    )
    return gallery


def labels(installation: Installation, gallery: Gallery) -> list[str]:
    """Return the labels of the people enrolled in a gallery."""
    page = installation.portal.call(
        installation.service.use_cases.galleries.faces, OPERATOR, gallery.id, 100, 0
    )
    return [face.label for face in page.items]


def test_people_are_enrolled_from_files_and_identified(
    installation: Installation, faces: tuple[Path, Path], tmp_path: Path
) -> None:
    faceless = tmp_path / "nobody.png"
    assert cv2.imwrite(str(faceless), np.zeros((64, 64, 3), np.uint8))
    enrolled = installation.run("reid", "enroll", "colleagues", faces[0], faceless, faces[1])
    assert f"{faceless}: no face was found" in enrolled.err
    assert enrolled.code == 117
    created, first, second = enrolled.out.splitlines()
    assert created.startswith("created gallery ")
    assert created.endswith("for embeddings of dlib-resnet")
    assert first.startswith(f"{faces[0]}: enrolled as 'person0'")
    assert second.startswith(f"{faces[1]}: enrolled as 'person1'")
    more = installation.run("reid", "enroll", "colleagues", faces[1], "--label", "Grace")
    assert (more.code, more.out.count("\n")) == (0, 1)
    found = installation.run("reid", "search", "colleagues", faces[1], "--json", "--threshold", "0.99")
    assert {row["label"] for row in json.loads(found.out)} == {"person1", "Grace"}
    all_people = installation.run(
        "reid", "search", created.split()[2].rstrip(","), faces[0], "--threshold", "-1"
    )
    assert all_people.out.splitlines()[0] == " 1.000  person0"
    missing = installation.run("reid", "search", "strangers", faces[0])
    assert "the first administrator has no gallery named 'strangers'" in error_line(missing, 110)


def test_name_refers_to_a_gallery_of_the_owner(
    installation: Installation, faces: tuple[Path, Path], space: EmbeddingSpace
) -> None:
    own = make(installation, "root", "staff", space)
    foreign = [make(installation, name, "staff", space) for name in ("mary", "joan")]
    assert installation.run("reid", "enroll", "staff", faces[0], "--label", "Grace").code == 0
    assert [labels(installation, gallery) for gallery in (own, *foreign)] == [["Grace"], [], []]

    words = ("reid", "search", "staff", faces[0], "--json")
    assert [row["label"] for row in json.loads(installation.run(*words).out)] == ["Grace"]
    assert json.loads(installation.run(*words, "--owner", "joan").out) == []

    done = installation.run("reid", "enroll", "staff", faces[0], "--label", "Alan", "--owner", "MARY")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert [labels(installation, gallery) for gallery in (own, *foreign)] == [["Grace"], ["Alan"], []]
    for command in ("enroll", "search"):
        unknown = installation.run("reid", command, "staff", faces[0], "--owner", "nobody")
        assert "'nobody'" in error_line(unknown, 100)


def test_name_of_another_users_gallery_is_not_found(
    installation: Installation, faces: tuple[Path, Path], space: EmbeddingSpace
) -> None:
    foreign = make(installation, "joan", "visitors", space)
    refused = installation.run("reid", "search", "visitors", faces[0])
    assert "the first administrator has no gallery named 'visitors'" in error_line(refused, 110)
    created = installation.run("reid", "enroll", "visitors", faces[0])
    assert (created.code, created.out.startswith("created gallery ")) == (0, True)
    assert labels(installation, foreign) == []


def test_id_is_never_taken_for_a_name(
    installation: Installation, faces: tuple[Path, Path], space: EmbeddingSpace
) -> None:
    meant = make(installation, "mary", "meant", space)
    trap = make(installation, "root", str(meant.id), space)
    assert installation.run("reid", "enroll", str(meant.id), faces[0], "--label", "Grace").code == 0
    assert (labels(installation, meant), labels(installation, trap)) == (["Grace"], [])
    found = installation.run("reid", "search", str(meant.id).upper(), faces[0], "--json")
    assert [row["label"] for row in json.loads(found.out)] == ["Grace"]

    absent = str(uuid4())
    make(installation, "root", absent, space)
    for command in ("enroll", "search"):
        assert absent in error_line(installation.run("reid", command, absent, faces[0]), 110)
        refused = installation.run("reid", command, str(meant.id), faces[0], "--owner", "joan")
        assert str(meant.id) in error_line(refused, 110)


def test_ambiguous_name_is_refused(
    installation: Installation, faces: tuple[Path, Path], space: EmbeddingSpace
) -> None:
    two = [make(installation, "root", "twice", space) for _ in range(2)]
    for command in ("enroll", "search"):
        line = error_line(installation.run("reid", command, "twice", faces[0]), 25)
        assert "root has 2 galleries named 'twice'" in line
        assert all(str(gallery.id) in line for gallery in two)
    assert [labels(installation, gallery) for gallery in two] == [[], []]


def test_enrolled_and_searched_faces_are_drawn(
    installation: Installation, faces: tuple[Path, Path], tmp_path: Path
) -> None:
    def changed(drawn: Path, plain: Path) -> float:
        """Return the share of pixels that differ from the file."""
        pair = [cv2.imread(str(path)) for path in (drawn, plain)]
        assert pair[0] is not None
        assert pair[1] is not None
        assert pair[0].shape == pair[1].shape
        return float((cv2.absdiff(*pair) > 40).any(axis=2).mean())

    faceless, both, single, found = (
        tmp_path / name for name in ("0.png", "both.png", "one.png", "found.png")
    )
    assert cv2.imwrite(str(faceless), np.zeros((64, 64, 3), np.uint8))
    enrol = ("reid", "enroll", "drawn")
    assert installation.run(*enrol, faceless, "--draw", tmp_path / "none.png").code == 117
    assert not (tmp_path / "none.png").exists()
    assert installation.run(*enrol, faceless, *faces, "--draw", both).code == 117
    sheet = cv2.imread(str(both))
    assert sheet is not None
    assert (sheet.shape[0], sheet.shape[1] > 2 * 400) == (720, True)
    assert installation.run(*enrol, faces[0], "--label", "Grace", "--draw", single).code == 0
    assert 0 < changed(single, faces[0]) < 0.2
    done = installation.run("reid", "search", "drawn", faces[0], "--json", "--draw", found)
    assert (done.code, len(json.loads(done.out))) == (0, 2)
    assert 0 < changed(found, faces[0]) < 0.2
    lost = installation.run("reid", "search", "drawn", faces[0], "--draw", tmp_path / "none" / "out.png")
    assert "cannot write" in error_line(lost, 40)
