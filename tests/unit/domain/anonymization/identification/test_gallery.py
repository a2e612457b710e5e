"""Requests that name a gallery, and their fate when the gallery changes."""

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
from framecloak.domain.anonymization.work.jobs import WORKER
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
from support.result_files import unzipped
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


class GalleryRequest:
    """A pending request of Anna's and the gallery that it names."""

    def __init__(self, folder: Path) -> None:
        self.world = FakeService(folder, vault=FakeGalleryCipher({"first": 1, "second": 3}))
        self.harness = WorkerHarness(self.world)
        self.galleries = GalleryService(self.world.database, self.world.vault, self.world.clock, 10)
        self.space = self.world.recognizer.space

    async def enrolled(self, principal: Principal, *case: int) -> UUID:
        gallery = await self.galleries.create(principal, "staff", self.space)
        await self.enrol(principal, gallery.id, *case)
        return gallery.id

    async def enrol(self, principal: Principal, gallery: UUID, *case: int) -> None:
        for person in case:
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
        spec = await self.world.request_spec(self.anna, (0, 30))
        self.spec = replace(spec, level=level, identities=IdentityOptions(mode, self.gallery))
        self.harness.anna = self.anna
        return (await self.world.submissions.submit(self.anna, self.spec)).request.id

    async def stored(self, request_id: UUID) -> tuple[AnonymizationRequest, PinnedPeople | None]:
        async with self.world.database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            return request, (await work.requests.snapshot(request_id)).people


@pytest.fixture
def case(tmp_path: Path) -> GalleryRequest:
    return GalleryRequest(tmp_path)


async def test_the_reference_people_are_fixed_at_submission(case: GalleryRequest) -> None:
    request_id = await case.submit()
    await case.enrol(case.anna, case.gallery, 3)
    identification = await case.world.people.identification(*await case.stored(request_id))
    assert identification is not None
    assert (identification.people.face_count, identification.people.reference) == (
        2,
        f"gallery:{case.gallery}",
    )
    vectors = np.stack([case.vector(person) for person in (1, 2, 3)])
    assert identification.people.similarities(vectors) == pytest.approx([1, 1, 0])


async def test_vectors_stay_rotated(case: GalleryRequest) -> None:
    identification = await case.world.people.identification(*await case.stored(await case.submit()))
    assert identification is not None
    (references,) = identification.people.embeddings
    assert not np.array_equal(references.vectors, np.stack([case.vector(1), case.vector(2)]))


async def test_a_gallery_is_usable_during_a_key_change(case: GalleryRequest) -> None:
    request_id = await case.submit()
    async with case.world.database.unit_of_work() as work:
        faces, vectors = await work.gallery_faces.first_with_vectors(case.gallery, 1)
        rotated = case.world.vault.rotate_back("second", case.gallery, vectors)
        rotated = case.world.vault.rotate("first", case.gallery, rotated)
        await work.gallery_faces.replace([replace(faces[0], key_id="first")], rotated)
        await work.commit()
    identification = await case.world.people.identification(*await case.stored(request_id))
    assert identification is not None
    vectors = np.stack([case.vector(person) for person in (1, 2, 3)])
    assert identification.people.similarities(vectors) == pytest.approx([1, 1, 0])


async def test_every_use_is_recorded(case: GalleryRequest) -> None:
    request_id = await case.submit()
    await case.world.people.identification(*await case.stored(request_id))
    async with case.world.database.unit_of_work() as work:
        entries = await work.audit.list(AuditFilter(subject=f"gallery:{case.gallery}"), 10)
    assert entries[0].action == "gallery.identify"
    assert entries[0].details == {"request": str(request_id), "faces": 2}


async def test_a_result_records_the_gallery_of_its_request(case: GalleryRequest) -> None:
    request_id = await case.submit()
    await case.harness.process(request_id)
    assert (await case.harness.request(request_id)).status is Status.COMPLETED
    (result,) = case.harness.results().values()
    identities = json.loads(unzipped(result)["manifest.json"])["identities"]
    assert identities["people"] == f"gallery:{case.gallery}"
    assert (identities["mode"], identities["faces"]) == ("except", 2)
    assert b"person 1" not in result


async def delete_the_gallery(case: GalleryRequest) -> None:
    await case.galleries.delete(case.anna, case.gallery)


async def remove_a_face(case: GalleryRequest) -> None:
    faces = await case.galleries.faces(case.anna, case.gallery, 10, 0)
    await case.galleries.delete_face(case.anna, case.gallery, faces.items[0].id)


async def lock_the_account(case: GalleryRequest) -> None:
    async with case.world.database.unit_of_work() as work:
        user = await work.users.get(case.anna.user_id)
        await work.users.update(replace(user, disabled=True))
        await work.commit()


async def change_the_recogniser(case: GalleryRequest) -> None:
    case.world.recognizer.space = EmbeddingSpace("another", "9" * 64, case.space.dimension)


LOSSES = [delete_the_gallery, remove_a_face, lock_the_account, change_the_recogniser]


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_request_without_its_reference_people_fails_immediately(
    case: GalleryRequest, lose: Callable[[GalleryRequest], Awaitable[None]]
) -> None:
    request_id = await case.submit()
    await lose(case)
    await case.harness.process(request_id)
    request, _ = await case.stored(request_id)
    assert request.status is Status.FAILED
    assert request.error is not None
    assert str(case.gallery) in request.error
    assert case.harness.results() == case.harness.parts() == {}
    assert case.harness.archives == []


@pytest.mark.parametrize("slices_before", [1, 2])
async def test_losing_the_gallery_during_processing_delivers_nothing(
    case: GalleryRequest, slices_before: int
) -> None:
    request_id = await case.submit()
    worker = case.harness.worker()
    await case.world.dispatcher.run()
    for _ in range(slices_before):
        lease = await worker.lease(request_id)
        assert lease is not None
        await worker.process(lease)
    assert len(case.harness.parts()) == slices_before
    await delete_the_gallery(case)
    await case.harness.process(request_id, worker)
    assert (await case.stored(request_id))[0].status is Status.FAILED
    assert case.harness.results() == case.harness.parts() == {}


async def test_a_former_administrator_loses_galleries_of_others(case: GalleryRequest) -> None:
    request_id = await case.submit()
    request, pinned = await case.stored(request_id)
    root = await case.world.person("root", Role.ADMIN)
    of_root = replace(request, user_id=root.user_id)
    assert await case.world.people.identification(of_root, pinned)
    async with case.world.database.unit_of_work() as work:
        await work.users.update(replace(await work.users.get(root.user_id), role=Role.USER))
        await work.commit()
    with pytest.raises(IdentitiesLostError):
        await case.world.people.identification(of_root, pinned)
    with pytest.raises(IdentitiesLostError):
        await case.world.people.require_gallery(of_root)


async def test_requests_with_unusable_galleries_are_refused(case: GalleryRequest) -> None:
    await case.submit()
    ben = await case.world.person("ben")
    foreign = await case.enrolled(ben, 1)
    empty = await case.enrolled(case.anna)

    async def submit(gallery: UUID) -> None:
        spec = replace(case.spec, identities=IdentityOptions(IdentityMode.ONLY, gallery))
        await case.world.submissions.submit(case.anna, spec)

    for gallery, error in (
        (foreign, GalleryNotFoundError),
        (uuid4(), GalleryNotFoundError),
        (empty, InvalidOptionError),
    ):
        with pytest.raises(error):
            await submit(gallery)
    await change_the_recogniser(case)
    with pytest.raises(ModelMismatchError):
        await submit(case.gallery)


async def test_level_minimal_with_identities_is_refused(case: GalleryRequest) -> None:
    with pytest.raises(InvalidOptionError, match="minimal"):
        await case.submit(level=Level.MINIMAL)


async def test_the_default_threshold_is_that_of_the_model(case: GalleryRequest) -> None:
    _, pinned = await case.stored(await case.submit())
    assert pinned is not None
    assert pinned.threshold == 0.4
    spec = replace(case.spec, identities=IdentityOptions(IdentityMode.ONLY, case.gallery, 0.7))
    request = (await case.world.submissions.submit(case.anna, spec)).request
    _, pinned = await case.stored(request.id)
    assert pinned is not None
    assert pinned.threshold == 0.7


async def test_a_threshold_that_would_keep_strangers_is_refused(case: GalleryRequest) -> None:
    await case.submit()
    spec = replace(case.spec, identities=IdentityOptions(IdentityMode.EXCEPT, case.gallery, 0.2))
    with pytest.raises(InvalidOptionError, match=case.space.name):
        await case.world.submissions.submit(case.anna, spec)


async def test_a_stored_request_with_such_a_threshold_delivers_nothing(case: GalleryRequest) -> None:
    request_id = await case.submit()
    request, pinned = await case.stored(request_id)
    assert pinned is not None
    with pytest.raises(InvalidOptionError, match=case.space.name):
        await case.world.people.identification(request, replace(pinned, threshold=0.2))
