"""Orders of many videos at once: templates, estimates, one state, cancelling and one download."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import httpx
import pytest

from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.release import ReleaseRule
from support.http.api import VIDEO, Scene
from support.releases import signed_release

BATCHES, TEMPLATES = "/api/batches", "/api/templates"
CONTENT: dict[str, Any] = {
    "options": {"anonymization_level": "full", "output_format": "mp4", "verify": "all"},
    "segments": [{"start_time": 0, "end_time": 1, "label": "start"}],
    "regions": [{"x": 10, "y": 20, "width": 30, "height": 5, "label": "panel"}],
    "keep_text": [{"x": 0, "y": 0, "width": 12, "height": 12}],
}


def _with_text(**lists: list[str]) -> dict[str, Any]:
    return {"anonymization_level": "full", "text": {"mode": "identifying", **lists}}


async def _videos(scene: Scene, count: int) -> list[dict[str, Any]]:
    answers = [
        await scene.ada.post(f"/api/videos/?filename={number}.mp4", content=b"film", headers=VIDEO)
        for number in range(count)
    ]
    return [answer.json() for answer in answers]


async def _template(scene: Scene, video: dict[str, Any], **changes: object) -> dict[str, Any]:
    size = {"frame_width": video["width"], "frame_height": video["height"]}
    answer = await scene.ada.post(f"{TEMPLATES}/", json={"name": "Tower B", **CONTENT, **size, **changes})
    assert answer.status_code == 201, answer.text
    template: dict[str, Any] = answer.json()
    return template


async def _complete(scene: Scene, request: str) -> bytes:
    memory = io.BytesIO()
    with ZipFile(memory, "w") as archive:
        archive.writestr("report.html", f"report of {request}")
    await scene.api.world.complete(UUID(request), archive=memory.getvalue())
    return memory.getvalue()


async def test_videos_are_ordered_with_the_marks_and_options_of_a_template(scene: Scene) -> None:
    first, second = await _videos(scene, 2)
    template = await _template(scene, first)
    await scene.ada.post(
        f"/api/videos/{first['id']}/regions/", json={"x": 10, "y": 20, "width": 30, "height": 5}
    )
    body = {
        "template_id": template["id"],
        "videos": [{"video_id": first["id"], "reference": "B12"}, {"video_id": second["id"]}],
        "reference": "STUDY-7",
    }
    answer = await scene.ada.post(f"{BATCHES}/", json=body)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert (batch["template_name"], batch["is_finished"], batch["progress"]) == ("Tower B", False, 0)
    assert (batch["counts"]["pending"], batch["rejected"]) == (2, 0)
    assert [item["video_name"] for item in batch["items"]] == ["0.mp4", "1.mp4"]
    assert [item["reference"] for item in batch["items"]] == ["B12", "STUDY-7"]
    for video, item in zip((first, second), batch["items"], strict=True):
        regions = (await scene.ada.get(f"/api/videos/{video['id']}/regions/")).json()
        segments = (await scene.ada.get(f"/api/videos/{video['id']}/segments/")).json()
        assert [(each["x"], each["y"]) for each in regions] == [(10, 20)]
        assert [each["label"] for each in segments] == ["start"]
        request = (await scene.ada.get(f"/api/frames/anonymize/requests/{item['request_id']}")).json()
        assert request["segment_ids"] == [segments[0]["id"]]
        assert (request["anonymization_level"], request["output_format"]) == ("full", "mp4")
        assert [each["width"] for each in request["keep_text"]] == [12]
    assert (await scene.ada.get(f"{BATCHES}/{batch['batch_id']}")).json() == batch
    assert (await scene.bob.get(f"{BATCHES}/{batch['batch_id']}")).status_code == 404
    assert (await scene.ada.get(f"{BATCHES}/")).json()["total"] == 1


async def test_without_a_template_the_marked_segments_are_ordered_else_the_whole_video(scene: Scene) -> None:
    # An order may have 80 frames here.
    scene.api.world.prober.video = replace(scene.api.world.prober.video, frame_count=60)
    (video,) = await _videos(scene, 1)
    body = {"videos": [{"video_id": video["id"]}, {"video_id": scene.video}]}
    items = (await scene.ada.post(f"{BATCHES}/", json=body)).json()["items"]
    found = [
        (await scene.ada.get(f"/api/frames/anonymize/requests/{item['request_id']}")).json() for item in items
    ]
    assert found[1]["segment_ids"] == [scene.segment]
    segments = (await scene.ada.get(f"/api/videos/{video['id']}/segments/")).json()
    assert [(each["start_frame"], each["end_frame"]) for each in segments] == [(0, 60)]
    assert found[0]["segment_ids"] == [segments[0]["id"]]


async def test_each_video_is_accepted_or_rejected_by_itself(scene: Scene) -> None:
    body = {
        "videos": [
            {"video_id": scene.video, "reference": "born 1.2.1970"},
            {"video_id": 10**6},
            {"video_id": scene.video, "segment_ids": [10**6]},
            {"video_id": scene.video},
        ]
    }
    estimate = (await scene.ada.post(f"{BATCHES}/estimate", json=body)).json()
    codes = ["invalid_reference", "video_not_found", "invalid_segments"]
    assert [each["error_code"] for each in estimate["rejected"]] == codes
    assert (estimate["accepted"], estimate["frames"]) == (1, 10)
    assert estimate["estimated_processing_time"] >= 1
    assert (await scene.ada.get(f"{BATCHES}/")).json()["total"] == 0
    batch = (await scene.ada.post(f"{BATCHES}/", json=body)).json()
    assert [item["error_code"] for item in batch["items"]] == [*codes, None]
    assert (batch["rejected"], batch["counts"]["pending"]) == (3, 1)


async def test_an_estimate_leaves_no_marks(scene: Scene) -> None:
    (video,) = await _videos(scene, 1)
    template = await _template(scene, video)
    body = {"template_id": template["id"], "videos": [{"video_id": video["id"]}]}
    estimate = (await scene.ada.post(f"{BATCHES}/estimate", json=body)).json()
    assert estimate["accepted"] == 1
    assert (await scene.ada.get(f"/api/videos/{video['id']}/regions/")).json() == []
    assert (await scene.ada.get(f"/api/videos/{video['id']}/segments/")).json() == []


async def test_a_repeated_key_orders_nothing_twice(scene: Scene) -> None:
    body: dict[str, Any] = {"videos": [{"video_id": scene.video}]}
    headers = {"Idempotency-Key": "monday"}
    batch = (await scene.ada.post(f"{BATCHES}/", json=body, headers=headers)).json()
    again = (await scene.ada.post(f"{BATCHES}/", json=body, headers=headers)).json()
    assert again == batch
    other = await scene.ada.post(f"{BATCHES}/", json=body | {"reference": "X"}, headers=headers)
    assert other.json()["code"] == "idempotency_conflict"
    assert (await scene.ada.get("/api/frames/anonymize/requests/")).json()["total"] == 1


async def test_all_orders_are_cancelled_at_once(scene: Scene) -> None:
    body = {"videos": [{"video_id": scene.video}] * 3}
    batch = (await scene.ada.post(f"{BATCHES}/", json=body)).json()
    await scene.api.world.complete(UUID(batch["items"][0]["request_id"]))
    assert (await scene.bob.delete(f"{BATCHES}/{batch['batch_id']}")).status_code == 404
    ended = (await scene.ada.delete(f"{BATCHES}/{batch['batch_id']}")).json()
    assert [item["status"] for item in ended["items"]] == ["completed", "cancelled", "cancelled"]
    assert (ended["is_finished"], ended["progress"], ended["estimated_remaining_time"]) == (True, 100, None)
    assert (await scene.ada.delete(f"{BATCHES}/{batch['batch_id']}")).json() == ended


async def test_all_results_are_one_archive_with_an_index(scene: Scene) -> None:
    body = {"videos": [{"video_id": scene.video}] * 3, "reference": "STUDY <7>".replace("<7>", "7")}
    batch = (await scene.ada.post(f"{BATCHES}/", json=body)).json()
    address = f"{BATCHES}/{batch['batch_id']}/download"
    assert (await scene.ada.get(address)).json()["code"] == "not_ready"
    requests = [item["request_id"] for item in batch["items"]]
    results = [await _complete(scene, request) for request in requests[:2]]
    answer = await scene.ada.get(address, params={"language": "de"})
    assert answer.status_code == 200
    assert f"batch_2026-03-01_{batch['batch_id'][:8]}.zip" in answer.headers["content-disposition"]
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = ["STUDY-7_faces_2026-03-01", "STUDY-7_faces_2026-03-01_2"]
        expected = [path for name in names for path in (f"results/{name}.zip", f"reports/{name}.html")]
        assert archive.namelist() == ["index.html", *expected]
        assert [archive.read(f"results/{name}.zip") for name in names] == results
        assert archive.read(f"reports/{names[1]}.html") == f"report of {requests[1]}".encode()
        page = archive.read("index.html").decode()
    assert '<html lang="de">' in page
    assert "2 von 3" in page
    for name in names:
        assert f'href="results/{name}.zip"' in page
    assert (await scene.bob.get(address)).status_code == 404


async def test_an_archive_has_only_released_results_where_the_rule_asks_for_it(scene: Scene) -> None:
    world = scene.api.world
    world.use_cases.batch_results._policy = ResultPolicy(release=ReleaseRule.REQUIRED)
    batch = (await scene.ada.post(f"{BATCHES}/", json={"videos": [{"video_id": scene.video}] * 3})).json()
    address = f"{BATCHES}/{batch['batch_id']}"
    requests = [item["request_id"] for item in batch["items"]]
    for request in requests:
        await _complete(scene, request)
    await scene.ada.delete(f"/api/frames/anonymize/{requests[2]}/result")
    refused = await scene.ada.get(f"{address}/download")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_released")
    async with world.database.unit_of_work() as work:
        document = signed_release(UUID(requests[1]), world.clock.now(), "bob")
        await work.releases.release(UUID(requests[1]), world.clock.now(), "bob", document)
        await work.commit()
    items = (await scene.ada.get(address)).json()["items"]
    assert [item["released_at"] is not None for item in items] == [False, True, False]
    answer = await scene.ada.get(f"{address}/download", params={"language": "en"})
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 4
        page = archive.read("index.html").decode()
    assert "1 of 3 orders" in page
    assert (page.count("not released"), page.count("result deleted")) == (1, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"options": {"anonymization_level": "some"}}, "invalid_level"),
        ({"options": {"audio": "keep"}}, "invalid_option"),
        ({"options": {"video_id": 1}}, "validation_failed"),
        ({"regions": [{"x": 0, "y": 0, "width": 0, "height": 1}]}, "invalid_region"),
        ({"segments": [{"start_time": 2, "end_time": 1}]}, "invalid_segment"),
        ({"frame_width": None}, "invalid_option"),
        ({"name": "   "}, "invalid_option"),
        ({"options": _with_text(names=["Erika Mustermann"])}, "invalid_option"),
        ({"options": _with_text(patterns=["case [0-9]+"])}, "invalid_option"),
    ],
)
async def test_a_template_is_checked_when_it_is_stored(
    scene: Scene, change: dict[str, Any], code: str
) -> None:
    body = {"name": "Tower B", **CONTENT, "frame_width": 1920, "frame_height": 1080}
    answer = await scene.ada.post(f"{TEMPLATES}/", json=body | change)
    assert answer.json()["code"] == code


async def test_templates_are_changed_shared_and_deleted_by_their_owner(scene: Scene) -> None:
    (video,) = await _videos(scene, 1)
    template = await _template(scene, video)
    address = f"{TEMPLATES}/{template['id']}"

    async def names(client: httpx.AsyncClient) -> list[str]:
        return [each["name"] for each in (await client.get(f"{TEMPLATES}/")).json()]

    assert await names(scene.bob) == []
    shared = (await scene.ada.patch(address, json={"shared_with": ["bob"], "name": "Tower C"})).json()
    assert (shared["shared_with"], shared["name"], shared["content"]) == (
        ["bob"],
        "Tower C",
        template["content"],
    )
    seen = (await scene.bob.get(address)).json()
    assert (seen["is_own"], seen["shared_with"], seen["owner"]) == (False, [], "ada")
    for answer in (await scene.bob.patch(address, json={"name": "x"}), await scene.bob.delete(address)):
        assert answer.json()["code"] == "forbidden"
    unknown = await scene.ada.patch(address, json={"shared_with": ["nadia"]})
    assert unknown.json()["code"] == "user_not_found"
    assert (await scene.ada.patch(address, json={"is_default": True})).json()["code"] == "forbidden"
    assert (await scene.admin.patch(address, json={"is_default": True})).json()["is_default"] is True
    await scene.ada.patch(address, json={"shared_with": []})
    assert await names(scene.bob) == ["Tower C"]
    changed = await scene.ada.patch(address, json={"content": {"options": {"quality": 50}}})
    assert changed.json()["content"]["options"]["quality"] == 50
    assert (await scene.ada.delete(address)).status_code == 204
    assert (await scene.ada.get(address)).json()["code"] == "template_not_found"
    body = {"template_id": str(uuid4()), "videos": [{"video_id": video["id"]}]}
    assert (await scene.ada.post(f"{BATCHES}/", json=body)).json()["code"] == "template_not_found"


async def test_the_options_of_last_time_are_offered(scene: Scene) -> None:
    assert (await scene.ada.get(f"{TEMPLATES}/last")).json() == {"options": None}
    options = {"anonymization_level": "full", "quality": 55, "verify": "all", "pixel_aspect": "24:11"}
    body = {"videos": [{"video_id": scene.video}], "options": options}
    assert (await scene.ada.post(f"{BATCHES}/", json=body)).json()["counts"]["pending"] == 1
    last = (await scene.ada.get(f"{TEMPLATES}/last")).json()["options"]
    assert {name: last[name] for name in options} == options
    body["options"] = last
    assert (await scene.ada.post(f"{BATCHES}/", json=body)).json()["rejected"] == 0
    assert (await scene.bob.get(f"{TEMPLATES}/last")).json() == {"options": None}


async def test_the_names_of_last_time_are_not_repeated(scene: Scene) -> None:
    options = _with_text(names=["Erika Mustermann"])
    options["text"]["keep"] = ["device"]
    body = {"videos": [{"video_id": scene.video}], "options": options}
    assert (await scene.ada.post(f"{BATCHES}/", json=body)).json()["rejected"] == 0
    answer = await scene.ada.get(f"{TEMPLATES}/last")
    assert "Erika" not in answer.text
    last = answer.json()["options"]["text"]
    assert (last["mode"], last["keep"], last["names"]) == ("identifying", ["device"], [])


async def test_a_repeated_key_with_other_names_is_refused(scene: Scene) -> None:
    key = {"Idempotency-Key": "monday"}
    for names, status in ((["Ann Other"], 202), (["Ann Other"], 202), (["Ben Other"], 409)):
        body = {"videos": [{"video_id": scene.video}], "options": _with_text(names=names)}
        assert (await scene.ada.post(f"{BATCHES}/", json=body, headers=key)).status_code == status


async def test_videos_are_renamed_tagged_and_found(scene: Scene) -> None:
    first, second = await _videos(scene, 2)
    change = {"title": "  Theatre  2 ", "tags": ["ward 3", "Ward 3", " ", "A"]}
    video = (await scene.ada.patch(f"/api/videos/{first['id']}", json=change)).json()
    assert (video["title"], video["tags"], video["filename"]) == ("Theatre 2", ["A", "Ward 3"], "0.mp4")
    assert (await scene.ada.get("/api/videos/tags")).json() == [
        {"tag": "A", "videos": 1},
        {"tag": "Ward 3", "videos": 1},
    ]

    async def found(**query: str) -> list[int]:
        answer = await scene.ada.get("/api/videos/", params=query)
        return [each["id"] for each in answer.json()["items"]]

    assert await found(q="theatre") == [first["id"]]
    assert await found(tag="ward 3") == [first["id"]]
    assert await found(state="marked") == [scene.video]
    assert await found(sort="name") == [second["id"], scene.video, first["id"]]
    for wrong in ("sort", "state"):
        refused = (await scene.ada.get(f"/api/videos/?{wrong}=size")).json()
        assert (refused["code"], [each["field"] for each in refused["errors"]]) == (
            "validation_failed",
            [wrong],
        )
    renamed = (await scene.ada.patch(f"/api/videos/{first['id']}", json={"title": None})).json()
    assert (renamed["title"], renamed["tags"]) == (None, ["A", "Ward 3"])
    for bad in (
        {"title": "x" * 201},
        {"tags": ["x" * 41]},
        {"tags": ["a,b"]},
        {"tags": list("abcdefghijklmnopqrstu")},
    ):
        answer = await scene.ada.patch(f"/api/videos/{first['id']}", json=bad)
        assert answer.json()["code"] == "invalid_option"
    await scene.ada.put(f"/api/videos/{first['id']}/grants/", json={"username": "bob", "role": "viewer"})
    answer = await scene.bob.patch(f"/api/videos/{first['id']}", json={"title": "mine"})
    assert answer.json()["code"] == "forbidden"
