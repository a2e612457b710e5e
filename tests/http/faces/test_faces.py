"""Faces over HTTP: every way to send an image or a vector, and invalid input."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import cv2
import httpx
import msgspec
import numpy as np
import pytest

from framecloak.domain.errors import ModelMissingError, OverloadedError
from framecloak.domain.reid.analysis import FaceAnalyzer
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.http.app import create_app
from support.http.api import CONFIG, HOST, Api, Client, Scene
from support.http.faces import ONE_FACE_PNG, face_png, problem, text

MSGPACK = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}


async def test_a_face_is_described_as_documented(scene: Scene) -> None:
    answer = await scene.ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)})
    assert answer.status_code == 200
    face = answer.json()
    assert set(face) == {
        "face_id",
        "bbox",
        "landmarks",
        "embedding",
        "confidence",
        "quality",
        "emotions",
        "timestamp",
        "model",
        "faces_detected",
    }
    assert face["bbox"] == pytest.approx([32, 64, 64, 96], abs=4)
    assert len(face["landmarks"]) == 5
    assert np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-5)
    assert face["emotions"] == {"happy": 0.75, "sad": 0.25}
    assert (face["model"], face["faces_detected"]) == ("fake", 1)
    assert face["timestamp"].endswith("Z")
    assert set(face["quality"]) == {"sharpness", "yaw", "pitch", "roll", "size"}


async def test_the_largest_face_is_analysed_and_the_others_are_counted(scene: Scene) -> None:
    sent = face_png((10, 10, 50, 50), (100, 40, 200, 180), (230, 10, 300, 80))
    face = (await scene.ada.post("/analyze", json={"image_data": text(sent)})).json()
    assert face["bbox"] == pytest.approx([100, 40, 100, 140], abs=4)
    assert face["faces_detected"] == 3


async def test_every_way_to_send_an_image_gives_the_same_face(scene: Scene) -> None:
    ada = scene.ada
    lines = base64.encodebytes(ONE_FACE_PNG).decode()
    answers = [
        await ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)}),
        await ada.post("/analyze/", json={"image_data": lines}),
        await ada.post("/analyze", json={"image_data": f"data:image/png;base64,{text(ONE_FACE_PNG)}"}),
        await ada.post(
            "/analyze",
            content=json.dumps({"image_data": text(ONE_FACE_PNG)}).replace("/", "\\/"),
            headers={"Content-Type": "application/json"},
        ),
        await ada.post("/analyze", files={"image": ("ada.png", ONE_FACE_PNG, "image/png")}),
        await ada.post("/analyze", content=ONE_FACE_PNG, headers={"Content-Type": "image/png"}),
        await ada.post(
            "/analyze", content=ONE_FACE_PNG, headers={"Content-Type": "application/octet-stream"}
        ),
    ]
    faces = [answer.raise_for_status().json() for answer in answers]
    packed = await ada.post(
        "/analyze", content=msgspec.msgpack.encode({"image_data": ONE_FACE_PNG}), headers=MSGPACK
    )
    assert packed.headers["content-type"] == "application/msgpack"
    faces.append(msgspec.msgpack.decode(packed.content))
    for face in faces:
        assert face["embedding"] == pytest.approx(faces[0]["embedding"])
        assert face["bbox"] == faces[0]["bbox"]


async def test_embeddings_are_returned_in_the_requested_format(scene: Scene) -> None:
    ada = scene.ada
    body = {"image_data": text(ONE_FACE_PNG)}
    numbers = (await ada.post("/analyze", json=body)).json()["embedding"]
    in_base64 = (await ada.post("/analyze", json=body | {"embedding_format": "base64"})).json()["embedding"]
    assert np.frombuffer(base64.b64decode(in_base64), "<f4") == pytest.approx(numbers)
    raw = await ada.post(
        "/analyze?embedding_format=base64", content=ONE_FACE_PNG, headers={"Content-Type": "image/png"}
    )
    assert raw.json()["embedding"] == in_base64
    request = {"image_data": ONE_FACE_PNG, "embedding_format": "base64"}
    packed = await ada.post("/analyze", content=msgspec.msgpack.encode(request), headers=MSGPACK)
    assert msgspec.msgpack.decode(packed.content)["embedding"] == base64.b64decode(in_base64)
    assert await problem(await ada.post("/analyze", json=body | {"embedding_format": "hex"})) == (
        422,
        "validation_failed",
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (text(face_png()), (422, "face_not_found")),
        (text(face_png((10, 10, 26, 26))), (422, "face_too_small")),
        (text(b"no image at all"), (422, "invalid_image")),
        (text(ONE_FACE_PNG[: len(ONE_FACE_PNG) // 2]), (422, "invalid_image")),
        (text(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), (422, "invalid_image")),
        ("", (422, "invalid_image")),
        ("*" * 40, (422, "invalid_image")),
        (text(ONE_FACE_PNG) + "junk!", (422, "invalid_image")),
        (text(ONE_FACE_PNG)[:-3], (422, "invalid_image")),
        ("data:image/png;base64", (422, "invalid_image")),
        (7, (422, "invalid_image")),
        (None, (422, "invalid_image")),
        (["a"], (422, "invalid_image")),
    ],
)
async def test_an_unusable_image_is_refused_with_its_reason(
    scene: Scene, sent: object, expected: tuple[int, str]
) -> None:
    assert await problem(await scene.ada.post("/analyze", json={"image_data": sent})) == expected


async def test_image_dimensions_are_checked_before_decoding(scene: Scene) -> None:
    wide = np.zeros((1, 4097, 3), np.uint8)
    sent = cv2.imencode(".png", wide)[1].tobytes()
    answer = await scene.ada.post("/analyze", json={"image_data": text(sent)})
    assert await problem(answer) == (413, "image_too_large")
    # A header that declares 60000 x 60000 pixels, without pixel data.
    bomb = bytearray(face_png())
    bomb[16:24] = (60000).to_bytes(4, "big") * 2
    answer = await scene.ada.post("/analyze", content=bytes(bomb), headers={"Content-Type": "image/png"})
    assert await problem(answer) in {(413, "image_too_large"), (422, "invalid_image")}


async def test_a_hundred_megabytes_of_base64_are_refused(scene: Scene) -> None:
    body = b'{"image_data": "' + b"A" * 100_000_000 + b'"}'
    answer = await scene.ada.post("/analyze", content=body, headers={"Content-Type": "application/json"})
    assert await problem(answer) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b"{}", "application/json", (422, "validation_failed")),
        (b'{"image_data": "AAAA", "more": 1}', "application/json", (422, "validation_failed")),
        (b"{", "application/json", (400, "bad_request")),
        (b"hello", "text/plain", (415, "unsupported_media_type")),
        (b"--x--", "multipart/form-data; boundary=x", (422, "invalid_option")),
        (b"nothing", "multipart/form-data", (400, "bad_request")),
        (b"", "image/png", (422, "invalid_image")),
    ],
)
async def test_an_invalid_body_is_refused(
    scene: Scene, content: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    answer = await scene.ada.post("/analyze", content=content, headers={"Content-Type": media_type})
    assert await problem(answer) == expected


async def test_every_image_of_a_batch_has_its_own_result(scene: Scene) -> None:
    two = face_png((10, 10, 60, 60), (100, 40, 200, 180))
    images = [text(two), text(b"none"), "*", text(face_png()), text(ONE_FACE_PNG)]
    answer = await scene.ada.post("/analyze/batch", json={"images": images})
    response = answer.raise_for_status().json()
    assert [item["index"] for item in response["results"]] == [0, 1, 2, 3, 4]
    assert [len(item["faces"]) for item in response["results"]] == [2, 0, 0, 0, 1]
    assert [item["error"] and item["error"]["code"] for item in response["results"]] == [
        None,
        "invalid_image",
        "invalid_image",
        "face_not_found",
        None,
    ]
    assert (response["model"], response["likeness"]) == ("fake", None)
    packed = {"images": [two, ONE_FACE_PNG], "embedding_format": "base64"}
    answer = await scene.ada.post("/analyze/batch", content=msgspec.msgpack.encode(packed), headers=MSGPACK)
    faces = msgspec.msgpack.decode(answer.content)["results"][0]["faces"]
    assert [len(face["embedding"]) for face in faces] == [48 * 4] * 2


async def test_a_batch_is_limited_in_images_and_faces(scene: Scene) -> None:
    crowd = face_png(*[(x, y, x + 24, y + 24) for x in range(8, 300, 40) for y in range(8, 220, 50)])
    for images in ([text(ONE_FACE_PNG)] * 33, ["*"] * 33, [text(crowd)]):
        answer = await scene.ada.post("/analyze/batch", json={"images": images})
        assert await problem(answer) == (422, "batch_too_large")
    answer = await scene.ada.post("/analyze/batch", json={"images": []})
    assert await problem(answer) == (422, "validation_failed")


async def test_faces_are_compared(scene: Scene) -> None:
    ada = scene.ada

    async def similarity(first: object, second: object) -> float:
        body = {"face1_embedding": first, "face2_embedding": second}
        value: float = (await ada.post("/compare", json=body)).raise_for_status().json()["similarity"]
        return value

    assert await similarity([1, 0, 0], [2.5, 0, 0]) == 1
    assert await similarity([1, 0], [0, 3]) == 0
    assert await similarity([1, 0], [-1, 0]) == -1
    packed = text(np.float32([3, 4]).astype("<f4").tobytes())
    assert await similarity(packed, [1, 0]) == pytest.approx(0.6)


BAD_VECTORS: list[tuple[Any, Any]] = [
    ([1, 2], [1, 2, 3]),
    ([], []),
    ([0, 0], [1, 0]),
    ([1, 0], [0, 0]),
    (text(np.float32([np.nan, 1]).tobytes()), [1, 0]),
    (text(np.float32([np.inf, 1]).tobytes()), [1, 0]),
    ([1, 0], text(b"12345")),
    ([1e300, 1e300], [1, 0]),
]


@pytest.mark.parametrize(("first", "second"), BAD_VECTORS)
async def test_invalid_vectors_are_refused(scene: Scene, first: object, second: object) -> None:
    body = {"face1_embedding": first, "face2_embedding": second}
    assert await problem(await scene.ada.post("/compare", json=body)) == (422, "invalid_embedding")


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        ("[NaN, 1]", (400, "bad_request")),
        ("[Infinity, 1]", (400, "bad_request")),
        ('["1", 1]', (422, "validation_failed")),
        ('"no base64!"', (422, "validation_failed")),
        ("null", (422, "validation_failed")),
        ("[[1, 2]]", (422, "validation_failed")),
    ],
)
async def test_values_that_are_not_vectors_are_refused(
    scene: Scene, embedding: str, expected: tuple[int, str]
) -> None:
    content = f'{{"face1_embedding": {embedding}, "face2_embedding": [1, 0]}}'
    answer = await scene.ada.post("/compare", content=content, headers={"Content-Type": "application/json"})
    assert await problem(answer) == expected


ROWS = np.float32([[1, 0], [0, 1], [0.8, 0.6], [-1, 0]])


@pytest.mark.parametrize("form", ["lists", "base64", "msgpack"])
async def test_matches_are_sorted_by_similarity_in_every_format(scene: Scene, form: str) -> None:
    ada = scene.ada
    packed_rows = ROWS.astype("<f4").tobytes()
    body: dict[str, object] = {"target_embedding": [1, 0], "threshold": 0.5}
    if form == "msgpack":
        body |= {"embeddings": packed_rows}
        answer = await ada.post("/find_matches", content=msgspec.msgpack.encode(body), headers=MSGPACK)
        matches = msgspec.msgpack.decode(answer.raise_for_status().content)
    else:
        body |= {"embeddings": ROWS.tolist() if form == "lists" else text(packed_rows)}
        matches = (await ada.post("/find_matches", json=body)).raise_for_status().json()
    assert [match["index"] for match in matches] == [0, 2]
    assert [match["similarity"] for match in matches] == pytest.approx([1, 0.8])
    if form == "lists":
        best = (await ada.post("/find_matches", json=body | {"top_k": 1})).json()
        assert best == matches[:1]
        everything = (await ada.post("/find_matches", json=body | {"threshold": -1})).json()
        assert [match["index"] for match in everything] == [0, 2, 1, 3]


async def test_an_empty_search_is_not_an_error(scene: Scene) -> None:
    for nothing in ([], ""):
        body = {"target_embedding": [1, 0], "embeddings": nothing}
        answer = await scene.ada.post("/find_matches", json=body)
        assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"embeddings": [[1, 0], [1, 0, 0]]}, (422, "invalid_embedding")),
        ({"embeddings": [[1, 0], []]}, (422, "invalid_embedding")),
        ({"embeddings": [[1, 0], [0, 0]]}, (422, "invalid_embedding")),
        ({"embeddings": [[1, 0, 0]]}, (422, "invalid_embedding")),
        ({"embeddings": text(np.zeros(3, np.float32).tobytes())}, (422, "invalid_embedding")),
        ({"embeddings": text(np.float32([np.nan, 0]).tobytes())}, (422, "invalid_embedding")),
        ({"target_embedding": []}, (422, "invalid_embedding")),
        ({"target_embedding": "", "embeddings": []}, (422, "invalid_embedding")),
        ({"target_embedding": [], "embeddings": "AAAAAA=="}, (422, "invalid_embedding")),
        ({"threshold": 1.5}, (422, "validation_failed")),
        ({"top_k": 0}, (422, "validation_failed")),
    ],
)
async def test_an_invalid_search_is_refused(
    scene: Scene, change: dict[str, object], expected: tuple[int, str]
) -> None:
    body: dict[str, object] = {"target_embedding": [1, 0], "embeddings": [[1, 0]]}
    assert await problem(await scene.ada.post("/find_matches", json=body | change)) == expected


@pytest.mark.parametrize("path", ["/analyze", "/analyze/batch", "/compare", "/find_matches"])
async def test_unauthenticated_callers_are_refused_before_the_body_is_read(api: Api, path: str) -> None:
    async with api.client() as anonymous:
        assert await problem(await anonymous.post(path, content=b"x")) == (401, "not_authenticated")


def with_faces(scene: Scene, faces: LazyFaceAnalyzer) -> httpx.AsyncClient:
    """Return Ada's client of an API with another face analyser."""
    app = create_app(replace(scene.api.services, faces=faces), CONFIG)
    return Client(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url=HOST,
        headers=scene.ada.headers,
    )


async def test_a_missing_model_is_reported(scene: Scene) -> None:
    def missing() -> FaceAnalyzer:
        raise ModelMissingError("there is no recogniser", "run `framecloak models build`")

    async with with_faces(scene, LazyFaceAnalyzer(missing)) as ada:
        answer = await ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)})
        assert await problem(answer) == (503, "model_missing")
        health = (await ada.get("/health")).json()
    assert health["models"] == {"detector": None, "recognizer": None}
    assert health["clip_service"] == "unavailable"


async def test_an_overloaded_service_answers_with_retry_after(scene: Scene) -> None:
    class Busy:
        async def analyze(self, picture: bytes) -> None:
            raise OverloadedError("64 images are waiting already", "try again", retry_after=3)

    faces = LazyFaceAnalyzer(Busy)  # type: ignore[arg-type,return-value]
    async with with_faces(scene, faces) as ada:
        answer = await ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)})
    assert await problem(answer) == (503, "overloaded")
    assert answer.headers["retry-after"] == "3"


async def test_health_names_the_models_once_they_are_used(scene: Scene) -> None:
    async with scene.api.client() as anonymous:
        before = (await anonymous.get("/health")).json()
        await scene.ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)})
        after = (await anonymous.get("/health")).json()
    assert before["models"] == {"detector": None, "recognizer": None}
    assert (after["status"], after["clip_service"], after["provider"]) == ("healthy", "available", "CPU")
    assert after["models"] == {"detector": "fake", "recognizer": "fake"}


def _faces_with_cosine(cosine: float, dimension: int) -> tuple[list[float], list[float]]:
    other = [cosine, (1 - cosine**2) ** 0.5]
    rest = [0.0] * (dimension - 2)
    return [1.0, 0.0, *rest], [*other, *rest]


@pytest.mark.parametrize(
    ("dimension", "strangers", "same"), [(128, 0.82, 0.965), (512, 0.05, 0.6)], ids=["dlib", "arcface"]
)
async def test_the_threshold_of_earlier_services_matches_the_same_person_only(
    scene: Scene, dimension: int, strangers: float, same: float
) -> None:
    target, stranger = _faces_with_cosine(strangers, dimension)
    _, other = _faces_with_cosine(same, dimension)
    body = {"target_embedding": target, "embeddings": [stranger, other], "threshold": 0.5}
    for change in ({}, {"scale": "calibrated"}):
        (match,) = (await scene.ada.post("/find_matches", json=body | change)).json()
        assert match["index"] == 1
        assert match["cosine"] == pytest.approx(same, abs=1e-6)
        assert match["score"] > 0.9
        assert match["similarity"] == match["score" if change else "cosine"]


async def test_a_comparison_has_cosine_and_score(scene: Scene) -> None:
    first, second = _faces_with_cosine(0.82, 128)
    body = {"face1_embedding": first, "face2_embedding": second}
    answer = (await scene.ada.post("/compare", json=body)).json()
    assert answer["similarity"] == answer["cosine"] == pytest.approx(0.82, abs=1e-6)
    assert answer["score"] < 0.01
    scored = (await scene.ada.post("/compare", json=body | {"scale": "calibrated"})).json()
    assert scored == answer | {"similarity": answer["score"]}
    as_arcface = (await scene.ada.post("/compare", json=body | {"model": "buffalo_l"})).json()
    assert as_arcface["score"] > 0.99


async def test_a_calibrated_threshold_is_a_probability(scene: Scene) -> None:
    first, second = _faces_with_cosine(0.5, 512)
    body = {"target_embedding": first, "embeddings": [second], "threshold": -0.1, "scale": "calibrated"}
    assert (await scene.ada.post("/find_matches", json=body)).json()["code"] == "invalid_option"
    body["threshold"] = 0
    assert len((await scene.ada.post("/find_matches", json=body)).json()) == 1


@pytest.mark.parametrize(("model", "dimension"), [("mine", 512), (None, 256)])
async def test_a_model_without_a_curve_has_cosines_only(
    scene: Scene, model: str | None, dimension: int
) -> None:
    first, second = _faces_with_cosine(0.82, dimension)
    pair = {"face1_embedding": first, "face2_embedding": second, "model": model}
    search = {"target_embedding": first, "embeddings": [second], "threshold": 0.5, "model": model}
    answer = (await scene.ada.post("/compare", json=pair)).json()
    (match,) = (await scene.ada.post("/find_matches", json=search)).json()
    for found in (answer, match):
        assert (found["similarity"], found["score"]) == (found["cosine"], None)
    for path, body in (("/compare", pair), ("/find_matches", search)):
        refused = await scene.ada.post(path, json=body | {"scale": "calibrated"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")
        assert "cosine" in refused.json()["hint"]
