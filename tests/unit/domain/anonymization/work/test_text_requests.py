"""Requests with a text policy: slices decide alike, and names are gone once the work has ended."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from fakes.media import FakeSource
from fakes.vision import FakeBoxDetector, paint_line
from framecloak.adapters.text.re2_patterns import Re2Patterns
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.text_policy import TextLists, TextMode, TextPolicyOptions
from framecloak.domain.anonymization.text_policy.orders import TextOrders
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.imaging.detections import Image
from support.result_files import unzipped
from support.use_cases import INSTALLATION_PATTERN, FakeService
from support.worker_harness import WorkerHarness

NAME = "Berger"
LINES = ("Depth 12.5 cm", "Berger, Anna.", "Gain 7 dB ward 3")


def draw(index: int) -> Image:
    image = np.full((224, 256, 3), 90, np.uint8)
    for row, text in enumerate(LINES):
        paint_line(image, (16, 16 + 72 * row), text, height=32)
    return image[..., ::-1].copy()


@pytest.fixture
def harness(world: FakeService) -> WorkerHarness:
    harness = WorkerHarness(world)
    harness.level, harness.text = Level.FULL, FakeBoxDetector()
    harness.open_video = lambda _: FakeSource("film.mp4", 100, draw)
    return harness


async def submit(harness: WorkerHarness, mode: TextMode = TextMode.IDENTIFYING, *names: str) -> UUID:
    harness.anna = await harness.world.person("anna")
    spec = replace(
        await harness.world.request_spec(harness.anna, (0, 50)),
        level=harness.level,
        text=TextPolicyOptions(mode, names=bool(names)),
        text_lists=TextLists(names) if names else None,
    )
    return (await harness.world.submissions.submit(harness.anna, spec)).request.id


def text_of(harness: WorkerHarness) -> dict[str, Any]:
    (result,) = harness.results().values()
    text: dict[str, Any] = json.loads(unzipped(result)["manifest.json"])["text"]
    return text


@pytest.mark.parametrize("names", [(), ("", "  ")])
async def test_listed_text_needs_a_list_that_is_not_blank(
    harness: WorkerHarness, names: tuple[str, ...]
) -> None:
    world = harness.world
    orders = TextOrders(world.text_cipher, Re2Patterns, world.fake_database)
    spec = replace(
        await world.request_spec(await world.person("anna"), (0, 50)),
        level=Level.FULL,
        text=TextPolicyOptions(TextMode.LISTED, names=True),
        text_lists=TextLists(names),
    )
    with pytest.raises(InvalidOptionError, match="without a list would cover no text"):
        await orders.seal(spec)


async def test_workers_read_text_by_the_policy_of_the_request(harness: WorkerHarness) -> None:
    request_id = await submit(harness, TextMode.IDENTIFYING, NAME)
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED
    assert len(harness.stored_parts) > 1
    text = text_of(harness)
    assert (text["mode"], text["names"], text["patterns"]) == ("identifying", True, True)
    decisions = {(each["rule"], each["kept"], *each["segment"]) for each in text["decisions"]}
    assert decisions == {("measurement", True, 0, 50), ("name", False, 0, 50), ("listed", False, 0, 50)}


async def test_names_are_in_no_part_result_or_row_and_deleted_at_the_end(harness: WorkerHarness) -> None:
    world = harness.world
    request_id = await submit(harness, TextMode.IDENTIFYING, NAME)
    async with world.database.unit_of_work() as work:
        sealed = (await work.requests.snapshot(request_id)).text_lists
    assert sealed is not None
    assert NAME.encode() not in sealed
    worker = harness.worker()
    await harness.process(request_id, worker)
    async with world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(request_id)).text_lists is None
    stored = [*world.fake_store.objects.values(), *unzipped(*harness.results().values()).values()]
    assert not any(NAME.encode() in data or b"Anna" in data for data in stored)
    assert NAME not in repr(world.fake_database.store.tables)
    assert not list(world.scratch.rglob("*part.zip"))


async def test_cancelling_deletes_the_lists(harness: WorkerHarness) -> None:
    request_id = await submit(harness, TextMode.IDENTIFYING, NAME)
    await harness.world.anonymization.cancel(harness.anna, request_id)
    async with harness.world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(request_id)).text_lists is None


async def test_a_request_without_readable_lists_fails_and_delivers_nothing(harness: WorkerHarness) -> None:
    request_id = await submit(harness, TextMode.IDENTIFYING, NAME)
    harness.world.text_cipher.key = "another"
    await harness.process(request_id)
    request = await harness.request(request_id)
    assert (request.status, request.error_code) == (Status.FAILED, "text_lists_lost")
    assert not harness.results()


async def test_lists_of_the_installation_apply_to_each_policy(harness: WorkerHarness) -> None:
    assert INSTALLATION_PATTERN in "ward [0-9]"
    await harness.process(await submit(harness, TextMode.LISTED))
    decisions = {(each["rule"], each["kept"]) for each in text_of(harness)["decisions"]}
    assert decisions == {("unlisted", True), ("listed", False)}


async def test_level_faces_has_no_policy(harness: WorkerHarness) -> None:
    harness.level = Level.FACES
    with pytest.raises(InvalidOptionError, match="does not redact text"):
        await submit(harness)
