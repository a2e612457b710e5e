"""Submitting requests, one or many at a time, and cancelling them."""

from __future__ import annotations

from uuid import UUID

import pytest

from fakes.vision import FakeBoxDetector
from framecloak.domain.anonymization.model.request import Priority
from support.http.api import Scene
from support.worker_harness import WorkerHarness

REQUESTS = "/api/frames/anonymize"


async def test_a_request_is_submitted_as_documented(scene: Scene) -> None:
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
        "pixel_aspect": "48:22",
    }
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert answer.status_code == 202
    request = answer.json().pop("request_id")
    assert answer.json() == {
        "success": True,
        "request_id": request,
        "message": "Frame anonymization started",
        "estimated_processing_time": 5,
        "estimated_time_range": {"shortest": 1, "longest": 19},
    }
    assert scene.api.world.queue.written == [(UUID(request), Priority.HIGH)] * 2  # one wakeup for each slice
    status = (await scene.ada.get(f"{REQUESTS}/status/{request}/")).json()
    assert status == {
        "request_id": request,
        "status": "processing",
        "is_waiting": True,
        "progress": 0,
        "total_frames": 20,
        "processed_frames": 0,
        "blanked_frames": None,
        "estimated_remaining_time": 5,
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": None,
        "completed_at": None,
        "error": None,
        "error_code": None,
        "reference": None,
        "released_at": None,
        "released_by": None,
    }
    (listed,) = (await scene.ada.get(f"{REQUESTS}/requests/?video_id=&status=&limit=20&offset=0")).json()[
        "items"
    ]
    assert (listed["anonymization_level"], listed["output_format"], listed["priority"]) == (
        "faces",
        "jpeg",
        "high",
    )
    assert listed["pixel_aspect"] == "24:11"
    assert (await scene.ada.get(f"{REQUESTS}/requests/?status=completed")).json()["total"] == 0


async def test_an_order_is_found_by_its_reference(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body | {"reference": "  STUDY-7   B12 "})
    request = answer.json()["request_id"]
    await scene.ada.post(f"{REQUESTS}/", json=body | {"reference": "STUDY-8"})
    await scene.ada.post(f"{REQUESTS}/", json=body)
    for text, total in (("study-7", 1), ("STUDY", 2), ("7 b1", 1), ("%", 0), ("", 3)):
        page = (await scene.ada.get(f"{REQUESTS}/requests/", params={"search": text})).json()
        assert (text, page["total"]) == (text, total)
    for path in ("status", "requests"):
        assert (await scene.ada.get(f"{REQUESTS}/{path}/{request}/")).json()["reference"] == "STUDY-7 B12"
    await scene.api.world.complete(UUID(request))
    followed = await scene.ada.get(f"{REQUESTS}/download/{request}/", follow_redirects=True)
    assert "STUDY-7-B12_faces_2026-03-01.zip" in followed.headers["content-disposition"]


@pytest.mark.parametrize("reference", ["12.03.1956", "Müller, Anna", "A" * 81])
async def test_a_reference_that_may_identify_a_person_is_refused(scene: Scene, reference: str) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment], "reference": reference}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_reference")
    assert (await scene.ada.get(f"{REQUESTS}/requests/")).json()["total"] == 0


@pytest.mark.parametrize(("broken", "blanked"), [(True, 10), (False, 0)])
async def test_a_request_reports_its_number_of_blanked_frames(
    scene: Scene, broken: bool, blanked: int
) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment], "anonymization_level": "full"}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body | {"verify": "none"})
    request = UUID(answer.json()["request_id"])
    addresses = [f"{REQUESTS}/status/{request}/", f"{REQUESTS}/requests/{request}/"]

    async def blanked_frames() -> list[object]:
        (listed,) = (await scene.ada.get(f"{REQUESTS}/requests/")).json()["items"]
        answers = [(await scene.ada.get(address)).json() for address in addresses]
        return [view["blanked_frames"] for view in (listed, *answers)]

    assert await blanked_frames() == [None] * 3
    harness = WorkerHarness(scene.api.world)
    harness.anna, harness.text = scene.owner, FakeBoxDetector(broken=broken)
    await harness.process(request)
    assert await blanked_frames() == [blanked] * 3
    events = (await scene.ada.get(f"{REQUESTS}/events/{request}/")).text
    assert f'"blanked_frames":{blanked},' in events


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
        ({"pixel_aspect": "0:0"}, 422, "invalid_option"),
        ({"pixel_aspect": "1:1000"}, 422, "invalid_option"),
        ({"pixel_aspect": "wide"}, 422, "invalid_option"),
        ({"pixel_aspect": 2}, 422, "validation_failed"),
        ({"webhook_url": "ftp://example.org"}, 422, "validation_failed"),
        ({"webhook_url": "http://user:secret@example.org/"}, 422, "invalid_option"),
    ],
)
async def test_an_invalid_request_is_refused(
    scene: Scene, changes: dict[str, object], status: int, code: str
) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]} | changes
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code in {"invalid_level", "invalid_format"}:
        assert "minimal" in answer.text or "webp" in answer.text  # the allowed values are named
    assert scene.api.world.queue.written == []


async def test_a_request_with_too_many_frames_is_refused(scene: Scene) -> None:
    long = await scene.ada.post(
        f"/api/videos/{scene.video}/segments/", json={"start_frame": 0, "end_frame": 100}
    )
    body = {"video_id": scene.video, "segment_ids": [long.json()["id"]]}
    assert (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["code"] == "too_many_frames"


async def test_nothing_is_stored_when_the_queue_is_unavailable(scene: Scene) -> None:
    scene.api.world.queue.unavailable = True
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 0


async def test_an_idempotency_key_prevents_duplicate_requests(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    key = {"Idempotency-Key": "order-1"}
    first = await scene.ada.post(f"{REQUESTS}/", json=body, headers=key)
    again = await scene.ada.post(f"{REQUESTS}/", json=body, headers=key)
    assert first.json()["request_id"] == again.json()["request_id"]
    other = await scene.ada.post(f"{REQUESTS}/", json=body | {"quality": 5}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    # Keys belong to their user.
    theirs = await scene.admin.post(f"{REQUESTS}/", json=body, headers=key)
    assert theirs.json()["request_id"] != first.json()["request_id"]
    bad = await scene.ada.post(f"{REQUESTS}/", json=body, headers={"Idempotency-Key": "x" * 201})
    assert bad.status_code == 422


@pytest.mark.parametrize("audio", ["drop", "keep", "mute-speech"])
async def test_the_sound_of_videos_is_ordered_alone_and_in_batches(scene: Scene, audio: str) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment], "output_format": "mp4", "audio": audio}
    alone = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()
    (batched,) = (await scene.ada.post(f"{REQUESTS}/batch/", json=[body])).json()
    for request in (alone["request_id"], batched["request_id"]):
        assert (await scene.ada.get(f"{REQUESTS}/requests/{request}/")).json()["audio"] == audio


@pytest.mark.parametrize("audio", ["keep", "mute-speech"])
async def test_images_have_no_sound(scene: Scene, audio: str) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment], "output_format": "png", "audio": audio}
    answer = await scene.ada.post(f"{REQUESTS}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    (batched,) = (await scene.ada.post(f"{REQUESTS}/batch/", json=[body])).json()
    assert (batched["status"], batched["error"]["code"]) == ("rejected", "invalid_option")


async def test_an_invalid_request_does_not_stop_the_rest_of_a_batch(scene: Scene) -> None:
    good = {"video_id": scene.video, "segment_ids": f" {scene.segment} "}
    batch = [good, good | {"unknown": 1}, {"video_id": 77, "segment_ids": [1]}, "nonsense", good]
    answer = await scene.ada.post(f"{REQUESTS}/batch/", json=batch)
    assert answer.status_code == 202
    results = answer.json()
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert [result["status"] for result in results] == [
        "accepted",
        "rejected",
        "rejected",
        "rejected",
        "accepted",
    ]
    codes = [result["error"] and result["error"]["code"] for result in results]
    assert codes == [None, "validation_failed", "video_not_found", "validation_failed", None]
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 2
    too_many = await scene.ada.post(f"{REQUESTS}/batch/", json=[good] * 101)
    assert (too_many.status_code, too_many.json()["code"]) == (422, "validation_failed")
    assert (await scene.ada.get(f"{REQUESTS}/requests")).json()["total"] == 2


@pytest.mark.parametrize("segments", [[], "", "a,b", "1,,2", [0], [-1], "0"])
async def test_invalid_segment_ids_are_refused(scene: Scene, segments: object) -> None:
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
async def test_an_unknown_level_or_format_names_the_allowed_ones(
    scene: Scene, field: str, code: str, allowed: str
) -> None:
    for value in ("x", "", "x" * 200, "fa\0ces"):
        body = {"video_id": scene.video, "segment_ids": [scene.segment], field: value}
        answer = await scene.ada.post(f"{REQUESTS}/", json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, code)
        assert allowed in f"{problem['detail']} {problem['hint']}"


async def test_a_batch_sent_again_with_its_key_returns_the_same_requests(scene: Scene) -> None:
    submission = {"video_id": scene.video, "segment_ids": [scene.segment]}
    batch = [submission, submission, {**submission, "segment_ids": []}]
    key = {"Idempotency-Key": "monday"}
    first, again, other = [
        (await scene.ada.post(f"{REQUESTS}/batch/", json=batch, headers=headers)).json()
        for headers in (key, key, {"Idempotency-Key": "tuesday"})
    ]
    assert first == again
    ids = [result["request_id"] for result in (*first[:2], *other[:2])]
    assert len(set(ids)) == 4
    assert [result["status"] for result in first] == ["accepted", "accepted", "rejected"]


async def test_a_pending_request_can_be_cancelled_once(scene: Scene) -> None:
    body = {"video_id": scene.video, "segment_ids": [scene.segment]}
    request = (await scene.ada.post(f"{REQUESTS}/", json=body)).json()["request_id"]
    cancelled = await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert cancelled.json() == {"success": True, "message": "Request cancelled"}
    assert (await scene.ada.get(f"{REQUESTS}/status/{request}")).json()["status"] == "cancelled"
    again = await scene.ada.delete(f"{REQUESTS}/{request}/")
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")
