"""Contract of every database for galleries and the faces in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framecloak.domain.errors import GalleryFaceNotFoundError, GalleryNotFoundError
from framecloak.domain.model.accounts import Role
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.repositories.galleries import EncryptedGallery, RotatedQuery
from support.samples.galleries import SPACE, add_face, add_gallery, encrypted_face, unit_vector
from support.samples.persistence import CONCURRENT_CALLERS, NOW, add_user, concurrently, principal_of

SECOND = timedelta(seconds=1)


async def _count(database: Database, gallery: EncryptedGallery) -> int:
    async with database.unit_of_work() as work:
        for listed in await work.galleries.larger_than(-1):
            if listed.id == gallery.id:
                return listed.face_count
    raise AssertionError("the gallery is gone")


@pytest.mark.parametrize(("who", "visible"), [("owner", True), ("admin", True), ("stranger", False)])
async def test_a_gallery_is_visible_to_its_owner_and_to_administrators(
    database: Database, who: str, visible: bool
) -> None:
    people = {
        "owner": await add_user(database, "owner"),
        "admin": await add_user(database, "admin", Role.ADMIN),
        "stranger": await add_user(database, "stranger"),
    }
    gallery = await add_gallery(database, people["owner"])
    principal = principal_of(people[who])
    async with database.unit_of_work() as work:
        page = await work.galleries.list(principal, NOW, 10, 0)
        assert ([*page.items], page.total) == (([gallery], 1) if visible else ([], 0))
        for lookup in (work.galleries.get, work.galleries.lock):
            if visible:
                assert await lookup(gallery.id, principal, NOW) == gallery
            else:
                with pytest.raises(GalleryNotFoundError):
                    await lookup(gallery.id, principal, NOW)
            with pytest.raises(GalleryNotFoundError):
                await lookup(uuid4(), principal, NOW)


async def test_galleries_are_listed_newest_first(database: Database) -> None:
    owner = await add_user(database, "owner")
    galleries = [await add_gallery(database, owner, created_at=NOW + number * SECOND) for number in range(4)]
    async with database.unit_of_work() as work:
        page = await work.galleries.list(principal_of(owner), NOW, 2, 1)
    assert ([*page.items], page.total) == ([galleries[2], galleries[1]], 4)


async def test_an_expired_gallery_does_not_exist(database: Database) -> None:
    owner = await add_user(database, "owner")
    principal = principal_of(owner)
    gallery = await add_gallery(database, owner, expires_at=NOW + SECOND)
    lasting = await add_gallery(database, owner)
    await add_face(database, gallery, "ada", unit_vector(1))
    async with database.unit_of_work() as work:
        assert await work.galleries.expired(NOW) == []
        assert await work.galleries.get(gallery.id, principal, NOW) == replace(gallery, face_count=1)
        with pytest.raises(GalleryNotFoundError):
            await work.galleries.get(gallery.id, principal, NOW + SECOND)
        page = await work.galleries.list(principal, NOW + SECOND, 10, 0)
        assert ([*page.items], page.total) == ([lasting], 1)
        (expired,) = await work.galleries.expired(NOW + SECOND)
        assert (expired.id, expired.is_deleted) == (gallery.id, False)


async def test_a_hidden_gallery_does_not_exist_whatever_the_clock(database: Database) -> None:
    owner = await add_user(database, "owner")
    galleries = [await add_gallery(database, owner, created_at=NOW + number * SECOND) for number in range(3)]
    async with database.unit_of_work() as work:
        for gallery in galleries[1:]:
            await work.galleries.hide(gallery.id)
        await work.commit()
    async with database.unit_of_work() as work:
        for caller in (principal_of(owner), principal_of(await add_user(database, "admin", Role.ADMIN))):
            with pytest.raises(GalleryNotFoundError):
                await work.galleries.get(galleries[1].id, caller, galleries[1].created_at)
        found = await work.galleries.expired(NOW + 9 * SECOND)
        assert [(gallery.id, gallery.is_deleted) for gallery in found] == [
            (gallery.id, True) for gallery in galleries[1:]
        ]
        assert (await work.galleries.get(galleries[0].id, principal_of(owner), NOW)).is_deleted is False


async def test_faces_are_removed_in_steps(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery, other = await add_gallery(database, owner), await add_gallery(database, owner)
    faces = [encrypted_face(gallery.id, "ada", created_at=NOW + number * SECOND) for number in range(5)]
    for face in faces:
        async with database.unit_of_work() as work:
            await work.gallery_faces.add([face], unit_vector(1)[np.newaxis])
            await work.commit()
    await add_face(database, other, "ada", unit_vector(1))
    last: int | None = 0
    for left in (faces[2:], faces[4:], []):
        async with database.unit_of_work() as work:
            assert last is not None
            before, last = last, await work.gallery_faces.remove_next(gallery.id, last, 2)
            assert last is not None
            assert last > before
            await work.commit()
        async with database.unit_of_work() as work:
            page = await work.gallery_faces.list(gallery.id, 10, 0)
            assert ([*page.items], page.total) == (left, len(left))
    async with database.unit_of_work() as work:
        assert await work.gallery_faces.remove_next(gallery.id, last, 2) is None
        assert await work.gallery_faces.remove_next(uuid4(), 0, 2) is None
    assert await _count(database, other) == 1


async def test_callers_that_remove_faces_at_once_remove_each_once(database: Database) -> None:
    gallery = await add_gallery(database, await add_user(database, "owner"))
    faces = [encrypted_face(gallery.id, "ada") for _ in range(2 * CONCURRENT_CALLERS + 3)]
    async with database.unit_of_work() as work:
        await work.gallery_faces.add(faces, np.stack([unit_vector(1)] * len(faces)))
        await work.commit()

    async def remove(work: UnitOfWork) -> int | None:
        return await work.gallery_faces.remove_next(gallery.id, 0, 2)

    await concurrently(database, remove)
    assert await _count(database, gallery) == 3
    async with database.unit_of_work() as work:
        assert len((await work.gallery_faces.list(gallery.id, 10, 0)).items) == 3


async def test_removing_a_gallery_removes_its_faces(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery, other = await add_gallery(database, owner), await add_gallery(database, owner)
    for each in (gallery, other):
        await add_face(database, each, "ada", unit_vector(1))
    async with database.unit_of_work() as work:
        assert await work.galleries.remove(gallery.id) is True
        assert await work.galleries.remove(gallery.id) is False
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.gallery_faces.list(gallery.id, 10, 0)).total == 0
        assert await _search(work, gallery, unit_vector(1)) == []
        assert len(await _search(work, other, unit_vector(1))) == 1
        with pytest.raises(GalleryNotFoundError):
            await work.gallery_faces.add([encrypted_face(gallery.id, "ada")], unit_vector(1)[np.newaxis])


async def test_faces_are_counted_listed_and_removed(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery, other = await add_gallery(database, owner), await add_gallery(database, owner)
    faces = [encrypted_face(gallery.id, "ada", created_at=NOW + number * SECOND) for number in range(3)]
    async with database.unit_of_work() as work:
        await work.gallery_faces.add(faces, np.stack([unit_vector(1)] * 3))
        page = await work.gallery_faces.list(gallery.id, 2, 1)
        assert ([*page.items], page.total) == (faces[1:], 3)
        with pytest.raises(GalleryFaceNotFoundError):
            await work.gallery_faces.remove(other.id, faces[0].id)
        await work.gallery_faces.remove(gallery.id, faces[0].id)
        with pytest.raises(GalleryFaceNotFoundError):
            await work.gallery_faces.remove(gallery.id, faces[0].id)
        await work.commit()
    assert (await _count(database, gallery), await _count(database, other)) == (2, 0)


async def test_the_first_faces_come_with_their_vectors(database: Database) -> None:
    gallery = await add_gallery(database, await add_user(database, "ada"))
    faces = [encrypted_face(gallery.id, "ada", created_at=NOW + number * SECOND) for number in range(3)]
    vectors = np.stack([unit_vector(1), unit_vector(0, 1), unit_vector(0, 0, 1)])
    async with database.unit_of_work() as work:
        await work.gallery_faces.add(faces[::-1], vectors[::-1])
        found, their_vectors = await work.gallery_faces.first_with_vectors(gallery.id, 2)
        assert [*found] == faces[:2]
        assert their_vectors == pytest.approx(vectors[:2])
        no_faces, no_vectors = await work.gallery_faces.first_with_vectors(uuid4(), 2)
        assert ([*no_faces], len(no_vectors)) == ([], 0)


async def test_concurrent_enrolments_are_all_counted(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery = await add_gallery(database, owner)

    async def enrol(work: UnitOfWork) -> int:
        locked = await work.galleries.lock(gallery.id, principal_of(owner), NOW)
        await work.gallery_faces.add([encrypted_face(gallery.id, "ada")], unit_vector(1)[np.newaxis])
        return locked.face_count

    # Each one counts those before it; otherwise a capacity could be exceeded.
    assert sorted(map(str, await concurrently(database, enrol))) == sorted(
        map(str, range(CONCURRENT_CALLERS))
    )
    assert await _count(database, gallery) == CONCURRENT_CALLERS


async def _search(
    work: UnitOfWork, gallery: EncryptedGallery, vector: object, threshold: float = -1.0, top_k: int = 10
) -> list[tuple[object, float]]:
    query = RotatedQuery("first", np.asarray(vector, np.float32))
    return [*await work.gallery_faces.search(gallery, query, threshold, top_k)]


async def test_a_search_returns_the_best_face_of_each_person_best_first(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery, other = await add_gallery(database, owner), await add_gallery(database, owner)
    await add_face(database, gallery, "ada", unit_vector(1, 1))
    ada = await add_face(database, gallery, "ada", unit_vector(1, 0.1))
    bob = await add_face(database, gallery, "bob", unit_vector(1, 0.5))
    eve = await add_face(database, gallery, "eve", unit_vector(-1))
    await add_face(database, gallery, "ada", unit_vector(1), key_id="second")
    await add_face(database, other, "ada", unit_vector(1))
    async with database.unit_of_work() as work:
        found = await _search(work, gallery, unit_vector(1))
        assert [face for face, _ in found] == [ada, bob, eve]
        cosines = [similarity for _, similarity in found]
        assert cosines == pytest.approx([1 / 1.01**0.5, 1 / 1.25**0.5, -1], abs=1e-6)
        assert [face for face, _ in await _search(work, gallery, unit_vector(1), top_k=1)] == [ada]
        assert [face for face, _ in await _search(work, gallery, unit_vector(1), threshold=0.9)] == [ada]
        assert await _search(work, gallery, unit_vector(0, 0, 1), threshold=0.5) == []


@settings(
    max_examples=settings.default.max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), people=st.integers(1, 6), top_k=st.integers(1, 8))
async def test_a_search_agrees_with_numpy(database: Database, seed: int, people: int, top_k: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((20, SPACE.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owners = random.integers(0, people, 20)
    owner = await add_user(database, f"owner {uuid4()}")
    gallery = await add_gallery(database, owner)
    async with database.unit_of_work() as work:
        await work.gallery_faces.add([encrypted_face(gallery.id, f"{person}") for person in owners], vectors)
        found = await _search(work, gallery, vectors[0], threshold=0.0, top_k=top_k)
    products = vectors @ vectors[0]
    best = sorted((products[owners == person].max() for person in set(owners)), reverse=True)
    expected = [cosine for cosine in best if cosine >= 0][:top_k]
    assert [similarity for _, similarity in found] == pytest.approx(expected, abs=1e-6)


async def test_large_galleries_are_listed_without_small_ones(database: Database) -> None:
    owner = await add_user(database, "owner")
    small, large = await add_gallery(database, owner), await add_gallery(database, owner)
    for _ in range(2):
        await add_face(database, large, "ada", unit_vector(1))
    await add_face(database, small, "ada", unit_vector(1))
    async with database.unit_of_work() as work:
        assert [gallery.id for gallery in await work.galleries.larger_than(1)] == [large.id]
        await work.galleries.set_indexed(large.id, indexed=True)
        assert [gallery.indexed for gallery in await work.galleries.larger_than(1)] == [True]


async def test_a_gallery_changes_its_key_in_batches(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery = await add_gallery(database, owner)
    done = await add_gallery(database, owner, key_id="second")
    for _ in range(3):
        await add_face(database, gallery, "ada", unit_vector(1))
    async with database.unit_of_work() as work:
        assert [outdated.id for outdated in await work.galleries.with_outdated_keys("second", 10)] == [
            gallery.id
        ]
        assert not await work.galleries.finish_rekey(gallery.id)
        assert await work.galleries.begin_rekey(gallery.id, b"new name", "second")
        # Refused while faces are being re-encrypted, if the key is current, and if there is no such gallery.
        assert not await work.galleries.begin_rekey(gallery.id, b"newer name", "third")
        assert not await work.galleries.begin_rekey(done.id, b"new name", "second")
        assert not await work.galleries.begin_rekey(uuid4(), b"new name", "second")
        await work.commit()
    sizes = []
    while True:
        async with database.unit_of_work() as work:
            faces, vectors = await work.gallery_faces.lock_with_outdated_keys(gallery.id, "second", 2)
            if not faces:
                break
            sizes.append(len(faces))
            assert vectors == pytest.approx(np.stack([unit_vector(1)] * len(faces)))
            assert not await work.galleries.finish_rekey(gallery.id)
            renewed = [
                replace(face, key_id="second", person=b"P" * 16, label=b"l", metadata=b"m") for face in faces
            ]
            await work.gallery_faces.replace(renewed, np.stack([unit_vector(0, 1)] * len(faces)))
            await work.commit()
    assert sizes == [2, 1]
    async with database.unit_of_work() as work:
        moved = await work.galleries.get(gallery.id, principal_of(owner), NOW)
        assert (moved.key_ids, moved.name, moved.face_count) == (("second", "first"), b"new name", 3)
        found = await work.gallery_faces.search(moved, RotatedQuery("second", unit_vector(0, 1)), 0.9, 10)
        assert [(face.person, face.label, face.metadata) for face, _ in found] == [(b"P" * 16, b"l", b"m")]
        assert await _search(work, gallery, unit_vector(1)) == []
        assert await work.galleries.finish_rekey(gallery.id)
        assert await work.galleries.with_outdated_keys("second", 10) == []


async def test_uncommitted_faces_are_discarded(database: Database) -> None:
    owner = await add_user(database, "owner")
    gallery = await add_gallery(database, owner)
    async with database.unit_of_work() as work:
        await work.gallery_faces.add([encrypted_face(gallery.id, "ada")], unit_vector(1)[np.newaxis])
    assert await _count(database, gallery) == 0
