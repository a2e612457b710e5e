"""Galleries over HTTP: whose they are, what they take, and what they find."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from fakes.clock import NOON
from fakes.recognition import FakeFaceRecognizer
from framecloak.domain.reid.matching import DEFAULT_THRESHOLD
from support.http.api import Scene
from support.http.faces import ONE, picture, problem, text
from support.use_cases import GALLERY_CAPACITY

DIMENSION = FakeFaceRecognizer().space.dimension


def vector(*numbers: float) -> list[float]:
    return [*numbers, *[0.0] * (DIMENSION - len(numbers))]


async def gallery_of(client: httpx.AsyncClient, **more: object) -> str:
    answer = await client.post("/galleries", json={"name": "staff", **more})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def enrolled(client: httpx.AsyncClient, gallery: str, label: str, *numbers: float) -> dict[str, Any]:
    body = {"label": label, "embedding": vector(*numbers)}
    answer = await client.post(f"/galleries/{gallery}/faces", json=body)
    assert answer.status_code == 201, answer.text
    face: dict[str, Any] = answer.json()
    return face


async def test_a_face_is_enrolled_and_found(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    body = {"label": "Grace", "metadata": {"ward": "3b"}, "image_data": text(ONE)}
    face = (await ada.post(f"/galleries/{gallery}/faces/", json=body)).json()
    assert (face["label"], face["metadata"], face["faces_detected"]) == ("Grace", {"ward": "3b"}, 1)
    assert face["quality"]["size"] == pytest.approx(64, abs=4)
    assert "embedding" not in face
    found = (await ada.post(f"/galleries/{gallery}/search", json={"image_data": text(ONE)})).json()
    assert found == [
        {"face_id": face["id"], "label": "Grace", "metadata": {"ward": "3b"}, "similarity": pytest.approx(1)}
    ]
    seen = (await ada.get(f"/galleries/{gallery}")).json()
    assert (seen["name"], seen["model"], seen["dimension"]) == ("staff", "fake", DIMENSION)
    assert (seen["face_count"], seen["expires_at"]) == (1, None)
    # Nobody has looked into this model, which is taken to be like most.
    assert (seen["threshold"], seen["likeness"]) == (DEFAULT_THRESHOLD, None)


async def test_every_way_to_send_a_picture_enrols_and_finds_the_same(scene: Scene) -> None:
    ada = scene.ada
    png, packed = {"Content-Type": "image/png"}, {"Content-Type": "application/msgpack"}
    plain = {"Content-Type": "application/octet-stream"}
    said = {"label": "Grace", "metadata": '{"ward": "3b"}'}
    body = {"label": "Grace", "metadata": {"ward": "3b"}}
    image = {"image": ("grace.png", ONE, "image/png")}
    ways: list[dict[str, Any]] = [
        {"json": {**body, "image_data": text(ONE)}},
        {"content": msgspec.msgpack.encode({**body, "image_data": ONE}), "headers": packed},
        {"files": image, "data": said},
        {"content": ONE, "headers": png, "params": said},
        {"content": ONE, "headers": plain, "params": said},
    ]
    for way in ways:
        gallery = await gallery_of(ada)
        answer = await ada.post(f"/galleries/{gallery}/faces", **way)
        assert answer.status_code == 201, answer.text
        face = answer.json()
        assert (face["label"], face["metadata"], face["faces_detected"]) == ("Grace", {"ward": "3b"}, 1)
    alone = await ada.post(f"/galleries/{gallery}/faces", files=image, data={"label": "Grace"})
    assert alone.json()["metadata"] == {}
    await enrolled(ada, gallery, "Alan", 1)

    at = f"/galleries/{gallery}/search"
    for asked, people in (
        ({"threshold": 0.9}, 1),
        ({"threshold": -1, "top_k": 1}, 1),
        ({"threshold": -1}, 2),
    ):
        words = {name: str(value) for name, value in asked.items()}
        for answer in (
            await ada.post(at, json={**asked, "image_data": text(ONE)}),
            await ada.post(at, content=msgspec.msgpack.encode({**asked, "image_data": ONE}), headers=packed),
            await ada.post(at, files=image, data=words),
            await ada.post(at, content=ONE, headers=png, params=words),
        ):
            found = answer.raise_for_status().json()
            assert len(found) == people
            assert (found[0]["label"], found[0]["similarity"]) == ("Grace", pytest.approx(1))


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("faces", {"files": {"image": ONE}}, (422, "validation_failed")),
        ("faces", {"files": {"image": ONE}, "data": {"label": ""}}, (422, "validation_failed")),
        ("faces", {"files": {"image": ONE}, "data": {"label": "a", "more": "1"}}, (422, "validation_failed")),
        (
            "faces",
            {"files": {"image": ONE}, "data": {"label": "a", "metadata": "{"}},
            (422, "validation_failed"),
        ),
        (
            "faces",
            {"files": {"image": ONE}, "data": {"label": "a", "metadata": "[]"}},
            (422, "validation_failed"),
        ),
        (
            "faces",
            {"files": {"image": ONE}, "data": {"label": "a", "embedding": "AAAA"}},
            (422, "invalid_option"),
        ),
        ("faces", {"files": {"image": ONE}, "data": {"label": ["a", "b"]}}, (422, "invalid_option")),
        ("faces", {"files": {"image": ONE, "label": b"\xff"}}, (400, "bad_request")),
        ("faces", {"files": {"picture": ONE}, "data": {"label": "a"}}, (422, "invalid_option")),
        ("faces", {"files": {"image": picture()}, "data": {"label": "a"}}, (422, "face_not_found")),
        ("faces", {"content": ONE, "params": {}}, (422, "validation_failed")),
        ("faces", {"content": ONE, "params": {"label": "a", "metadata": "{"}}, (422, "validation_failed")),
        ("faces", {"content": ONE, "params": {"label": "a" * 201}}, (422, "validation_failed")),
        ("faces", {"content": b"none", "params": {"label": "a"}}, (422, "invalid_image")),
        ("faces", {"content": b"", "params": {"label": "a"}}, (422, "invalid_image")),
        ("search", {"files": {"image": ONE}, "data": {"threshold": "high"}}, (422, "validation_failed")),
        ("search", {"files": {"image": ONE}, "data": {"threshold": "nan"}}, (422, "validation_failed")),
        ("search", {"files": {"image": ONE}, "data": {"top_k": "0"}}, (422, "validation_failed")),
        ("search", {"files": {"image": ONE}, "data": {"label": "a"}}, (422, "validation_failed")),
        ("search", {"content": ONE, "params": {"threshold": "2"}}, (422, "validation_failed")),
        ("search", {"content": ONE, "params": {"top_k": "1001"}}, (422, "validation_failed")),
        (
            "search",
            {"content": ONE, "headers": {"Content-Type": "text/plain"}},
            (415, "unsupported_media_type"),
        ),
    ],
)
async def test_a_picture_with_words_that_make_no_sense_is_refused(
    scene: Scene, path: str, sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    gallery = await gallery_of(scene.ada)
    if "content" in sent:
        sent = {"headers": {"Content-Type": "image/png"}, **sent}
    assert await problem(await scene.ada.post(f"/galleries/{gallery}/{path}", **sent)) == expected
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == 0


async def test_each_person_is_found_once_by_the_best_face_best_first(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    for label, numbers in [("Grace", (1, 0)), ("Grace", (0.8, 0.6)), ("Alan", (0.6, 0.8))]:
        await enrolled(ada, gallery, label, *numbers)
    body = {"embedding": vector(1), "model": "fake", "threshold": 0.1}
    found = (await ada.post(f"/galleries/{gallery}/search", json=body)).json()
    assert [(one["label"], one["similarity"]) for one in found] == [
        ("Grace", pytest.approx(1)),
        ("Alan", pytest.approx(0.6)),
    ]
    only = (await ada.post(f"/galleries/{gallery}/search", json=body | {"top_k": 1})).json()
    assert [one["label"] for one in only] == ["Grace"]
    none = (await ada.post(f"/galleries/{gallery}/search", json=body | {"embedding": vector(-1)})).json()
    assert none == []


async def test_what_is_deleted_is_gone(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    first = await enrolled(ada, gallery, "Grace", 1)
    scene.api.world.clock.advance(timedelta(seconds=1))
    second = await enrolled(ada, gallery, "Alan", 1)
    listed = (await ada.get(f"/galleries/{gallery}/faces")).json()
    assert [one["id"] for one in listed["items"]] == [first["id"], second["id"]]
    assert (await ada.delete(f"/galleries/{gallery}/faces/{first['id']}")).status_code == 204
    again = await ada.delete(f"/galleries/{gallery}/faces/{first['id']}")
    assert await problem(again) == (404, "gallery_face_not_found")
    listed = (await ada.get(f"/galleries/{gallery}/faces")).json()
    assert (listed["total"], [one["label"] for one in listed["items"]]) == (1, ["Alan"])
    assert (await ada.delete(f"/galleries/{gallery}/")).status_code == 204
    assert await problem(await ada.get(f"/galleries/{gallery}")) == (404, "gallery_not_found")


async def test_nobody_uses_a_gallery_of_somebody_else(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    face = await enrolled(scene.ada, gallery, "Grace", 1)
    at, body = f"/galleries/{gallery}", {"embedding": vector(1)}
    bob = scene.bob
    for answer in (
        await bob.get(at),
        await bob.delete(at),
        await bob.get(f"{at}/faces"),
        await bob.post(f"{at}/faces", json=body | {"label": "me"}),
        await bob.delete(f"{at}/faces/{face['id']}"),
        await bob.post(f"{at}/search", json=body),
        await bob.get(f"/galleries/{uuid4()}"),
    ):
        assert await problem(answer) == (404, "gallery_not_found")
    assert (await bob.get("/galleries")).json()["items"] == []
    assert (await scene.admin.get("/galleries")).json()["total"] == 1
    found = (await scene.admin.post(f"{at}/search", json=body)).json()
    assert [one["label"] for one in found] == ["Grace"]


async def test_vectors_of_another_model_are_refused(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    for body in (
        {"embedding": [1.0, 0.0]},
        {"embedding": vector(1), "model": "buffalo_l"},
        {"embedding": [1.0] * 512, "model": "fake"},
    ):
        for path in ("search", "faces"):
            more = {"label": "Grace"} if path == "faces" else {}
            answer = await ada.post(f"/galleries/{gallery}/{path}", json=body | more)
            assert await problem(answer) == (409, "model_mismatch")


async def test_a_gallery_that_is_full_takes_no_more(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    for number in range(GALLERY_CAPACITY):
        await enrolled(scene.ada, gallery, f"person {number}", 1, number)
    body = {"label": "one too many", "embedding": vector(1)}
    answer = await scene.ada.post(f"/galleries/{gallery}/faces", json=body)
    assert await problem(answer) == (409, "gallery_full")
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == GALLERY_CAPACITY


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"label": "a"}, (422, "invalid_option")),
        ({"label": "a", "embedding": vector(1), "image_data": text(ONE)}, (422, "invalid_option")),
        ({"embedding": vector(1)}, (422, "validation_failed")),
        ({"label": "", "embedding": vector(1)}, (422, "validation_failed")),
        ({"label": " ", "embedding": vector(1)}, (422, "invalid_option")),
        ({"label": "a", "embedding": vector(0)}, (422, "invalid_embedding")),
        ({"label": "a", "embedding": vector(1), "metadata": {"x": "y" * 5000}}, (422, "invalid_option")),
        ({"label": "a", "image_data": text(picture())}, (422, "face_not_found")),
        ({"label": "a", "image_data": "?"}, (422, "invalid_image")),
        ({"label": "a", "image_data": text(picture((5, 5, 20, 20)))}, (422, "face_too_small")),
    ],
)
async def test_an_enrolment_that_makes_no_sense_is_refused(
    scene: Scene, body: dict[str, object], expected: tuple[int, str]
) -> None:
    gallery = await gallery_of(scene.ada)
    assert await problem(await scene.ada.post(f"/galleries/{gallery}/faces", json=body)) == expected
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == 0


async def test_a_vector_of_any_length_is_enrolled_as_its_direction(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    await enrolled(scene.ada, gallery, "Grace", 30, 40)
    body = {"embedding": vector(1)}
    (found,) = (await scene.ada.post(f"/galleries/{gallery}/search", json=body)).json()
    assert found["similarity"] == pytest.approx(0.6)


async def test_its_time_ends(scene: Scene) -> None:
    ada, clock = scene.ada, scene.api.world.clock
    until = NOON + timedelta(hours=1)
    gallery = await gallery_of(ada, expires_at=until.isoformat())
    assert (await ada.get(f"/galleries/{gallery}")).status_code == 200
    clock.advance(timedelta(hours=2))
    assert await problem(await ada.get(f"/galleries/{gallery}")) == (404, "gallery_not_found")
    late = await ada.post("/galleries", json={"name": "late", "expires_at": NOON.isoformat()})
    assert await problem(late) == (422, "invalid_option")
    vague = await ada.post("/galleries", json={"name": "vague", "expires_at": "2999-01-01T00:00:00"})
    assert await problem(vague) == (422, "validation_failed")
