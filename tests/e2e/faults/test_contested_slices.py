"""Two workers that were given the same slice: one processes it, and only its result counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from framecloak.adapters.redis.job_queue import ArqJobQueue
from framecloak.domain.anonymization.model.request import Priority
from support.http.client import SLICE_FRAMES, wait_until
from support.servers.cluster import Cluster

pytestmark = pytest.mark.faults


def test_many_wakeups_for_the_same_slice(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file, 0, SLICE_FRAMES).submit()
    asyncio.run(call(cluster.environment["REDIS_URL"], request.id, times=20))
    request.require_complete_result()
    assert [request.finished(number).attempts for number in range(2)] == [1, 1]


async def call(redis_url: str, request_id: str, times: int) -> None:
    async with ArqJobQueue(redis_url) as queue:
        for _ in range(times):
            await queue.wake_workers(UUID(request_id), Priority.NORMAL)
            await queue.wake_workers(UUID(request_id), Priority.HIGH)


def test_worker_that_continues_after_another_has_taken_over(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file, 0, SLICE_FRAMES).submit()
    with request.held() as (victim,):
        cluster.pause(victim.worker)
    with request.held() as (successor,):
        assert (successor.attempts, successor.worker != victim.worker) == (2, True)
        assert len(cluster.scratch()) == 2
        cluster.resume(victim.worker)
        wait_until(lambda: len(cluster.scratch()) < 2, "one of them lets go")
        assert request.history(0)[-1].worker == successor.worker
    request.require_complete_result()
    done = request.finished(0)
    assert (done.attempts, done.key) == (2, f"requests/{request.id}/slices/00000-2.zip")
    assert request.objects() == ["frames.zip"]


def test_worker_whose_lease_is_given_to_another(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file, 0, SLICE_FRAMES).submit()
    taken = "UPDATE slices SET lease_until = clock_timestamp() WHERE request_id = $1 AND number = 0"
    with request.halted() as (victim,):
        cluster.query(taken, request.id)
    request.require_complete_result()
    done = request.finished(0)
    assert (done.attempts, done.failures) == (2, 0)
    assert [one.state for one in request.history(0) if one.attempts == victim.attempts][-1] == "leased"
    assert request.objects() == ["frames.zip"]
