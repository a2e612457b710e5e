"""Large images: their base64 must not be decoded on the event loop."""

from __future__ import annotations

import base64
import binascii
import threading
from typing import Any

import cv2
import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.vision import paint_face
from framecloak.domain.errors import InvalidImageError
from framecloak.entrypoints.http.transport import images
from framecloak.entrypoints.http.transport.images import image_bytes
from support.http.api import Scene
from support.http.faces import ONE_FACE_PNG, problem, text

JSON = "application/json"
MIB = 1024**2


@pytest.fixture(scope="module")
def large() -> bytes:
    """A PNG of several MiB with a face in it."""
    image = np.random.default_rng(5).integers(0, 90, (1200, 1200, 3), np.uint8)
    paint_face(image, (300, 300, 700, 800))
    done, file = cv2.imencode(".png", image[:, :, ::-1])
    assert done
    assert file.nbytes > 2 * MIB
    return file.tobytes()


@pytest.fixture
def on_event_loop_of_chunks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record for every decoded chunk of base64 whether it was decoded on the event loop."""
    decode, on_event_loop = binascii.a2b_base64, list[bool]()

    def recorded(data: str, *, strict_mode: bool) -> bytes:
        on_event_loop.append(threading.current_thread() is threading.main_thread())
        return decode(data, strict_mode=strict_mode)

    monkeypatch.setattr(binascii, "a2b_base64", recorded)
    return on_event_loop


async def send_to_all(ada: httpx.AsyncClient, image: str) -> list[dict[str, Any]]:
    """Return the answers of every endpoint that accepts an image in a body."""
    gallery = (await ada.post("/galleries", json={"name": "staff"})).json()["id"]
    faces = f"/galleries/{gallery}/faces"
    answers = [
        await ada.post("/analyze", json={"image_data": image}),
        await ada.post("/analyze/batch", json={"images": [image, "*"]}),
        await ada.post(faces, json={"image_data": image, "label": "Grace"}),
        await ada.post(f"/galleries/{gallery}/search", json={"image_data": image}),
    ]
    return [answer.raise_for_status().json() for answer in answers]


async def test_large_images_are_decoded_off_the_event_loop(
    scene: Scene, large: bytes, on_event_loop_of_chunks: list[bool]
) -> None:
    lines = base64.encodebytes(large).decode()
    whole = (await scene.ada.post("/analyze", content=large, headers={"Content-Type": "image/png"})).json()
    single, batch, enrolled, matches = await send_to_all(scene.ada, lines)
    assert len(on_event_loop_of_chunks) > 4 * len(lines) / images._CHUNK_CHARACTERS
    assert not any(on_event_loop_of_chunks)
    assert single["embedding"] == whole["embedding"] == batch["results"][0]["faces"][0]["embedding"]
    assert batch["results"][1]["error"]["code"] == "invalid_image"
    assert enrolled["faces_detected"] == 1
    assert [match["label"] for match in matches] == ["Grace"]


async def test_small_images_are_decoded_on_the_event_loop(
    scene: Scene, on_event_loop_of_chunks: list[bool]
) -> None:
    await send_to_all(scene.ada, text(ONE_FACE_PNG))
    assert on_event_loop_of_chunks
    assert all(on_event_loop_of_chunks)


async def test_too_many_images_are_refused_before_decoding(
    scene: Scene, on_event_loop_of_chunks: list[bool]
) -> None:
    answer = await scene.ada.post("/analyze/batch", json={"images": [text(ONE_FACE_PNG)] * 33})
    assert await problem(answer) == (422, "batch_too_large")
    assert not on_event_loop_of_chunks


@given(
    sent=st.one_of(
        st.text("AZaz09+/= \n*", max_size=40),
        st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
    ),
    chunk_size=st.integers(1, 12),
)
def test_the_chunk_size_does_not_change_the_result(sent: str, chunk_size: int) -> None:
    expected: bytes | None
    try:
        expected = binascii.a2b_base64("".join(sent.split()), strict_mode=True)
    except ValueError:
        expected = None
    decoded: bytes | None
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(images, "_CHUNK_CHARACTERS", chunk_size)
        try:
            decoded = image_bytes(msgspec.Raw(msgspec.json.encode(sent)), JSON)
        except InvalidImageError:
            decoded = None
    assert decoded == expected
