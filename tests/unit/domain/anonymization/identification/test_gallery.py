"""Requests that name a gallery, and what becomes of them when it is not what it was."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from fakes.persistence.galleries import FakeGalleryCipher
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityOptions, PinnedPeople
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.anonymization.work.slice_processor import WORKER
from framecloak.domain.errors import (
    GalleryNotFoundError,
    IdentitiesLostError,
    InvalidOptionError,
    ModelMismatchError,
)
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.ports.repositories.audit import AuditFilter
from framecloak.domain.reid.galleries.model import Enrolment
from framecloak.domain.reid.galleries.service import GalleryService
from support.use_cases import World
from support.worker_harness import Desk, unzipped


class People:
    """A request of Anna's that waits, and the gallery that it names."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, vault=FakeGalleryCipher({"first": 1, "second": 3}))
        self.desk = Desk(self.world)
        self.galleries = GalleryService(self.world.database, self.world.vault, self.world.clock, 10)
        self.space = self.world.recognizer.space

    async def enrolled(self, principal: Principal, *people: int) -> UUID:
        gallery = await self.galleries.create(principal, "staff", self.space)
        await self.enrol(principal, gallery.id, *people)
        return gallery.id

    async def enrol(self, principal: Principal, gallery: UUID, *people: int) -> None:
        for person in people:
            self.world.clock.advance(timedelta(seconds=1))
            faces = [Enrolment(f"person {person}", Embedding(self.space, self.vector(person)))]
            await self.galleries.enrol(principal, gallery, faces)

    def vector(self, person: int) -> np.ndarray:
        vector = np.zeros(self.space.dimension, np.float32)
        vector[person] = 1
        return vector

    async def submit(self, mode: IdentityMode = IdentityMode.EXCEPT, level: Level = Level.FACES) -> UUID:
        self.anna = await self.world.person("anna")
        self.gallery = await self.enrolled(self.anna, 1, 2)
        order = await self.world.order(self.anna, (0, 30))
        self.order = replace(order, level=level, identities=IdentityOptions(mode, self.gallery))
        self.desk.anna = self.anna
        return (await self.world.submissions.submit(self.anna, self.order)).request.id

    async def stored(self, request_id: UUID) -> tuple[AnonymizationRequest, PinnedPeople | None]:
        async with self.world.database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            return request, (await work.requests.snapshot(request_id)).people


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


async def test_the_people_are_those_of_the_moment_of_submission(people: People) -> None:
    request_id = await people.submit()
    await people.enrol(people.anna, people.gallery, 3)
    found = await people.world.people.identification(*await people.stored(request_id))
    assert found is not None
    assert (found.people.face_count, found.people.reference) == (2, f"gallery:{people.gallery}")
    vectors = np.stack([people.vector(person) for person in (1, 2, 3)])
    assert found.people.similarities(vectors) == pytest.approx([1, 1, 0])


async def test_vectors_stay_turned(people: People) -> None:
    found = await people.world.people.identification(*await people.stored(await people.submit()))
    assert found is not None
    (likenesses,) = found.people.embeddings
    assert not np.array_equal(likenesses.vectors, np.stack([people.vector(1), people.vector(2)]))


async def test_a_gallery_whose_key_is_being_changed_is_of_use(people: People) -> None:
    request_id = await people.submit()
    async with people.world.database.unit_of_work() as work:
        faces, vectors = await work.gallery_faces.first_with_vectors(people.gallery, 1)
        turned = people.world.vault.rotate_back("second", people.gallery, vectors)
        turned = people.world.vault.rotate("first", people.gallery, turned)
        await work.gallery_faces.replace([replace(faces[0], key_id="first")], turned)
        await work.commit()
    found = await people.world.people.identification(*await people.stored(request_id))
    assert found is not None
    vectors = np.stack([people.vector(person) for person in (1, 2, 3)])
    assert found.people.similarities(vectors) == pytest.approx([1, 1, 0])


async def test_every_use_is_recorded(people: People) -> None:
    request_id = await people.submit()
    await people.world.people.identification(*await people.stored(request_id))
    async with people.world.database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(subject=f"gallery:{people.gallery}"), 10)
    assert entries[0].action == "gallery.identify"
    assert entries[0].details == {"request": str(request_id), "faces": 2}


async def test_a_request_that_names_people_becomes_a_result_that_says_so(people: People) -> None:
    request_id = await people.submit()
    await people.desk.process(request_id)
    assert (await people.desk.request(request_id)).status is Status.COMPLETED
    (result,) = people.desk.results().values()
    identities = json.loads(unzipped(result)["manifest.json"])["identities"]
    assert identities["people"] == f"gallery:{people.gallery}"
    assert (identities["mode"], identities["faces"]) == ("except", 2)
    assert b"person 1" not in result


async def delete_the_gallery(people: People) -> None:
    await people.galleries.delete(people.anna, people.gallery)


async def remove_a_face(people: People) -> None:
    faces = await people.galleries.faces(people.anna, people.gallery, 10, 0)
    await people.galleries.delete_face(people.anna, people.gallery, faces.items[0].id)


async def lock_the_account(people: People) -> None:
    async with people.world.database.unit_of_work() as work:
        user = await work.users.get(people.anna.user_id)
        await work.users.update(replace(user, disabled=True))
        await work.commit()


async def change_the_recogniser(people: People) -> None:
    people.world.recognizer.space = EmbeddingSpace("another", "9" * 64, people.space.dimension)


LOSSES = [delete_the_gallery, remove_a_face, lock_the_account, change_the_recogniser]


@pytest.mark.parametrize("lose", LOSSES)
async def test_when_the_people_are_lost_the_request_fails_at_once(
    people: People, lose: Callable[[People], Awaitable[None]]
) -> None:
    request_id = await people.submit()
    await lose(people)
    await people.desk.process(request_id)
    request, _ = await people.stored(request_id)
    assert request.status is Status.FAILED
    assert request.error is not None
    assert str(people.gallery) in request.error
    assert people.desk.results() == people.desk.parts() == {}
    assert people.desk.archives == []


@pytest.mark.parametrize("slices_before", [1, 2])
async def test_when_they_are_lost_meanwhile_nothing_is_shipped(people: People, slices_before: int) -> None:
    request_id = await people.submit()
    worker = people.desk.worker()
    await people.world.dispatcher.run()
    for _ in range(slices_before):
        lease = await worker.lease(request_id)
        assert lease is not None
        await worker.process(lease)
    assert len(people.desk.parts()) == slices_before
    await delete_the_gallery(people)
    await people.desk.process(request_id, worker)
    assert (await people.stored(request_id))[0].status is Status.FAILED
    assert people.desk.results() == people.desk.parts() == {}


async def test_an_administrator_who_is_one_no_more_loses_what_is_not_theirs(people: People) -> None:
    request_id = await people.submit()
    request, pinned = await people.stored(request_id)
    root = await people.world.person("root", Role.ADMIN)
    theirs = replace(request, user_id=root.user_id)
    assert await people.world.people.identification(theirs, pinned)
    async with people.world.database.unit_of_work() as work:
        await work.users.update(replace(await work.users.get(root.user_id), role=Role.USER))
        await work.commit()
    with pytest.raises(IdentitiesLostError):
        await people.world.people.identification(theirs, pinned)
    with pytest.raises(IdentitiesLostError):
        await people.world.people.require_gallery(theirs)


async def test_orders_about_people_that_are_refused(people: People) -> None:
    await people.submit()
    ben = await people.world.person("ben")
    foreign = await people.enrolled(ben, 1)
    empty = await people.enrolled(people.anna)

    async def submit(gallery: UUID) -> None:
        order = replace(people.order, identities=IdentityOptions(IdentityMode.ONLY, gallery))
        await people.world.submissions.submit(people.anna, order)

    for gallery, error in (
        (foreign, GalleryNotFoundError),
        (uuid4(), GalleryNotFoundError),
        (empty, InvalidOptionError),
    ):
        with pytest.raises(error):
            await submit(gallery)
    await change_the_recogniser(people)
    with pytest.raises(ModelMismatchError):
        await submit(people.gallery)


async def test_level_minimal_leaves_faces_alone(people: People) -> None:
    with pytest.raises(InvalidOptionError, match="minimal"):
        await people.submit(level=Level.MINIMAL)


async def test_the_threshold_is_that_of_the_model_unless_another_is_asked_for(people: People) -> None:
    _, pinned = await people.stored(await people.submit())
    assert pinned is not None
    assert pinned.threshold == 0.4
    order = replace(people.order, identities=IdentityOptions(IdentityMode.ONLY, people.gallery, 0.7))
    request = (await people.world.submissions.submit(people.anna, order)).request
    _, pinned = await people.stored(request.id)
    assert pinned is not None
    assert pinned.threshold == 0.7


async def test_a_threshold_that_would_keep_strangers_is_refused(people: People) -> None:
    await people.submit()
    order = replace(people.order, identities=IdentityOptions(IdentityMode.EXCEPT, people.gallery, 0.2))
    with pytest.raises(InvalidOptionError, match=people.space.name):
        await people.world.submissions.submit(people.anna, order)


async def test_a_request_that_was_taken_in_with_such_a_threshold_ships_nothing(people: People) -> None:
    request_id = await people.submit()
    request, pinned = await people.stored(request_id)
    assert pinned is not None
    with pytest.raises(InvalidOptionError, match=people.space.name):
        await people.world.people.identification(request, replace(pinned, threshold=0.2))
