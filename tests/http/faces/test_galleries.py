"""Galleries over HTTP: ownership, enrolment, search and expiry."""

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
from support.http.faces import ONE_FACE_PNG, face_png, problem, text
from support.use_cases import GALLERY_CAPACITY

DIMENSION = FakeFaceRecognizer().space.dimension


def vector(*numbers: float) -> list[float]:
    return [*numbers, *[0.0] * (DIMENSION - len(numbers))]


async def gallery_of(client: httpx.AsyncClient, **more: object) -> str:
    answer = await client.post("/galleries", json={"name": "staff", **more})
    assert answer.status_code == 201, answer.text
    gallery: str = answer.json()["id"]
    return gallery


async def enrol(client: httpx.AsyncClient, gallery: str, label: str, *numbers: float) -> dict[str, Any]:
    body = {"label": label, "embedding": vector(*numbers)}
    answer = await client.post(f"/galleries/{gallery}/faces", json=body)
    assert answer.status_code == 201, answer.text
    face: dict[str, Any] = answer.json()
    return face


async def test_an_enrolled_face_is_found_by_search(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    body = {"label": "Grace", "metadata": {"ward": "3b"}, "image_data": text(ONE_FACE_PNG)}
    face = (await ada.post(f"/galleries/{gallery}/faces/", json=body)).json()
    assert (face["label"], face["metadata"], face["faces_detected"]) == ("Grace", {"ward": "3b"}, 1)
    assert face["quality"]["size"] == pytest.approx(64, abs=4)
    assert "embedding" not in face
    matches = (await ada.post(f"/galleries/{gallery}/search", json={"image_data": text(ONE_FACE_PNG)})).json()
    assert matches == [
        {"face_id": face["id"], "label": "Grace", "metadata": {"ward": "3b"}, "similarity": pytest.approx(1)}
    ]
    details = (await ada.get(f"/galleries/{gallery}")).json()
    assert (details["name"], details["model"], details["dimension"]) == ("staff", "fake", DIMENSION)
    assert (details["face_count"], details["expires_at"]) == (1, None)
    # This model has not been calibrated, so the default threshold applies.
    assert (details["threshold"], details["likeness"]) == (DEFAULT_THRESHOLD, None)


async def test_every_way_to_send_an_image_enrols_and_finds_the_same_face(scene: Scene) -> None:
    ada = scene.ada
    png, packed = {"Content-Type": "image/png"}, {"Content-Type": "application/msgpack"}
    plain = {"Content-Type": "application/octet-stream"}
    fields = {"label": "Grace", "metadata": '{"ward": "3b"}'}
    body = {"label": "Grace", "metadata": {"ward": "3b"}}
    image = {"image": ("grace.png", ONE_FACE_PNG, "image/png")}
    encodings: list[dict[str, Any]] = [
        {"json": {**body, "image_data": text(ONE_FACE_PNG)}},
        {"content": msgspec.msgpack.encode({**body, "image_data": ONE_FACE_PNG}), "headers": packed},
        {"files": image, "data": fields},
        {"content": ONE_FACE_PNG, "headers": png, "params": fields},
        {"content": ONE_FACE_PNG, "headers": plain, "params": fields},
    ]
    for encoding in encodings:
        gallery = await gallery_of(ada)
        answer = await ada.post(f"/galleries/{gallery}/faces", **encoding)
        assert answer.status_code == 201, answer.text
        face = answer.json()
        assert (face["label"], face["metadata"], face["faces_detected"]) == ("Grace", {"ward": "3b"}, 1)
    alone = await ada.post(f"/galleries/{gallery}/faces", files=image, data={"label": "Grace"})
    assert alone.json()["metadata"] == {}
    await enrol(ada, gallery, "Alan", 1)

    search_url = f"/galleries/{gallery}/search"
    for options, people in (
        ({"threshold": 0.9}, 1),
        ({"threshold": -1, "top_k": 1}, 1),
        ({"threshold": -1}, 2),
    ):
        form = {name: str(value) for name, value in options.items()}
        for answer in (
            await ada.post(search_url, json={**options, "image_data": text(ONE_FACE_PNG)}),
            await ada.post(
                search_url,
                content=msgspec.msgpack.encode({**options, "image_data": ONE_FACE_PNG}),
                headers=packed,
            ),
            await ada.post(search_url, files=image, data=form),
            await ada.post(search_url, content=ONE_FACE_PNG, headers=png, params=form),
        ):
            matches = answer.raise_for_status().json()
            assert len(matches) == people
            assert (matches[0]["label"], matches[0]["similarity"]) == ("Grace", pytest.approx(1))


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("faces", {"files": {"image": ONE_FACE_PNG}}, (422, "validation_failed")),
        ("faces", {"files": {"image": ONE_FACE_PNG}, "data": {"label": ""}}, (422, "validation_failed")),
        (
            "faces",
            {"files": {"image": ONE_FACE_PNG}, "data": {"label": "a", "more": "1"}},
            (422, "validation_failed"),
        ),
        (
            "faces",
            {"files": {"image": ONE_FACE_PNG}, "data": {"label": "a", "metadata": "{"}},
            (422, "validation_failed"),
        ),
        (
            "faces",
            {"files": {"image": ONE_FACE_PNG}, "data": {"label": "a", "metadata": "[]"}},
            (422, "validation_failed"),
        ),
        (
            "faces",
            {"files": {"image": ONE_FACE_PNG}, "data": {"label": "a", "embedding": "AAAA"}},
            (422, "invalid_option"),
        ),
        ("faces", {"files": {"image": ONE_FACE_PNG}, "data": {"label": ["a", "b"]}}, (422, "invalid_option")),
        ("faces", {"files": {"image": ONE_FACE_PNG, "label": b"\xff"}}, (400, "bad_request")),
        ("faces", {"files": {"picture": ONE_FACE_PNG}, "data": {"label": "a"}}, (422, "invalid_option")),
        ("faces", {"files": {"image": face_png()}, "data": {"label": "a"}}, (422, "face_not_found")),
        ("faces", {"content": ONE_FACE_PNG, "params": {}}, (422, "validation_failed")),
        (
            "faces",
            {"content": ONE_FACE_PNG, "params": {"label": "a", "metadata": "{"}},
            (422, "validation_failed"),
        ),
        ("faces", {"content": ONE_FACE_PNG, "params": {"label": "a" * 201}}, (422, "validation_failed")),
        ("faces", {"content": b"none", "params": {"label": "a"}}, (422, "invalid_image")),
        ("faces", {"content": b"", "params": {"label": "a"}}, (422, "invalid_image")),
        (
            "search",
            {"files": {"image": ONE_FACE_PNG}, "data": {"threshold": "high"}},
            (422, "validation_failed"),
        ),
        (
            "search",
            {"files": {"image": ONE_FACE_PNG}, "data": {"threshold": "nan"}},
            (422, "validation_failed"),
        ),
        ("search", {"files": {"image": ONE_FACE_PNG}, "data": {"top_k": "0"}}, (422, "validation_failed")),
        ("search", {"files": {"image": ONE_FACE_PNG}, "data": {"label": "a"}}, (422, "validation_failed")),
        ("search", {"content": ONE_FACE_PNG, "params": {"threshold": "2"}}, (422, "validation_failed")),
        ("search", {"content": ONE_FACE_PNG, "params": {"top_k": "1001"}}, (422, "validation_failed")),
        (
            "search",
            {"content": ONE_FACE_PNG, "headers": {"Content-Type": "text/plain"}},
            (415, "unsupported_media_type"),
        ),
    ],
)
async def test_an_image_with_invalid_fields_is_refused(
    scene: Scene, path: str, sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    gallery = await gallery_of(scene.ada)
    if "content" in sent:
        sent = {"headers": {"Content-Type": "image/png"}, **sent}
    assert await problem(await scene.ada.post(f"/galleries/{gallery}/{path}", **sent)) == expected
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == 0


async def test_a_search_returns_the_best_face_of_each_person_best_first(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    for label, numbers in [("Grace", (1, 0)), ("Grace", (0.8, 0.6)), ("Alan", (0.6, 0.8))]:
        await enrol(ada, gallery, label, *numbers)
    body = {"embedding": vector(1), "model": "fake", "threshold": 0.1}
    matches = (await ada.post(f"/galleries/{gallery}/search", json=body)).json()
    assert [(match["label"], match["similarity"]) for match in matches] == [
        ("Grace", pytest.approx(1)),
        ("Alan", pytest.approx(0.6)),
    ]
    only = (await ada.post(f"/galleries/{gallery}/search", json=body | {"top_k": 1})).json()
    assert [match["label"] for match in only] == ["Grace"]
    none = (await ada.post(f"/galleries/{gallery}/search", json=body | {"embedding": vector(-1)})).json()
    assert none == []


async def test_deleted_faces_and_galleries_are_gone(scene: Scene) -> None:
    ada = scene.ada
    gallery = await gallery_of(ada)
    first = await enrol(ada, gallery, "Grace", 1)
    scene.api.world.clock.advance(timedelta(seconds=1))
    second = await enrol(ada, gallery, "Alan", 1)
    listed = (await ada.get(f"/galleries/{gallery}/faces")).json()
    assert [face["id"] for face in listed["items"]] == [first["id"], second["id"]]
    assert (await ada.delete(f"/galleries/{gallery}/faces/{first['id']}")).status_code == 204
    again = await ada.delete(f"/galleries/{gallery}/faces/{first['id']}")
    assert await problem(again) == (404, "gallery_face_not_found")
    listed = (await ada.get(f"/galleries/{gallery}/faces")).json()
    assert (listed["total"], [face["label"] for face in listed["items"]]) == (1, ["Alan"])
    assert (await ada.delete(f"/galleries/{gallery}/")).status_code == 204
    assert await problem(await ada.get(f"/galleries/{gallery}")) == (404, "gallery_not_found")


async def test_a_gallery_of_another_user_appears_not_to_exist(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    face = await enrol(scene.ada, gallery, "Grace", 1)
    url, body = f"/galleries/{gallery}", {"embedding": vector(1)}
    bob = scene.bob
    for answer in (
        await bob.get(url),
        await bob.delete(url),
        await bob.get(f"{url}/faces"),
        await bob.post(f"{url}/faces", json=body | {"label": "me"}),
        await bob.delete(f"{url}/faces/{face['id']}"),
        await bob.post(f"{url}/search", json=body),
        await bob.get(f"/galleries/{uuid4()}"),
    ):
        assert await problem(answer) == (404, "gallery_not_found")
    assert (await bob.get("/galleries")).json()["items"] == []
    assert (await scene.admin.get("/galleries")).json()["total"] == 1
    matches = (await scene.admin.post(f"{url}/search", json=body)).json()
    assert [match["label"] for match in matches] == ["Grace"]


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


async def test_a_full_gallery_accepts_no_more_faces(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    for number in range(GALLERY_CAPACITY):
        await enrol(scene.ada, gallery, f"person {number}", 1, number)
    body = {"label": "one too many", "embedding": vector(1)}
    answer = await scene.ada.post(f"/galleries/{gallery}/faces", json=body)
    assert await problem(answer) == (409, "gallery_full")
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == GALLERY_CAPACITY


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"label": "a"}, (422, "invalid_option")),
        ({"label": "a", "embedding": vector(1), "image_data": text(ONE_FACE_PNG)}, (422, "invalid_option")),
        ({"embedding": vector(1)}, (422, "validation_failed")),
        ({"label": "", "embedding": vector(1)}, (422, "validation_failed")),
        ({"label": " ", "embedding": vector(1)}, (422, "invalid_option")),
        ({"label": "a", "embedding": vector(0)}, (422, "invalid_embedding")),
        ({"label": "a", "embedding": vector(1), "metadata": {"x": "y" * 5000}}, (422, "invalid_option")),
        ({"label": "a", "image_data": text(face_png())}, (422, "face_not_found")),
        ({"label": "a", "image_data": "?"}, (422, "invalid_image")),
        ({"label": "a", "image_data": text(face_png((5, 5, 20, 20)))}, (422, "face_too_small")),
    ],
)
async def test_an_invalid_enrolment_is_refused(
    scene: Scene, body: dict[str, object], expected: tuple[int, str]
) -> None:
    gallery = await gallery_of(scene.ada)
    assert await problem(await scene.ada.post(f"/galleries/{gallery}/faces", json=body)) == expected
    assert (await scene.ada.get(f"/galleries/{gallery}")).json()["face_count"] == 0


async def test_vectors_are_normalized_on_enrolment(scene: Scene) -> None:
    gallery = await gallery_of(scene.ada)
    await enrol(scene.ada, gallery, "Grace", 30, 40)
    body = {"embedding": vector(1)}
    (match,) = (await scene.ada.post(f"/galleries/{gallery}/search", json=body)).json()
    assert match["similarity"] == pytest.approx(0.6)


async def test_a_gallery_expires(scene: Scene) -> None:
    ada, clock = scene.ada, scene.api.world.clock
    until = NOON + timedelta(hours=1)
    gallery = await gallery_of(ada, expires_at=until.isoformat())
    assert (await ada.get(f"/galleries/{gallery}")).status_code == 200
    clock.advance(timedelta(hours=2))
    assert await problem(await ada.get(f"/galleries/{gallery}")) == (404, "gallery_not_found")
    late = await ada.post("/galleries", json={"name": "late", "expires_at": NOON.isoformat()})
    assert await problem(late) == (422, "invalid_option")
    without_time_zone = await ada.post(
        "/galleries", json={"name": "vague", "expires_at": "2999-01-01T00:00:00"}
    )
    assert await problem(without_time_zone) == (422, "validation_failed")


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_time_that_utc_cannot_express_is_refused(scene: Scene, moment: str) -> None:
    for path in ("/galleries", "/api/auth/api-keys"):
        refused = await scene.ada.post(path, json={"name": "late", "expires_at": moment})
        assert await problem(refused) == (422, "invalid_option")
        assert "out of range" in refused.json()["detail"]
    last = "9999-12-31T23:59:59Z"
    kept = await scene.ada.post("/galleries", json={"name": "late", "expires_at": last})
    assert (kept.status_code, kept.json()["expires_at"]) == (201, last)
