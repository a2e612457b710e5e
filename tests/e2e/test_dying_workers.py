"""Workers that die or fall silent, at every point of their work: others do what they left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import cluster as clusters
from cluster import Cluster, locked
from orders import LEASE_SECONDS, WORK_SECONDS, Request, Slice, until

pytestmark = pytest.mark.faults


def kill(cluster: Cluster, victim: Slice) -> None:
    process = cluster.worker(victim.worker).process
    process.kill()
    process.wait()


def test_one_that_is_killed_while_it_redacts(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    victim = request.caught_in_work()[0]
    kill(cluster, victim)
    left = request.slices()[victim.number]
    assert (left.state, left.worker) == ("leased", victim.worker)
    request.require_whole()
    done = request.finished(victim.number)
    assert (done.attempts, done.failures) == (2, 0)


def test_one_that_is_killed_between_upload_and_commit(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    victim = request.caught_in_work()[0]
    with locked(request):
        until(lambda: _part(victim) in request.objects(), "the part is stored", WORK_SECONDS)
        assert request.slices()[victim.number].key is None
        kill(cluster, victim)
    request.require_whole()
    done = request.finished(victim.number)
    assert (done.attempts, done.key) == (2, f"requests/{request.id}/slices/{victim.number:05d}-2.zip")
    assert request.objects() == ["frames.zip"]


@pytest.mark.parametrize("when", ["begun", "stored"])
def test_one_that_is_killed_while_it_makes_the_result(cluster: Cluster, film: Path, when: str) -> None:
    request = cluster.order(film).submit()
    until(lambda: request.slices()[-1].state == "leased", "the result is being made", WORK_SECONDS)
    with locked(request):
        *parts, victim = request.slices()
        assert victim.state == "leased", "the test was not quick enough"
        if when == "stored":
            until(lambda: "frames.zip" in request.objects(), "the result is stored")
        assert request.status()["status"] == "processing"
        kill(cluster, victim)
    request.require_whole()
    assert {request.finished(one.number).attempts for one in parts} == {1}
    assert request.finished(victim.number).attempts == 2
    assert request.objects() == ["frames.zip"]


def test_one_that_was_paused_and_wakes_up_late_changes_nothing(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    victim = request.caught_in_work()[0]
    os.kill(victim.worker or 0, signal.SIGSTOP)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    os.kill(victim.worker or 0, signal.SIGCONT)
    until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_whole()
    assert request.objects() == ["frames.zip"]


def test_one_that_was_paused_before_its_commit_must_not_commit(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    victim = request.caught_in_work()[0]
    with locked(request):
        until(lambda: _part(victim) in request.objects(), "the part is stored", WORK_SECONDS)
        # What it has asked the database meanwhile is still done when nothing else holds the row.
        os.kill(victim.worker or 0, signal.SIGSTOP)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    os.kill(victim.worker or 0, signal.SIGCONT)
    until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_whole()


def test_one_that_is_told_to_stop_hands_its_slice_over(
    database_url: str, redis_url: str, tmp_path: Path, film: Path
) -> None:
    more = {"LEASE_SECONDS": "60", "WORKER_GRACE_SECONDS": "0.1"}
    with clusters.running(database_url, redis_url, tmp_path / "data", **more) as cluster:
        request = cluster.order(film, 100, 1100).submit()
        (victim, *_) = request.caught_in_work()
        worker = cluster.worker(victim.worker)
        assert worker.stop(signal.SIGTERM) == 0
        until(lambda: taken_over(request, victim), "the other one begins it", LEASE_SECONDS)
        request.require_whole()
        assert request.finished(victim.number).failures == 0


def taken_over(request: Request, before: Slice) -> bool:
    return request.history(before.number)[-1].worker not in {before.worker, None}


def _part(one: Slice) -> str:
    return f"slices/{one.number:05d}-{one.attempts}.zip"
