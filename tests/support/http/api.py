"""The HTTP API on top of `FakeService`, with the real store, tokens and signatures."""

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
from fakes.sign_on import FakeIdentityProvider
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.domain.accounts.sign_on.identity_provider import IdentityProvider
from framecloak.domain.accounts.sign_on.service import SignOnPolicy
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, ModelKind, ModelMeter
from framecloak.domain.ports.models import EmotionReader
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.http.app import create_app
from framecloak.entrypoints.http.config import HttpConfig, RateLimits
from framecloak.entrypoints.http.services import HttpServices, ObjectServer
from support.listing import files_below
from support.use_cases import PASSWORD, FakeService

JWT_KEY = b"j" * 32
HOST = "http://framecloak.test"
VIDEO = {"Content-Type": "video/mp4"}
CONFIG = HttpConfig(
    csrf_secret=b"c" * 32, rate_limits=RateLimits(0, 0), event_interval=timedelta(milliseconds=5)
)
"""Without rate limits and without waiting times."""


class Client(httpx.AsyncClient):
    """A client of an application in this process; it has nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


@dataclass
class Api:
    """The API and the services behind it."""

    world: FakeService
    app: Litestar
    store: FilesystemStore
    services: HttpServices

    def with_own_store(self) -> Litestar:
        """Return the API with a store that serves its objects itself."""
        return create_app(replace(self.services, objects=None), CONFIG)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client, anonymous unless the headers authenticate it."""
        # Internal errors must become responses, as behind a real server.
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return Client(transport=transport, base_url=HOST, headers=headers)

    async def person(self, name: str, role: Role = Role.USER) -> tuple[Principal, httpx.AsyncClient]:
        """Create an account and a client that uses one of its API keys."""
        principal = await self.world.person(name, role)
        _, key = await self.world.api_keys.create(principal, "tests")
        return principal, self.client(Authorization=f"Token {key}")

    async def browser(self, name: str) -> httpx.AsyncClient:
        """Return a client with a session that sends its CSRF token."""
        client = self.client()
        answer = await client.post("/api/auth/login", json={"username": name, "password": PASSWORD})
        client.headers["X-CSRFToken"] = answer.raise_for_status().json()["csrf_token"]
        return client

    def stored(self) -> list[str]:
        """Return the keys of everything in the store, including partly written files."""
        return files_below(self.store._root)


def face_analyzer(
    emotions: EmotionReader | None, meters: Mapping[ModelKind, ModelMeter] = NULL_MODEL_METERS
) -> FaceAnalyzer:
    """Return an analyzer that reads real images and detects faces painted by `fakes.vision.paint_face`."""
    models = FakeFaceDetector(), FakeFaceRecognizer()
    return FaceAnalyzer(UntrustedImageReader(), *models, emotions, Capacity(threads=2), meters)


SIGN_ON = SignOnPolicy("Clinic", f"{HOST}/api/auth/oidc/callback", f"{HOST}/", key=b"s" * 32)


def make_api(
    folder: Path,
    config: HttpConfig = CONFIG,
    sign_on: SignOnPolicy | None = SIGN_ON,
    identity_provider: IdentityProvider | None = None,
    clock: FakeClock | None = None,
) -> Api:
    clock = clock or FakeClock()
    urls = SignedUrls("", b"u" * 32, clock)
    store = FilesystemStore(folder / "objects", urls)
    vault = AesGalleryCipher(b"v" * 32)
    world = FakeService(
        folder,
        clock=clock,
        tokens=JwtIssuer(JWT_KEY, clock),
        real_store=store,
        vault=vault,
        sign_on=sign_on,
        identity_provider=identity_provider or FakeIdentityProvider(),
    )

    emotions, metrics = CannedEmotionReader(), ApiMetrics("0")
    services = HttpServices(
        use_cases=world.use_cases,
        faces=LazyFaceAnalyzer(lambda: face_analyzer(emotions, metrics.models), emotions),
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
    """A video of Ada's with a segment, and clients of the owner, another user and an administrator."""

    api: Api
    owner: Principal
    ada: httpx.AsyncClient
    bob: httpx.AsyncClient
    admin: httpx.AsyncClient
    bob_id: int
    video: int
    segment: int

    async def request(self, archive: bytes | None = None) -> UUID:
        """Create a completed request of Ada's, with an archive or three bytes in its place."""
        body = {"video_id": self.video, "segment_ids": [self.segment]}
        answer = await self.ada.post("/api/frames/anonymize/", json=body)
        request_id = UUID(answer.raise_for_status().json()["request_id"])
        await self.api.world.complete(request_id, archive=archive)
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
