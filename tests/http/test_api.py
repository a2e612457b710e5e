"""Properties that all endpoints share."""

from __future__ import annotations

import re
from typing import NoReturn
from uuid import uuid4

import msgspec
import pytest

import framecloak.domain.errors
from framecloak.adapters.storage.minio_errors import s3_errors
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.asgi.problem_details import PUBLIC_CODES, STATUS_BY_CODE
from support.http.api import Scene

REQUESTS = "/api/frames/anonymize"


def test_every_error_has_a_status() -> None:
    named = {
        error_type.code
        for error_type in vars(framecloak.domain.errors).values()
        if isinstance(error_type, type) and issubclass(error_type, DomainError)
    }
    assert named == set(STATUS_BY_CODE) | set(PUBLIC_CODES)
    assert not set(STATUS_BY_CODE) & set(PUBLIC_CODES)
    assert set(PUBLIC_CODES.values()) <= set(STATUS_BY_CODE)
    assert all(400 <= status < 600 for status in STATUS_BY_CODE.values())


async def test_errors_are_problem_details(scene: Scene) -> None:
    answer = await scene.ada.get("/api/videos/77/")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:framecloak:problem:video_not_found",
        "title": "Video not found",
        "status": 404,
        "detail": "there is no video 77",
        "code": "video_not_found",
    }


@pytest.mark.parametrize(
    ("method", "url", "content", "media_type", "status", "code"),
    [
        ("GET", "/nowhere", b"", "", 404, "not_found"),
        ("GET", "/api/videos/x/", b"", "", 404, "not_found"),
        ("GET", f"{REQUESTS}/status/123/", b"", "", 404, "not_found"),
        ("PATCH", "/api/videos/", b"", "", 405, "method_not_allowed"),
        ("POST", "/api/auth/api-keys", b"{", "application/json", 400, "bad_request"),
        ("POST", "/api/auth/api-keys", b"", "application/json", 422, "validation_failed"),
        ("POST", "/api/auth/api-keys", b"\xff", "application/json", 400, "bad_request"),
        ("POST", "/api/auth/api-keys", b"\xc1", "application/msgpack", 400, "bad_request"),
        ("POST", "/api/auth/api-keys", b"{}", "text/plain", 415, "unsupported_media_type"),
        ("POST", "/api/auth/api-keys", b"{}", "", 415, "unsupported_media_type"),
        ("POST", "/api/auth/api-keys", b"{}", "application/json", 422, "validation_failed"),
        ("POST", "/api/auth/api-keys", b'{"name":1}', "application/json", 422, "validation_failed"),
        ("POST", "/api/auth/api-keys", b"[]", "application/json", 422, "validation_failed"),
        ("POST", "/api/auth/api-keys", b'{"name":"a","x":1}', "application/json", 422, "validation_failed"),
        ("POST", "/api/auth/api-keys", b'{"name":"  "}', "application/json", 422, "invalid_option"),
    ],
)
async def test_invalid_requests_get_one_clear_answer(
    scene: Scene, method: str, url: str, content: bytes, media_type: str, status: int, code: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await scene.ada.request(method, url, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


async def test_an_invalid_field_is_named(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [1], "quality": 101}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert answer.json()["errors"] == [{"field": "quality", "message": "Expected `int` <= 100"}]


async def test_every_answer_has_a_request_id_and_security_headers(scene: Scene) -> None:
    for url in ("/health", "/nowhere", "/api/videos/", "/api/videos/77", f"{REQUESTS}/download/{uuid4()}/x/"):
        answer = await scene.ada.get(url, headers={"X-Request-ID": "client-7"})
        assert answer.headers["x-request-id"] == "client-7", url
        for forged in ("", "a b", "a\tb", "x" * 200, "ä"):
            answer = await scene.ada.get(url, headers=[(b"X-Request-ID", forged.encode())])
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


async def test_a_path_works_with_and_without_its_trailing_slash(scene: Scene) -> None:
    request = await scene.request()
    for path in (
        "/api/videos",
        f"/api/videos/{scene.video}",
        f"/api/videos/{scene.video}/segments",
        f"{REQUESTS}/requests",
        f"{REQUESTS}/status/{request}",
        f"{REQUESTS}/health",
        "/api/auth/me",
    ):
        with_slash, without = await scene.ada.get(f"{path}/"), await scene.ada.get(path)
        assert (with_slash.status_code, with_slash.content) == (200, without.content)


async def test_health_counts_workers_under_both_names(scene: Scene) -> None:
    report = (await scene.ada.get(f"{REQUESTS}/health")).json()
    assert report["celery_workers"] == report["workers"]


async def test_liveness_states_within_seconds_that_a_server_is_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framecloak.domain.operations.health.CONDITION_SECONDS", 0.0)
    for reachable, status in ((True, "healthy"), (False, "unhealthy"), (True, "healthy")):
        scene.api.world.fake_database.reachable = reachable
        answer = await scene.ada.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, status)


async def test_msgpack_and_json_answers_are_equal(scene: Scene) -> None:
    msgpack_headers = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    submitted = await scene.ada.post(
        f"{REQUESTS}/", content=msgspec.msgpack.encode(body), headers=msgpack_headers
    )
    assert (submitted.status_code, submitted.headers["content-type"]) == (202, "application/msgpack")
    request = msgspec.msgpack.decode(submitted.content)["request_id"]
    as_json = await scene.ada.get(f"{REQUESTS}/status/{request}")
    as_msgpack = await scene.ada.get(f"{REQUESTS}/status/{request}", headers=msgpack_headers)
    assert as_json.headers["content-type"] == "application/json"
    # In MessagePack times are timestamps, an extension type of the format.
    assert msgspec.to_builtins(msgspec.msgpack.decode(as_msgpack.content)) == as_json.json()
    preferring = {"Accept": "application/json, application/msgpack;q=0.5"}
    assert (await scene.ada.get("/api/auth/me", headers=preferring)).json()["username"] == "ada"


def storage_failure(*_: object) -> NoReturn:
    with s3_errors("minio.internal:9000", "find the bucket"):
        raise OSError("HTTPConnection(host='minio.internal')")


async def test_error_messages_do_not_reveal_server_addresses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scene.api.store, "presigned_put", storage_failure)
    answer = await scene.ada.post("/api/videos/uploads/", json={"filename": "a.mp4"})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.json()["detail"] == "the object store cannot be reached, or refuses the operation"
    assert not re.search("minio|9000|HTTP", answer.text, re.IGNORECASE)
    (logged,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "minio.internal:9000" in logged
    assert "check MINIO_ENDPOINT" in logged


async def test_errors_of_a_batch_do_not_reveal_server_addresses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scene.api.world.submissions, "submit", storage_failure)
    body = [{"video_id": scene.video, "segment_ids": [scene.segment]}]
    answer = await scene.ada.post(f"{REQUESTS}/batch/", json=body)
    assert answer.json()[0]["error"]["code"] == "storage_unavailable"
    assert "minio" not in answer.text.lower()
    assert [record.levelname for record in caplog.records if "minio.internal" in record.message] == ["ERROR"]
