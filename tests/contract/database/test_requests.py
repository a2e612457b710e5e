"""Contract of every database for anonymisation requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import pytest

from framecloak.domain.anonymization.model.identities import (
    IdentityMode,
    IdentityOptions,
    PinnedPeople,
    Unknown,
)
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.throughput import (
    REFERENCE_PIXELS,
    Backlog,
    RequestDuration,
    Workload,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    Priority,
    Status,
    StoredResult,
    WorkSpec,
)
from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from framecloak.domain.anonymization.model.text_policy import Harmless, TextMode, TextPolicyOptions
from framecloak.domain.errors import (
    IdempotencyConflictError,
    RequestNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Role, User
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database, RequestFilter
from support.samples.persistence import (
    CONCURRENT_CALLERS,
    NOW,
    add_request,
    add_user,
    add_video,
    concurrently,
    digest,
    principal_of,
    request_spec_for,
    work_spec_for,
)

SECOND = timedelta(seconds=1)


async def test_a_request_is_stored_with_its_spec(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    spec = request_spec_for(video, 9, 7, 8)
    async with database.unit_of_work() as work:
        added, is_new = await work.requests.add(user.id, spec, work_spec_for(spec, 42), None)
        await work.commit()
    async with database.unit_of_work() as work:
        found = await work.requests.get(added.id, principal_of(user))
    assert is_new
    assert found == added
    assert (found.spec, found.user_id, found.total_frames) == (spec, user.id, 42)
    assert (found.status, found.progress, found.result_key) == (Status.PENDING, 0, None)


@pytest.mark.parametrize("threshold", [None, 0.5])
async def test_the_identity_options_of_a_request_are_stored(
    database: Database, threshold: float | None
) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    identities = IdentityOptions(IdentityMode.ONLY, uuid4(), threshold, Unknown.KEEP)
    spec = replace(request_spec_for(video, 7), identities=identities)
    snapshot = replace(work_spec_for(spec, 42), people=PinnedPeople(0.93, 12, b"d" * 32))
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, snapshot, None)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.requests.get(request.id, principal_of(user))).spec == spec
        assert (await work.requests.snapshot(request.id)).people == snapshot.people


@pytest.mark.parametrize("aspect", [Fraction(24, 11), Fraction(1, 4), Fraction(3), None])
async def test_the_pixel_aspect_of_a_request_is_stored(database: Database, aspect: Fraction | None) -> None:
    user = await add_user(database, "ada")
    spec = replace(request_spec_for(await add_video(database, user), 7), pixel_aspect=aspect)
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, work_spec_for(spec, 42), None)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.requests.get(request.id, principal_of(user))).spec == spec


@pytest.mark.parametrize("mode", TextMode)
async def test_the_text_policy_of_a_request_is_stored_and_its_lists_until_it_ends(
    database: Database, mode: TextMode
) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    options = TextPolicyOptions(mode, frozenset({Harmless.TIMES}), names=True)
    spec = replace(request_spec_for(video, 7), text=options)
    snapshot = replace(work_spec_for(spec, 42), text_lists=b"\x00sealed")
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, snapshot, None)
        other, _ = await work.requests.add(user.id, spec, snapshot, None)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.requests.get(request.id, principal_of(user))).spec == spec
        assert await work.requests.snapshot(request.id) == snapshot
        await work.requests.finish(request.id, Status.FAILED, NOW, error="no", error_code="x")
        assert (await work.requests.snapshot(request.id)).text_lists is None
        assert (await work.requests.snapshot(other.id)).text_lists == snapshot.text_lists


async def test_the_segments_and_regions_of_a_request_are_kept_as_submitted(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    async with database.unit_of_work() as work:
        late = await work.marks.add_segment(video.id, Segment(15, 30), None)
        early = await work.marks.add_segment(video.id, Segment(0, 20), None)
        region = await work.marks.add_region(video.id, Region(1, 2, 3, 4), None)
        await work.commit()
    regions = (region.region, Region(0, 0, 9, 9, Segment(2, 3)))
    snapshot = WorkSpec({late.id: late.segment, early.id: early.segment}, regions)
    async with database.unit_of_work() as work:
        spec = request_spec_for(video, late.id, early.id, late.id)
        request, _ = await work.requests.add(user.id, spec, snapshot, None)
        await work.marks.remove_segment(video.id, late.id)
        await work.marks.update_segment(replace(early, segment=Segment(0, 900)))
        await work.marks.remove_region(video.id, region.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.requests.snapshot(request.id) == snapshot
        assert request.total_frames == 30
        other = await add_request(database, user, video)
        assert (await work.requests.snapshot(other.id)).regions == ()
        assert await work.requests.snapshot(uuid4()) == WorkSpec({}, ())


async def test_a_rerender_request_keeps_its_boxes_until_it_ends(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    base = await add_request(database, user, video)
    based_on = BasedOn("ab" * 32, SignatureState.GENUINE, base.id, edited_here=True)
    kept = Region(1, 2, 3, 4), Region(0, 0, 9, 9, Segment(2, 3))
    spec = replace(request_spec_for(video), based_on=based_on, keep_text=kept)
    snapshot = replace(
        work_spec_for(spec, 5),
        boxes=b"\x00boxes",
        earlier=b"\x00people",
        history=b"\x00past",
        earlier_text=b"\x00text",
    )
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, snapshot, None)
        other, _ = await work.requests.add(user.id, spec, snapshot, None)
        await work.commit()
    async with database.unit_of_work() as work:
        found = await work.requests.get(request.id, principal_of(user))
        assert (found.spec.based_on, found.spec.keep_text) == (based_on, kept)
        assert await work.requests.snapshot(request.id) == snapshot
        assert (await work.requests.snapshot(base.id)).boxes is None
        await work.requests.finish(request.id, Status.CANCELLED, NOW)
        assert await work.requests.snapshot(request.id) == replace(
            snapshot, boxes=None, earlier=None, history=None, earlier_text=None
        )
        assert (await work.requests.snapshot(other.id)).boxes == snapshot.boxes


async def test_a_request_is_found_by_the_key_of_its_submitter(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    spec, key = request_spec_for(await add_video(database, user)), ("key", digest("order"))
    async with database.unit_of_work() as work:
        assert await work.requests.find_by_idempotency_key(user.id, key) is None
        request, _ = await work.requests.add(user.id, spec, work_spec_for(spec, 5), key)
        assert await work.requests.find_by_idempotency_key(user.id, key) == request
        assert await work.requests.find_by_idempotency_key(other.id, key) is None
        with pytest.raises(IdempotencyConflictError):
            await work.requests.find_by_idempotency_key(user.id, ("key", digest("another order")))


async def test_requests_without_a_result_or_still_missing_are_reported(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    pending, busy, done, deleted, failed, cancelled = [
        (await add_request(database, user, video)).id for _ in range(6)
    ]
    unknown = uuid4()
    async with database.unit_of_work() as work:
        await work.requests.claim(busy, NOW)
        for request_id in (done, deleted):
            await work.requests.finish(request_id, Status.COMPLETED, NOW, result=StoredResult("key", 1))
        await work.requests.clear_result(deleted)
        await work.requests.finish(failed, Status.FAILED, NOW)
        await work.requests.finish(cancelled, Status.CANCELLED, NOW)
        everything = [pending, busy, done, deleted, failed, cancelled, unknown]
        assert await work.requests.without_result(everything) == {deleted, failed, cancelled, unknown}
        assert await work.requests.finished_or_missing(everything) == {
            done,
            deleted,
            failed,
            cancelled,
            unknown,
        }
        assert await work.requests.without_result([done]) == set()
        assert await work.requests.without_result([]) == set()


async def test_a_request_is_visible_to_its_submitter_and_to_administrators(database: Database) -> None:
    owner, editor = await add_user(database, "owner"), await add_user(database, "editor")
    admin = await add_user(database, "admin", Role.ADMIN)
    video = await add_video(database, owner)
    async with database.unit_of_work() as work:
        await work.grants.put(video.id, editor.id, GrantRole.EDITOR)
        await work.commit()
    request = await add_request(database, editor, video)
    async with database.unit_of_work() as work:
        for allowed in (editor, admin):
            assert await work.requests.get(request.id, principal_of(allowed)) == request
        # Not even for the owner of the video.
        for missing, principal in ((request.id, principal_of(owner)), (uuid4(), principal_of(admin))):
            with pytest.raises(RequestNotFoundError):
                await work.requests.get(missing, principal)
        assert (await work.requests.list(principal_of(owner), RequestFilter(), 10, 0)).total == 0


async def test_a_request_for_a_removed_video_is_refused(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    spec = request_spec_for(video)
    async with database.unit_of_work() as work:
        await work.videos.remove(video.id)
        with pytest.raises(VideoNotFoundError):
            await work.requests.add(user.id, spec, work_spec_for(spec, 1), None)


async def test_requests_are_listed_newest_first(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    admin = await add_user(database, "admin", Role.ADMIN)
    video, another = await add_video(database, user), await add_video(database, user)
    mine = [await add_request(database, user, target) for target in (video, another, video)]
    foreign = await add_request(database, other, video)
    async with database.unit_of_work() as work:
        mine[0] = await work.requests.claim(mine[0].id, NOW) or mine[0]
        await work.commit()

    async def ids(
        caller: User, filters: RequestFilter, limit: int = 10, offset: int = 0
    ) -> tuple[list[UUID], int]:
        async with database.unit_of_work() as work:
            page = await work.requests.list(principal_of(caller), filters, limit, offset)
        return [request.id for request in page.items], page.total

    assert await ids(user, RequestFilter()) == ([mine[2].id, mine[1].id, mine[0].id], 3)
    assert await ids(user, RequestFilter(), 1, 1) == ([mine[1].id], 3)
    assert await ids(user, RequestFilter(), 1, 30) == ([], 3)
    assert await ids(user, RequestFilter(video_id=another.id)) == ([mine[1].id], 1)
    assert await ids(user, RequestFilter(video.id, Status.PROCESSING)) == ([mine[0].id], 1)
    assert await ids(user, RequestFilter(status=Status.FAILED)) == ([], 0)
    assert await ids(admin, RequestFilter(video_id=video.id)) == ([foreign.id, mine[2].id, mine[0].id], 3)


async def test_requests_are_found_by_a_part_of_their_reference(database: Database) -> None:
    user = await add_user(database, "ada")
    spec = replace(request_spec_for(await add_video(database, user)), reference="STUDY_7 100%")
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, work_spec_for(spec, 5), None)
        await work.commit()
    async with database.unit_of_work() as work:
        assert (await work.requests.get(request.id, principal_of(user))).spec.reference == "STUDY_7 100%"
        for text, total in (("study_7", 1), ("0%", 1), ("STUDYX7", 0), ("%7", 0), ("\x00", 0)):
            page = await work.requests.list(principal_of(user), RequestFilter(search=text), 10, 0)
            assert (text, page.total) == (text, total)


async def test_an_idempotency_key_gives_the_same_request_again(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    video = await add_video(database, user)
    spec = request_spec_for(video)

    async def submit(user_id: int, content: str) -> tuple[AnonymizationRequest, bool]:
        async with database.unit_of_work() as work:
            snapshot = work_spec_for(spec, 5)
            answer = await work.requests.add(user_id, spec, snapshot, ("key", digest(content)))
            await work.commit()
            return answer

    first, _ = await submit(user.id, "order")
    assert await submit(user.id, "order") == (first, False)
    with pytest.raises(IdempotencyConflictError):
        await submit(user.id, "another order")
    theirs, is_new = await submit(other.id, "another order")
    assert (is_new, theirs.id == first.id) == (True, False)


async def test_only_one_of_many_submissions_with_the_same_key_is_stored(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    key, spec = ("key", digest("order")), request_spec_for(video)
    snapshot = work_spec_for(spec, 5)
    answers = await concurrently(database, lambda work: work.requests.add(user.id, spec, snapshot, key))
    assert len({answer[0].id for answer in answers if isinstance(answer, tuple)}) == 1
    assert sum(answer[1] for answer in answers if isinstance(answer, tuple)) == 1
    assert all(isinstance(answer, tuple) for answer in answers)


async def test_only_one_of_many_workers_claims_a_request(database: Database) -> None:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    answers = await concurrently(database, lambda work: work.requests.claim(request.id, NOW))
    claimed = replace(request, status=Status.PROCESSING, started_at=NOW)
    assert [answer for answer in answers if answer is not None] == [claimed]
    assert len(answers) == CONCURRENT_CALLERS


async def test_a_completed_request_has_a_result_until_it_is_deleted(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    request = await add_request(database, user, video)
    done = NOW + 2 * SECOND
    async with database.unit_of_work() as work:
        await work.requests.claim(request.id, NOW)
        await work.requests.finish(
            request.id,
            Status.COMPLETED,
            done,
            blanked_frames=2,
            result=StoredResult("requests/1.zip", 5_000_000_000),
        )
        await work.commit()
    completed = replace(
        request,
        status=Status.COMPLETED,
        processed_frames=10,
        blanked_frames=2,
        started_at=NOW,
        completed_at=done,
        result_key="requests/1.zip",
        result_bytes=5_000_000_000,
    )
    async with database.unit_of_work() as work:
        assert await work.requests.get(request.id, principal_of(user)) == completed
        assert await work.requests.results_completed_before(done) == []
        old = await work.requests.results_completed_before(done + SECOND)
        assert old == [(request.id, "requests/1.zip")]
        await work.requests.clear_result(request.id)
        assert await work.requests.results_completed_before(done + SECOND) == []
        # The record of what was done outlives the video.
        await work.videos.remove(video.id)
        found = await work.requests.get(request.id, principal_of(user))
    assert found == replace(completed, result_key=None, result_bytes=None)


async def test_a_failed_request_has_an_error_and_its_code(database: Database) -> None:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    async with database.unit_of_work() as work:
        reason = {"error": "no disk", "error_code": "storage_full"}
        assert await work.requests.finish(request.id, Status.FAILED, NOW, **reason)
        found = await work.requests.get(request.id, principal_of(user))
        assert (found.status, found.error, found.completed_at) == (Status.FAILED, "no disk", NOW)
        assert found.error_code == "storage_full"
        assert not await work.requests.finish(uuid4(), Status.FAILED, NOW)


async def test_a_request_can_be_finished_only_once(database: Database) -> None:
    user = await add_user(database, "ada")
    request = await add_request(database, user, await add_video(database, user))
    answers = await concurrently(
        database, lambda work: work.requests.finish(request.id, Status.CANCELLED, NOW)
    )
    assert sorted(answers) == [False] * (CONCURRENT_CALLERS - 1) + [True]


async def test_pending_and_finished_work_is_measured(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    requests = [await add_request(database, user, video, frames) for frames in (10, 20, 30, 40)]
    async with database.unit_of_work() as work:
        for number, seconds in ((0, 4.5), (1, 2.25)):
            await work.requests.claim(requests[number].id, NOW)
            end = NOW + timedelta(seconds=seconds)
            await work.requests.finish(
                requests[number].id, Status.COMPLETED, end, result=StoredResult("key", 1)
            )
        await work.slices.start_requests(3)
        lease = await work.slices.lease(requests[2].id, 0, "worker", LEASE_DURATION)
        assert lease
        await work.slices.renew(lease, LEASE_DURATION, 7)
        assert await work.statistics.counts() == {
            Status.PENDING: 1,
            Status.PROCESSING: 1,
            Status.COMPLETED: 2,
            Status.FAILED: 0,
            Status.CANCELLED: 0,
        }
        usual = Workload.of(requests[0].spec, video.facts.width * video.facts.height)
        ends = [NOW + timedelta(seconds=seconds) for seconds in (4.5, 2.25)]
        paces = [RequestDuration(usual, 10, NOW, ends[0]), RequestDuration(usual, 20, NOW, ends[1])]
        assert await work.statistics.recent_durations(10) == paces
        assert await work.statistics.recent_durations(1) == paces[:1]
        assert await work.statistics.backlog() == [Backlog(user.id, usual, 2, 23 + 40)]
        assert await work.statistics.oldest_pending_since() == requests[3].created_at
        assert await work.statistics.processed_frames() == 10 + 20 + 7


async def test_the_backlog_is_grouped_by_account_and_workload(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    video = await add_video(database, user)
    usual = request_spec_for(video)
    base = BasedOn("ab" * 32, SignatureState.GENUINE, uuid4())
    png = replace(usual, appearance=replace(usual.appearance, output_format=OutputFormat.PNG))
    specs = [
        (user, usual),
        (user, replace(usual, priority=Priority.HIGH)),
        (user, png),
        (user, replace(usual, level=Level.FULL, verify=Verify.ALL)),
        (user, replace(usual, based_on=base)),
        (other, usual),
    ]
    async with database.unit_of_work() as work:
        for number, (owner, spec) in enumerate(specs):
            boxes = b"boxes" if spec.based_on else None
            snapshot = replace(work_spec_for(spec, 10**number), boxes=boxes)
            await work.requests.add(owner.id, spec, snapshot, None)
        kind = Workload.of(usual, video.facts.width * video.facts.height)
        assert sorted(await work.statistics.backlog(), key=lambda each: each.frames) == [
            Backlog(user.id, kind, 2, 11),
            Backlog(user.id, replace(kind, output_format=OutputFormat.PNG), 1, 100),
            Backlog(user.id, replace(kind, level=Level.FULL, verify=Verify.ALL), 1, 1000),
            Backlog(user.id, replace(kind, is_render=True), 1, 10_000),
            Backlog(other.id, kind, 1, 100_000),
        ]


async def test_the_backlog_ends_with_a_request_of_the_account(database: Database) -> None:
    user, other = await add_user(database, "ada"), await add_user(database, "bob")
    spec = replace(request_spec_for(await add_video(database, user)), priority=Priority.NORMAL)
    urgent = replace(spec, priority=Priority.HIGH)
    orders = [(user, spec), (user, urgent), (other, spec), (user, spec), (user, urgent), (other, spec)]
    stored = []
    for number, (owner, each) in enumerate(orders):
        async with database.unit_of_work() as work:
            snapshot = work_spec_for(each, 10**number)
            stored.append((await work.requests.add(owner.id, each, snapshot, None))[0])
            await work.commit()

    async def frames(number: int) -> dict[int, int]:
        async with database.unit_of_work() as work:
            found = await work.statistics.backlog(until=stored[number])
        return {each.user_id: each.frames for each in found}

    assert await frames(0) == {user.id: 10_011, other.id: 100_100}  # urgent ones overtake it
    assert await frames(1) == {user.id: 10, other.id: 100_100}
    assert await frames(3) == {user.id: 11_011, other.id: 100_100}
    assert await frames(2) == {user.id: 11_011, other.id: 100}


async def test_the_size_of_a_deleted_video_is_assumed(database: Database) -> None:
    user = await add_user(database, "ada")
    video = await add_video(database, user)
    request = await add_request(database, user, video, 10)
    async with database.unit_of_work() as work:
        await work.requests.claim(request.id, NOW)
        await work.requests.finish(request.id, Status.COMPLETED, NOW, result=StoredResult("key", 1))
        await work.videos.remove(video.id)
        (found,) = await work.statistics.recent_durations(10)
    assert found.workload.pixels == REFERENCE_PIXELS


async def test_an_installation_without_requests_has_no_work(database: Database) -> None:
    async with database.unit_of_work() as work:
        assert await work.statistics.counts() == dict.fromkeys(Status, 0)
        assert await work.statistics.backlog() == []
        assert await work.statistics.oldest_pending_since() is None
        assert await work.statistics.recent_durations(10) == []
        assert await work.statistics.processed_frames() == 0
