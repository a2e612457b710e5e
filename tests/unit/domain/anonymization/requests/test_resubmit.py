"""Results that are made again with edited boxes, and looked over; on fakes, down to the slices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from fakes.media import FILM
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityOptions
from framecloak.domain.anonymization.model.options import (
    Appearance,
    AppearanceChanges,
    Level,
    OutputFormat,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.requests.submit import Submitted
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
from support.use_cases import World
from support.worker_harness import Desk, frames, unzipped

EDIT = FrameEdit(12, (DrawnBox((40, 40, 50, 50)),))


class FilingDesk(Desk):
    async def done(self, *segments: tuple[int, int]) -> UUID:
        request_id = await self.submit(*segments, regions=[Region(0, 0, 4, 4)])
        await self.process(request_id)
        return request_id

    async def again(self, request_id: UUID, rework: RerenderSpec, key: str | None = None) -> Submitted:
        return await self.world.resubmissions.submit(self.anna, request_id, rework, key)

    def result(self, request_id: UUID) -> bytes:
        return self.world.fake_store.objects[f"requests/{request_id}/frames.zip"]

    def manifest(self, request_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(unzipped(self.result(request_id))["manifest.json"])
        return found


def small_film() -> ProbedVideo:
    """As large as the frames that the fakes decode."""
    return replace(FILM, width=64, height=64)


@pytest.fixture
def desk(tmp_path: Path) -> FilingDesk:
    desk = FilingDesk(World(tmp_path))
    desk.world.prober.video = small_film()
    return desk


async def test_edited_boxes_are_redacted_and_nothing_is_looked_for(desk: FilingDesk) -> None:
    first = await desk.done((10, 30))
    desk.levels.clear()
    second = (await desk.again(first, RerenderSpec((EDIT,)))).request.id
    desk.detector = None
    await desk.process(second)
    request = await desk.request(second)
    assert (request.status, request.total_frames, request.error) == (Status.COMPLETED, 20, None)
    assert set(desk.levels) == {Level.MINIMAL}
    (segment,) = desk.order.segment_ids
    before, after = frames(desk.result(first)), frames(desk.result(second))
    assert before.keys() == after.keys()
    changed = f"frames/segment_{segment}/frame_0000012.jpg"
    assert all(np.array_equal(before[name], after[name]) for name in before if name != changed)
    assert (after[changed][40:50, 40:50] == 0).all()
    assert after[changed].any(axis=2).sum() == 64 * 64 - 100  # its face and the region are to be seen again
    old, new = desk.manifest(first), desk.manifest(second)
    based_on = new["settings"]["based_on"]
    assert (based_on["signature"], based_on["edited"], "identities" in new) == ("genuine", True, False)
    assert (new["settings"]["level"], new["settings"]["threshold"], new["models"]) == ("faces", None, [])
    assert new["sources"][0]["sha256"] == old["sources"][0]["sha256"]
    assert new["summary"]["boxes"]["manual"] == 1
    kept = [entry["boxes"] for entry in new["frames"] if entry["index"] != 12]
    assert kept == [entry["boxes"] for entry in old["frames"] if entry["index"] != 12]


async def test_a_region_is_recorded_where_it_is_covered_and_nowhere_else(desk: FilingDesk) -> None:
    first = await desk.done((10, 16))
    corner = DrawnBox((0, 0, 4, 4), None)
    uncovered = RerenderSpec((EDIT, FrameEdit(13, (), blanked=True), FrameEdit(15, (corner,))))
    second = (await desk.again(first, uncovered)).request.id
    await desk.process(second)
    area = {"xyxy": [0, 0, 4, 4]}
    assert desk.manifest(second)["sources"][0]["regions"] == [
        area | {"segment": [10, 12]},
        area | {"segment": [13, 16]},
    ]
    # A black frame had no boxes that anybody could have removed.
    third = (await desk.again(second, RerenderSpec((FrameEdit(13, (), blanked=False),)))).request.id
    await desk.process(third)
    shown = {entry["index"]: entry["boxes"] for entry in desk.manifest(third)["frames"]}
    region = {"xyxy": [0, 0, 4, 4], "kind": "region", "track": None, "score": None, "origin": "region"}
    assert shown[13] == [region]
    assert region not in shown[12]
    pixels = {int(name[-11:-4]): frame for name, frame in frames(desk.result(third)).items()}
    assert {index: bool(frame[:4, :4].any()) for index, frame in pixels.items()} == {
        10: False, 11: False, 12: True, 13: False, 14: False, 15: False,
    }  # fmt: skip


async def test_a_region_without_boxes_is_covered_in_frames_that_nobody_edits(
    desk: FilingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await desk.done((10, 13))
    archives = desk.world.resubmissions._archives
    read = archives.read

    async def without_boxes(key: str, name: str) -> bytes:
        data = await read(key, name)
        if name != "manifest.json":
            return data
        document = json.loads(data)
        for entry in document["frames"]:
            entry["boxes"] = []
        return json.dumps(document).encode()

    monkeypatch.setattr(archives, "read", without_boxes)
    second = (await desk.again(first, RerenderSpec(()))).request.id
    await desk.process(second)
    assert [len(entry["boxes"]) for entry in desk.manifest(second)["frames"]] == [1, 1, 1]
    assert not any(frame[:4, :4].any() for frame in frames(desk.result(second)).values())


async def test_a_result_says_again_whose_faces_were_kept(desk: FilingDesk) -> None:
    world = desk.world
    desk.anna = await world.person("anna")
    galleries = GalleryService(world.database, world.vault, world.clock, 10)
    gallery = await galleries.create(desk.anna, "staff", world.recognizer.space)
    grace = np.eye(1, gallery.space.dimension, dtype=np.float32)[0]
    await galleries.enrol(desk.anna, gallery.id, [Enrolment("Grace", Embedding(gallery.space, grace))])
    wanted = IdentityOptions(IdentityMode.EXCEPT, gallery.id)
    order = replace(await world.order(desk.anna, (10, 40)), identities=wanted, verify=Verify.NONE)
    first = (await world.submissions.submit(desk.anna, order)).request.id
    await desk.process(first)
    # Nobody is recognised again, so that the gallery is of no more use.
    await galleries.delete(desk.anna, gallery.id)
    unchanged = (await desk.again(first, RerenderSpec(()))).request.id
    await desk.process(unchanged)
    edited = (await desk.again(unchanged, RerenderSpec((EDIT,)))).request.id
    await desk.process(edited)
    told = desk.manifest(first)["identities"]
    assert (told["mode"], told["people"]) == ("except", f"gallery:{gallery.id}")
    assert told["decisions"]
    for request_id, changed in ((unchanged, False), (edited, True)):
        request, document = await desk.request(request_id), desk.manifest(request_id)
        assert (request.status, request.error, request.spec.identities) == (Status.COMPLETED, None, wanted)
        assert document["identities"] == told
        assert document["settings"]["based_on"]["edited"] is changed


async def test_a_result_of_a_result_can_be_edited_too(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    second = (await desk.again(first, RerenderSpec((EDIT,)))).request.id
    await desk.process(second)
    third = (await desk.again(second, RerenderSpec((FrameEdit(13, (), blanked=True),)))).request.id
    await desk.process(third)
    entries = {entry["index"]: entry for entry in desk.manifest(third)["frames"]}
    assert entries[12]["boxes"][0]["origin"] == "manual"
    assert (entries[13]["blanked"], (await desk.request(third)).blanked_frames) == (True, 1)


@pytest.mark.parametrize("output", [OutputFormat.PNG, OutputFormat.MP4])
async def test_slices_make_no_difference(tmp_path: Path, output: OutputFormat) -> None:
    results = []
    for name, size in (("whole", 1000), ("sliced", 7)):
        desk = FilingDesk(World(tmp_path / name))
        desk.world.scratch.mkdir()
        desk.world.prober.video = small_film()
        desk.world.submissions._slice_frames = size
        first = await desk.done((5, 40), (30, 70), (90, 97))
        rework = RerenderSpec((EDIT,), AppearanceChanges(output_format=output, style=RedactionStyle.BLUR))
        second = (await desk.again(first, rework)).request.id
        await desk.process(second)
        assert (await desk.request(second)).status is Status.COMPLETED
        results.append(unzipped(desk.result(second)))
    assert results[0] == results[1]


async def test_who_may_edit_a_result(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    world, video_id = desk.world, desk.order.video_id
    bob = await world.person("bob")
    with pytest.raises(RequestNotFoundError):
        await world.resubmissions.submit(bob, first, RerenderSpec(()))
    await world.sharing.share(desk.anna, video_id, bob.user_id, GrantRole.EDITOR)
    theirs = (await world.submissions.submit(bob, desk.order)).request.id
    await world.complete(theirs)
    await world.sharing.share(desk.anna, video_id, bob.user_id, GrantRole.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.resubmissions.submit(bob, theirs, RerenderSpec(()))
    await world.sharing.unshare(desk.anna, video_id, bob.user_id)
    with pytest.raises(VideoNotFoundError):
        await world.resubmissions.submit(bob, theirs, RerenderSpec(()))


async def test_edits_that_cannot_be_rendered_are_refused_and_nothing_is_stored(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    for rework, error in (
        (RerenderSpec((), source_sha256="a" * 64), ManifestMismatchError),
        (RerenderSpec((EDIT, EDIT)), InvalidManifestError),
        (RerenderSpec((FrameEdit(50, ()),)), InvalidManifestError),
        (RerenderSpec((FrameEdit(12, (DrawnBox((64, 0, 70, 9)),)),)), InvalidManifestError),
        (RerenderSpec((), AppearanceChanges(quality=0)), InvalidOptionError),
    ):
        with pytest.raises(error):
            await desk.again(first, rework)
    assert len(desk.world.fake_database.tables.requests) == 1
    desk.world.fake_store.objects.clear()
    desk.world.resubmissions._archives._directories.clear()
    with pytest.raises(NotReadyError, match="gone"):
        await desk.again(first, RerenderSpec(()))
    async with desk.world.database.unit_of_work() as work:
        await work.requests.clear_result(first)
        await work.commit()
    with pytest.raises(NotReadyError):
        await desk.again(first, RerenderSpec(()))


async def test_no_transaction_is_open_while_a_result_is_read(
    desk: FilingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large manifest takes seconds, and there are few connections."""
    first = await desk.done((10, 14))
    archives, open_meanwhile = desk.world.resubmissions._archives, []
    read = archives.read

    async def watched(key: str, name: str) -> bytes:
        open_meanwhile.append(desk.world.fake_database.open)
        return await read(key, name)

    monkeypatch.setattr(archives, "read", watched)
    await desk.again(first, RerenderSpec((EDIT,)), "key")
    assert open_meanwhile == [0, 0]


@pytest.mark.parametrize("lost", ["grant", "result"])
async def test_what_is_lost_while_a_result_is_read_counts(
    desk: FilingDesk, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    await desk.done((10, 14))
    world, anna, video_id = desk.world, desk.anna, desk.order.video_id
    bob = desk.anna = await world.person("bob")
    await world.sharing.share(anna, video_id, bob.user_id, GrantRole.EDITOR)
    theirs = (await world.submissions.submit(bob, desk.order)).request.id
    await desk.process(theirs)
    archives = world.resubmissions._archives
    read = archives.read

    async def interrupted(key: str, name: str) -> bytes:
        if name == "manifest.json":
            await lose()
        return await read(key, name)

    async def lose() -> None:
        if lost == "grant":
            await world.sharing.unshare(anna, video_id, bob.user_id)
        else:
            async with world.database.unit_of_work() as work:
                await work.requests.clear_result(theirs)
                await work.commit()

    monkeypatch.setattr(archives, "read", interrupted)
    before = len(world.fake_database.tables.requests)
    with pytest.raises(VideoNotFoundError if lost == "grant" else NotReadyError):
        await world.resubmissions.submit(bob, theirs, RerenderSpec((EDIT,)))
    assert len(world.fake_database.tables.requests) == before


async def test_a_key_makes_sending_edits_twice_harmless(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    one = await desk.again(first, RerenderSpec((EDIT,)), "key")
    desk.world.fake_store.objects.clear()
    two = await desk.again(first, RerenderSpec((EDIT,)), "key")
    assert one.request.id == two.request.id
    with pytest.raises(IdempotencyConflictError):
        await desk.again(first, RerenderSpec(()), "key")


async def test_boxes_are_kept_for_as_long_as_there_is_work(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    second = (await desk.again(first, RerenderSpec((EDIT,)))).request
    assert second.spec.based_on
    assert second.spec.based_on.request_id == first
    async with desk.world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(second.id)).boxes
    await desk.process(second.id)
    async with desk.world.database.unit_of_work() as work:
        assert (await work.requests.snapshot(second.id)).boxes is None
        entries = await work.audit.list(AuditFilter(), 99)
    submitted = [one for one in entries if one.action == "request.submit"]
    assert [one.details.get("based_on") for one in submitted].count(str(first)) == 1


async def test_without_its_boxes_nothing_is_looked_for_in_their_place(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    second = (await desk.again(first, RerenderSpec((EDIT,)))).request.id
    rows = desk.world.fake_database.tables
    rows.snapshots[second] = replace(rows.snapshots[second], boxes=None)
    await desk.process(second)
    request = await desk.request(second)
    assert (request.status, request.result_key) == (Status.FAILED, None)
    assert "boxes of the request are gone" in (request.error or "")


async def test_a_result_is_looked_over_frame_by_frame(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    reviewing, anna = desk.world.reviewing, desk.anna
    contents = unzipped(desk.result(first))
    for index in range(10, 14):
        piece = await reviewing.frame(anna, first, index)
        assert await reviewing.read(anna, first, piece) == contents[piece.file]
    assert (
        await reviewing.read(anna, first, await reviewing.manifest(anna, first)) == contents["manifest.json"]
    )
    assert await reviewing.read(anna, first, await reviewing.report(anna, first)) == contents["report.html"]
    with pytest.raises(FrameNotFoundError):
        await reviewing.frame(anna, first, 14)
    bob = await desk.world.person("bob")
    with pytest.raises(RequestNotFoundError):
        await reviewing.frame(bob, first, 10)
    page = await reviewing.riskiest(anna, first, 3, 2)
    assert (page.total, [one.reason for one in page.items]) == (4, [Reason.SCORE] * 2)
    assert page.items[0].boxes[0].kind is TargetKind.FACE
    with pytest.raises(RequestNotFoundError):
        await reviewing.riskiest(bob, first, 3, 2)
    excerpt = await reviewing.frames_from(anna, first, 12, 9)
    assert (excerpt.ranges, [one.index for one in excerpt.frames]) == ((Segment(10, 14),), [12, 13])
    with pytest.raises(RequestNotFoundError):
        await reviewing.frames_from(bob, first, 12, 9)


@pytest.mark.parametrize("look", [Appearance(OutputFormat.PNG), Appearance(OutputFormat.MP4)])
async def test_frames_are_shrunk_for_lists(desk: FilingDesk, look: Appearance) -> None:
    desk.appearance = look
    first = await desk.done((10, 14))
    reviewing, anna = desk.world.reviewing, desk.anna
    whole, small = await reviewing.frame(anna, first, 12), await reviewing.frame(anna, first, 12, 160)
    assert (small.suffix, small.tag == whole.tag) == ("jpg", False)
    whole_frame = await reviewing.read(anna, first, whole)
    assert await reviewing.read(anna, first, small) == b"160 pixels of " + whole_frame


async def test_frames_of_films_are_decoded(desk: FilingDesk) -> None:
    desk.appearance = Appearance(OutputFormat.MP4)
    first = await desk.done((10, 14), (50, 55))
    reviewing = desk.world.reviewing
    pieces = [await reviewing.frame(desk.anna, first, index) for index in (10, 13, 52)]
    assert [(piece.position, piece.suffix) for piece in pieces] == [(0, "jpg"), (3, "jpg"), (2, "jpg")]
    shown = [await reviewing.read(desk.anna, first, piece) for piece in pieces]
    assert len(set(shown)) == 3
    assert len({piece.tag for piece in pieces}) == 3


async def test_a_result_that_is_gone_is_not_ready(desk: FilingDesk) -> None:
    first = await desk.done((10, 14))
    reviewing = desk.world.reviewing
    piece = await reviewing.frame(desk.anna, first, 10)
    desk.world.fake_store.objects.clear()
    with pytest.raises(NotReadyError, match="gone or damaged"):
        await reviewing.read(desk.anna, first, piece)
    with pytest.raises(NotReadyError, match="gone or damaged"):
        await reviewing.riskiest(desk.anna, first, 1, 0)
