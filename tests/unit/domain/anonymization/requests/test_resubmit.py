"""Rerendering of results with edited boxes, and their review; on fakes, down to the slices."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from fakes.media import PROBED_VIDEO
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityOptions
from framecloak.domain.anonymization.model.options import (
    Appearance,
    AppearanceChanges,
    Level,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.orders.submissions import Submitted
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from framecloak.domain.anonymization.review.ranking import Reason
from framecloak.domain.errors import (
    ForbiddenError,
    FrameNotFoundError,
    IdempotencyConflictError,
    InvalidManifestError,
    InvalidOptionError,
    ManifestMismatchError,
    NotReadyError,
    RequestNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.faces import Embedding
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.repositories.audit import AuditFilter
from framecloak.domain.ports.video import ProbedVideo
from framecloak.domain.reid.galleries.model import Enrolment
from framecloak.domain.reid.galleries.service import GalleryService
from support.result_files import unzipped, without_order
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness, frames

EDIT = FrameEdit(12, (DrawnBox((40, 40, 50, 50)),))


class ResubmitHarness(WorkerHarness):
    async def completed(self, *segments: tuple[int, int]) -> UUID:
        request_id = await self.submit(*segments, regions=[Region(0, 0, 4, 4)])
        await self.process(request_id)
        return request_id

    async def resubmit(self, request_id: UUID, rerender: RerenderSpec, key: str | None = None) -> Submitted:
        return await self.world.resubmissions.submit(self.anna, request_id, rerender, key)

    def result(self, request_id: UUID) -> bytes:
        return self.world.fake_store.objects[f"requests/{request_id}/frames.zip"]

    def manifest(self, request_id: UUID) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(unzipped(self.result(request_id))["manifest.json"])
        return document


def small_video() -> ProbedVideo:
    """Return a probed video of the frame size that the fakes decode."""
    return replace(PROBED_VIDEO, width=64, height=64)


@pytest.fixture
def harness(tmp_path: Path) -> ResubmitHarness:
    harness = ResubmitHarness(FakeService(tmp_path))
    harness.world.prober.video = small_video()
    return harness


async def test_edited_boxes_are_redacted_without_detection(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 30))
    harness.levels.clear()
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request.id
    harness.detector = None
    await harness.process(second)
    request = await harness.request(second)
    assert (request.status, request.total_frames, request.error) == (Status.COMPLETED, 20, None)
    assert set(harness.levels) == {Level.MINIMAL}
    (segment,) = harness.request_spec.segment_ids
    before, after = frames(harness.result(first)), frames(harness.result(second))
    assert before.keys() == after.keys()
    changed = f"frames/segment_{segment}/frame_0000012.jpg"
    assert all(np.array_equal(before[name], after[name]) for name in before if name != changed)
    assert (after[changed][40:50, 40:50] == 0).all()
    assert after[changed].any(axis=2).sum() == 64 * 64 - 100  # the face and the region are visible again
    old, new = harness.manifest(first), harness.manifest(second)
    based_on = new["settings"]["based_on"]
    assert (based_on["signature"], based_on["edited"], "identities" in new) == ("genuine", True, False)
    assert (new["settings"]["level"], new["settings"]["threshold"], new["models"]) == ("faces", None, [])
    assert new["sources"][0]["sha256"] == old["sources"][0]["sha256"]
    assert new["summary"]["boxes"]["manual"] == 1
    kept = [entry["boxes"] for entry in new["frames"] if entry["index"] != 12]
    assert kept == [entry["boxes"] for entry in old["frames"] if entry["index"] != 12]


@pytest.mark.parametrize("output_format", [OutputFormat.JPG, OutputFormat.MP4])
async def test_a_given_pixel_aspect_is_applied_by_workers_and_kept(
    harness: ResubmitHarness, output_format: OutputFormat
) -> None:
    harness.pixel_aspect, harness.appearance = Fraction(24, 11), Appearance(output_format)
    first = await harness.completed((10, 16))
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request
    await harness.process(second.id)
    assert second.spec.pixel_aspect == Fraction(24, 11)
    for request_id in (first, second.id):
        (source,) = harness.manifest(request_id)["sources"]
        assert (source["pixel_aspect"], source["pixel_aspect_origin"]) == ("24:11", "option")


async def test_a_region_is_recorded_where_it_is_covered_and_nowhere_else(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 16))
    corner = DrawnBox((0, 0, 4, 4), None)
    uncovered = RerenderSpec((EDIT, FrameEdit(13, (), blanked=True), FrameEdit(15, (corner,))))
    second = (await harness.resubmit(first, uncovered)).request.id
    await harness.process(second)
    region_entry = {"xyxy": [0, 0, 4, 4]}
    assert harness.manifest(second)["sources"][0]["regions"] == [
        region_entry | {"segment": [10, 12]},
        region_entry | {"segment": [13, 16]},
    ]
    # The black frame had no boxes to remove.
    third = (await harness.resubmit(second, RerenderSpec((FrameEdit(13, (), blanked=False),)))).request.id
    await harness.process(third)
    shown = {entry["index"]: entry["boxes"] for entry in harness.manifest(third)["frames"]}
    region = {"xyxy": [0, 0, 4, 4], "kind": "region", "track": None, "score": None, "origin": "region"}
    assert shown[13] == [region]
    assert region not in shown[12]
    pixels = {int(name[-11:-4]): frame for name, frame in frames(harness.result(third)).items()}
    assert {index: bool(frame[:4, :4].any()) for index, frame in pixels.items()} == {
        10: False, 11: False, 12: True, 13: False, 14: False, 15: False,
    }  # fmt: skip


async def test_a_region_without_boxes_is_covered_in_unedited_frames(
    harness: ResubmitHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await harness.completed((10, 13))
    integrity = harness.world.resubmissions._integrity
    read = integrity.read

    async def without_boxes(request: AnonymizationRequest, name: str) -> bytes:
        data = await read(request, name)
        if name != "manifest.json":
            return data
        document = json.loads(data)
        for entry in document["frames"]:
            entry["boxes"] = []
        return json.dumps(document).encode()

    monkeypatch.setattr(integrity, "read", without_boxes)
    second = (await harness.resubmit(first, RerenderSpec(()))).request.id
    await harness.process(second)
    assert [len(entry["boxes"]) for entry in harness.manifest(second)["frames"]] == [1, 1, 1]
    assert not any(frame[:4, :4].any() for frame in frames(harness.result(second)).values())


async def test_a_rerendered_result_inherits_the_identity_decisions(harness: ResubmitHarness) -> None:
    world = harness.world
    harness.anna = await world.person("anna")
    galleries = GalleryService(world.database, world.vault, world.clock, 10)
    gallery = await galleries.create(harness.anna, "staff", world.recognizer.space)
    grace = np.eye(1, gallery.space.dimension, dtype=np.float32)[0]
    await galleries.enrol(harness.anna, gallery.id, [Enrolment("Grace", Embedding(gallery.space, grace))])
    people = IdentityOptions(IdentityMode.EXCEPT, gallery.id)
    spec = replace(await world.request_spec(harness.anna, (10, 40)), identities=people, verify=Verify.NONE)
    first = (await world.submissions.submit(harness.anna, spec)).request.id
    await harness.process(first)
    # Faces are not recognised again, so the gallery is no longer needed.
    await galleries.delete(harness.anna, gallery.id)
    unchanged = (await harness.resubmit(first, RerenderSpec(()))).request.id
    await harness.process(unchanged)
    edited = (await harness.resubmit(unchanged, RerenderSpec((EDIT,)))).request.id
    await harness.process(edited)
    recorded = harness.manifest(first)["identities"]
    assert (recorded["mode"], recorded["people"]) == ("except", f"gallery:{gallery.id}")
    assert recorded["decisions"]
    for request_id, changed in ((unchanged, False), (edited, True)):
        request, document = await harness.request(request_id), harness.manifest(request_id)
        assert (request.status, request.error, request.spec.identities) == (Status.COMPLETED, None, people)
        assert document["identities"] == recorded
        assert document["settings"]["based_on"]["edited"] is changed


async def test_a_rerendered_result_can_be_edited_again(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request.id
    await harness.process(second)
    third = (await harness.resubmit(second, RerenderSpec((FrameEdit(13, (), blanked=True),)))).request.id
    await harness.process(third)
    entries = {entry["index"]: entry for entry in harness.manifest(third)["frames"]}
    assert entries[12]["boxes"][0]["origin"] == "manual"
    assert (entries[13]["blanked"], (await harness.request(third)).blanked_frames) == (True, 1)


@pytest.mark.parametrize("output", [OutputFormat.PNG, OutputFormat.MP4])
async def test_slices_do_not_change_the_result(tmp_path: Path, output: OutputFormat) -> None:
    results = []
    for name, size in (("whole", 1000), ("sliced", 7)):
        harness = ResubmitHarness(FakeService(tmp_path / name))
        harness.world.scratch.mkdir()
        harness.world.prober.video = small_video()
        harness.world.submissions._slice_frames = size
        first = await harness.completed((5, 40), (30, 70), (90, 97))
        rerender = RerenderSpec((EDIT,), AppearanceChanges(output_format=output, style=RedactionStyle.BLUR))
        second = (await harness.resubmit(first, rerender)).request.id
        await harness.process(second)
        assert (await harness.request(second)).status is Status.COMPLETED
        results.append(without_order(unzipped(harness.result(second))))
    assert results[0] == results[1]


async def test_a_corrected_result_is_checked_like_the_first_one_and_names_it(
    harness: ResubmitHarness,
) -> None:
    first = await harness.completed((10, 30))
    removal = FrameEdit(13, (), reason="not_identifying")
    drawn = FrameEdit(12, (DrawnBox((40, 40, 50, 50), reason="missed"),))
    second = (await harness.resubmit(first, RerenderSpec((drawn, removal)))).request
    await harness.process(second.id)
    third = (await harness.resubmit(second.id, RerenderSpec((), verify=Verify.ALL))).request
    assert (second.spec.verify, third.spec.verify) == (harness.request_spec.verify, Verify.ALL)
    old, new = harness.manifest(first), harness.manifest(second.id)
    assert new["first_search"]["proof"] == old["proof"]
    assert new["first_search"]["settings"]["sight"] == old["settings"]["sight"]
    assert new["first_search"]["summary"] == old["summary"]
    (correction,) = new["corrections"]
    assert (correction["result"], correction["editor"]) == (str(first), "anna")
    assert correction["manifest_sha256"] == new["settings"]["based_on"]["manifest_sha256"]
    assert correction["edited_at"] == harness.world.clock.now().isoformat(timespec="seconds")
    face = next(box for entry in old["frames"] if entry["index"] == 13 for box in entry["boxes"])
    edits = [(edit["frame"], edit["change"], edit["reason"]) for edit in correction["edits"]]
    assert (12, "added", "missed") in edits
    assert (13, "removed", "not_identifying") in edits
    removed = [edit["box"] for edit in correction["edits"] if edit["frame"] == 13]
    assert {name: face[name] for name in ("xyxy", "kind", "track", "origin")} in removed


async def test_corrections_are_listed_one_after_another(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request.id
    await harness.process(second)
    blanked = RerenderSpec((FrameEdit(13, (), blanked=True, reason="other"),))
    third = (await harness.resubmit(second, blanked)).request.id
    await harness.process(third)
    document = harness.manifest(third)
    assert [entry["result"] for entry in document["corrections"]] == [str(first), str(second)]
    assert document["corrections"][0] == harness.manifest(second)["corrections"][0]
    assert document["first_search"] == harness.manifest(second)["first_search"]
    parent = unzipped(harness.result(second))
    assert document["corrections"][1]["parent_signature"] == json.loads(parent["manifest.sig"])
    changes = [edit["change"] for edit in document["corrections"][1]["edits"]]
    assert changes[0] == "blanked"
    assert set(changes[1:]) == {"removed"}


async def test_a_reason_that_the_installation_does_not_know_is_refused(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    unknown = FrameEdit(12, (DrawnBox((40, 40, 50, 50), reason="mood"),), reason="other")
    with pytest.raises(InvalidOptionError, match="'mood'"):
        await harness.resubmit(first, RerenderSpec((unknown,)))


async def test_only_editors_of_the_video_edit_a_result(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    world, video_id = harness.world, harness.request_spec.video_id
    bob = await world.person("bob")
    with pytest.raises(RequestNotFoundError):
        await world.resubmissions.submit(bob, first, RerenderSpec(()))
    await world.sharing.grant(harness.anna, video_id, bob.user_id, GrantRole.EDITOR)
    of_bob = (await world.submissions.submit(bob, harness.request_spec)).request.id
    await world.complete(of_bob)
    await world.sharing.grant(harness.anna, video_id, bob.user_id, GrantRole.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.resubmissions.submit(bob, of_bob, RerenderSpec(()))
    await world.sharing.revoke(harness.anna, video_id, bob.user_id)
    with pytest.raises(VideoNotFoundError):
        await world.resubmissions.submit(bob, of_bob, RerenderSpec(()))


async def test_edits_that_cannot_be_rendered_are_refused(
    harness: ResubmitHarness,
) -> None:
    first = await harness.completed((10, 14))
    for rerender, error in (
        (RerenderSpec((), source_sha256="a" * 64), ManifestMismatchError),
        (RerenderSpec((EDIT, EDIT)), InvalidManifestError),
        (RerenderSpec((FrameEdit(50, ()),)), InvalidManifestError),
        (RerenderSpec((FrameEdit(12, (DrawnBox((64, 0, 70, 9)),)),)), InvalidManifestError),
        (RerenderSpec((), AppearanceChanges(quality=0)), InvalidOptionError),
    ):
        with pytest.raises(error):
            await harness.resubmit(first, rerender)
    assert len(harness.world.fake_database.tables.requests) == 1
    harness.world.fake_store.objects.clear()
    with pytest.raises(NotReadyError, match="gone"):
        await harness.resubmit(first, RerenderSpec(()))
    async with harness.world.database.unit_of_work() as work:
        await work.requests.clear_result(first)
        await work.commit()
    with pytest.raises(NotReadyError):
        await harness.resubmit(first, RerenderSpec(()))


async def test_no_transaction_is_open_while_a_result_is_read(
    harness: ResubmitHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a large manifest takes seconds, and connections are few."""
    first = await harness.completed((10, 14))
    integrity, open_meanwhile = harness.world.resubmissions._integrity, []
    read = integrity.read

    async def watched(request: AnonymizationRequest, name: str) -> bytes:
        open_meanwhile.append(harness.world.fake_database.open)
        return await read(request, name)

    monkeypatch.setattr(integrity, "read", watched)
    await harness.resubmit(first, RerenderSpec((EDIT,)), "key")
    assert open_meanwhile == [0, 0]


@pytest.mark.parametrize("lost", ["grant", "result"])
async def test_losing_the_grant_or_the_result_during_the_read_is_an_error(
    harness: ResubmitHarness, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    await harness.completed((10, 14))
    world, anna, video_id = harness.world, harness.anna, harness.request_spec.video_id
    bob = harness.anna = await world.person("bob")
    await world.sharing.grant(anna, video_id, bob.user_id, GrantRole.EDITOR)
    of_bob = (await world.submissions.submit(bob, harness.request_spec)).request.id
    await harness.process(of_bob)
    integrity = world.resubmissions._integrity
    read = integrity.read

    async def interrupted(request: AnonymizationRequest, name: str) -> bytes:
        if name == "manifest.json":
            await lose()
        return await read(request, name)

    async def lose() -> None:
        if lost == "grant":
            await world.sharing.revoke(anna, video_id, bob.user_id)
        else:
            async with world.database.unit_of_work() as work:
                await work.requests.clear_result(of_bob)
                await work.commit()

    monkeypatch.setattr(integrity, "read", interrupted)
    before = len(world.fake_database.tables.requests)
    with pytest.raises(VideoNotFoundError if lost == "grant" else NotReadyError):
        await world.resubmissions.submit(bob, of_bob, RerenderSpec((EDIT,)))
    assert len(world.fake_database.tables.requests) == before


async def test_edits_sent_twice_with_one_key_are_one_request(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    first_submission = await harness.resubmit(first, RerenderSpec((EDIT,)), "key")
    harness.world.fake_store.objects.clear()
    second_submission = await harness.resubmit(first, RerenderSpec((EDIT,)), "key")
    assert first_submission.request.id == second_submission.request.id
    with pytest.raises(IdempotencyConflictError):
        await harness.resubmit(first, RerenderSpec(()), "key")


async def test_boxes_are_kept_until_the_request_ends(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request
    assert second.spec.based_on
    assert second.spec.based_on.request_id == first
    async with harness.world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(second.id)).boxes
    await harness.process(second.id)
    async with harness.world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(second.id)).boxes is None
        entries = await work.audit.list(AuditFilter(), 99)
    submitted = [item for item in entries if item.action == "request.submit"]
    assert [item.details.get("based_on") for item in submitted].count(str(first)) == 1


async def test_a_rerender_without_its_boxes_fails(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    second = (await harness.resubmit(first, RerenderSpec((EDIT,)))).request.id
    rows = harness.world.fake_database.tables
    rows.snapshots[second] = replace(rows.snapshots[second], boxes=None)
    await harness.process(second)
    request = await harness.request(second)
    assert (request.status, request.result_key) == (Status.FAILED, None)
    assert "boxes of the request are gone" in (request.error or "")


async def test_a_result_is_reviewed_frame_by_frame(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    reviewing, anna = harness.world.reviewing, harness.anna
    contents = unzipped(harness.result(first))
    for index in range(10, 14):
        image = await reviewing.frame(anna, first, index)
        assert await reviewing.read(anna, first, image) == contents[image.file]
    assert (
        await reviewing.read(anna, first, await reviewing.manifest(anna, first)) == contents["manifest.json"]
    )
    assert await reviewing.read(anna, first, await reviewing.report(anna, first)) == contents["report.html"]
    with pytest.raises(FrameNotFoundError):
        await reviewing.frame(anna, first, 14)
    bob = await harness.world.person("bob")
    with pytest.raises(RequestNotFoundError):
        await reviewing.frame(bob, first, 10)
    page = await reviewing.riskiest(anna, first, 3, 2)
    assert (page.total, [item.reason for item in page.items]) == (4, [Reason.SCORE] * 2)
    assert page.items[0].boxes[0].kind is TargetKind.FACE
    with pytest.raises(RequestNotFoundError):
        await reviewing.riskiest(bob, first, 3, 2)
    excerpt = await reviewing.frames_from(anna, first, 12, 9)
    assert (excerpt.ranges, [item.index for item in excerpt.frames]) == ((Segment(10, 14),), [12, 13])
    with pytest.raises(RequestNotFoundError):
        await reviewing.frames_from(bob, first, 12, 9)


@pytest.mark.parametrize("appearance", [Appearance(OutputFormat.PNG), Appearance(OutputFormat.MP4)])
async def test_previews_of_frames_are_smaller(harness: ResubmitHarness, appearance: Appearance) -> None:
    harness.appearance = appearance
    first = await harness.completed((10, 14))
    reviewing, anna = harness.world.reviewing, harness.anna
    whole, small = await reviewing.frame(anna, first, 12), await reviewing.frame(anna, first, 12, 160)
    assert (small.suffix, small.tag == whole.tag) == ("jpg", False)
    whole_frame = await reviewing.read(anna, first, whole)
    assert await reviewing.read(anna, first, small) == b"160 pixels of " + whole_frame


async def test_frames_of_videos_are_decoded(harness: ResubmitHarness) -> None:
    harness.appearance = Appearance(OutputFormat.MP4)
    first = await harness.completed((10, 14), (50, 55))
    reviewing = harness.world.reviewing
    images = [await reviewing.frame(harness.anna, first, index) for index in (10, 13, 52)]
    assert [(image.position, image.suffix) for image in images] == [(0, "jpg"), (3, "jpg"), (2, "jpg")]
    shown = [await reviewing.read(harness.anna, first, image) for image in images]
    assert len(set(shown)) == 3
    assert len({image.tag for image in images}) == 3


async def test_a_result_that_is_gone_is_not_ready(harness: ResubmitHarness) -> None:
    first = await harness.completed((10, 14))
    reviewing = harness.world.reviewing
    image = await reviewing.frame(harness.anna, first, 10)
    harness.world.fake_store.objects.clear()
    with pytest.raises(NotReadyError, match="gone or damaged"):
        await reviewing.read(harness.anna, first, image)
    with pytest.raises(NotReadyError, match="gone or damaged"):
        await reviewing.riskiest(harness.anna, first, 1, 0)
