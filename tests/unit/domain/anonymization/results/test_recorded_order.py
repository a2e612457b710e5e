"""What a result records of its order, and the form in which it names people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fakes.media import PROBED_VIDEO
from framecloak.domain.anonymization.model.record.policy import NamedPeople, ResultPolicy
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from support.use_cases import PASSWORD, FakeService
from support.worker_harness import WorkerHarness

EDIT = FrameEdit(2, (DrawnBox((40, 40, 50, 50)),))


async def signed_in_with_name(folder: Path, policy: ResultPolicy, display_name: str | None) -> WorkerHarness:
    """Return a harness whose Anna has signed in after she set a display name."""
    harness = WorkerHarness(FakeService(folder, results=policy))
    world = harness.world
    world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    anna = await world.person("anna")
    await world.identity.change_profile(anna, display_name=display_name)
    session = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    harness.anna = await world.identity.authenticate_session(session.secret)
    return harness


async def ordered(harness: WorkerHarness, reference: str | None) -> UUID:
    spec = replace(
        await harness.world.request_spec(harness.anna, (0, 10)),
        appearance=harness.appearance,
        reference=reference,
    )
    request_id = (await harness.world.submissions.submit(harness.anna, spec)).request.id
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED
    return request_id


async def manifest(harness: WorkerHarness, request_id: UUID) -> Mapping[str, Any]:
    reviews = harness.world.use_cases.reviews
    entry = await reviews.manifest(harness.anna, request_id)
    document: Mapping[str, Any] = json.loads(await reviews.read(harness.anna, request_id, entry))
    return document


@pytest.mark.parametrize("reference", ["STUDY-7", None])
async def test_a_manifest_records_the_order_and_the_software(tmp_path: Path, reference: str | None) -> None:
    harness = await signed_in_with_name(tmp_path, ResultPolicy(), None)
    request_id = await ordered(harness, reference)
    document = await manifest(harness, request_id)
    created_at = (await harness.request(request_id)).created_at.astimezone(UTC)
    assert document["order"] == {
        "id": str(request_id),
        "reference": reference,
        "ordered_by": "anna",
        "ordered_at": created_at.isoformat(timespec="seconds"),
        "completed_at": created_at.isoformat(timespec="seconds"),
        "title": None,
    }
    assert document["tool"] == "framecloak test"


@pytest.mark.parametrize(
    ("people", "display_name", "named"),
    [
        (NamedPeople.NAME, "Dr. Anna Ng", "Dr. Anna Ng"),
        (NamedPeople.NAME, None, "anna"),
        (NamedPeople.CODE, "Dr. Anna Ng", "user-{id}"),
        (NamedPeople.CODE, None, "user-{id}"),
    ],
)
async def test_who_ordered_edited_and_released_is_named_by_rule(
    tmp_path: Path, people: NamedPeople, display_name: str | None, named: str
) -> None:
    harness = await signed_in_with_name(tmp_path, ResultPolicy(named_people=people), display_name)
    world, anna = harness.world, harness.anna
    expected = named.format(id=anna.user_id)
    first = await ordered(harness, None)
    edited = (await world.resubmissions.submit(anna, first, RerenderSpec((EDIT,)))).request.id
    await harness.process(edited)
    document = await manifest(harness, edited)
    (correction,) = document["corrections"]
    release = await world.use_cases.releases.release(anna, edited)
    addendum = json.loads(await world.use_cases.releases.addendum(anna, edited))
    assert (document["order"]["ordered_by"], correction["editor"]) == (expected, expected)
    assert (release.released_by, addendum["released_by"]) == (expected, expected)
    assert (await harness.request(edited)).released_by == expected
    if people is NamedPeople.CODE:
        assert "anna" not in json.dumps([document, addendum]).lower()
