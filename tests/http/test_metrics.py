"""What Prometheus is told by the API, and who may read it."""

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
from support.http.faces import picture, text

TOKEN = "what Prometheus shows"


def client(api: Api, **headers: str) -> httpx.AsyncClient:
    """As `Api.client`, with what a process has around the application."""
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


async def test_administrators_may_read_it_and_nobody_else(scene: Scene) -> None:
    assert (await scene.admin.get("/metrics")).status_code == 200
    assert (await scene.ada.get("/metrics")).status_code == 403
    refused = await scene.api.client().get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    # No token is set, so none is right.
    for shown in ("Bearer ", "Bearer x", "Bearer"):
        assert (await scene.api.client(Authorization=shown).get("/metrics")).status_code == 401


async def test_who_shows_the_token_may_read_it(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_token=TOKEN))
    assert (await api.client(Authorization=f"Bearer {TOKEN}").get("/metrics")).status_code == 200
    for shown in (f"Bearer {TOKEN}x", f"Token {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"):
        headers = [(b"authorization", shown.encode("latin-1"))]
        assert (await api.client().get("/metrics", headers=headers)).status_code == 401
    assert TOKEN not in repr(replace(CONFIG, metrics_token=TOKEN))


async def test_the_token_may_have_letters_of_any_language(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_token="Schlüssel-ключ"))
    headers = [(b"authorization", "Bearer Schlüssel-ключ".encode())]
    assert (await api.client().get("/metrics", headers=headers)).status_code == 200


async def test_it_can_be_for_everybody(tmp_path: Path) -> None:
    api = make_api(tmp_path, replace(CONFIG, metrics_public=True))
    assert (await api.client().get("/metrics")).status_code == 200


async def test_it_comes_in_the_format_that_is_asked_for(scene: Scene) -> None:
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


async def test_what_is_asked_of_the_models_is_told(scene: Scene) -> None:
    sent = text(picture((10, 10, 50, 50), (100, 40, 200, 180)))
    (await scene.ada.post("/analyze/batch", json={"images": [sent]})).raise_for_status()
    answer = await scene.admin.get("/metrics")
    for model, items in (("detector", 1), ("recognizer", 2)):
        assert value(answer, "framecloak_analysis_batch_size_sum", model=model) == items
        assert (value(answer, "framecloak_analysis_call_seconds_count", model=model) or 0) >= 1
        assert (value(answer, "framecloak_analysis_call_seconds_sum", model=model) or 0) > 0
        assert value(answer, "framecloak_analysis_waiting", model=model) == 0
    # The fake that reads emotions here shares nothing.
    assert value(answer, "framecloak_analysis_call_seconds_count", model="emotions") == 0


async def test_an_application_that_fails_is_an_error_of_ours(scene: Scene) -> None:
    async def broken(scope: AsgiScope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    app: Any = with_metrics(broken, scene.api.services.metrics)
    with pytest.raises(ZeroDivisionError):
        await Client(transport=httpx.ASGITransport(app), base_url=HOST).get("/")
    answer = await scene.admin.get("/metrics")
    assert value(answer, "framecloak_http_requests_total", operation="other", method="GET", status="5xx") == 1


async def test_the_installation_is_told_in_numbers(scene: Scene) -> None:
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
def always_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_metrics, "CACHE_SECONDS", 0.0)


@pytest.fixture
def public(tmp_path: Path) -> Api:
    return make_api(tmp_path, replace(CONFIG, metrics_public=True))


@pytest.mark.usefixtures("always_new")
async def test_what_cannot_be_looked_up_is_left_out_and_counted(public: Api) -> None:
    first = await public.client().get("/metrics")
    assert value(first, "framecloak_requests", status="failed") == 0
    assert value(first, "framecloak_workers") == 0
    public.world.fake_database.reachable = False
    public.world.queue.unavailable = True
    second = await public.client().get("/metrics")
    for gone in ("requests", "frames_waiting", "oldest_waiting_seconds", "queue_tickets", "workers"):
        assert not any(name == f"framecloak_{gone}" for name, _ in samples(second))
    for check, is_well in (("database", 0), ("redis", 0), ("storage", 1), ("models", 1)):
        assert value(second, "framecloak_check_up", check=check) == is_well
    for lookup in ("database", "redis", "requests", "tickets"):
        assert value(second, "framecloak_lookup_errors_total", lookup=lookup) == 1
    public.world.fake_database.reachable = True
    public.world.queue.unavailable = False
    assert value(await public.client().get("/metrics"), "framecloak_frames_waiting") == 0


async def test_scraping_often_costs_little(public: Api) -> None:
    await public.client().get("/metrics")

    def away() -> None:
        raise DatabaseUnavailableError("the database cannot be reached", "start it")

    public.world.database.unit_of_work = away  # type: ignore[method-assign,assignment]
    answer = await public.client().get("/metrics")
    assert value(answer, "framecloak_frames_waiting") == 0


@pytest.mark.usefixtures("always_new")
async def test_how_long_the_oldest_request_has_waited(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    (await scene.ada.post("/api/frames/anonymize/", json=body)).raise_for_status()
    scene.api.world.clock.advance(age := timedelta(minutes=11))
    answer = await scene.admin.get("/metrics")
    assert value(answer, "framecloak_oldest_waiting_seconds") == age.total_seconds()
