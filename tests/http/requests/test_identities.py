"""Requests with identity options, over HTTP."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from support.http.api import Scene
from support.http.faces import ONE_FACE_PNG, problem, text


async def gallery_with_a_face(client: httpx.AsyncClient) -> str:
    gallery: str = (await client.post("/galleries", json={"name": "staff"})).json()["id"]
    body = {"label": "Grace", "image_data": text(ONE_FACE_PNG)}
    assert (await client.post(f"/galleries/{gallery}/faces", json=body)).status_code == 201
    return gallery


def body(scene: Scene, identities: object, **more: object) -> dict[str, object]:
    return {"video_id": scene.video, "segment_ids": [scene.segment], "identities": identities, **more}


async def submit(scene: Scene, identities: object, **more: object) -> httpx.Response:
    return await scene.ada.post("/api/frames/anonymize/", json=body(scene, identities, **more))


async def test_identity_options_are_accepted_and_returned(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    options = {"mode": "only", "gallery_id": gallery, "threshold": 0.35, "unknown": "keep"}
    assert (await submit(scene, options)).status_code == 202
    assert (await submit(scene, {"mode": "except", "gallery_id": gallery})).status_code == 202
    listed = (await scene.ada.get("/api/frames/anonymize/requests/")).json()["items"]
    assert [item["identities"] for item in listed] == [
        {"mode": "except", "gallery_id": gallery, "threshold": None, "unknown": "redact"},
        options,
    ]


async def test_a_gallery_without_access_appears_not_to_exist(scene: Scene) -> None:
    foreign = await gallery_with_a_face(scene.bob)
    for gallery in (foreign, str(uuid4())):
        answer = await submit(scene, {"mode": "except", "gallery_id": gallery})
        assert await problem(answer) == (404, "gallery_not_found")
    assert not (await scene.ada.get("/api/frames/anonymize/requests/")).json()["items"]


async def test_an_administrator_can_use_any_gallery(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    submission = body(scene, {"mode": "except", "gallery_id": gallery})
    assert (await scene.admin.post("/api/frames/anonymize/", json=submission)).status_code == 202


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "nobody"},
        {"mode": None},
        {"threshold": 0},
        {"threshold": -0.4},
        {"threshold": 1.5},
        {"threshold": "high"},
        {"unknown": "perhaps"},
        {"gallery_id": "staff"},
        {"label": "Grace"},
    ],
)
async def test_invalid_identity_options_are_refused(scene: Scene, change: dict[str, object]) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    answer = await submit(scene, {"mode": "only", "gallery_id": gallery, **change})
    assert await problem(answer) == (422, "validation_failed")


async def test_contradictory_identity_options_are_refused(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    empty = (await scene.ada.post("/galleries", json={"name": "nobody"})).json()["id"]
    for answer in (
        await submit(scene, {"mode": "except", "gallery_id": gallery, "unknown": "keep"}),
        await submit(scene, {"mode": "except", "gallery_id": gallery}, anonymization_level="minimal"),
        await submit(scene, {"mode": "except", "gallery_id": empty}),
    ):
        assert await problem(answer) == (422, "invalid_option")


async def test_a_threshold_that_would_leave_faces_visible_is_refused(scene: Scene) -> None:
    recognizer, galleries = scene.api.world.recognizer, scene.api.services.use_cases.galleries
    recognizer.space = space = type(recognizer.space)("dlib-resnet", "1" * 64, recognizer.space.dimension)
    gallery = str((await galleries.create(scene.owner, "staff", space)).id)
    face = {"label": "Grace", "embedding": [1.0] + [0.0] * (space.dimension - 1)}
    assert (await scene.ada.post(f"/galleries/{gallery}/faces", json=face)).status_code == 201
    for identities, explanation in (
        ({"mode": "except", "threshold": 0.5}, "0.9 to 1"),
        ({"mode": "except", "threshold": 0.89}, "usual 0.93"),
        ({"mode": "only", "threshold": 0.95, "unknown": "keep"}, "usual 0.93"),
    ):
        answer = await submit(scene, {**identities, "gallery_id": gallery})
        assert await problem(answer) == (422, "invalid_option")
        assert "dlib-resnet" in answer.json()["detail"]
        assert explanation in answer.text
    for identities in (
        {"mode": "except"},
        {"mode": "except", "threshold": 0.93},
        {"mode": "only", "threshold": 0.5},
        {"mode": "only", "threshold": 0.95},
    ):
        assert (await submit(scene, {**identities, "gallery_id": gallery})).status_code == 202


async def test_a_gallery_of_another_model_is_refused(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    recognizer = scene.api.world.recognizer
    recognizer.space = type(recognizer.space)("another", "9" * 64, recognizer.space.dimension)
    answer = await submit(scene, {"mode": "except", "gallery_id": gallery})
    assert await problem(answer) == (409, "model_mismatch")


async def test_an_unknown_gallery_does_not_stop_the_rest_of_a_batch(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    batch = [
        body(scene, {"mode": "only", "gallery_id": gallery_id}) for gallery_id in (str(uuid4()), gallery)
    ]
    results = (await scene.ada.post("/api/frames/anonymize/batch/", json=batch)).json()
    assert [result["status"] for result in results] == ["rejected", "accepted"]
    assert results[0]["error"]["code"] == "gallery_not_found"


async def test_an_idempotency_key_with_other_identity_options_is_a_conflict(scene: Scene) -> None:
    gallery = await gallery_with_a_face(scene.ada)
    key = {"Idempotency-Key": "once"}
    submission = body(scene, {"mode": "only", "gallery_id": gallery})
    first = await scene.ada.post("/api/frames/anonymize/", json=submission, headers=key)
    again = await scene.ada.post("/api/frames/anonymize/", json=submission, headers=key)
    assert first.json()["request_id"] == again.json()["request_id"]
    other = body(scene, {"mode": "except", "gallery_id": gallery})
    answer = await scene.ada.post("/api/frames/anonymize/", json=other, headers=key)
    assert await problem(answer) == (409, "idempotency_conflict")
