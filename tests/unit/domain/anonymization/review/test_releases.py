"""Releases of results: what a reviewer has seen, who may release, and what a release leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from fakes.media import PROBED_VIDEO, FakeSource, face_image
from fakes.results import FakeSigner, is_signed
from framecloak.domain.anonymization.model.record.policy import NamedPeople, ResultPolicy, TitlesInResults
from framecloak.domain.anonymization.model.record.release import ReleaseRule, Reviewers
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.results.proof.release_addendum import read_release
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from framecloak.domain.anonymization.review.ranking import WEAK_EVIDENCE_RISK
from framecloak.domain.anonymization.review.releases import ReleaseService
from framecloak.domain.errors import (
    AlreadyReleasedError,
    FrameNotFoundError,
    NotReadyError,
    NotReleasedError,
    RequestNotFoundError,
    SecondPersonRequiredError,
)
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.repositories.webhooks import NoticeEvent
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


@dataclass
class Desk:
    """A result of Anna's, frames 0 to 9."""

    harness: WorkerHarness
    request_id: UUID

    @property
    def world(self) -> FakeService:
        return self.harness.world

    @property
    def anna(self) -> Principal:
        return self.harness.anna

    @property
    def releases(self) -> ReleaseService:
        return self.world.use_cases.releases


def with_a_lost_face(index: int) -> Image:
    """Return a frame whose face the detector finds at first only."""
    return face_image(index) if index < 6 else np.full((64, 64, 3), 128, np.uint8)


async def make_desk(
    folder: Path,
    policy: ResultPolicy | None = None,
    url: str | None = None,
    draw: Callable[[int], Image] = face_image,
) -> Desk:
    harness = WorkerHarness(FakeService(folder, results=policy or ResultPolicy()))
    harness.open_video = lambda _: FakeSource("video.mp4", 100, draw)
    harness.anna = await harness.world.person("anna")
    harness.world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    spec = replace(await harness.world.request_spec(harness.anna, (0, 10)), webhook_url=url)
    harness.request_spec = spec = replace(spec, appearance=harness.appearance)
    request_id = (await harness.world.submissions.submit(harness.anna, spec)).request.id
    await harness.process(request_id)
    return Desk(harness, request_id)


async def test_a_reviewer_sees_their_own_progress(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path, draw=with_a_lost_face)
    root = await desk.world.person("root", Role.ADMIN)
    begun = await desk.releases.progress(desk.anna, desk.request_id)
    assert (begun.frames, begun.seen, begun.may_release) == (10, 0, True)
    reviewing = desk.world.reviewing
    ranked = (await reviewing.riskiest(desk.anna, desk.request_id, 10, 0)).items
    risky = [entry.index for entry in ranked if entry.risk >= WEAK_EVIDENCE_RISK]
    assert 1 < begun.risky == len(risky) < 10
    for count, frame in enumerate(range(10), start=1):
        progress = await desk.releases.mark_seen(desk.anna, desk.request_id, [frame])
        left = [index for index in risky if index > frame]
        assert (progress.seen, progress.seen_risky) == (count, len(risky) - len(left))
        assert progress.next_unseen == (left[0] if left else None)
    assert (await desk.releases.progress(root, desk.request_id)).seen == 0


async def test_frames_outside_the_result_are_not_marked(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path)
    with pytest.raises(FrameNotFoundError):
        await desk.releases.mark_seen(desk.anna, desk.request_id, [1, 10])
    assert (await desk.releases.progress(desk.anna, desk.request_id)).seen == 0


async def test_a_release_is_recorded_signed_and_told(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path, url="https://hooks.example/done")
    await desk.releases.mark_seen(desk.anna, desk.request_id, [0, 1])
    release = await desk.releases.release(desk.anna, desk.request_id)
    assert (release.released_by, release.seen_frames, release.frames) == (desk.anna.username, 2, 10)
    document = await desk.releases.addendum(desk.anna, desk.request_id)
    key = FakeSigner().public_key
    stated = read_release(document, release.manifest_sha256, is_signed, key)
    assert stated.released_by == desk.anna.username
    tables = desk.world.fake_database.tables
    assert NoticeEvent.RELEASED in {notice.event for notice in tables.notices.values()}
    entry = next(entry for entry in tables.audit.values() if entry.action == "result.release")
    assert (entry.username, entry.subject) == (desk.anna.username, f"request:{desk.request_id}")
    assert entry.details["manifest_sha256"] == release.manifest_sha256
    with pytest.raises(AlreadyReleasedError):
        await desk.releases.release(desk.anna, desk.request_id)
    assert not (await desk.releases.progress(desk.anna, desk.request_id)).may_release


async def test_codes_stand_for_people_where_results_name_none(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path, ResultPolicy(named_people=NamedPeople.CODE))
    release = await desk.releases.release(desk.anna, desk.request_id)
    assert release.released_by == f"user-{desk.anna.user_id}"
    assert desk.anna.username.encode() not in await desk.releases.addendum(desk.anna, desk.request_id)


@pytest.mark.parametrize("rule", [ReleaseRule.REQUIRED, ReleaseRule.SECOND_PERSON])
async def test_a_rule_withholds_downloads_until_the_release(tmp_path: Path, rule: ReleaseRule) -> None:
    desk = await make_desk(tmp_path, ResultPolicy(release=rule))
    root = await desk.world.person("root", Role.ADMIN)
    with pytest.raises(NotReleasedError):
        await desk.world.anonymization.issue_download_token(desk.anna, desk.request_id)
    await desk.releases.release(root, desk.request_id)
    await desk.world.anonymization.issue_download_token(desk.anna, desk.request_id)


async def test_a_link_of_an_unreleased_result_is_void(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path)
    download = await desk.world.anonymization.issue_download_token(desk.anna, desk.request_id)
    strict = FakeService(
        tmp_path,
        real_database=desk.world.database,
        real_store=desk.world.store,
        results=ResultPolicy(release=ReleaseRule.REQUIRED),
    )
    with pytest.raises(NotReleasedError):
        await strict.anonymization.redeem_download_token(desk.request_id, download.token)


async def test_with_four_eyes_neither_the_owner_nor_a_corrector_releases(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path, ResultPolicy(release=ReleaseRule.SECOND_PERSON))
    world = desk.world
    root, other = [await world.person(name, Role.ADMIN) for name in ("root", "other")]
    assert not (await desk.releases.progress(desk.anna, desk.request_id)).may_release
    with pytest.raises(SecondPersonRequiredError):
        await desk.releases.release(desk.anna, desk.request_id)
    edit = FrameEdit(3, (DrawnBox((1, 1, 9, 9)),))
    corrected = (await world.resubmissions.submit(root, desk.request_id, RerenderSpec((edit,)))).request.id
    desk.harness.anna = root
    await desk.harness.process(corrected)
    await desk.releases.release(other, desk.request_id)
    # The correction is a result of its own, which was released by no one; its corrector may not.
    assert (await desk.releases.progress(other, corrected)).request.released_at is None
    with pytest.raises(SecondPersonRequiredError):
        await desk.releases.release(root, corrected)
    parent = world.fake_database.tables.requests.pop(desk.request_id)
    assert not (await desk.releases.progress(other, corrected)).may_release
    world.fake_database.tables.requests[desk.request_id] = parent
    assert (await desk.releases.release(other, corrected)).released_by == "other"


async def test_deleting_a_result_deletes_what_was_seen_and_keeps_the_release(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path)
    await desk.releases.mark_seen(desk.anna, desk.request_id, [0])
    await desk.releases.release(desk.anna, desk.request_id)
    await desk.world.use_cases.erasures.erase_result(desk.anna, desk.request_id)
    assert desk.world.fake_database.tables.seen_frames == {}
    assert await desk.releases.addendum(desk.anna, desk.request_id)
    with pytest.raises(NotReadyError):
        await desk.releases.progress(desk.anna, desk.request_id)


async def test_results_of_others_are_not_found(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path)
    bob = await desk.world.person("bob")
    with pytest.raises(RequestNotFoundError):
        await desk.releases.progress(bob, desk.request_id)
    with pytest.raises(RequestNotFoundError):
        await desk.releases.mark_seen(bob, desk.request_id, [0])
    with pytest.raises(RequestNotFoundError):
        await desk.releases.release(bob, desk.request_id)
    with pytest.raises(RequestNotFoundError):
        await desk.releases.addendum(bob, desk.request_id)


@pytest.mark.parametrize("role", [GrantRole.VIEWER, GrantRole.EDITOR])
async def test_a_colleague_with_whom_the_video_is_shared_releases_by_rule(
    tmp_path: Path, role: GrantRole
) -> None:
    policy = ResultPolicy(release=ReleaseRule.SECOND_PERSON, reviewers=Reviewers.COLLEAGUES)
    desk = await make_desk(tmp_path, policy)
    world, anna = desk.world, desk.anna
    ben, stranger = [await world.person(name) for name in ("ben", "stranger")]
    video_id = desk.harness.request_spec.video_id
    with pytest.raises(RequestNotFoundError):
        await desk.releases.progress(ben, desk.request_id)
    await world.sharing.grant(anna, video_id, ben.user_id, role)
    waiting = await world.anonymization.awaiting_release(ben, 9, 0)
    assert [each.id for each in waiting.items] == [desk.request_id]
    # She ordered it, so that it does not wait for her.
    assert (await world.anonymization.awaiting_release(anna, 9, 0)).total == 0
    assert (await world.anonymization.awaiting_release(stranger, 9, 0)).total == 0
    with pytest.raises(RequestNotFoundError):
        await desk.releases.release(stranger, desk.request_id)
    assert (await desk.releases.mark_seen(ben, desk.request_id, [0])).seen == 1
    assert (await desk.releases.release(ben, desk.request_id)).released_by == "ben"
    assert (await world.anonymization.status(ben, desk.request_id)).request.released_by == "ben"
    assert (await world.anonymization.awaiting_release(ben, 9, 0)).total == 0
    # A review gives no right to the file, to its deletion or to the request.
    for refused in (
        world.anonymization.issue_download_token(ben, desk.request_id),
        world.anonymization.cancel(ben, desk.request_id),
        world.use_cases.erasures.erase_result(ben, desk.request_id),
    ):
        with pytest.raises(RequestNotFoundError):
            await refused
    await world.sharing.revoke(anna, video_id, ben.user_id)
    with pytest.raises(RequestNotFoundError):
        await desk.releases.addendum(ben, desk.request_id)


async def test_without_the_setting_a_colleague_sees_no_results(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path, ResultPolicy(release=ReleaseRule.SECOND_PERSON))
    ben = await desk.world.person("ben")
    await desk.world.sharing.grant(
        desk.anna, desk.harness.request_spec.video_id, ben.user_id, GrantRole.EDITOR
    )
    assert (await desk.world.anonymization.awaiting_release(ben, 9, 0)).total == 0
    with pytest.raises(RequestNotFoundError):
        await desk.releases.progress(ben, desk.request_id)


@pytest.mark.parametrize(("titles", "named"), [("codes", "OR-2"), ("never", None)])
async def test_a_manifest_names_the_title_of_the_video_by_rule(
    tmp_path: Path, titles: str, named: str | None
) -> None:
    desk = await make_desk(tmp_path, ResultPolicy(titles=TitlesInResults(titles)))
    world, anna = desk.world, desk.anna
    await world.collection.describe(anna, desk.harness.request_spec.video_id, title="OR-2")
    request_id = (await world.submissions.submit(anna, desk.harness.request_spec)).request.id
    await desk.harness.process(request_id)
    entry = await world.use_cases.reviews.manifest(anna, request_id)
    manifest = await world.use_cases.reviews.read(anna, request_id, entry)
    assert json.loads(manifest)["order"]["title"] == named
