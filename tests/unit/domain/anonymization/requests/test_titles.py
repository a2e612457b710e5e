"""Titles of videos in file names and notices of results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from fakes.webhooks import FakeWebhookSender
from framecloak.domain.anonymization.model.record.policy import ResultPolicy, TitlesInResults
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.model.accounts import Principal
from support.use_cases import FakeService

CODES = ResultPolicy(titles=TitlesInResults.CODES)
URL = "https://hooks.example/done"


async def completed(world: FakeService, anna: Principal, title: str, reference: str | None) -> UUID:
    """Return a completed request for a video with a title."""
    spec = replace(await world.request_spec(anna, (0, 10)), reference=reference, webhook_url=URL)
    await world.collection.describe(anna, spec.video_id, title=title)
    request_id = (await world.submissions.submit(anna, spec)).request.id
    await world.complete(request_id)
    return request_id


async def filename(world: FakeService, anna: Principal, request_id: UUID) -> str:
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    address = await world.anonymization.redeem_download_token(request_id, token)
    return address.partition("filename=")[2].partition("_")[0]


@pytest.mark.parametrize(
    ("policy", "title", "reference", "name"),
    [
        (CODES, "WARD-3", None, "WARD-3"),
        (CODES, "WARD-3", "STUDY-7", "STUDY-7"),
        (CODES, "Mrs Miller, born 1.2.1950", None, None),
        (ResultPolicy(), "WARD-3", None, None),
    ],
)
async def test_a_result_without_a_reference_is_named_by_a_title_that_is_a_code(
    tmp_path: Path, policy: ResultPolicy, title: str, reference: str | None, name: str | None
) -> None:
    world = FakeService(tmp_path, results=policy)
    anna = await world.person("anna")
    request_id = await completed(world, anna, title, reference)
    assert await filename(world, anna, request_id) == (name or str(request_id))


@pytest.mark.parametrize(
    ("policy", "title", "told"),
    [(CODES, "WARD-3", {"video_title": "WARD-3"}), (CODES, "Mrs Miller", {}), (ResultPolicy(), "WARD-3", {})],
)
async def test_a_notice_names_reference_and_title(
    tmp_path: Path, policy: ResultPolicy, title: str, told: dict[str, str]
) -> None:
    world = FakeService(tmp_path, results=policy)
    anna = await world.person("anna")
    await completed(world, anna, title, "STUDY-7")
    sender = FakeWebhookSender()
    await Webhooks(world.database, sender, world.clock, "secret", policy).deliver_due()
    body = json.loads(sender.calls[0].body)
    assert body["reference"] == "STUDY-7"
    assert {key: value for key, value in body.items() if key == "video_title"} == told


async def test_the_name_does_not_need_a_deleted_video(tmp_path: Path) -> None:
    world = FakeService(tmp_path, results=CODES)
    anna = await world.person("anna")
    request_id = await completed(world, anna, "WARD-3", None)
    del world.fake_database.tables.videos[next(iter(world.fake_database.tables.videos))]
    async with world.database.unit_of_work() as work:
        assert await work.videos.titles([1, 2, 3]) == {}
    assert await filename(world, anna, request_id) == str(request_id)
