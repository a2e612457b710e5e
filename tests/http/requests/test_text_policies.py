"""Requests with a text policy, over HTTP."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest

from fakes.media import PROBED_VIDEO, FakeSource
from fakes.vision import FakeBoxDetector, paint_line
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.text_policy import TextLists, TextMode, TextPolicyOptions
from framecloak.domain.imaging.detections import Image
from support.http.api import Scene
from support.http.faces import problem
from support.worker_harness import WorkerHarness

NAME = "Mustermann, Erika"
REQUESTS = "/api/frames/anonymize"


def body(scene: Scene, text: object, **more: object) -> dict[str, Any]:
    order = {"video_id": scene.video, "segment_ids": [scene.segment], "anonymization_level": "full"}
    return order | {"text": text} | more


async def submit(scene: Scene, text: object, **more: object) -> httpx.Response:
    return await scene.ada.post(f"{REQUESTS}/", json=body(scene, text, **more))


async def listed(scene: Scene) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await scene.ada.get(f"{REQUESTS}/requests/")).json()["items"]
    return items


async def test_a_text_policy_is_accepted_and_shown_without_its_lists(scene: Scene) -> None:
    assert (await submit(scene, None)).status_code == 202
    options = {"mode": "identifying", "keep": ["times"], "names": [NAME, ""], "patterns": ["ward [0-9]+"]}
    assert (await submit(scene, options)).status_code == 202
    consent = {"mode": "listed", "names": [NAME], "fail_open": True}
    assert (await submit(scene, consent)).status_code == 202
    items = await listed(scene)
    assert [item["text"] for item in reversed(items)] == [
        {"mode": "all", "keep": [], "names": False, "patterns": False},
        {"mode": "identifying", "keep": ["times"], "names": True, "patterns": True},
        {"mode": "listed", "keep": [], "names": True, "patterns": False},
    ]
    assert "Mustermann" not in json.dumps(items)


async def test_a_batch_takes_a_text_policy(scene: Scene) -> None:
    batch = [
        body(scene, {"mode": "identifying", "names": [NAME]}),
        body(scene, {"mode": "identifying", "names": ["E"]}),
        body(scene, {"mode": "identifying"}, anonymization_level="faces"),
    ]
    answer = (await scene.ada.post(f"{REQUESTS}/batch/", json=batch)).json()
    assert [item["status"] for item in answer] == ["accepted", "rejected", "rejected"]
    assert {item["error"]["code"] for item in answer[1:]} == {"invalid_option"}
    assert "name 1 of the list" in answer[1]["error"]["detail"]


@pytest.mark.parametrize(
    "text",
    [
        {"mode": "some"},
        {"mode": "identifying", "keep": ["names"]},
        {"mode": "identifying", "names": NAME},
        {"mode": "identifying", "names": [7]},
        {"mode": "identifying", "names": ["E" * 201]},
        {"mode": "identifying", "lists": []},
        "identifying",
    ],
)
async def test_a_malformed_policy_is_refused_without_repeating_it(scene: Scene, text: object) -> None:
    answer = await submit(scene, text)
    assert answer.status_code == 422
    assert NAME not in answer.text
    assert "EEE" not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        {"mode": "listed", "names": [NAME]},
        {"mode": "listed", "names": [NAME], "keep": ["times"], "fail_open": True},
        {"mode": "identifying", "fail_open": True},
        {"mode": "all", "names": [NAME]},
        {"names": [NAME]},
        {"mode": "identifying", "names": [NAME, "E"]},
        {"mode": "identifying", "patterns": [f"({NAME})\\1"]},
        {"mode": "identifying", "patterns": [".*"]},
        {"mode": "identifying", "patterns": ["((a{100}){100}){100}"]},
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused(scene: Scene, text: object) -> None:
    answer = await submit(scene, text)
    assert await problem(answer) == (422, "invalid_option")
    assert "Mustermann" not in answer.text
    assert not await listed(scene)


async def test_only_level_full_has_a_policy(scene: Scene) -> None:
    answer = await submit(scene, {"mode": "identifying"}, anonymization_level="faces")
    assert await problem(answer) == (422, "invalid_option")


async def test_a_list_of_100000_names_is_taken(scene: Scene) -> None:
    names = [f"Person Nummer {number}" for number in range(100_000)]
    assert (await submit(scene, {"mode": "identifying", "names": names})).status_code == 202
    answer = await submit(scene, {"mode": "identifying", "names": [*names, "one more"]})
    assert answer.status_code == 422


async def test_a_name_of_one_letter_is_refused_with_the_reason(scene: Scene) -> None:
    answer = await submit(scene, {"mode": "identifying", "names": [NAME, "", "E."]})
    assert answer.status_code == 422
    reason = "name 3 of the list has a single letter, which would cover nearly every line"
    assert answer.json()["detail"] == reason


async def test_a_pattern_that_explodes_elsewhere_is_taken(scene: Scene) -> None:
    answer = await submit(scene, {"mode": "identifying", "patterns": ["(a+)+$", "(x+x+)+y", ""]})
    assert answer.status_code == 202


async def test_names_rest_encrypted_and_are_compared_by_a_key(scene: Scene) -> None:
    async def send(*names: str) -> httpx.Response:
        order = body(scene, {"mode": "identifying", "names": list(names)})
        return await scene.ada.post(f"{REQUESTS}/", json=order, headers={"Idempotency-Key": "once"})

    first = await send(NAME, "Berg")
    assert (await send(NAME, "Berg")).json()["request_id"] == first.json()["request_id"]
    assert await problem(await send(NAME)) == (409, "idempotency_conflict")
    tables = repr(asdict(scene.api.world.fake_database.store.tables))
    assert "identifying" in tables
    assert "Mustermann" not in tables


LINES = ("Depth 12.5 cm", "Berger, Anna.")


def draw(index: int) -> Image:
    image = np.full((160, 256, 3), 90, np.uint8)
    for row, text in enumerate(LINES):
        paint_line(image, (16 + 8 * (row == 0 and index >= 5), 16 + 72 * row), text, height=32)
    return image[..., ::-1].copy()


@dataclass
class Result:
    """A result of Ada's with a line that was kept and one that was covered."""

    scene: Scene
    harness: WorkerHarness
    id: UUID

    async def texts(self, **query: int) -> dict[str, Any]:
        answer = await self.scene.ada.get(f"{REQUESTS}/{self.id}/texts/", params=query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def boxes(self) -> list[dict[str, Any]]:
        answer = await self.scene.ada.get(f"{REQUESTS}/{self.id}/boxes/")
        frames: list[dict[str, Any]] = answer.json()["items"]
        return frames


@pytest.fixture
async def result(scene: Scene) -> Result:
    world = scene.api.world
    world.prober.video = replace(PROBED_VIDEO, width=256, height=160)
    harness = WorkerHarness(world)
    harness.anna, harness.text = scene.owner, FakeBoxDetector()
    harness.open_video = lambda _: FakeSource("film.mp4", 100, draw)
    spec = replace(
        await world.request_spec(scene.owner, (0, 10)),
        level=Level.FULL,
        text=TextPolicyOptions(TextMode.IDENTIFYING, names=True),
        text_lists=TextLists(("Berger",)),
    )
    request_id = (await world.submissions.submit(scene.owner, spec)).request.id
    await harness.process(request_id)
    return Result(scene, harness, request_id)


async def test_text_is_listed_by_track_with_the_rule_and_never_with_its_words(result: Result) -> None:
    page = await result.texts()
    kept, covered = page["items"]
    assert (page["total"], kept["covered"], covered["covered"]) == (2, False, True)
    (shown,), (hidden,) = kept["ranges"], covered["ranges"]
    assert (shown["rule"], shown["kept"]) == ("measurement", True)
    assert (shown["start_frame"], shown["end_frame"]) == (0, 10)
    assert [place["frame"] for place in shown["places"]][:2] == [0, 5], "the line moves once"
    assert (hidden["rule"], hidden["kept"], hidden["places"]) == ("name", False, [])
    assert "Berger" not in json.dumps(page)
    assert [each["track"] for each in (await result.texts(limit=1, offset=1))["items"]] == [covered["track"]]


async def test_a_track_that_a_reviewer_flips_is_listed_as_it_is_now(result: Result) -> None:
    kept, covered = (await result.texts())["items"]
    (shown,) = kept["ranges"]
    frames = []
    for item in await result.boxes():
        place = [each for each in shown["places"] if each["frame"] <= item["index"]][-1]
        rest = [box for box in item["boxes"] if box["track"] != covered["track"]]
        boxes = [{name: box[name] for name in ("xyxy", "kind", "track")} for box in rest]
        boxes.append({"xyxy": place["xyxy"], "kind": "text", "track": kept["track"]})
        frames.append({"index": item["index"], "boxes": boxes})
    answer = await result.scene.ada.post(f"{REQUESTS}/{result.id}/render/", json={"frames": frames})
    again = replace(result, id=UUID(answer.json()["request_id"]))
    await again.harness.process(again.id)
    now = {each["track"]: each for each in (await again.texts())["items"]}
    assert now[kept["track"]]["covered"] is True
    assert now[covered["track"]]["covered"] is False
    assert now[kept["track"]]["ranges"][0]["kept"] is True, "what the policy decided stays recorded"


async def test_text_of_others_and_of_results_without_a_policy_is_not_listed(result: Result) -> None:
    stranger = await result.scene.bob.get(f"{REQUESTS}/{result.id}/texts/")
    assert await problem(stranger) == (404, "request_not_found")
