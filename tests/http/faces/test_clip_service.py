"""The application of the CLIP service: answers, authentication and limits."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import numpy as np
import pytest
from litestar import Litestar

from fakes.emotions import FakeEmotionReader
from framecloak.adapters.vision.emotions.clip_protocol import EmotionsRequest, EmotionsResponse, RgbImage
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports.models import EmotionReader
from framecloak.entrypoints.clip.app import create_clip_app
from framecloak.entrypoints.clip.config import ClipServiceConfig
from support.http import asgi
from support.samples import clip_models

CARD = ModelCard("clip/tiny", "0" * 64, "unknown", "CPU", "fp32")
MSGPACK = "application/msgpack"
TOKEN = "hunter2 hunter2 hunter2"


def app(
    reader: EmotionReader | None = None,
    *,
    token: str = "",
    max_images: int = 32,
    max_body_bytes: int = 1024**2,
) -> Litestar:
    config = ClipServiceConfig(CARD, token, max_images, max_body_bytes)
    return create_clip_app(reader or FakeEmotionReader(), config)


def request_body(*emotions: str) -> bytes:
    images = tuple(RgbImage.from_pixels(clip_models.face(name)) for name in emotions)
    return msgspec.msgpack.encode(EmotionsRequest(images=images))


async def post(app: Litestar, body: bytes, media_type: str = MSGPACK, **headers: str) -> asgi.Answer:
    all_headers = {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}
    return await asgi.call(app, "POST", "/emotions", all_headers, [body])


async def test_probabilities_are_in_the_order_of_the_faces() -> None:
    answer = await post(app(), request_body("sad", "happy"), Accept=MSGPACK)
    assert (answer.status, answer.headers["content-type"]) == (200, MSGPACK)
    response = msgspec.msgpack.decode(answer.body, type=EmotionsResponse)
    assert (response.model, response.emotions) == ("clip/tiny", clip_models.EMOTIONS)
    expected = clip_models.expected([clip_models.face("sad"), clip_models.face("happy")])
    np.testing.assert_allclose(response.probabilities, expected, atol=1e-6)


async def test_json_is_accepted_as_well() -> None:
    rgb = base64.b64encode(clip_models.face("sad", 1, 2).tobytes()).decode()
    body = msgspec.json.encode({"images": [{"width": 2, "height": 1, "rgb": rgb}]})
    answer = await post(app(), body, "application/json")
    assert answer.status == 200
    assert np.argmax(answer.json()["probabilities"][0]) == clip_models.EMOTIONS.index("sad")


@pytest.mark.parametrize(
    ("images", "field"),
    [
        ([], "images"),
        ([{"width": 2, "height": 2, "rgb": b"123"}], "images[0].rgb"),
        ([{"width": 0, "height": 2, "rgb": b""}], "images[0].width"),
        ([{"width": 5000, "height": 1, "rgb": b"123" * 5000}], "images[0].width"),
        ([{"width": 1, "height": 1, "rgb": b"123", "label": "Ada"}], "images[0]"),
        ([{"width": 1, "height": 1, "rgb": b"123"}] * 5, "images"),
    ],
    ids=["none", "incomplete", "empty", "wide", "more", "many"],
)
async def test_an_invalid_field_is_named(images: list[dict[str, Any]], field: str) -> None:
    answer = await post(app(max_images=4), msgspec.msgpack.encode({"images": images}))
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["code"] == "validation_failed"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"\xc1", MSGPACK, 400, "bad_request"),
        (b"{", "application/json", 400, "bad_request"),
        (b"<picture/>", "image/svg+xml", 415, "unsupported_media_type"),
        (b"1" * 2000, MSGPACK, 413, "body_too_large"),
    ],
)
async def test_unsupported_bodies_are_problems(body: bytes, media_type: str, status: int, code: str) -> None:
    answer = await post(app(max_body_bytes=1000), body, media_type)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_a_too_large_body_is_not_read_to_its_end() -> None:
    body_chunks = [b"1" * 1000] * 50
    answer = await asgi.call(
        app(max_body_bytes=3000), "POST", "/emotions", {"Content-Type": MSGPACK}, body_chunks
    )
    assert answer.status == 413
    assert answer.read < 10


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer \udcff", "Bearer"])
async def test_without_the_token_nothing_is_read(authorization: str) -> None:
    reader = FakeEmotionReader()
    guarded = app(reader, token=TOKEN)
    headers = (
        {"Authorization": authorization.encode("utf-8", "surrogateescape").decode("latin-1")}
        if authorization
        else {}
    )
    answer = await asgi.call(
        guarded, "POST", "/emotions", {"Content-Type": MSGPACK, **headers}, [request_body("sad")]
    )
    assert (answer.status, answer.json()["code"]) == (401, "not_authenticated")
    assert (answer.read, reader.calls) == (0, [])
    assert TOKEN not in answer.body.decode()
    welcome = await post(guarded, request_body("sad"), Authorization=f"Bearer {TOKEN}")
    assert welcome.status == 200


async def test_health_names_the_model_without_authentication() -> None:
    answer = await asgi.call(app(token=TOKEN), "GET", "/health", {})
    assert answer.status == 200
    health = answer.json()
    assert (health["status"], health["model"], health["provider"]) == ("healthy", "clip/tiny", "CPU")
    assert health["emotions"] == list(clip_models.EMOTIONS)


async def test_an_unavailable_reader_is_a_temporary_problem() -> None:
    broken = app(FakeEmotionReader(unavailable=True))
    answer = await post(broken, request_body("sad"))
    assert (answer.status, answer.json()["code"]) == (503, "emotions_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await asgi.call(broken, "GET", "/health", {})).status == 503


async def test_responses_have_security_headers() -> None:
    answer = await asgi.call(app(), "GET", "/health", {})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


async def test_concurrent_requests_are_all_answered() -> None:
    served = app()
    answers = await asyncio.gather(*(post(served, request_body("sad"), Accept=MSGPACK) for _ in range(40)))
    assert {answer.status for answer in answers} == {200}
