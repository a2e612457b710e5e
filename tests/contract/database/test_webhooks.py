"""Contract of every database for webhook notices of finished requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.model.accounts import User
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.webhooks import Notice
from support.samples.persistence import (
    CONCURRENT_CALLERS,
    NOW,
    add_request,
    add_user,
    add_video,
    concurrently,
    principal_of,
    request_spec_for,
    work_spec_for,
)

SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=1)


async def _user_and_video(database: Database) -> tuple[User, Video]:
    user = await add_user(database, "ada")
    return user, await add_video(database, user)


async def _ended(database: Database, count: int = 1) -> list[AnonymizationRequest]:
    """Return requests that ended one second apart, the last of them now."""
    user, video = await _user_and_video(database)
    ended = []
    for number in range(count):
        request = await add_request(database, user, video)
        async with database.unit_of_work() as work:
            ended_at = NOW - (count - 1 - number) * SECOND
            assert await work.requests.finish(request.id, Status.FAILED, ended_at, error="it rained")
            ended.append(await work.requests.get(request.id, principal_of(user)))
            await work.commit()
    return ended


async def _take(database: Database, limit: int = 10, after: timedelta = timedelta()) -> Sequence[Notice]:
    async with database.unit_of_work() as work:
        taken = await work.notices.take_due(NOW + after, NOW + after + LEASE, limit)
        await work.commit()
    return taken


async def test_a_finished_request_has_a_notice_for_its_webhook(database: Database) -> None:
    (request,) = await _ended(database)
    assert await _take(database, after=-SECOND) == []
    (notice,) = await _take(database)
    assert (notice.url, notice.request, notice.attempt) == ("https://hooks.example/done", request, 1)


async def test_a_request_without_a_webhook_has_no_notice(database: Database) -> None:
    user, video = await _user_and_video(database)
    spec = replace(request_spec_for(video), webhook_url=None)
    async with database.unit_of_work() as work:
        request, _ = await work.requests.add(user.id, spec, work_spec_for(spec, 10), None)
        await work.requests.finish(request.id, Status.CANCELLED, NOW)
        await work.commit()
    assert await _take(database) == []


async def test_an_uncommitted_end_has_no_notice(database: Database) -> None:
    user, video = await _user_and_video(database)
    request = await add_request(database, user, video)
    async with database.unit_of_work() as work:
        await work.requests.finish(request.id, Status.CANCELLED, NOW)
    assert await _take(database) == []


async def test_a_request_finished_concurrently_has_one_notice(database: Database) -> None:
    user, video = await _user_and_video(database)
    request = await add_request(database, user, video)
    answers = await concurrently(
        database, lambda work: work.requests.finish(request.id, Status.CANCELLED, NOW)
    )
    assert answers.count(True) == 1
    assert len(await _take(database)) == 1


async def test_the_longest_due_notices_are_taken_first(database: Database) -> None:
    first, second, third = await _ended(database, 3)
    assert {notice.request.id for notice in await _take(database, limit=2)} == {first.id, second.id}
    assert [notice.request.id for notice in await _take(database, limit=2)] == [third.id]


async def test_no_notice_is_taken_twice(database: Database) -> None:
    ended = await _ended(database, 7)
    answers = await concurrently(database, lambda work: work.notices.take_due(NOW, NOW + LEASE, 2))
    assert len(answers) == CONCURRENT_CALLERS
    taken = [notice.request.id for answer in answers if isinstance(answer, list) for notice in answer]
    # Concurrent callers may skip notices that others have locked, but none is handed out twice.
    assert len(set(taken)) == len(taken)
    taken += [notice.request.id for notice in await _take(database)]
    assert sorted(taken) == sorted(request.id for request in ended)


async def test_a_notice_is_due_again_when_its_lease_ends(database: Database) -> None:
    await _ended(database)
    (first,) = await _take(database)
    assert await _take(database, after=LEASE - SECOND) == []
    (second,) = await _take(database, after=LEASE)
    assert (second.id, second.attempt) == (first.id, 2)


async def test_a_delivered_notice_is_never_due_again(database: Database) -> None:
    await _ended(database)
    (first,) = await _take(database)
    (second,) = await _take(database, after=LEASE)
    async with database.unit_of_work() as work:
        # By the worker that had lost its lease: the receiver has been notified nevertheless.
        await work.notices.mark_delivered(first, NOW + LEASE)
        await work.notices.postpone(second, NOW + LEASE, "too late")
        await work.notices.give_up(second, NOW + LEASE, "too late")
        await work.commit()
    assert await _take(database, after=100 * LEASE) == []


async def test_a_postponed_notice_is_due_at_its_new_time(database: Database) -> None:
    await _ended(database)
    (first,) = await _take(database)
    async with database.unit_of_work() as work:
        await work.notices.postpone(first, NOW + 3 * LEASE, "it answered 500")
        await work.commit()
    assert await _take(database, after=2 * LEASE) == []
    (second,) = await _take(database, after=3 * LEASE)
    assert second.attempt == 2


@pytest.mark.parametrize("ending", ["postpone", "give_up"])
async def test_a_worker_that_lost_its_lease_cannot_settle_the_notice(database: Database, ending: str) -> None:
    await _ended(database)
    (lost,) = await _take(database)
    (held,) = await _take(database, after=LEASE)
    async with database.unit_of_work() as work:
        await getattr(work.notices, ending)(lost, NOW, "too late")
        await work.commit()
    assert await _take(database, after=LEASE + SECOND) == []
    assert [notice.attempt for notice in await _take(database, after=2 * LEASE)] == [held.attempt + 1]


async def test_an_abandoned_notice_is_never_due_again(database: Database) -> None:
    await _ended(database)
    (notice,) = await _take(database)
    async with database.unit_of_work() as work:
        await work.notices.give_up(notice, NOW, "it answered 410")
        await work.commit()
    assert await _take(database, after=100 * LEASE) == []


async def test_settled_notices_are_removed_and_waiting_ones_are_kept(database: Database) -> None:
    await _ended(database, 3)
    delivered, given_up, waiting = await _take(database)
    async with database.unit_of_work() as work:
        await work.notices.mark_delivered(delivered, NOW)
        await work.notices.give_up(given_up, NOW + SECOND, "it answered 410")
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.notices.remove_settled(NOW) == 0
        assert await work.notices.remove_settled(NOW + SECOND) == 1
        assert await work.notices.remove_settled(NOW + 2 * SECOND) == 1
        await work.commit()
    assert [notice.id for notice in await _take(database, after=LEASE)] == [waiting.id]
