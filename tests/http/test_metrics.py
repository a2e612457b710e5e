"""Metrics of the API for Prometheus, and access to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.types import Receive, Send
from litestar.types import Scope as AsgiScope
from prometheus_client.parser import text_string_to_metric_families

from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.operations import service_metrics
from framecloak.domain.ports.queue import WorkerInfo
from framecloak.entrypoints.asgi.access_log import with_access_log
from framecloak.entrypoints.http.middleware.metrics import with_metrics
from support.http.api import CONFIG, HOST, Api, Client, Scene, make_api
from support.http.faces import face_png, text

TOKEN = "token of Prometheus"


def client(api: Api, **headers: str) -> httpx.AsyncClient:
    """Return a client like `Api.client`, of the application with its access log and metrics."""
    app: Any = with_access_log(with_metrics(api.app, api.services.metrics))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return Client(transport=transport, base_url=HOST, headers=headers)


def samples(answer: httpx.Response) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.raise_for_status().text)
        for sample in family.samples
    }


def value(answer: httpx.Response, name: str, **labels: str) -> float | None:
    return samples(answer).get((name, frozenset(labels.items())))


async def test_only_administrators_can_read_metrics(scene: Scene) -> None:
    assert (await scene.admin.get("/metrics")).status_code == 200
    assert (await scene.ada.get("/metrics")).status_code == 403
    refused = await scene.api.client().get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    # No token is configured, so none is valid.
    for authorization in ("Bearer ", "Bearer x", "Bearer"):
        assert (await scene.api.client(Authorization=authorization).get("/metrics")).status_code == 401


async def test_metrics_can_be_read_with_the_token(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_token=TOKEN))
    assert (await api.client(Authorization=f"Bearer {TOKEN}").get("/metrics")).status_code == 200
    for authorization in (f"Bearer {TOKEN}x", f"Token {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"):
        headers = [(b"authorization", authorization.encode("latin-1"))]
        assert (await api.client().get("/metrics", headers=headers)).status_code == 401
    assert TOKEN not in repr(replace(CONFIG, metrics_token=TOKEN))


async def test_the_token_can_contain_non_ascii_letters(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_token="Schlüssel-ключ"))
    headers = [(b"authorization", "Bearer Schlüssel-ключ".encode())]
    assert (await api.client().get("/metrics", headers=headers)).status_code == 200


async def test_metrics_can_be_public(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_public=True))
    assert (await api.client().get("/metrics")).status_code == 200


async def test_metrics_are_returned_in_the_requested_format(scene: Scene) -> None:
    plain = await scene.admin.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    openmetrics = await scene.admin.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0; escaping=\x7f,*/*"}
    )
    assert openmetrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert openmetrics.text.endswith("# EOF\n")


async def test_requests_are_counted_by_operation(scene: Scene) -> None:
    ada = client(scene.api, Authorization=scene.ada.headers["Authorization"])
    for path in (f"/api/videos/{scene.video}/", "/api/videos/777777/", "/secret-link"):
        await ada.get(path)
    await ada.request("BREW", "/teapot")
    answer = await scene.admin.get("/metrics")
    counted = "framecloak_http_requests_total"
    assert value(answer, counted, operation="getVideo", method="GET", status="2xx") == 1
    assert value(answer, counted, operation="getVideo", method="GET", status="4xx") == 1
    assert value(answer, counted, operation="other", method="GET", status="4xx") == 1
    assert value(answer, counted, operation="other", method="other", status="4xx") == 1
    assert value(answer, "framecloak_http_request_seconds_count", operation="getVideo") == 2
    assert value(answer, "framecloak_http_errors_total", code="video_not_found") == 1
    assert value(answer, "framecloak_http_requests_in_progress") == 0
    assert not any(word in answer.text for word in ("secret", "teapot", "BREW", "777777", "/api"))


async def test_model_calls_are_measured(scene: Scene) -> None:
    sent = text(face_png((10, 10, 50, 50), (100, 40, 200, 180)))
    (await scene.ada.post("/analyze/batch", json={"images": [sent]})).raise_for_status()
    answer = await scene.admin.get("/metrics")
    for model, items in (("detector", 1), ("recognizer", 2)):
        assert value(answer, "framecloak_analysis_batch_size_sum", model=model) == items
        assert (value(answer, "framecloak_analysis_call_seconds_count", model=model) or 0) >= 1
        assert (value(answer, "framecloak_analysis_call_seconds_sum", model=model) or 0) > 0
        assert value(answer, "framecloak_analysis_waiting", model=model) == 0
    # The fake emotion reader reports no calls.
    assert value(answer, "framecloak_analysis_call_seconds_count", model="emotions") == 0


async def test_an_application_error_is_counted_as_5xx(scene: Scene) -> None:
    async def broken(scope: AsgiScope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    app: Any = with_metrics(broken, scene.api.services.metrics)
    with pytest.raises(ZeroDivisionError):
        await Client(transport=httpx.ASGITransport(app), base_url=HOST).get("/")
    answer = await scene.admin.get("/metrics")
    assert value(answer, "framecloak_http_requests_total", operation="other", method="GET", status="5xx") == 1


async def test_the_state_of_the_installation_is_exposed(scene: Scene) -> None:
    world = scene.api.world
    world.queue.known_workers = [WorkerInfo("here:1", ("anonymization",), world.clock.now())]
    await scene.request()
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    (await scene.ada.post("/api/frames/anonymize/", json=body)).raise_for_status()
    answer = await scene.admin.get("/metrics")
    assert value(answer, "framecloak_requests", status="completed") == 1
    assert value(answer, "framecloak_requests", status="pending") == 1
    assert value(answer, "framecloak_frames_waiting") == 10
    assert value(answer, "framecloak_oldest_waiting_seconds") == 0
    assert (value(answer, "framecloak_queue_tickets") or 0) > 0
    assert value(answer, "framecloak_workers") == 1
    assert value(answer, "framecloak_check_up", check="database") == 1
    assert value(answer, "framecloak_build_info", version="0", role="api") == 1
    assert (value(answer, "process_resident_memory_bytes") or 0) > 1e6


@pytest.fixture
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_metrics, "CACHE_SECONDS", 0.0)


@pytest.fixture
def public(tmp_path: Path) -> Api:
    return make_api(tmp_path, replace(CONFIG, metrics_public=True))


@pytest.mark.usefixtures("without_cache")
async def test_failed_lookups_are_omitted_and_counted(public: Api) -> None:
    first = await public.client().get("/metrics")
    assert value(first, "framecloak_requests", status="failed") == 0
    assert value(first, "framecloak_workers") == 0
    public.world.fake_database.reachable = False
    public.world.queue.unavailable = True
    second = await public.client().get("/metrics")
    for omitted in ("requests", "frames_waiting", "oldest_waiting_seconds", "queue_tickets", "workers"):
        assert not any(name == f"framecloak_{omitted}" for name, _ in samples(second))
    for check, is_healthy in (("database", 0), ("redis", 0), ("storage", 1), ("models", 1)):
        assert value(second, "framecloak_check_up", check=check) == is_healthy
    for lookup in ("database", "redis", "requests", "tickets"):
        assert value(second, "framecloak_lookup_errors_total", lookup=lookup) == 1
    public.world.fake_database.reachable = True
    public.world.queue.unavailable = False
    assert value(await public.client().get("/metrics"), "framecloak_frames_waiting") == 0


async def test_frequent_scrapes_are_answered_from_the_cache(public: Api) -> None:
    await public.client().get("/metrics")

    def unavailable() -> None:
        raise DatabaseUnavailableError("the database cannot be reached", "start it")

    public.world.database.unit_of_work = unavailable  # type: ignore[method-assign,assignment]
    answer = await public.client().get("/metrics")
    assert value(answer, "framecloak_frames_waiting") == 0


@pytest.mark.usefixtures("without_cache")
async def test_the_age_of_the_oldest_request_is_exposed(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    (await scene.ada.post("/api/frames/anonymize/", json=body)).raise_for_status()
    scene.api.world.clock.advance(age := timedelta(minutes=11))
    answer = await scene.admin.get("/metrics")
    assert value(answer, "framecloak_oldest_waiting_seconds") == age.total_seconds()
