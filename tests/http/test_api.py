"""What every endpoint has in common, and the ways through the API that people take every day."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

import asgi
import domain.errors
from domain.accounts import Role
from domain.anonymization.lifecycle import Priority
from domain.anonymization.slices import LEASE
from domain.errors import DomainError
from entrypoints.http.errors import PUBLIC_CODES, STATUS_BY_CODE
from http_api import CONFIG, VIDEO, Api, Scene, make_api
from world import PASSWORD, chunks

REQUESTS = "/api/frames/anonymize"


def test_every_error_has_a_status() -> None:
    named = {
        kind.code
        for kind in vars(domain.errors).values()
        if isinstance(kind, type) and issubclass(kind, DomainError)
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
    ("method", "url", "content", "kind", "status", "code"),
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
async def test_what_makes_no_sense_gets_one_clear_answer(
    scene: Scene, method: str, url: str, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await scene.ada.request(method, url, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


async def test_a_wrong_field_is_named(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [1], "quality": 101}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert answer.json()["errors"] == [{"field": "quality", "message": "Expected `int` <= 100"}]


async def test_every_answer_names_its_request_and_keeps_browsers_careful(scene: Scene) -> None:
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


async def test_msgpack_says_the_same_as_json(scene: Scene) -> None:
    kinds = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    submitted = await scene.ada.post(f"{REQUESTS}/", content=msgspec.msgpack.encode(body), headers=kinds)
    assert (submitted.status_code, submitted.headers["content-type"]) == (202, "application/msgpack")
    request = msgspec.msgpack.decode(submitted.content)["request_id"]
    as_json = await scene.ada.get(f"{REQUESTS}/status/{request}")
    as_msgpack = await scene.ada.get(f"{REQUESTS}/status/{request}", headers=kinds)
    assert as_json.headers["content-type"] == "application/json"
    # Times are timestamps there, which is an extension type of msgpack's own.
    assert msgspec.to_builtins(msgspec.msgpack.decode(as_msgpack.content)) == as_json.json()
    preferring = {"Accept": "application/json, application/msgpack;q=0.5"}
    assert (await scene.ada.get("/api/auth/me", headers=preferring)).json()["username"] == "ada"


async def test_an_order_as_the_documentation_has_it(scene: Scene) -> None:
    second = await scene.ada.post(
        f"/api/videos/{scene.video}/segments/", json={"start_frame": 20, "end_frame": 30, "label": "talk"}
    )
    body = {
        "video_id": scene.video,
        "segment_ids": [scene.segment, second.json()["id"]],
        "anonymization_level": "FACES",
        "output_format": "JPEG",
        "redaction": "blur",
        "quality": 70,
        "priority": "high",
    }
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert answer.status_code == 202
    request = answer.json().pop("request_id")
    assert answer.json() == {
        "success": True,
        "request_id": request,
        "message": "Frame anonymization started",
        "estimated_processing_time": 1,
    }
    assert scene.api.world.queue.written == [(UUID(request), Priority.HIGH)] * 2  # a ticket for each slice
    status = (await scene.ada.get(f"{REQUESTS}/status/{request}/")).json()
    assert status == {
        "request_id": request,
        "status": "pending",
        "progress": 0,
        "total_frames": 20,
        "processed_frames": 0,
        "estimated_remaining_time": 1,
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": None,
        "completed_at": None,
        "error": None,
    }
    (listed,) = (await scene.ada.get(f"{REQUESTS}/requests/?video_id=&status=&limit=20&offset=0")).json()[
        "items"
    ]
    assert (listed["anonymization_level"], listed["output_format"], listed["priority"]) == (
        "faces",
        "jpeg",
        "high",
    )
    assert (await scene.ada.get(f"{REQUESTS}/requests/?status=completed")).json()["total"] == 0


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"video_id": 77}, 404, "video_not_found"),
        ({"segment_ids": []}, 422, "invalid_segments"),
        ({"segment_ids": [77]}, 422, "invalid_segments"),
        ({"segment_ids": [-1]}, 422, "invalid_segments"),
        ({"segment_ids": list(range(1, 102))}, 422, "invalid_segments"),
        ({"segment_ids": "1,,2"}, 422, "invalid_segments"),
        ({"segment_ids": None}, 422, "validation_failed"),
        ({"anonymization_level": "most"}, 422, "invalid_level"),
        ({"output_format": "gif"}, 422, "invalid_format"),
        ({"redaction": "paint"}, 422, "validation_failed"),
        ({"quality": 0}, 422, "validation_failed"),
        ({"priority": "urgent"}, 422, "validation_failed"),
        ({"webhook_url": "ftp://example.org"}, 422, "validation_failed"),
        ({"webhook_url": "http://user:secret@example.org/"}, 422, "invalid_option"),
    ],
)
async def test_an_order_that_cannot_be_taken(
    scene: Scene, changes: dict[str, object], status: int, code: str
) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]} | changes
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code in {"invalid_level", "invalid_format"}:
        assert "minimal" in answer.text or "webp" in answer.text  # what is allowed is said
    assert scene.api.world.queue.written == []


async def test_too_many_frames(scene: Scene) -> None:
    long = await scene.ada.post(
        f"/api/videos/{scene.video}/segments/", json={"start_frame": 0, "end_frame": 100}
    )
    body = {"video_id": scene.video, "segment_ids": [long.json()["id"]]}
    assert (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["code"] == "too_many_frames"


async def test_nothing_stays_when_the_queue_is_down(scene: Scene) -> None:
    scene.api.world.queue.unavailable = True
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 0


async def test_a_key_makes_submitting_twice_harmless(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    key = {"Idempotency-Key": "order-1"}
    first = await scene.ada.post(f"{REQUESTS}/", json=body, headers=key)
    again = await scene.ada.post(f"{REQUESTS}/", json=body, headers=key)
    assert first.json()["request_id"] == again.json()["request_id"]
    other = await scene.ada.post(f"{REQUESTS}/", json=body | {"quality": 5}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    # Keys of others are others' keys.
    theirs = await scene.admin.post(f"{REQUESTS}/", json=body, headers=key)
    assert theirs.json()["request_id"] != first.json()["request_id"]
    bad = await scene.ada.post(f"{REQUESTS}/", json=body, headers={"Idempotency-Key": "x" * 201})
    assert bad.status_code == 422


async def test_one_bad_order_of_a_batch_does_not_stop_the_others(scene: Scene) -> None:
    good = {"video_id": scene.video, "segment_ids": f" {scene.segment} "}
    batch = [good, good | {"unknown": 1}, {"video_id": 77, "segment_ids": [1]}, "nonsense", good]
    answer = await scene.ada.post(f"{REQUESTS}/batch/", json=batch)
    assert answer.status_code == 202
    results = answer.json()
    assert [one["index"] for one in results] == [0, 1, 2, 3, 4]
    assert [one["status"] for one in results] == ["accepted", "rejected", "rejected", "rejected", "accepted"]
    codes = [one["error"] and one["error"]["code"] for one in results]
    assert codes == [None, "validation_failed", "video_not_found", "validation_failed", None]
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 2
    too_many = await scene.ada.post(f"{REQUESTS}/batch/", json=[good] * 101)
    assert (too_many.status_code, too_many.json()["code"]) == (422, "validation_failed")
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 2


async def test_cancelling(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    cancelled = await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert cancelled.json() == {"success": True, "message": "Request cancelled"}
    assert (await scene.ada.get(f"{REQUESTS}/status/{request}")).json()["status"] == "cancelled"
    again = await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")


async def test_a_result_is_fetched_by_a_link_that_works_once(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    pending = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    early = await scene.ada.get(f"{REQUESTS}/download/{pending}/")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    request = await scene.request()
    followed = await scene.ada.get(f"{REQUESTS}/download/{request}/", follow_redirects=True)
    assert (followed.status_code, followed.content) == (200, b"zip")
    assert followed.headers["content-type"] == "application/zip"
    assert followed.headers["content-disposition"] == f"attachment; filename*=UTF-8''{request}.zip"
    assert [answer.status_code for answer in followed.history] == [303]
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    assert minted["url"] == f"{REQUESTS}/download/{request}/{minted['token']}/"
    assert minted["expires_at"] == "2026-03-01T13:00:10Z"
    async with scene.api.client() as anybody:
        assert (await anybody.get(minted["url"])).content == b"zip"
        assert (await anybody.get(minted["url"])).json()["code"] == "token_used"


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-0", 206, b"z"),
        ("bytes=1-", 206, b"ip"),
        ("bytes=-2", 206, b"ip"),
        ("bytes=0-99", 200, b"zip"),
        ("bytes=-99", 200, b"zip"),
        ("bytes=2-1", 200, b"zip"),
        ("bytes=0-0,2-2", 200, b"zip"),
        ("lines=1-2", 200, b"zip"),
        ("bytes=3-", 416, None),
        ("bytes=99-100", 416, None),
    ],
)
async def test_ranges_of_a_result(scene: Scene, wanted: str, status: int, content: bytes | None) -> None:
    request = await scene.request()
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    address = await scene.api.world.anonymization.redeem_download(request, minted["token"])
    answer = await scene.ada.get(address, headers={"Range": wanted})
    assert answer.status_code == status
    if content is None:
        assert (answer.json()["code"], answer.headers["content-range"]) == (
            "range_not_satisfiable",
            "bytes */3",
        )
    else:
        assert (answer.content, answer.headers["content-length"]) == (content, str(len(content)))


@pytest.mark.parametrize("own_store", [False, True])
async def test_a_link_is_not_used_up_by_what_cannot_be_answered(scene: Scene, own_store: bool) -> None:
    request = await scene.request()
    world = scene.api.world
    app = scene.api.with_own_store() if own_store else scene.api.app
    anybody = replace(scene.api, app=app).client()
    minted = (await scene.ada.get(f"{REQUESTS}/download/{request}/?redirect=false")).json()
    beyond = await anybody.get(minted["url"], headers={"Range": "bytes=3-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */3")
    key = f"requests/{request}/frames.zip"
    await world.store.remove(key)
    gone = await anybody.get(minted["url"])
    assert (gone.status_code, gone.json()["code"]) == (409, "not_ready")
    await world.store.put(key, chunks(b"zip"))
    wanted = {"Range": "bytes=1-"}
    answers = await asyncio.gather(*(anybody.get(minted["url"], headers=wanted) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [307 if own_store else 206] + [410] * 19


async def test_with_an_object_store_of_its_own_the_link_sends_there(scene: Scene) -> None:
    request = await scene.request()
    app = scene.api.with_own_store()
    credential = {"authorization": scene.ada.headers["authorization"]}
    minted = await asgi.call(app, "GET", f"{REQUESTS}/download/{request}/", credential)
    redeemed = await asgi.call(app, "GET", minted.headers["location"], {})
    assert (redeemed.status, redeemed.body) == (307, b"")
    assert redeemed.headers["location"].startswith("/objects/requests/")  # as the store presigned it
    assert (await asgi.call(app, "GET", "/objects/requests/x", {})).status == 404


def events(body: bytes) -> list[tuple[str, dict[str, object]]]:
    """The named ones by their names; a browser calls those without one ``message``."""
    found = re.findall(rb"(?:event: (\w+)\n)?data: (.*)\n\n", body)
    return [(name.decode() or "message", json.loads(data)) for name, data in found]


@pytest.mark.parametrize("segments", [[], "", "a,b", "1,,2", [0], [-1], "0"])
async def test_segments_that_are_none_are_invalid_segments(scene: Scene, segments: object) -> None:
    body = {"video_id": scene.video, "segment_ids": segments}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_segments")


@pytest.mark.parametrize(
    ("field", "code", "allowed"),
    [
        ("anonymization_level", "invalid_level", "minimal, faces, full"),
        ("output_format", "invalid_format", "jpg, jpeg, png, webp"),
    ],
)
async def test_an_unheard_of_level_or_format_names_the_allowed_ones(
    scene: Scene, field: str, code: str, allowed: str
) -> None:
    for value in ("x", "", "x" * 200, "fa\0ces"):
        body = {"video_id": scene.video, "segment_ids": [scene.segment], field: value}
        answer = await scene.ada.post(f"{REQUESTS}/", json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, code)
        assert allowed in f"{problem['detail']} {problem['hint']}"


async def test_a_batch_sent_again_with_its_key_gives_the_same_requests(scene: Scene) -> None:
    order = {"video_id": scene.video, "segment_ids": [scene.segment]}
    batch = [order, order, {**order, "segment_ids": []}]
    key = {"Idempotency-Key": "monday"}
    first, again, other = [
        (await scene.ada.post(f"{REQUESTS}/batch/", json=batch, headers=headers)).json()
        for headers in (key, key, {"Idempotency-Key": "tuesday"})
    ]
    assert first == again
    ids = [one["request_id"] for one in (*first[:2], *other[:2])]
    assert len(set(ids)) == 4
    assert [one["status"] for one in first] == ["accepted", "accepted", "rejected"]


async def test_events_tell_the_state_then_every_change_and_end(scene: Scene) -> None:
    world = scene.api.world
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = UUID((await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"])

    async def work() -> None:
        await asyncio.sleep(0.05)
        async with world.database.unit_of_work() as unit:
            lease = await unit.slices.lease(request, 0, "worker", LEASE)
            assert lease
            await unit.slices.renew(lease, LEASE, 4)
            await unit.commit()
        await world.board.announce(request)
        await asyncio.sleep(0.05)
        await world.complete(request)
        await world.board.announce(request)

    answer, _ = await asyncio.gather(scene.ada.get(f"{REQUESTS}/events/{request}/"), work())
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.content)
    assert {name for name, _ in told} == {"message"}
    states = [(state["status"], state["processed_frames"]) for _, state in told]
    assert states == [("pending", 0), ("processing", 4), ("completed", 10)]
    late = await scene.ada.get(f"{REQUESTS}/events/{request}/")
    assert [state["status"] for _, state in events(late.content)] == ["completed"]


async def test_silence_is_broken_by_comments_and_what_was_not_announced_is_told(tmp_path: Path) -> None:
    config = replace(CONFIG, heartbeat=timedelta(milliseconds=5))
    api = make_api(tmp_path, config)
    api.world.board.deaf = True
    _, ada = await api.person("ada")
    video = (await ada.post("/api/videos/", content=b"film", headers=VIDEO)).json()["id"]
    limits = {"start_frame": 0, "end_frame": 10}
    segment = (await ada.post(f"/api/videos/{video}/segments/", json=limits)).json()["id"]
    body = {"video_id": video, "segment_ids": [segment]}
    request = (await ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]

    async def work() -> None:
        await asyncio.sleep(0.1)
        await api.world.complete(UUID(request))

    answer, _ = await asyncio.gather(ada.get(f"{REQUESTS}/events/{request}/"), work())
    assert answer.content.count(b": still here\n\n") >= 1
    assert [state["status"] for _, state in events(answer.content)] == ["pending", "completed"]
    assert api.world.board.listeners == []


async def test_segments_and_regions(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}"
    in_seconds = await scene.ada.post(f"{base}/segments/", json={"start_time": 1, "end_time": 2.02})
    assert (in_seconds.status_code, in_seconds.json()["start_frame"], in_seconds.json()["end_frame"]) == (
        201,
        25,
        51,
    )
    number = in_seconds.json()["id"]
    moved = await scene.ada.patch(f"{base}/segments/{number}/", json={"end_time": 3, "label": "talk"})
    assert moved.json() == {
        "id": number,
        "video_id": scene.video,
        "start_frame": 25,
        "end_frame": 75,
        "label": "talk",
    }
    unlabelled = await scene.ada.patch(f"{base}/segments/{number}/", json={"label": None})
    assert (unlabelled.json()["label"], unlabelled.json()["end_frame"]) == (None, 75)
    for body in (
        {"start_frame": 5, "end_frame": 5},
        {"start_frame": 0, "end_frame": 101},
        {"start_frame": 0},
        {"start_frame": 0, "end_time": 1.0},
        {"start_time": -1.0, "end_time": 1.0},
        {"start_time": 0.0, "end_time": 1e300},
        {},
    ):
        answer = await scene.ada.post(f"{base}/segments/", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_segment"), body
    assert (await scene.ada.delete(f"{base}/segments/{number}")).status_code == 204
    assert (await scene.ada.get(f"{base}/segments/{number}")).json()["code"] == "segment_not_found"
    area = {"x": 10, "y": 20, "width": 30, "height": 40, "start_frame": 1, "end_frame": 9, "label": "badge"}
    marked = await scene.ada.post(f"{base}/regions/", json=area)
    assert marked.json() == area | {"id": marked.json()["id"], "video_id": scene.video}
    assert (await scene.ada.get(f"{base}/regions/")).json() == [marked.json()]
    for body, code in (
        (area | {"width": 0}, "invalid_region"),
        (area | {"x": 630}, "invalid_region"),
        (area | {"end_frame": None}, "invalid_region"),
        (area | {"end_frame": 101}, "invalid_segment"),
    ):
        assert (await scene.ada.post(f"{base}/regions/", json=body)).json()["code"] == code
    assert (await scene.ada.delete(f"{base}/regions/{marked.json()['id']}")).status_code == 204
    assert (await scene.ada.get(f"{base}/regions/")).json() == []


async def test_frames_for_marking(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}/frames"
    whole = await scene.ada.get(f"{base}/7.jpg")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/jpeg")
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["vary"] == "Cookie, Authorization, X-API-Key"
    assert (await scene.ada.get(f"{base}/7.jpg?width=320")).content != whole.content
    for name in ("100.jpg", "7.png", "7", "-1.jpg", "x.jpg", "9" * 30 + ".jpg"):
        answer = await scene.ada.get(f"{base}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "frame_not_found"), name
    assert (await scene.ada.get(f"{base}/7.jpg?width=0")).status_code == 422


async def test_a_frame_that_was_kept_is_shown_again_to_who_may_see_it(scene: Scene) -> None:
    base = f"/api/videos/{scene.video}/frames"
    seen = await scene.ada.get(f"{base}/7.jpg?width=320")
    tag = seen.headers["etag"]
    for wanted in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await scene.ada.get(f"{base}/7.jpg?width=320", headers={"If-None-Match": wanted})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), wanted
        assert (again.headers["cache-control"], again.headers["vary"]) == (
            "private, no-cache",
            "Cookie, Authorization, X-API-Key",
        )
    kept = {"If-None-Match": tag}
    for other in ("7.jpg", "8.jpg?width=320"):
        assert (await scene.ada.get(f"{base}/{other}", headers=kept)).status_code == 200
    assert (await scene.ada.get(f"{base}/100.jpg", headers={"If-None-Match": "*"})).status_code == 404
    assert (await scene.bob.get(f"{base}/7.jpg?width=320", headers=kept)).status_code == 404
    async with scene.api.client() as stranger:
        assert (await stranger.get(f"{base}/7.jpg?width=320", headers=kept)).status_code == 401


async def test_deleting_a_video(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    assert (await scene.ada.delete(f"/api/videos/{scene.video}/")).json()["code"] == "video_in_use"
    await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert (await scene.ada.delete(f"/api/videos/{scene.video}/")).status_code == 204
    assert (await scene.ada.get(f"/api/videos/{scene.video}/")).status_code == 404
    assert scene.api.stored() == []


async def test_accounts(api: Api) -> None:
    root, admin = await api.person("root", Role.ADMIN)
    body = {"username": "grace", "password": "a good long password"}
    made = await admin.post("/api/users/", json=body)
    assert made.status_code == 201
    assert made.json() | {"username": "grace", "role": "user", "disabled": False} == made.json()
    assert "password" not in made.text
    for changes, code in (
        ({}, "username_taken"),
        ({"username": "GRACE"}, "username_taken"),
        ({"username": "ada", "password": "short"}, "weak_password"),
    ):
        assert (await admin.post("/api/users/", json=body | changes)).json()["code"] == code
    assert [user["username"] for user in (await admin.get("/api/users")).json()["items"]] == ["root", "grace"]
    itself = await admin.patch(f"/api/users/{root.user_id}", json={"disabled": True})
    assert (itself.status_code, itself.json()["code"]) == (422, "invalid_option")
    credentials = {"username": "grace", "password": "a good long password"}
    tokens = (await admin.post("/api/auth/token", json=credentials)).json()
    assert tokens["token_type"] == "Bearer"
    grace = api.client(Authorization=f"Bearer {tokens['access_token']}")
    assert (await grace.get("/api/auth/me")).json() == {
        "id": made.json()["id"],
        "username": "grace",
        "role": "user",
        "authenticated_by": "jwt",
    }
    assert (await grace.get(f"/api/users/{made.json()['id']}")).status_code == 200
    assert (await grace.get(f"/api/users/{root.user_id}")).json()["code"] == "forbidden"
    refreshed = await grace.post("/api/auth/token/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.json()["expires_in"] == 900
    assert (await admin.post("/api/auth/token", json=credentials | {"password": PASSWORD})).status_code == 401


async def test_a_stream_ends_when_its_listener_may_listen_no_more(scene: Scene) -> None:
    world = scene.api.world
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = UUID((await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"])
    boss = await world.person("boss", Role.ADMIN)

    async def lock_out() -> None:
        await asyncio.sleep(0.05)
        await world.identity.change_user(boss, scene.owner.user_id, disabled=True)
        await asyncio.sleep(1.1)  # as long as a credential is believed
        await world.board.announce(request)

    answer, _ = await asyncio.gather(scene.ada.get(f"{REQUESTS}/events/{request}/"), lock_out())
    (_, first), (name, last) = events(answer.content)
    assert (first["status"], name, last["code"]) == ("pending", "problem", "not_authenticated")
