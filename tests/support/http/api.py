"""The HTTP API on the use cases of `world`, with the real store, tokens and signatures behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Self
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from fakes.clock import FakeClock
from fakes.recognition import CannedEmotionReader, FakeFaceRecognizer
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, ModelKind, ModelMeter
from framecloak.domain.ports.models import EmotionReader
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.http.app import create_app
from framecloak.entrypoints.http.config import HttpConfig, RateLimits
from framecloak.entrypoints.http.services import HttpServices, ObjectServer
from support.listing import files_below
from support.use_cases import PASSWORD, World

JWT_KEY = b"j" * 32
HOST = "http://framecloak.test"
VIDEO = {"Content-Type": "video/mp4"}
CONFIG = HttpConfig(
    csrf_secret=b"c" * 32, rate_limits=RateLimits(0, 0), event_interval=timedelta(milliseconds=5)
)
"""Nobody is turned away for calling often, and nothing is waited for."""


class Client(httpx.AsyncClient):
    """Speaks to an application in this process; nothing is open behind it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


@dataclass
class Api:
    """The API and everything behind it."""

    world: World
    app: Litestar
    store: FilesystemStore
    services: HttpServices

    def with_own_store(self) -> Litestar:
        """The same behind a store that serves its objects itself."""
        return create_app(replace(self.services, objects=None), CONFIG)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A stranger, unless the headers say more."""
        # What goes wrong inside must come out as an answer, as it does behind a real server.
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return Client(transport=transport, base_url=HOST, headers=headers)

    async def person(self, name: str, role: Role = Role.USER) -> tuple[Principal, httpx.AsyncClient]:
        """An account, and a client with one of its API keys."""
        principal = await self.world.person(name, role)
        _, key = await self.world.identity.create_api_key(principal, "tests")
        return principal, self.client(Authorization=f"Token {key}")

    async def browser(self, name: str) -> httpx.AsyncClient:
        """A client that is signed in with a session, and sends its CSRF token."""
        client = self.client()
        answer = await client.post("/api/auth/login", json={"username": name, "password": PASSWORD})
        client.headers["X-CSRFToken"] = answer.raise_for_status().json()["csrf_token"]
        return client

    def stored(self) -> list[str]:
        """Keys of everything in the store, partly written files among them."""
        return files_below(self.store._root)


def face_analysis(
    emotions: EmotionReader | None, meters: Mapping[ModelKind, ModelMeter] = NULL_MODEL_METERS
) -> FaceAnalyzer:
    """Reads real picture files, and finds the faces that `fakes.vision.plant_face` paints."""
    models = FakeFaceDetector(), FakeFaceRecognizer()
    return FaceAnalyzer(UntrustedImageReader(), *models, emotions, Capacity(threads=2), meters)


def make_api(folder: Path, config: HttpConfig = CONFIG) -> Api:
    clock = FakeClock()
    urls = SignedUrls("", b"u" * 32, clock)
    store = FilesystemStore(folder / "objects", urls)
    vault = AesGalleryCipher(b"v" * 32)
    world = World(folder, clock=clock, tokens=JwtIssuer(JWT_KEY, clock), real_store=store, vault=vault)

    emotions, metrics = CannedEmotionReader(), ApiMetrics("0")
    services = HttpServices(
        use_cases=world.use_cases,
        faces=LazyFaceAnalyzer(lambda: face_analysis(emotions, metrics.models), emotions),
        progress_board=world.board,
        clock=clock,
        metrics=metrics,
        limiter=world.call_limiter,
        objects=ObjectServer(urls, store, clock),
    )
    return Api(world, create_app(services, config), store, services)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


@dataclass
class Scene:
    """A video of Ada's with a segment, and clients of everybody who might want something of it."""

    api: Api
    owner: Principal
    ada: httpx.AsyncClient
    bob: httpx.AsyncClient
    admin: httpx.AsyncClient
    bob_id: int
    video: int
    segment: int

    async def request(self) -> UUID:
        """A completed request of Ada's."""
        body = {"video_id": self.video, "segment_ids": [self.segment]}
        answer = await self.ada.post("/api/frames/anonymize/", json=body)
        request_id = UUID(answer.raise_for_status().json()["request_id"])
        await self.api.world.complete(request_id)
        return request_id


@pytest.fixture
async def scene(api: Api) -> AsyncIterator[Scene]:
    owner, ada = await api.person("ada")
    other, bob = await api.person("bob")
    _, admin = await api.person("root", Role.ADMIN)
    video = (await ada.post("/api/videos/?filename=film.mp4", content=b"film", headers=VIDEO)).json()["id"]
    body = {"start_frame": 0, "end_frame": 10}
    segment = (await ada.post(f"/api/videos/{video}/segments/", json=body)).json()["id"]
    async with ada, bob, admin:
        yield Scene(api, owner, ada, bob, admin, other.user_id, video, segment)
