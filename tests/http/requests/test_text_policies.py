"""Requests with a text policy, over HTTP."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from support.http.api import Scene
from support.http.faces import problem

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
