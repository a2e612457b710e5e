"""Settings of results as orders and corrections meet them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from fakes.media import PROBED_VIDEO
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from framecloak.domain.errors import InvalidOptionError, InvalidReferenceError, InvalidSettingError
from framecloak.entrypoints.settings import Settings
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


def policy(folder: Path, **environment: str) -> ResultPolicy:
    return Settings.from_environment({"DATA_DIR": str(folder), **environment}).result_policy


async def installation(folder: Path, **environment: str) -> WorkerHarness:
    """Return the service of an installation with these settings, and Anna as its user."""
    harness = WorkerHarness(FakeService(folder, results=policy(folder, **environment)))
    harness.world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    harness.anna = await harness.world.person("anna")
    return harness


async def ordered(harness: WorkerHarness, reference: str | None) -> UUID:
    spec = await harness.world.request_spec(harness.anna, (0, 10))
    submitted = await harness.world.submissions.submit(harness.anna, replace(spec, reference=reference))
    return submitted.request.id


@pytest.mark.parametrize(
    ("environment", "accepted", "refused"),
    [
        ({}, "STUDY-7", "Lovelace, Ada"),
        ({"REFERENCE_PATTERN": "OR-[0-9]+"}, "OR-12", "STUDY-7"),
        ({"REFERENCE_PATTERN": "OR-[0-9]+"}, "OR-1", "an OR-1"),
        ({"REFERENCE_PATTERN": ".*"}, "anything", "born 1956-03-12"),
    ],
)
async def test_references_match_the_pattern_of_the_installation(
    tmp_path: Path, environment: dict[str, str], accepted: str, refused: str
) -> None:
    harness = await installation(tmp_path, **environment)
    request_id = await ordered(harness, accepted)
    assert (await harness.request(request_id)).spec.reference == accepted
    with pytest.raises(InvalidReferenceError):
        await ordered(harness, refused)


@pytest.mark.parametrize(("reasons", "is_known"), [("wrong_ward, on_screen", True), ("", False)])
async def test_an_installation_has_further_reasons_for_edits(
    tmp_path: Path, reasons: str, is_known: bool
) -> None:
    environment = {"EDIT_REASONS": reasons} if reasons else {}
    harness = await installation(tmp_path, **environment)
    request_id = await ordered(harness, None)
    await harness.process(request_id)

    async def edited(reason: str) -> UUID:
        edit = FrameEdit(2, (DrawnBox((40, 40, 50, 50), reason=reason),))
        return (
            await harness.world.resubmissions.submit(harness.anna, request_id, RerenderSpec((edit,)))
        ).request.id

    assert await edited("missed")
    if is_known:
        assert await edited("wrong_ward")
    else:
        with pytest.raises(InvalidOptionError, match="wrong_ward"):
            await edited("wrong_ward")


@pytest.mark.parametrize("environment", [{"EDIT_REASONS": "Wrong ward"}, {"REFERENCE_PATTERN": "("}])
def test_malformed_settings_of_results_are_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(InvalidSettingError, match=next(iter(environment))):
        policy(tmp_path, **environment)
