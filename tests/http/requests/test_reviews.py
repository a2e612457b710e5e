"""Results over HTTP: review frame by frame, and rendering again with edited boxes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import httpx
import msgspec
import pytest

from fakes.media import PROBED_VIDEO
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.model.segments import Segment
from support.http.api import Scene
from support.worker_harness import WorkerHarness

BASE = "/api/frames/anonymize"
BOX = {"xyxy": [1, 1, 9, 9]}


@dataclass
class Result:
    """A result of Ada: frames 0 to 9 of her video, with a face in each."""

    scene: Scene
    harness: WorkerHarness
    id: UUID

    def path(self, part: str) -> str:
        return f"{BASE}/{self.id}/{part}"

    async def render(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.scene.ada.post(self.path("render/"), json=body, headers=headers)

    def contents(self) -> dict[str, bytes]:
        with ZipFile(self.scene.api.store._root / f"requests/{self.id}/frames.zip") as zipped:
            return {name: zipped.read(name) for name in zipped.namelist()}


@pytest.fixture
async def result(scene: Scene) -> Result:
    return await make_result(scene)


async def make_result(scene: Scene, appearance: Appearance | None = None) -> Result:
    world = scene.api.world
    world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    harness = WorkerHarness(world)
    harness.anna, harness.appearance = scene.owner, appearance or harness.appearance
    harness.request_spec = replace(
        await world.request_spec(scene.owner, (0, 10)), appearance=harness.appearance
    )
    request_id = (await world.submissions.submit(scene.owner, harness.request_spec)).request.id
    await harness.process(request_id)
    return Result(scene, harness, request_id)


async def test_frames_manifest_and_report_are_those_of_the_zip(result: Result) -> None:
    ada, contents = result.scene.ada, result.contents()
    names = [name for name in contents if name.startswith("frames/")]
    assert len(names) == 10
    for index, name in enumerate(names):
        answer = await ada.get(result.path(f"frames/{index}"))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.content == contents[name]
        assert answer.headers["cache-control"] == "private, no-cache"
    manifest = await ada.get(result.path("manifest/"))
    assert manifest.headers["content-type"] == "application/json"
    assert manifest.content == contents["manifest.json"]
    packed = await ada.get(result.path("manifest"), headers={"Accept": "application/msgpack"})
    assert msgspec.msgpack.decode(packed.content) == json.loads(manifest.content)
    assert packed.headers["etag"] != manifest.headers["etag"]
    report = await ada.get(result.path("report"))
    assert report.content == contents["report.html"]
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert report.headers["x-frame-options"] == "SAMEORIGIN"
    policy = report.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "img-src data:;" in policy
    assert "script" not in policy


async def test_cached_answers_are_not_sent_again(result: Result) -> None:
    ada = result.scene.ada
    tags = set()
    for part in ("frames/3", "frames/4", "manifest", "report"):
        tag = (await ada.get(result.path(part))).headers["etag"]
        again = await ada.get(result.path(part), headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        tags.add(tag)
    assert len(tags) == 4


@pytest.mark.parametrize("part", ["frames/3", "manifest", "report", "review", "boxes"])
async def test_a_result_requires_access_to_its_request(result: Result, part: str) -> None:
    scene = result.scene
    assert (await scene.admin.get(result.path(part))).status_code == 200
    answer = await scene.bob.get(result.path(part))
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")
    assert (await scene.api.client().get(result.path(part))).status_code == 401
    pending = {"video_id": scene.video, "segment_ids": [scene.segment]}
    waiting = (await scene.ada.post(f"{BASE}/", json=pending)).json()["request_id"]
    answer = await scene.ada.get(f"{BASE}/{waiting}/{part}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


async def test_a_frame_outside_the_result_is_not_found(result: Result) -> None:
    answer = await result.scene.ada.get(result.path("frames/10"))
    assert (answer.status_code, answer.json()["code"]) == (404, "frame_not_found")
    assert (await result.scene.ada.get(result.path("frames/-1"))).status_code in {404, 422}


async def test_frames_of_videos_are_jpegs(scene: Scene) -> None:
    result = await make_result(scene, Appearance(OutputFormat.MP4))
    answer = await scene.ada.get(result.path("frames/9"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


async def test_a_damaged_result_is_not_an_internal_error(result: Result) -> None:
    (result.scene.api.store._root / f"requests/{result.id}/frames.zip").write_bytes(b"zip")
    for part in ("frames/3", "manifest", "report", "review", "boxes"):
        answer = await result.scene.ada.get(result.path(part))
        assert (answer.status_code, answer.json()["code"]) == (409, "result_damaged")


async def test_frames_are_listed_by_risk_with_paging(result: Result) -> None:
    page = (await result.scene.ada.get(result.path("review/?limit=3&offset=8"))).json()
    assert (page["total"], page["limit"], page["offset"], len(page["items"])) == (10, 3, 8, 2)
    (item, _) = page["items"]
    assert item["reason"] == "score"
    assert set(item["boxes"][0]) == {"xyxy", "kind", "track", "score", "origin", "basis"}


async def test_boxes_are_listed_in_frame_order(result: Result) -> None:
    answer = (await result.scene.ada.get(result.path("boxes/?start_frame=7&limit=2"))).json()
    assert answer["stretches"] == [{"start_frame": 0, "end_frame": 10}]
    assert [item["index"] for item in answer["items"]] == [7, 8]
    assert answer["items"][0]["boxes"][0]["kind"] == "face"
    beyond = (await result.scene.ada.get(result.path("boxes/?start_frame=10"))).json()
    assert (beyond["items"], len(beyond["stretches"])) == ([], 1)
    for wrong in ("limit=0", "limit=1001", "start_frame=-1"):
        assert (await result.scene.ada.get(result.path(f"boxes/?{wrong}"))).status_code == 422


async def test_frames_are_resized(result: Result) -> None:
    ada = result.scene.ada
    whole, small = [await ada.get(result.path(f"frames/3{query}")) for query in ("", "?width=32")]
    assert small.headers["content-type"] == "image/jpeg"
    assert small.content == b"32 pixels of " + whole.content
    assert small.headers["etag"] != whole.headers["etag"]
    assert (await ada.get(result.path("frames/3?width=9"))).status_code == 422


async def test_a_request_is_read_by_its_id(result: Result) -> None:
    path = f"{BASE}/requests/{result.id}/"
    details = (await result.scene.ada.get(path)).json()
    (listed,) = (await result.scene.ada.get(f"{BASE}/requests/")).json()["items"]
    assert details == listed
    answer = await result.scene.bob.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")


async def test_viewing_a_result_is_audited(result: Result) -> None:
    await result.scene.ada.get(result.path("frames/3"))
    entry = list(result.scene.api.world.fake_database.tables.audit.values())[-1]
    assert (entry.action, entry.subject) == ("result.view", f"request:{result.id}")


async def test_edited_boxes_create_a_new_request(result: Result) -> None:
    edit = {"index": 3, "boxes": [{**BOX, "reason": "missed"}], "reason": "not_identifying"}
    body = {"frames": [edit], "output_format": "PNG", "redaction": "blur", "reason": "other"}
    answer = await result.render(body)
    assert answer.status_code == 202
    second = UUID(answer.json()["request_id"])
    await result.harness.process(second)
    status = (await result.scene.ada.get(f"{BASE}/status/{second}/")).json()
    assert (status["status"], status["total_frames"]) == ("completed", 10)
    manifest = (await result.scene.ada.get(f"{BASE}/{second}/manifest")).json()
    assert manifest["settings"]["format"] == "png"
    assert manifest["settings"]["redaction"] == "blur"
    assert manifest["settings"]["based_on"]["signature"] == "genuine"
    (correction,) = manifest["corrections"]
    assert (correction["result"], correction["editor"]) == (str(result.id), "ada")
    assert {edit["reason"] for edit in correction["edits"]} == {"missed", "not_identifying"}
    assert manifest["frames"][3]["boxes"] == [
        {"xyxy": [1, 1, 9, 9], "kind": "face", "track": None, "score": None, "origin": "manual"}
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"frames": [{"index": 10, "boxes": []}]}, "invalid_manifest"),
        ({"frames": [{"index": 3, "boxes": []}] * 2}, "invalid_manifest"),
        ({"frames": [{"index": 3, "boxes": [{"xyxy": [64, 0, 70, 9]}]}]}, "invalid_manifest"),
        ({"frames": [{"index": 3, "boxes": [{"xyxy": [5, 0, 5, 9]}]}]}, "invalid_manifest"),
        ({"frames": [{"index": 3, "boxes": [BOX], "blanked": True}]}, "invalid_manifest"),
        ({"frames": [{"index": 3, "boxes": [BOX] * 1001}]}, "validation_failed"),
        ({"frames": [{"index": 3, "boxes": [{"xyxy": [1, 1, 9]}]}]}, "validation_failed"),
        ({"frames": [{"index": 3, "boxes": [{"xyxy": [1, 1, 9, 9.5]}]}]}, "validation_failed"),
        ({"frames": [{"index": 3, "boxes": [{**BOX, "kind": "dog"}]}]}, "validation_failed"),
        ({"frames": [{"index": -3, "boxes": []}]}, "validation_failed"),
        ({}, "validation_failed"),
        ({"frames": [], "source_sha256": "a" * 64}, "manifest_mismatch"),
        ({"frames": [], "output_format": "gif"}, "invalid_format"),
        ({"frames": [], "output_format": "png", "audio": "keep"}, "invalid_option"),
        ({"frames": [], "quality": 101}, "validation_failed"),
        ({"frames": [], "verify": "most"}, "validation_failed"),
        ({"frames": [{"index": 3, "boxes": [], "reason": "mood"}]}, "invalid_option"),
        ({"frames": [], "webhook_url": "http://:80/"}, "invalid_option"),
    ],
)
async def test_invalid_edits_are_refused(result: Result, body: dict[str, Any], code: str) -> None:
    answer = await result.render(body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_body_of_edits_has_its_own_limit(result: Result) -> None:
    edits = {"frames": [{"index": 3, "boxes": [BOX] * 1000}] * 100}
    assert len(json.dumps(edits)) > 1024**2
    assert (await result.render(edits)).json()["code"] == "invalid_manifest"  # a frame is edited twice
    answer = await result.scene.ada.post(
        result.path("render"), content=b" " * (9 << 20), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_editing_requires_access_and_a_finished_request(result: Result) -> None:
    scene = result.scene
    assert (await scene.bob.post(result.path("render"), json={"frames": []})).status_code == 404
    assert (await scene.admin.post(result.path("render"), json={"frames": []})).status_code == 202
    request = (await scene.ada.post(f"{BASE}/", json=order_of(scene))).json()["request_id"]
    answer = await scene.ada.post(f"{BASE}/{request}/render/", json={"frames": []})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


async def test_an_idempotency_key_prevents_duplicate_renderings(result: Result) -> None:
    first = await result.render({"frames": []}, **{"Idempotency-Key": "k"})
    second = await result.render({"frames": []}, **{"Idempotency-Key": "k"})
    assert first.json()["request_id"] == second.json()["request_id"]
    other = await result.render({"frames": [{"index": 3, "boxes": []}]}, **{"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def order_of(scene: Scene, **more: object) -> dict[str, Any]:
    return {"video_id": scene.video, "segment_ids": [scene.segment], **more}


async def test_kept_text_areas_are_stored(scene: Scene) -> None:
    area = {"x": 1, "y": 2, "width": 30, "height": 40}
    areas = [area, {**area, "start_frame": 2, "end_frame": 5}]
    body = order_of(scene, anonymization_level="full", keep_text=areas)
    request = UUID((await scene.ada.post(f"{BASE}/", json=body)).raise_for_status().json()["request_id"])
    kept = scene.api.world.fake_database.tables.requests[request].spec.keep_text
    assert [region.segment for region in kept] == [None, Segment(2, 5)]


async def test_a_request_returns_every_submitted_option(scene: Scene) -> None:
    area = {"x": 1, "y": 2, "width": 30, "height": 40, "start_frame": 2, "end_frame": 5}
    whole = {**area, "start_frame": None, "end_frame": None}
    choices: dict[str, Any] = {
        "anonymization_level": "full",
        "output_format": "mp4",
        "redaction": "pixelate",
        "quality": 55,
        "audio": "keep",
        "language": "de",
        "verify": "all",
        "priority": "high",
        "keep_text": [area, whole],
    }
    body = order_of(scene, **choices)
    first = (await scene.ada.post(f"{BASE}/", json=body)).raise_for_status().json()["request_id"]
    details = (await scene.ada.get(f"{BASE}/requests/{first}/")).raise_for_status().json()
    assert {name: details[name] for name in body} == body


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"keep_text": [{"x": 0, "y": 0, "width": 641, "height": 9}]}, "invalid_region"),
        ({"keep_text": [{"x": 0, "y": 0, "width": 0, "height": 9}]}, "invalid_region"),
        (
            {"keep_text": [{"x": 0, "y": 0, "width": 9, "height": 9, "start_frame": 0, "end_frame": 101}]},
            "invalid_segment",
        ),
        ({"keep_text": [{"x": 0, "y": 0, "width": 9, "height": 9, "start_frame": 0}]}, "invalid_region"),
        ({"keep_text": [{"x": 0, "y": 0, "width": 9, "height": 9}] * 101}, "validation_failed"),
        ({"keep_text": [{"x": 0, "y": 0, "width": 9, "height": 9, "label": "a"}]}, "validation_failed"),
        (
            {"keep_text": [{"x": 0, "y": 0, "width": 9, "height": 9}], "anonymization_level": "faces"},
            "invalid_option",
        ),
    ],
)
async def test_invalid_kept_text_areas_are_refused(scene: Scene, changes: dict[str, Any], code: str) -> None:
    answer = await scene.ada.post(
        f"{BASE}/", json=order_of(scene, **{"anonymization_level": "full", **changes})
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_expired_results_cannot_be_reviewed(result: Result) -> None:
    world = result.scene.api.world
    world.clock.advance(timedelta(days=30))
    async with world.database.unit_of_work() as work:
        await work.requests.clear_result(result.id)
        await work.commit()
    for part in ("frames/3", "manifest", "report", "review", "boxes"):
        assert (await result.scene.ada.get(result.path(part))).status_code == 409
