"""The access log: its fields, its levels, and secrets that must not appear in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from structlog.contextvars import get_contextvars

from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.entrypoints.asgi.access_log import with_access_log
from support.http.api import HOST, Client, Scene

TEMPLATE = "/api/frames/anonymize/download/{request_id}/{token}"


class LogLines(logging.Handler):
    """Handler that collects the fields and the context of log records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[Mapping[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append({**vars(record), **get_contextvars(), "event": record.getMessage()})

    def of(self, event: str) -> list[Mapping[str, Any]]:
        return [line for line in self.records if line["event"] == event]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[LogLines]:
    handler, logger = LogLines(), logging.getLogger("framecloak.entrypoints")
    caplog.set_level(logging.DEBUG, logger.name)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def client(scene: Scene, **headers: str) -> httpx.AsyncClient:
    app: Any = with_access_log(scene.api.app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 1))
    return Client(transport=transport, base_url=HOST, headers=headers)


async def test_a_request_is_logged_in_one_line(scene: Scene, log: LogLines) -> None:
    ada = client(scene, Authorization=scene.ada.headers["Authorization"], **{"X-Request-ID": "mine-1"})
    await ada.get(f"/api/videos/{scene.video}/?width=3")
    (line,) = log.of("request")
    assert {name: line[name] for name in ("method", "path", "status", "user_id", "client", "levelname")} == {
        "method": "GET",
        "path": "/api/videos/{video_id}",
        "status": 200,
        "user_id": scene.owner.user_id,
        "client": "192.0.2.7",
        "levelname": "INFO",
    }
    assert line["http_request_id"] == "mine-1"
    assert 0 <= line["milliseconds"] < 10_000
    assert get_contextvars() == {}


async def test_no_line_holds_a_link_or_a_signature(scene: Scene, log: LogLines) -> None:
    request = await scene.request()
    anonymous = client(scene)
    ada = client(scene, Authorization=scene.ada.headers["Authorization"])
    minted = await ada.get(f"/api/frames/anonymize/download/{request}/")
    link = minted.headers["location"]
    token = link.rstrip("/").rpartition("/")[2]
    assert (await anonymous.get(link)).status_code == 200
    assert (await anonymous.get(f"{link}oops")).status_code == 404
    begun = (await ada.post("/api/videos/uploads/", json={"filename": "film.mp4"})).json()
    signature = begun["url"].rpartition("signature=")[2]
    await anonymous.put(begun["url"], content=b"film")
    lines = log.of("request")
    assert [(line["path"], line["status"]) for line in lines][:3] == [
        ("/api/frames/anonymize/download/{request_id}", 303),
        (TEMPLATE, 200),
        ("unknown", 404),
    ]
    assert (lines[-1]["path"], lines[-1]["status"]) == ("/objects/{key}", 204)
    assert not any(secret in repr(log.records) for secret in (token, signature))


async def test_health_checks_are_logged_at_debug_level(scene: Scene, log: LogLines) -> None:
    for path in ("/health", "/api/frames/anonymize/health/"):
        await client(scene).get(path)
    assert [line["levelname"] for line in log.of("request")] == ["DEBUG", "DEBUG"]


async def test_a_submission_is_logged_with_both_ids(scene: Scene, log: LogLines) -> None:
    ada = client(scene, Authorization=scene.ada.headers["Authorization"])
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    single = await ada.post("/api/frames/anonymize/", json=body)
    batch = await ada.post("/api/frames/anonymize/batch/", json=[body, {"video_id": 0}])
    submitted = [(str(line["request_id"]), line["http_request_id"]) for line in log.of("submitted")]
    assert submitted == [
        (single.json()["request_id"], single.headers["x-request-id"]),
        (batch.json()[0]["request_id"], batch.headers["x-request-id"]),
    ]


async def test_a_failure_is_logged_with_the_id_of_its_request(scene: Scene, log: LogLines) -> None:
    def unavailable(*_: object) -> None:
        raise DatabaseUnavailableError("the database cannot be reached", "start it")

    scene.api.world.marking.segments = unavailable  # type: ignore[method-assign,assignment]
    ada = client(scene, Authorization=scene.ada.headers["Authorization"])
    answer = await ada.get(f"/api/videos/{scene.video}/segments/")
    (failure,) = [line for line in log.records if line["levelname"] == "ERROR"]
    assert failure["http_request_id"] == answer.headers["x-request-id"]
    assert log.of("request")[0]["status"] == 503
