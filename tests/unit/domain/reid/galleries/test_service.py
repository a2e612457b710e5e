"""The gallery service on fakes."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest

from fakes.persistence.galleries import FakeGalleryCipher
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.errors import (
    DatabaseUnavailableError,
    GalleryFaceNotFoundError,
    GalleryFullError,
    GalleryKeyMissingError,
    GalleryNotFoundError,
    InvalidOptionError,
    ModelMismatchError,
)
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.repositories.audit import AuditFilter
from framecloak.domain.reid.galleries import removal
from framecloak.domain.reid.galleries.model import MAX_ENROLMENTS, Enrolment, Gallery
from framecloak.domain.reid.galleries.service import GalleryService
from support.samples.galleries import SPACE, embedding
from support.use_cases import FakeService, no_stale_folders

DAY = timedelta(days=1)


@pytest.fixture
def galleries(world: FakeService) -> GalleryService:
    return GalleryService(world.database, FakeGalleryCipher(), world.clock, capacity=5)


@pytest.fixture
async def gallery(galleries: GalleryService, anna: Principal) -> Gallery:
    return await galleries.create(anna, "patients", SPACE)


async def test_enrolled_faces_are_found(galleries: GalleryService, anna: Principal, gallery: Gallery) -> None:
    enrolled = await galleries.enrol(
        anna,
        gallery.id,
        [
            Enrolment("Ada", embedding(1, 0.2), {"ward": "7", "née": None}),
            Enrolment("Ada", embedding(1, 0.1)),
            Enrolment("Bob", embedding(0.5, 1)),
        ],
    )
    assert (await galleries.get(anna, gallery.id)).face_count == 3
    page = await galleries.faces(anna, gallery.id, 10, 0)
    assert page.total == 3
    assert sorted(page.items, key=lambda face: face.id) == sorted(enrolled, key=lambda face: face.id)
    first = next(face for face in page.items if face.id == enrolled[0].id)
    assert (first.label, first.metadata) == ("Ada", {"ward": "7", "née": None})
    matches = await galleries.search(anna, gallery.id, embedding(1), 0.3, 5)
    assert [(match.face.id, match.face.label) for match in matches] == [
        (enrolled[1].id, "Ada"),
        (enrolled[2].id, "Bob"),
    ]
    assert matches[0].similarity == pytest.approx(1 / 1.01**0.5)
    await galleries.delete_face(anna, gallery.id, enrolled[1].id)
    matches = await galleries.search(anna, gallery.id, embedding(1), 0.9, 5)
    assert [match.face.id for match in matches] == [enrolled[0].id]


async def test_the_gallery_of_another_user_does_not_exist(
    world: FakeService, galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    (face,) = await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    stranger, admin = await world.person("stranger"), await world.person("admin", Role.ADMIN)
    for call in (
        lambda principal: galleries.get(principal, gallery.id),
        lambda principal: galleries.faces(principal, gallery.id, 10, 0),
        lambda principal: galleries.enrol(principal, gallery.id, [Enrolment("Eve", embedding(1))]),
        lambda principal: galleries.search(principal, gallery.id, embedding(1), 0.5, 1),
        lambda principal: galleries.delete_face(principal, gallery.id, face.id),
        lambda principal: galleries.delete(principal, gallery.id),
    ):
        with pytest.raises(GalleryNotFoundError):
            await call(stranger)
        await call(admin)
    assert (await galleries.list(stranger, 10, 0)).total == 0


async def test_galleries_are_listed(galleries: GalleryService, anna: Principal) -> None:
    created = [await galleries.create(anna, name, SPACE) for name in ("one", "two", "three")]
    page = await galleries.list(anna, 2, 0)
    assert page.total == 3
    assert {gallery.id for gallery in page.items} < {gallery.id for gallery in created}


async def test_embeddings_of_other_models_are_refused(
    galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    for space in (
        replace(SPACE, name="buffalo_l"),
        replace(SPACE, sha256="cd" * 32),
        replace(SPACE, dimension=9),
    ):
        foreign = Embedding(space, np.eye(1, space.dimension, dtype=np.float32)[0])
        with pytest.raises(ModelMismatchError):
            await galleries.enrol(
                anna, gallery.id, [Enrolment("Ada", embedding(1)), Enrolment("Ada", foreign)]
            )
        with pytest.raises(ModelMismatchError):
            await galleries.search(anna, gallery.id, foreign, 0.5, 1)
    assert (await galleries.get(anna, gallery.id)).face_count == 0


async def test_a_gallery_accepts_faces_up_to_its_capacity(
    galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))] * 3)
    with pytest.raises(GalleryFullError, match="holds 3 faces; its maximum is 5"):
        await galleries.enrol(anna, gallery.id, [Enrolment("Bob", embedding(1))] * 3)
    await galleries.enrol(anna, gallery.id, [Enrolment("Bob", embedding(1))] * 2)
    assert (await galleries.get(anna, gallery.id)).face_count == 5


@pytest.mark.parametrize(
    "vector", [np.full(8, np.nan), np.full(8, np.inf), np.zeros(8), np.ones(8), np.ones(7), np.ones((8, 1))]
)
async def test_invalid_embeddings_are_refused(
    galleries: GalleryService, anna: Principal, gallery: Gallery, vector: np.ndarray
) -> None:
    bad = Embedding(SPACE, vector.astype(np.float32))
    with pytest.raises(InvalidOptionError):
        await galleries.enrol(anna, gallery.id, [Enrolment("Ada", bad)])
    with pytest.raises(InvalidOptionError):
        await galleries.search(anna, gallery.id, bad, 0.5, 1)


@pytest.mark.parametrize(
    ("label", "metadata"),
    [
        ("", {}),
        ("  ", {}),
        ("x" * 201, {}),
        ("\udc80", {}),
        ("Ada", {"a": float("nan")}),
        ("Ada", {"a": object()}),
        ("Ada", {"a": "x" * 5000}),
        ("Ada", {"a": "\udc80"}),
    ],
)
def test_labels_and_metadata_have_limits(label: str, metadata: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError):
        Enrolment(label, embedding(1), metadata)


async def test_numbers_out_of_range_are_refused(
    galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    for threshold, top_k in ((1.1, 1), (-1.1, 1), (float("nan"), 1), (0.5, 0), (0.5, 1001)):
        with pytest.raises(InvalidOptionError):
            await galleries.search(anna, gallery.id, embedding(1), threshold, top_k)
    for count in (0, MAX_ENROLMENTS + 1):
        with pytest.raises(InvalidOptionError):
            await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))] * count)
    with pytest.raises(InvalidOptionError):
        await galleries.create(anna, "big", EmbeddingSpace("big", "ab" * 32, 4001))
    with pytest.raises(InvalidOptionError):
        await galleries.create(anna, " ", SPACE)


async def test_an_expired_gallery_is_gone_and_cleaned_up(
    world: FakeService, galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    with pytest.raises(InvalidOptionError, match="expired already"):
        await galleries.create(anna, "late", SPACE, world.clock.now())
    short = await galleries.create(anna, "short", SPACE, world.clock.now() + DAY)
    await galleries.enrol(anna, short.id, [Enrolment("Ada", embedding(1))])
    world.clock.advance(DAY)
    with pytest.raises(GalleryNotFoundError):
        await galleries.search(anna, short.id, embedding(1), 0.5, 1)
    cleaner = CleanupService(world.database, world.store, world.clock, DAY, no_stale_folders)
    assert (await cleaner.run()).galleries == 1
    assert (await cleaner.run()).galleries == 0
    assert list(world.fake_database.tables.galleries) == [gallery.id]
    assert world.fake_database.tables.gallery_faces == {}
    async with world.database.unit_of_work() as work:
        (expiry, *_) = await work.audit.list(AuditFilter(subject=f"gallery:{short.id}"), 10)
    assert (expiry.action, expiry.username) == ("gallery.expire", None)


async def test_a_deleted_gallery_is_gone(
    world: FakeService, galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    with pytest.raises(GalleryFaceNotFoundError):
        await galleries.delete_face(anna, gallery.id, uuid4())
    await galleries.delete(anna, gallery.id)
    assert (world.fake_database.tables.galleries, world.fake_database.tables.gallery_faces) == ({}, {})
    with pytest.raises(GalleryNotFoundError):
        await galleries.delete(anna, gallery.id)


class FailingDatabase:
    """Database that is gone after some transactions."""

    def __init__(self, database: Database, transactions: int) -> None:
        self._database = database
        self._left = transactions

    def unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        if not self._left:
            raise DatabaseUnavailableError("the fake database went down")
        self._left -= 1
        return self._database.unit_of_work()

    async def ping(self) -> None:
        await self._database.ping()

    async def close(self) -> None:
        await self._database.close()


@pytest.mark.parametrize(("transactions", "left"), [(1, 5), (2, 3), (3, 1), (4, 0), (5, 0)])
async def test_an_interrupted_deletion_is_continued_by_the_clean_up(
    world: FakeService,
    galleries: GalleryService,
    anna: Principal,
    gallery: Gallery,
    monkeypatch: pytest.MonkeyPatch,
    transactions: int,
    left: int,
) -> None:
    monkeypatch.setattr(removal, "FACES_PER_STEP", 2)
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))] * 5)
    failing = FailingDatabase(world.database, transactions)
    with pytest.raises(DatabaseUnavailableError):
        await GalleryService(failing, FakeGalleryCipher(), world.clock, capacity=5).delete(anna, gallery.id)
    tables = world.fake_database.tables
    assert (len(tables.gallery_faces), tables.galleries[gallery.id].face_count) == (left, left)
    # Nobody uses it any more, not even at the moment of its creation.
    for use in (
        galleries.get(anna, gallery.id),
        galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))]),
        galleries.search(anna, gallery.id, embedding(1), 0.5, 1),
        galleries.delete(anna, gallery.id),
    ):
        with pytest.raises(GalleryNotFoundError):
            await use
    assert (await galleries.list(anna, 10, 0)).total == 0
    cleaner = CleanupService(world.database, world.store, world.clock, DAY, no_stale_folders)
    assert ((await cleaner.run()).galleries, (await cleaner.run()).galleries) == (1, 0)
    assert (world.fake_database.tables.galleries, world.fake_database.tables.gallery_faces) == ({}, {})
    async with world.database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(subject=f"gallery:{gallery.id}"), 10)
    # Recorded once, as the deletion that it is.
    assert [entry.action for entry in entries] == ["gallery.delete", "gallery.enrol", "gallery.create"]
    assert dict(entries[0].details) == {"faces": 5}


async def test_a_gallery_without_its_key_can_only_be_deleted(
    world: FakeService, galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    locked_out = GalleryService(world.database, FakeGalleryCipher({"another": 2}), world.clock, capacity=5)
    with pytest.raises(GalleryKeyMissingError):
        await locked_out.search(anna, gallery.id, embedding(1), 0.5, 1)
    with pytest.raises(GalleryKeyMissingError):
        await locked_out.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    await locked_out.delete(anna, gallery.id)


async def test_every_use_is_recorded_without_data_of_faces(
    world: FakeService,
    galleries: GalleryService,
    anna: Principal,
    gallery: Gallery,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (face,) = await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1), {"ward": "seven"})])
    await galleries.search(anna, gallery.id, embedding(1), 0.5, 3)
    await galleries.delete_face(anna, gallery.id, face.id)
    await galleries.delete(anna, gallery.id)
    async with world.database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(subject=f"gallery:{gallery.id}"), 10)
    assert [(entry.action, entry.username, dict(entry.details)) for entry in reversed(entries)] == [
        ("gallery.create", "anna", {"model": "dlib-resnet", "expires_at": None}),
        ("gallery.enrol", "anna", {"faces": 1}),
        ("gallery.search", "anna", {"threshold": 0.5, "top_k": 3, "matches": 1}),
        ("gallery.delete_face", "anna", {"face": str(face.id)}),
        ("gallery.delete", "anna", {"faces": 0}),
    ]
    text = caplog.text + str(entries)
    assert not any(secret in text for secret in ("Ada", "seven", "patients"))


async def test_rows_contain_no_readable_data(
    world: FakeService, galleries: GalleryService, anna: Principal, gallery: Gallery
) -> None:
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1), {"ward": "seven"})] * 2)
    tables = world.fake_database.tables
    faces, vectors = zip(*tables.gallery_faces.values(), strict=True)
    text = repr((tables.galleries, faces))
    assert not any(secret in text for secret in ("Ada", "seven", "patients"))
    assert all(np.abs(vector - embedding(1).vector).max() > 0.5 for vector in vectors)
