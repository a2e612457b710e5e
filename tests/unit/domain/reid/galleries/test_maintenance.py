"""Maintenance of galleries on fakes: indexes of growing galleries, and key changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.persistence.galleries import FakeGalleryCipher, FakeGalleryIndexes
from framecloak.domain.errors import DatabaseUnavailableError, ForbiddenError, GalleryKeyMissingError
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.reid.galleries.maintenance import GalleryMaintenance
from framecloak.domain.reid.galleries.model import Enrolment, Gallery
from framecloak.domain.reid.galleries.service import GalleryService
from support.samples.galleries import SPACE, embedding
from support.use_cases import FakeService

OLD = FakeGalleryCipher({"first": 1})
BOTH = FakeGalleryCipher({"first": 1, "second": 3})
NEW = FakeGalleryCipher({"second": 3})
NEWER = FakeGalleryCipher({"first": 1, "second": 3, "third": 2})


class Galleries:
    """Galleries and their maintenance under several keys."""

    def __init__(self, world: FakeService) -> None:
        self.world = world
        self.indexes = FakeGalleryIndexes()

    def galleries(self, cipher: FakeGalleryCipher) -> GalleryService:
        return GalleryService(self.world.database, cipher, self.world.clock, capacity=100)

    def maintenance(self, cipher: FakeGalleryCipher, threshold: int = 4) -> GalleryMaintenance:
        return GalleryMaintenance(self.world.database, cipher, self.indexes, threshold, batch=2)

    async def create_filled(self, owner: Principal, faces: int) -> Gallery:
        gallery = await self.galleries(OLD).create(owner, "patients", SPACE)
        for number in range(faces):
            face = Enrolment(f"person {number}", embedding(1, number), {"number": number})
            await self.galleries(OLD).enrol(owner, gallery.id, [face])
        return gallery

    async def best(
        self, cipher: FakeGalleryCipher, owner: Principal, gallery: Gallery
    ) -> list[tuple[str, float]]:
        matches = await self.galleries(cipher).search(owner, gallery.id, embedding(1, 2), 0.0, 3)
        return [(match.face.label, round(match.similarity, 5)) for match in matches]


@pytest.fixture
def stored(tmp_path: Path) -> Galleries:
    return Galleries(FakeService(tmp_path))


@pytest.fixture
async def anna(stored: Galleries) -> Principal:
    return await stored.world.person("anna", Role.ADMIN)


async def test_a_large_gallery_gets_an_index_and_keeps_it_until_it_is_much_smaller(
    stored: Galleries, anna: Principal
) -> None:
    gallery, galleries, maintenance = (
        await stored.create_filled(anna, 4),
        stored.galleries(OLD),
        stored.maintenance(OLD),
    )
    assert await maintenance.maintain_indexes() == 0
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    assert await maintenance.maintain_indexes() == 1
    assert await maintenance.maintain_indexes() == 0
    assert stored.indexes.made == {gallery.id}
    faces = await galleries.faces(anna, gallery.id, 10, 0)
    for face in faces.items[:2]:
        await galleries.delete_face(anna, gallery.id, face.id)
    await maintenance.maintain_indexes()
    assert stored.indexes.made == {gallery.id}
    await galleries.delete_face(anna, gallery.id, faces.items[2].id)
    await maintenance.maintain_indexes()
    assert stored.indexes.made == set()
    assert not stored.world.fake_database.tables.galleries[gallery.id].indexed


async def test_the_index_of_a_deleted_gallery_is_dropped(stored: Galleries, anna: Principal) -> None:
    gallery = await stored.create_filled(anna, 5)
    await stored.maintenance(OLD).maintain_indexes()
    await stored.galleries(OLD).delete(anna, gallery.id)
    await stored.maintenance(OLD).maintain_indexes()
    assert stored.indexes.made == set()


async def test_an_unrecorded_index_is_recorded_and_a_concurrent_build_is_skipped(
    stored: Galleries, anna: Principal
) -> None:
    gallery = await stored.create_filled(anna, 5)
    stored.indexes.busy = True
    assert await stored.maintenance(OLD).maintain_indexes() == 0
    assert not stored.world.fake_database.tables.galleries[gallery.id].indexed
    stored.indexes.busy = False
    stored.indexes.made = {gallery.id}  # built by a process that ended before recording it
    assert await stored.maintenance(OLD).maintain_indexes() == 1
    assert stored.world.fake_database.tables.galleries[gallery.id].indexed


async def test_a_key_change_reencrypts_all_galleries(stored: Galleries, anna: Principal) -> None:
    gallery, other = await stored.create_filled(anna, 5), await stored.create_filled(anna, 0)
    expected = await stored.best(OLD, anna, gallery)
    progress: list[int] = []
    assert await stored.maintenance(BOTH).rotate_key(anna, progress.append) == 2
    assert max(progress) == 5
    assert await stored.maintenance(BOTH).rotate_key(anna, progress.append) == 0
    assert await stored.best(NEW, anna, gallery) == expected
    assert {item.name for item in (await stored.galleries(NEW).list(anna, 10, 0)).items} == {"patients"}
    faces = await stored.galleries(NEW).faces(anna, gallery.id, 10, 0)
    assert sorted(face.metadata["number"] for face in faces.items) == [0, 1, 2, 3, 4]
    with pytest.raises(GalleryKeyMissingError):
        await stored.galleries(OLD).get(anna, other.id)


async def test_galleries_stay_usable_during_a_key_change(stored: Galleries, anna: Principal) -> None:
    gallery = await stored.create_filled(anna, 5)
    await stored.maintenance(OLD).maintain_indexes()
    expected = await stored.best(OLD, anna, gallery)

    def interrupt(_: int) -> None:
        raise DatabaseUnavailableError("it went away")

    for step in range(2):
        with pytest.raises(DatabaseUnavailableError):
            await stored.maintenance(BOTH).rotate_key(anna, interrupt)
        state = stored.world.fake_database.tables
        keys = [face.key_id for face, _ in state.gallery_faces.values()]
        assert keys.count("second") == 2 * (step + 1)
        # An index would contain vectors under two keys.
        assert stored.indexes.made == set()
        await stored.maintenance(BOTH).maintain_indexes()
        assert (stored.indexes.made, state.galleries[gallery.id].indexed) == (set(), False)
        assert await stored.best(BOTH, anna, gallery) == expected
    # Faces under both keys with one label are one person.
    await stored.galleries(BOTH).enrol(anna, gallery.id, [Enrolment("person 4", embedding(1, 2))])
    assert [label for label, _ in await stored.best(BOTH, anna, gallery)].count("person 4") == 1
    # A key change may continue when its new key has become an old one.
    assert await stored.maintenance(NEWER).rotate_key(anna, lambda _: None) == 1
    assert stored.world.fake_database.tables.galleries[gallery.id].key_ids == ("third",)
    assert (await stored.best(FakeGalleryCipher({"third": 2}), anna, gallery))[0][1] == 1.0
    assert await stored.maintenance(NEWER).maintain_indexes() == 1


async def test_faces_are_enrolled_under_the_key_of_their_gallery(stored: Galleries, anna: Principal) -> None:
    gallery = await stored.create_filled(anna, 1)
    await stored.galleries(BOTH).enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    keys = {face.key_id for face, _ in stored.world.fake_database.tables.gallery_faces.values()}
    assert keys == {"first"}


async def test_a_key_change_requires_an_administrator_and_the_old_key(
    stored: Galleries, anna: Principal
) -> None:
    await stored.create_filled(anna, 1)
    with pytest.raises(ForbiddenError):
        await stored.maintenance(BOTH).rotate_key(await stored.world.person("bob"), lambda _: None)
    with pytest.raises(GalleryKeyMissingError):
        await stored.maintenance(NEW).rotate_key(anna, lambda _: None)
