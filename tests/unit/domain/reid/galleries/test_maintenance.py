"""Indexes of galleries that grow, and the change of their key, on the fakes."""

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
from support.use_cases import World

OLD = FakeGalleryCipher({"first": 1})
BOTH = FakeGalleryCipher({"first": 1, "second": 3})
NEW = FakeGalleryCipher({"second": 3})
NEWER = FakeGalleryCipher({"first": 1, "second": 3, "third": 2})


class Bench:
    """Galleries and their upkeep under some keys."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.indexes = FakeGalleryIndexes()

    def galleries(self, vault: FakeGalleryCipher) -> GalleryService:
        return GalleryService(self.world.database, vault, self.world.clock, capacity=100)

    def upkeep(self, vault: FakeGalleryCipher, above: int = 4) -> GalleryMaintenance:
        return GalleryMaintenance(self.world.database, vault, self.indexes, above, batch=2)

    async def filled(self, owner: Principal, faces: int) -> Gallery:
        gallery = await self.galleries(OLD).create(owner, "patients", SPACE)
        for number in range(faces):
            face = Enrolment(f"person {number}", embedding(1, number), {"number": number})
            await self.galleries(OLD).enrol(owner, gallery.id, [face])
        return gallery

    async def best(
        self, vault: FakeGalleryCipher, owner: Principal, gallery: Gallery
    ) -> list[tuple[str, float]]:
        found = await self.galleries(vault).search(owner, gallery.id, embedding(1, 2), 0.0, 3)
        return [(match.face.label, round(match.similarity, 5)) for match in found]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(World(tmp_path))


@pytest.fixture
async def anna(bench: Bench) -> Principal:
    return await bench.world.person("anna", Role.ADMIN)


async def test_a_gallery_gets_an_index_when_it_is_large_and_keeps_it_a_while(
    bench: Bench, anna: Principal
) -> None:
    gallery, galleries, upkeep = await bench.filled(anna, 4), bench.galleries(OLD), bench.upkeep(OLD)
    assert await upkeep.maintain_indexes() == 0
    await galleries.enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    assert await upkeep.maintain_indexes() == 1
    assert await upkeep.maintain_indexes() == 0
    assert bench.indexes.made == {gallery.id}
    faces = await galleries.faces(anna, gallery.id, 10, 0)
    for face in faces.items[:2]:
        await galleries.delete_face(anna, gallery.id, face.id)
    await upkeep.maintain_indexes()
    assert bench.indexes.made == {gallery.id}
    await galleries.delete_face(anna, gallery.id, faces.items[2].id)
    await upkeep.maintain_indexes()
    assert bench.indexes.made == set()
    assert not bench.world.fake_database.tables.galleries[gallery.id].indexed


async def test_the_index_of_a_gallery_that_is_gone_is_dropped(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna, 5)
    await bench.upkeep(OLD).maintain_indexes()
    await bench.galleries(OLD).delete(anna, gallery.id)
    await bench.upkeep(OLD).maintain_indexes()
    assert bench.indexes.made == set()


async def test_a_build_that_was_lost_or_is_going_on_elsewhere(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna, 5)
    bench.indexes.busy = True
    assert await bench.upkeep(OLD).maintain_indexes() == 0
    assert not bench.world.fake_database.tables.galleries[gallery.id].indexed
    bench.indexes.busy = False
    bench.indexes.made = {gallery.id}  # made by a process that ended before it could note so
    assert await bench.upkeep(OLD).maintain_indexes() == 1
    assert bench.world.fake_database.tables.galleries[gallery.id].indexed


async def test_all_galleries_come_under_the_new_key(bench: Bench, anna: Principal) -> None:
    gallery, other = await bench.filled(anna, 5), await bench.filled(anna, 0)
    wanted = await bench.best(OLD, anna, gallery)
    told: list[int] = []
    assert await bench.upkeep(BOTH).rotate_key(anna, told.append) == 2
    assert max(told) == 5
    assert await bench.upkeep(BOTH).rotate_key(anna, told.append) == 0
    assert await bench.best(NEW, anna, gallery) == wanted
    assert {one.name for one in (await bench.galleries(NEW).list(anna, 10, 0)).items} == {"patients"}
    faces = await bench.galleries(NEW).faces(anna, gallery.id, 10, 0)
    assert sorted(face.metadata["number"] for face in faces.items) == [0, 1, 2, 3, 4]
    with pytest.raises(GalleryKeyMissingError):
        await bench.galleries(OLD).get(anna, other.id)


async def test_galleries_stay_in_use_while_the_key_changes(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna, 5)
    await bench.upkeep(OLD).maintain_indexes()
    wanted = await bench.best(OLD, anna, gallery)

    def interrupt(_: int) -> None:
        raise DatabaseUnavailableError("it went away")

    for step in range(2):
        with pytest.raises(DatabaseUnavailableError):
            await bench.upkeep(BOTH).rotate_key(anna, interrupt)
        state = bench.world.fake_database.tables
        keys = [face.key_id for face, _ in state.gallery_faces.values()]
        assert keys.count("second") == 2 * (step + 1)
        # Its index would hold vectors of two kinds.
        assert bench.indexes.made == set()
        await bench.upkeep(BOTH).maintain_indexes()
        assert (bench.indexes.made, state.galleries[gallery.id].indexed) == (set(), False)
        assert await bench.best(BOTH, anna, gallery) == wanted
    # People of both kinds are one person where they have one label.
    await bench.galleries(BOTH).enrol(anna, gallery.id, [Enrolment("person 4", embedding(1, 2))])
    assert [label for label, _ in await bench.best(BOTH, anna, gallery)].count("person 4") == 1
    # The key that was being changed to may itself be an old one when it goes on.
    assert await bench.upkeep(NEWER).rotate_key(anna, lambda _: None) == 1
    assert bench.world.fake_database.tables.galleries[gallery.id].key_ids == ("third",)
    assert (await bench.best(FakeGalleryCipher({"third": 2}), anna, gallery))[0][1] == 1.0
    assert await bench.upkeep(NEWER).maintain_indexes() == 1


async def test_faces_are_enrolled_under_the_key_of_their_gallery(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna, 1)
    await bench.galleries(BOTH).enrol(anna, gallery.id, [Enrolment("Ada", embedding(1))])
    keys = {face.key_id for face, _ in bench.world.fake_database.tables.gallery_faces.values()}
    assert keys == {"first"}


async def test_changing_the_key_is_for_administrators_who_have_the_old_one(
    bench: Bench, anna: Principal
) -> None:
    await bench.filled(anna, 1)
    with pytest.raises(ForbiddenError):
        await bench.upkeep(BOTH).rotate_key(await bench.world.person("bob"), lambda _: None)
    with pytest.raises(GalleryKeyMissingError):
        await bench.upkeep(NEW).rotate_key(anna, lambda _: None)
