"""Clients that disconnect a real connection before they are answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from fakes.emotions import FakeEmotionReader
from fakes.recognition import FakeFaceRecognizer
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.domain.imaging.detections import Detections, FloatArray, Image, ModelCard
from framecloak.domain.model.accounts import Principal
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.domain.reid.galleries.model import EnrolledFace, Enrolment
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.asgi.access_log import with_access_log
from framecloak.entrypoints.clip.app import create_clip_app
from framecloak.entrypoints.clip.config import ClipServiceConfig
from framecloak.entrypoints.http.app import create_app
from framecloak.entrypoints.http.middleware.metrics import with_metrics
from support.http.api import CONFIG, Api
from support.http.faces import ONE_FACE_PNG, text
from support.http.server import Address, posted, served

TIMEOUT_SECONDS = 20
"""Seconds after which a test fails."""


class GatedDetector(FakeFaceDetector):
    """Detector that waits for its gate before it detects."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.gate = threading.Event()

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        self.begun += 1
        assert self.gate.wait(TIMEOUT_SECONDS)
        return super().detect(images, threshold)


@dataclass
class Busy:
    """A server whose only worker thread is occupied, and Ada as a further client."""

    api: Api
    address: Address
    detector: GatedDetector
    analysis: FaceAnalyzer
    ada: httpx.AsyncClient
    principal: Principal
    occupant: asyncio.Task[httpx.Response]

    @property
    def waiting(self) -> int:
        return self.analysis._detection_batcher.waiting

    async def gallery(self) -> str:
        created = await self.ada.post("/galleries", json={"name": "staff"})
        gallery_id: str = created.raise_for_status().json()["id"]
        return gallery_id

    def request(self, path: str, body: object) -> bytes:
        return posted(path, body, self.ada.headers["Authorization"])

    async def metrics(self) -> str:
        text, _ = self.api.services.metrics.exposition("")
        return text.decode()


@pytest.fixture
async def busy(api: Api) -> AsyncIterator[Busy]:
    principal, client = await api.person("ada")
    detector = GatedDetector()
    capacity = Capacity(threads=1, max_waiting=4)
    analysis = FaceAnalyzer(UntrustedImageReader(), detector, FakeFaceRecognizer(), None, capacity)
    faces = LazyFaceAnalyzer(lambda: analysis)
    app = create_app(replace(api.services, faces=faces), CONFIG)
    async with (
        served(with_access_log(with_metrics(app, api.services.metrics))) as address,
        httpx.AsyncClient(base_url=address.url, headers=client.headers, timeout=TIMEOUT_SECONDS) as ada,
    ):
        try:
            occupant = asyncio.create_task(ada.post("/analyze", json={"image_data": text(ONE_FACE_PNG)}))
            await until(lambda: detector.begun == 1)
            yield Busy(api, address, detector, analysis, ada, principal, occupant)
            detector.gate.set()
            assert (await occupant).status_code == 200
        finally:
            detector.gate.set()
            faces.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


IMAGE_BODY = {"image_data": text(ONE_FACE_PNG)}


@pytest.mark.parametrize(
    ("path", "body", "images"),
    [
        ("/analyze", IMAGE_BODY, 1),
        ("/analyze/batch", {"images": [text(ONE_FACE_PNG)] * 3}, 3),
        ("/galleries/{gallery}/faces", IMAGE_BODY | {"label": "Grace"}, 1),
        ("/galleries/{gallery}/search", IMAGE_BODY, 1),
    ],
)
async def test_a_disconnected_client_leaves_the_queue(
    busy: Busy, path: str, body: dict[str, Any], images: int
) -> None:
    gallery = await busy.gallery()
    _, writer = await busy.address.connect()
    writer.write(busy.request(path.format(gallery=gallery), body))
    await until(lambda: busy.waiting == images)
    writer.transport.abort()
    await until(lambda: busy.waiting == 0)
    busy.detector.gate.set()
    assert (await busy.occupant).status_code == 200
    # The image of the occupant was analysed, and none after it.
    assert busy.detector.begun == 1
    assert (await busy.ada.get(f"/galleries/{gallery}/faces")).json()["total"] == 0
    assert 'framecloak_http_errors_total{code="client_gone"} 1.0' in await busy.metrics()


async def test_every_request_on_a_kept_alive_connection_is_answered(busy: Busy) -> None:
    reader, writer = await busy.address.connect()
    request = busy.request("/analyze", IMAGE_BODY)
    writer.write(request + request)
    await until(lambda: busy.waiting == 1)
    # While the first of them waits, another one arrives in chunks.
    writer.write(request[:50])
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(request[50:])
    busy.detector.gate.set()
    for _ in range(3):
        assert await answer(reader) == 200
    writer.write(request)
    assert await answer(reader) == 200
    assert busy.detector.begun == 5
    writer.close()


async def answer(reader: asyncio.StreamReader) -> int:
    """Return the status of the next answer."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        await reader.readexactly(length)
    return int(head.split()[1])


async def test_a_started_enrolment_is_completed_despite_a_disconnect(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    galleries, begun, resume = busy.api.services.use_cases.galleries, asyncio.Event(), asyncio.Event()
    enrol, done = galleries.enrol, asyncio.Event()

    async def enrol_slowly(
        principal: Principal, gallery_id: UUID, enrolments: Sequence[Enrolment]
    ) -> Sequence[EnrolledFace]:
        begun.set()
        await resume.wait()
        enrolled = await enrol(principal, gallery_id, enrolments)
        done.set()
        return enrolled

    monkeypatch.setattr(galleries, "enrol", enrol_slowly)
    gallery = await busy.gallery()
    busy.detector.gate.set()
    _, writer = await busy.address.connect()
    writer.write(busy.request(f"/galleries/{gallery}/faces", IMAGE_BODY | {"label": "Grace"}))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await begun.wait()
    writer.transport.abort()
    await asyncio.sleep(0.05)
    resume.set()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await done.wait()
    faces = (await busy.ada.get(f"/galleries/{gallery}/faces")).json()["items"]
    assert [face["label"] for face in faces] == ["Grace"]


async def test_the_clip_service_cancels_abandoned_requests() -> None:
    class Slow(FakeEmotionReader):
        state = "idle"

        async def read(self, crops: list[Image]) -> FloatArray:
            self.state = "reading"
            try:
                await asyncio.Event().wait()
            finally:
                self.state = "dropped"
            return await super().read(crops)

    reader = Slow()
    card = ModelCard("clip/tiny", "0" * 64, "unknown", "CPU", "fp32")
    async with served(create_clip_app(reader, ClipServiceConfig(card))) as address:
        _, writer = await address.connect()
        writer.write(posted("/emotions", {"images": [{"width": 1, "height": 1, "rgb": "AAAA"}]}, ""))
        await until(lambda: reader.state == "reading")
        writer.transport.abort()
        await until(lambda: reader.state == "dropped")
