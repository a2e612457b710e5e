"""Pictures whose decoding from base64 takes so long that others must not wait for it."""

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

from fakes.vision import plant_face
from framecloak.domain.errors import InvalidImageError
from framecloak.entrypoints.http.transport import images
from framecloak.entrypoints.http.transport.images import image_bytes
from support.http.api import Scene
from support.http.faces import ONE, problem, text

JSON = "application/json"
MIB = 1024**2


@pytest.fixture(scope="module")
def large() -> bytes:
    """A PNG of several MiB with a face in it."""
    image = np.random.default_rng(5).integers(0, 90, (1200, 1200, 3), np.uint8)
    plant_face(image, (300, 300, 700, 800))
    done, file = cv2.imencode(".png", image[:, :, ::-1])
    assert done
    assert file.nbytes > 2 * MIB
    return file.tobytes()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every piece of base64 that is decoded, whether that is done on the event loop."""
    decode, seen = binascii.a2b_base64, list[bool]()

    def watched(data: str, *, strict_mode: bool) -> bytes:
        seen.append(threading.current_thread() is threading.main_thread())
        return decode(data, strict_mode=strict_mode)

    monkeypatch.setattr(binascii, "a2b_base64", watched)
    return seen


async def sent_to_all(ada: httpx.AsyncClient, picture: str) -> list[dict[str, Any]]:
    """What every endpoint that takes a picture in a body answers."""
    gallery = (await ada.post("/galleries", json={"name": "staff"})).json()["id"]
    faces = f"/galleries/{gallery}/faces"
    answers = [
        await ada.post("/analyze", json={"image_data": picture}),
        await ada.post("/analyze/batch", json={"images": [picture, "*"]}),
        await ada.post(faces, json={"image_data": picture, "label": "Grace"}),
        await ada.post(f"/galleries/{gallery}/search", json={"image_data": picture}),
    ]
    return [answer.raise_for_status().json() for answer in answers]


async def test_large_pictures_are_decoded_beside_the_event_loop(
    scene: Scene, large: bytes, threads: list[bool]
) -> None:
    lines = base64.encodebytes(large).decode()
    whole = (await scene.ada.post("/analyze", content=large, headers={"Content-Type": "image/png"})).json()
    one, many, enrolled, found = await sent_to_all(scene.ada, lines)
    assert len(threads) > 4 * len(lines) / images._CHUNK_CHARACTERS
    assert not any(threads)
    assert one["embedding"] == whole["embedding"] == many["results"][0]["faces"][0]["embedding"]
    assert many["results"][1]["error"]["code"] == "invalid_image"
    assert enrolled["faces_detected"] == 1
    assert [match["label"] for match in found] == ["Grace"]


async def test_a_small_picture_is_not_worth_a_thread(scene: Scene, threads: list[bool]) -> None:
    await sent_to_all(scene.ada, text(ONE))
    assert threads
    assert all(threads)


async def test_too_many_pictures_are_refused_before_they_are_decoded(
    scene: Scene, threads: list[bool]
) -> None:
    answer = await scene.ada.post("/analyze/batch", json={"images": [text(ONE)] * 33})
    assert await problem(answer) == (422, "batch_too_large")
    assert not threads


@given(
    sent=st.one_of(
        st.text("AZaz09+/= \n*", max_size=40),
        st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
    ),
    piece=st.integers(1, 12),
)
def test_pieces_make_no_difference(sent: str, piece: int) -> None:
    expected: bytes | None
    try:
        expected = binascii.a2b_base64("".join(sent.split()), strict_mode=True)
    except ValueError:
        expected = None
    found: bytes | None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "_CHUNK_CHARACTERS", piece)
        try:
            found = image_bytes(msgspec.Raw(msgspec.json.encode(sent)), JSON)
        except InvalidImageError:
            found = None
    assert found == expected
