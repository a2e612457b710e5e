"""Use cases on the real database, which are tested on the fakes elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.accounts.secrets import NewSession
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, LeaseState
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.errors import (
    AlreadyFinishedError,
    ApiKeyNotFoundError,
    ForbiddenError,
    GrantNotFoundError,
    IdempotencyConflictError,
    InvalidCredentialsError,
    InvalidOptionError,
    NotAuthenticatedError,
    NotReadyError,
    QueueUnavailableError,
    RegionNotFoundError,
    RequestNotFoundError,
    SegmentNotFoundError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    UploadNotFoundError,
    UsernameTakenError,
    UserNotFoundError,
    VideoInUseError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Role
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import GrantRole, Video
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.ports.security import TokenPair
from support.use_cases import PASSWORD, FakeService, chunks, no_stale_folders


@pytest.fixture
def world(tmp_path: Path, postgres_database: PostgresDatabase) -> FakeService:
    return FakeService(tmp_path, real_database=postgres_database)


async def test_uncommitted_changes_are_rolled_back(world: FakeService) -> None:
    async with world.database.unit_of_work() as work:
        await work.users.add("anna", "hash", Role.USER)
    async with world.database.unit_of_work() as work:
        assert await work.users.find_by_name("anna") is None


async def test_accounts_sessions_and_keys_work_together(world: FakeService) -> None:
    admin, anna = await world.person("admin", Role.ADMIN), await world.person("Anna")
    with pytest.raises(UsernameTakenError):
        await world.person("aNNa")
    signed_in = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    assert await world.identity.authenticate_session(signed_in.secret) == anna
    key, secret = await world.api_keys.create(anna, "one", world.clock.now() + timedelta(days=1))
    assert (await world.identity.authenticate_api_key(secret)).user_id == anna.user_id
    (listed,) = await world.api_keys.list(anna)
    assert (listed.id, listed.digest, listed.expires_at) == (key.id, key.digest, key.expires_at)
    assert listed.last_used_at is not None
    with pytest.raises(ApiKeyNotFoundError):
        await world.api_keys.revoke(admin, key.id)
    await world.administration.change_user(admin, anna.user_id, disabled=True)
    for attempt in (
        world.identity.authenticate_session(signed_in.secret),
        world.identity.authenticate_api_key(secret),
    ):
        with pytest.raises(NotAuthenticatedError):
            await attempt
    await world.administration.change_user(admin, anna.user_id, disabled=False)
    await world.api_keys.revoke(anna, key.id)
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_api_key(secret)
    with pytest.raises(UserNotFoundError):
        await world.administration.get_user(admin, 999)
    page = await world.administration.list_users(admin, 1, 1)
    assert ([user.username for user in page.items], page.total) == (["Anna"], 2)


async def test_concurrent_removals_leave_one_administrator(world: FakeService) -> None:
    admin, other_admin = [await world.person(name, Role.ADMIN) for name in ("admin", "other admin")]
    results = await asyncio.gather(
        world.administration.change_user(admin, other_admin.user_id, role=Role.USER),
        world.administration.change_user(other_admin, admin.user_id, disabled=True),
        return_exceptions=True,
    )
    assert [type(result) for result in results if isinstance(result, BaseException)] == [InvalidOptionError]
    async with world.database.unit_of_work() as work:
        assert await work.users.lock_administrators() == 1


async def test_sign_ins_during_a_password_change_leave_no_session(world: FakeService) -> None:
    admin, anna = await world.person("admin", Role.ADMIN), await world.person("anna")
    attempts = [world.identity.sign_in("anna", PASSWORD, f"10.0.0.{number}") for number in range(8)]
    change = world.administration.change_user(admin, anna.user_id, password="another long password")
    *results, _ = await asyncio.gather(*attempts, change, return_exceptions=True)
    for result in results:
        assert isinstance(result, NewSession | InvalidCredentialsError)
        if isinstance(result, NewSession):
            with pytest.raises(NotAuthenticatedError):
                await world.identity.authenticate_session(result.secret)


async def test_only_one_concurrent_refresh_succeeds_and_reuse_revokes_the_tokens(world: FakeService) -> None:
    await world.person("anna")
    pair = await world.identity.issue_tokens("anna", PASSWORD, "10.0.0.1")
    attempts = [world.identity.refresh_tokens(pair.refresh) for _ in range(20)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    (refreshed,) = [result for result in results if isinstance(result, TokenPair)]
    assert sum(isinstance(result, NotAuthenticatedError) for result in results) == 19
    with pytest.raises(NotAuthenticatedError):
        await world.identity.authenticate_access_token(refreshed.access)


async def test_concurrent_submissions_with_one_key_create_one_request(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    submitted = await asyncio.gather(*(world.submissions.submit(anna, spec, "key") for _ in range(20)))
    assert {submission.request.id for submission in submitted} == {
        request_id for request_id, _ in world.queue.written
    }
    assert len(world.queue.written) == 1
    assert (await world.anonymization.list(anna, RequestFilter(), 9, 0)).total == 1
    # The key still returns the request after its video is deleted.
    request = submitted[0].request
    await world.anonymization.cancel(anna, request.id)
    await world.collection.delete(anna, spec.video_id)
    again = await world.submissions.submit(anna, spec, "key")
    assert (again.request.id, again.request.status) == (request.id, Status.CANCELLED)


async def test_videos_marks_and_grants_are_scoped_to_the_caller(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    admin = await world.person("admin", Role.ADMIN)
    video, other = await world.video(anna), await world.video(anna)
    assert await world.collection.get(anna, video.id) == video
    with pytest.raises(VideoNotFoundError):
        await world.collection.get(ben, video.id)
    await world.sharing.grant(anna, video.id, ben.user_id, GrantRole.VIEWER)
    assert (await world.collection.list(ben, 9, 0)).items == [replace(video, access=GrantRole.VIEWER)]
    assert [listed.id for listed in (await world.collection.list(admin, 9, 0)).items] == [other.id, video.id]
    with pytest.raises(ForbiddenError):
        await world.marking.add_segment(ben, video.id, Segment(0, 1), None)
    await world.sharing.grant(anna, video.id, ben.user_id, GrantRole.EDITOR)
    late = await world.marking.add_segment(ben, video.id, Segment(50, 60), "exit")
    early = await world.marking.add_segment(ben, video.id, Segment(0, 10), None)
    assert list(await world.marking.segments(anna, video.id)) == [early, late]
    moved = await world.marking.change_segment(anna, video.id, late.id, end_frame=100)
    assert await world.marking.segment(anna, video.id, late.id) == moved
    with pytest.raises(SegmentNotFoundError):
        await world.marking.remove_segment(anna, other.id, late.id)
    await world.marking.remove_segment(anna, video.id, late.id)
    region = await world.marking.add_region(anna, video.id, Region(1, 2, 3, 4, Segment(5, 6)), "badge")
    assert list(await world.marking.regions(ben, video.id)) == [region]
    with pytest.raises(RegionNotFoundError):
        await world.marking.remove_region(anna, other.id, region.id)
    await world.marking.remove_region(anna, video.id, region.id)
    (grant,) = await world.sharing.grants(anna, video.id)
    assert (grant.username, grant.role) == ("ben", GrantRole.EDITOR)
    with pytest.raises(UserNotFoundError):
        await world.sharing.grant(anna, video.id, 999, GrantRole.VIEWER)
    await world.sharing.revoke(anna, video.id, ben.user_id)
    with pytest.raises(GrantNotFoundError):
        await world.sharing.revoke(anna, video.id, ben.user_id)


async def test_only_one_of_many_completions_of_an_upload_succeeds(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "film.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    attempts = [world.uploads.complete_upload(anna, started.upload.id) for _ in range(8)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, UploadNotFoundError) for result in results) == 7
    (video,) = [result for result in results if isinstance(result, Video)]
    assert (await world.collection.list(anna, 10, 0)).items == [video]


async def test_a_request_passes_through_its_life_cycle(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    spec = await world.request_spec(anna, (0, 10), (5, 20))
    submitted = await world.submissions.submit(anna, spec, "key")
    request = submitted.request
    assert (request.spec, request.total_frames, submitted.estimated_seconds) == (spec, 20, 5)
    assert (await world.submissions.submit(anna, spec, "key")).request.id == request.id
    with pytest.raises(IdempotencyConflictError):
        await world.submissions.submit(anna, replace(spec, level=Level.MINIMAL), "key")
    with pytest.raises(RequestNotFoundError):
        await world.anonymization.status(ben, request.id)
    with pytest.raises(VideoInUseError):
        await world.collection.delete(anna, spec.video_id)
    async with world.database.unit_of_work() as work:
        lease = await work.slices.lease(request.id, 0, "worker", LEASE_DURATION)
        assert lease is not None
        assert await work.slices.renew(lease, LEASE_DURATION, 7) is LeaseState.HELD
        await work.commit()
    assert (await world.anonymization.status(anna, request.id)).request.progress == 35
    async with world.database.unit_of_work() as work:
        await work.slices.release(lease, timedelta())
        assert await work.slices.ready_numbers(request.id) == [0]
        await work.commit()
    await world.anonymization.cancel(anna, request.id)
    with pytest.raises(AlreadyFinishedError):
        await world.anonymization.cancel(anna, request.id)
    filters = RequestFilter(video_id=spec.video_id, status=Status.CANCELLED)
    assert (await world.anonymization.list(anna, filters, 9, 0)).total == 1
    await world.collection.delete(anna, spec.video_id)
    assert (await world.anonymization.status(anna, request.id)).request.spec == spec


async def test_only_one_of_many_workers_claims_a_request(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id

    async def claim() -> bool:
        async with world.database.unit_of_work() as work:
            claimed = await work.requests.claim(request_id, world.clock.now())
            await work.commit()
        return claimed is not None

    assert sum(await asyncio.gather(*(claim() for _ in range(50)))) == 1


async def test_an_idempotency_key_stays_unused_when_the_queue_is_unavailable(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    world.queue.unavailable = True
    with pytest.raises(QueueUnavailableError):
        await world.submissions.submit(anna, spec, "key")
    world.queue.unavailable = False
    assert (await world.anonymization.list(anna, RequestFilter(), 9, 0)).total == 0
    assert await world.submissions.submit(anna, replace(spec, level=Level.MINIMAL), "key")


async def test_only_one_of_many_redemptions_of_a_token_succeeds(world: FakeService) -> None:
    anna = await world.person("anna")
    request_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    with pytest.raises(NotReadyError):
        await world.anonymization.issue_download_token(anna, request_id)
    await world.complete(request_id)
    token = (await world.anonymization.issue_download_token(anna, request_id)).token
    with pytest.raises(TokenNotFoundError):
        await world.anonymization.redeem_download_token(uuid4(), token)
    attempts = [world.anonymization.redeem_download_token(request_id, token) for _ in range(50)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, TokenUsedError) for result in results) == 49
    late = (await world.anonymization.issue_download_token(anna, request_id)).token
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(TokenExpiredError):
        await world.anonymization.redeem_download_token(request_id, late)


async def test_statistics_and_cleanup_see_the_stored_state(world: FakeService) -> None:
    anna, admin = await world.person("anna"), await world.person("admin", Role.ADMIN)
    spec = await world.request_spec(anna, (0, 50))
    done, waiting = [(await world.submissions.submit(anna, spec)).request.id for _ in range(2)]
    await world.complete(done)
    statistics = await world.anonymization.statistics(admin)
    assert (statistics.frames_per_second, statistics.frames_waiting) == (5.0, 50)
    assert (statistics.requests[Status.COMPLETED], statistics.requests[Status.PENDING]) == (1, 1)
    async with world.database.unit_of_work() as work:
        assert [work_item.request_id for work_item in await work.slices.pending_work()] == [waiting]
    await world.anonymization.issue_download_token(anna, done)
    await world.uploads.begin_upload(anna, "a.mp4")
    await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    world.clock.advance(timedelta(hours=13))
    report = await CleanupService(
        world.database, world.store, world.clock, timedelta(hours=2), no_stale_folders
    ).run()
    assert (report.tokens, report.sessions, report.results, report.uploads) == (1, 1, 1, 1)
    with pytest.raises(NotReadyError):
        await world.anonymization.issue_download_token(anna, done)
