"""Workers that die or stall at every stage of their work: other workers take over."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from support.http.client import Request, Slice, wait_until
from support.pace import PACE
from support.servers.cluster import Cluster, locked

pytestmark = pytest.mark.faults


def test_worker_killed_while_redacting(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file).submit()
    with request.held() as (victim,):
        cluster.kill(victim.worker)
        left = request.slices()[victim.number]
        assert (left.state, left.worker) == ("leased", victim.worker)
    request.require_complete_result()
    done = request.finished(victim.number)
    assert (done.attempts, done.failures) == (2, 0)


def test_worker_killed_between_upload_and_commit(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file).submit()
    with ExitStack() as meanwhile:
        with request.held() as (victim,):
            meanwhile.enter_context(locked(request))
        wait_until(lambda: _part(victim) in request.objects(), "the part is stored")
        assert request.slices()[victim.number].key is None
        cluster.kill(victim.worker)
    request.require_complete_result()
    done = request.finished(victim.number)
    assert (done.attempts, done.key) == (2, f"requests/{request.id}/slices/{victim.number:05d}-2.zip")
    assert request.objects() == ["frames.zip"]


@pytest.mark.parametrize("when", ["begun", "stored"])
def test_worker_killed_while_assembling_the_result(cluster: Cluster, video_file: Path, when: str) -> None:
    with cluster.results_withheld():
        request = cluster.repeatable_request(video_file).submit()
        wait_until(lambda: request.slices()[-1].state == "leased", "the result is being made")
        *parts, victim = request.slices()
        if when == "stored":
            wait_until(lambda: "frames.zip" in request.objects(), "the result is stored")
        assert request.status()["status"] == "processing"
        cluster.kill(victim.worker)
    request.require_complete_result()
    assert {request.finished(one.number).attempts for one in parts} == {1}
    assert request.finished(victim.number).attempts == 2
    assert request.objects() == ["frames.zip"]


def test_worker_resumed_after_losing_its_lease_changes_nothing(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file).submit()
    with request.held() as (victim,):
        cluster.pause(victim.worker)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    cluster.resume(victim.worker)
    wait_until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_complete_result()
    assert request.objects() == ["frames.zip"]


def test_worker_paused_before_its_commit_must_not_commit(cluster: Cluster, video_file: Path) -> None:
    request = cluster.repeatable_request(video_file).submit()
    with ExitStack() as meanwhile:
        with request.held() as (victim,):
            meanwhile.enter_context(locked(request))
        wait_until(lambda: _part(victim) in request.objects(), "the part is stored")
        # Its queries to the database still complete while nothing else locks the row.
        cluster.pause(victim.worker)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    cluster.resume(victim.worker)
    wait_until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_complete_result()


def test_stopped_worker_releases_its_slice(cluster: Cluster, video_file: Path) -> None:
    # A lease so long that the test cannot wait for its end.
    with cluster.replacement_workers(2, LEASE_SECONDS="3600", WORKER_GRACE_SECONDS="0.001"):
        request = cluster.repeatable_request(video_file).submit()
        with request.held() as (victim,):
            # Suspended workers are notified afterwards.
            cluster.worker(victim.worker).process.terminate()
        assert cluster.worker(victim.worker).process.wait(PACE.hang_seconds) == 0
        request.require_complete_result()
        given_back = [one for one in request.history(victim.number) if one.state == "waiting"]
        assert [one.failures for one in given_back] == [0]
        done = request.finished(victim.number)
        assert (done.attempts, done.failures) == (1, 0)
        assert taken_over(request, victim)


def taken_over(request: Request, before: Slice) -> bool:
    """Return whether another worker has completed a slice."""
    owners = [one.worker for one in request.history(before.number) if one.worker]
    return owners[-1] != before.worker


def _part(one: Slice) -> str:
    return f"slices/{one.number:05d}-{one.attempts}.zip"
