"""Lists of text that administrators keep: validation, audit log and their effect on requests."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest

from fakes.media import PROBED_VIDEO, FakeSource
from fakes.vision import FakeBoxDetector, paint_line
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.text_policy import (
    InstallationLists,
    TextMode,
    TextPolicyOptions,
)
from framecloak.domain.imaging.detections import Image
from support.http.api import Scene
from support.http.faces import problem
from support.use_cases import INSTALLATION_PATTERN
from support.worker_harness import WorkerHarness

LISTS = "/api/text-lists/"
TERMS = ["Tower B", "Ward 7"]


@pytest.fixture
def admin(scene: Scene) -> httpx.AsyncClient:
    return scene.admin


async def replace_lists(admin: httpx.AsyncClient, **lists: list[str]) -> httpx.Response:
    return await admin.put(LISTS, json=lists)


async def test_lists_are_stored_without_blanks_and_repetitions(admin: httpx.AsyncClient) -> None:
    empty = (await admin.get(LISTS)).json()
    assert empty == {
        "device_terms": [],
        "patterns": [],
        "sha256": None,
        "changed_at": None,
        "changed_by": None,
    }
    answer = await replace_lists(
        admin, device_terms=[" Tower B ", "", "Ward 7", "Tower B"], patterns=["", "a{9}"]
    )
    stored = answer.json()
    assert answer.status_code == 200
    assert (stored["device_terms"], stored["patterns"]) == (TERMS, ["a{9}"])
    assert stored["sha256"] == InstallationLists(tuple(TERMS), ("a{9}",)).sha256
    assert (await admin.get(LISTS)).json() == stored
    assert (await replace_lists(admin)).json()["sha256"] is None


@pytest.mark.parametrize(
    "lists",
    [
        {"patterns": ["(unclosed"]},
        {"patterns": [r"(a)\1"]},
        {"patterns": ["((a{100}){100}){100}"]},
        {"patterns": [".*"]},
        {"device_terms": ["M"]},
    ],
    ids=["syntax", "backreference", "explosive", "everything", "letter"],
)
async def test_lists_that_cannot_be_used_are_refused(
    admin: httpx.AsyncClient, lists: dict[str, list[str]]
) -> None:
    await replace_lists(admin, device_terms=TERMS)
    assert await problem(await replace_lists(admin, **lists)) == (422, "invalid_option")
    assert (await admin.get(LISTS)).json()["device_terms"] == TERMS


async def test_a_change_is_in_the_audit_log_without_its_content(
    scene: Scene, admin: httpx.AsyncClient
) -> None:
    digest = (await replace_lists(admin, device_terms=TERMS)).json()["sha256"]
    entries = [*scene.api.world.fake_database.store.tables.audit.values()]
    (entry,) = [each for each in entries if each.action == "text_lists.change"]
    assert entry.details == {"device_terms": 2, "patterns": 0, "sha256": digest}


def draw(_: int) -> Image:
    image = np.full((160, 256, 3), 90, np.uint8)
    for row, text in enumerate(("Tower B", "Depth 12.5 cm", "OLYMPUS 77 cm")):
        paint_line(image, (16, 8 + 48 * row), text, height=24)
    return image[..., ::-1].copy()


async def texts_of_a_request(scene: Scene) -> tuple[list[str], dict[str, Any]]:
    """Return the rules of the lines of a new request, sorted, and the text policy in its manifest."""
    world = scene.api.world
    world.prober.video = replace(PROBED_VIDEO, width=256, height=160)
    harness = WorkerHarness(world)
    harness.anna, harness.text = scene.owner, FakeBoxDetector()
    harness.open_video = lambda _: FakeSource("film.mp4", 100, draw)
    options = TextPolicyOptions(TextMode.IDENTIFYING)
    spec = replace(await world.request_spec(scene.owner, (0, 8)), level=Level.FULL, text=options)
    request_id = (await world.submissions.submit(scene.owner, spec)).request.id
    await harness.process(request_id)
    link = await scene.ada.get(f"/api/frames/anonymize/download/{request_id}/", follow_redirects=True)
    with zipfile.ZipFile(BytesIO(link.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    items = (await scene.ada.get(f"/api/frames/anonymize/{request_id}/texts/")).json()["items"]
    return sorted(item["ranges"][0]["rule"] for item in items), manifest["text"]


async def test_later_requests_follow_the_lists_and_name_their_digest(
    scene: Scene, admin: httpx.AsyncClient
) -> None:
    rules, recorded = await texts_of_a_request(scene)
    of_settings = InstallationLists(patterns=(INSTALLATION_PATTERN,))
    assert (rules, recorded["installation_lists"]) == (
        ["device", "measurement", "unproven"],
        of_settings.sha256,
    )
    await replace_lists(admin, device_terms=TERMS, patterns=["olympus 7"])
    rules, recorded = await texts_of_a_request(scene)
    assert rules == ["device", "listed", "measurement"]
    both = InstallationLists(tuple(TERMS), (INSTALLATION_PATTERN, "olympus 7"))
    assert recorded["installation_lists"] == both.sha256
    assert "Tower" not in json.dumps(recorded)
    await replace_lists(admin, device_terms=TERMS)
    rules, _ = await texts_of_a_request(scene)
    assert rules == ["device", "device", "measurement"]
