"""Workers that die or fall silent, at every point of their work: others do what they left."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from support.http.client import Request, Slice, until
from support.pace import PACE
from support.servers.cluster import Cluster, locked

pytestmark = pytest.mark.faults


def test_one_that_is_killed_while_it_redacts(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    with request.held() as (victim,):
        cluster.kill(victim.worker)
        left = request.slices()[victim.number]
        assert (left.state, left.worker) == ("leased", victim.worker)
    request.require_whole()
    done = request.finished(victim.number)
    assert (done.attempts, done.failures) == (2, 0)


def test_one_that_is_killed_between_upload_and_commit(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    with ExitStack() as meanwhile:
        with request.held() as (victim,):
            meanwhile.enter_context(locked(request))
        until(lambda: _part(victim) in request.objects(), "the part is stored")
        assert request.slices()[victim.number].key is None
        cluster.kill(victim.worker)
    request.require_whole()
    done = request.finished(victim.number)
    assert (done.attempts, done.key) == (2, f"requests/{request.id}/slices/{victim.number:05d}-2.zip")
    assert request.objects() == ["frames.zip"]


@pytest.mark.parametrize("when", ["begun", "stored"])
def test_one_that_is_killed_while_it_makes_the_result(cluster: Cluster, film: Path, when: str) -> None:
    with cluster.results_withheld():
        request = cluster.order(film).submit()
        until(lambda: request.slices()[-1].state == "leased", "the result is being made")
        *parts, victim = request.slices()
        if when == "stored":
            until(lambda: "frames.zip" in request.objects(), "the result is stored")
        assert request.status()["status"] == "processing"
        cluster.kill(victim.worker)
    request.require_whole()
    assert {request.finished(one.number).attempts for one in parts} == {1}
    assert request.finished(victim.number).attempts == 2
    assert request.objects() == ["frames.zip"]


def test_one_that_was_paused_and_wakes_up_late_changes_nothing(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    with request.held() as (victim,):
        cluster.pause(victim.worker)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    cluster.resume(victim.worker)
    until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_whole()
    assert request.objects() == ["frames.zip"]


def test_one_that_was_paused_before_its_commit_must_not_commit(cluster: Cluster, film: Path) -> None:
    request = cluster.order(film).submit()
    with ExitStack() as meanwhile:
        with request.held() as (victim,):
            meanwhile.enter_context(locked(request))
        until(lambda: _part(victim) in request.objects(), "the part is stored")
        # What it has asked the database meanwhile is still done when nothing else holds the row.
        cluster.pause(victim.worker)
    request.wait()
    assert request.finished(victim.number).attempts == 2
    cluster.resume(victim.worker)
    until(lambda: not cluster.scratch(), "the one that woke up lets go")
    assert request.finished(victim.number).attempts == 2
    request.require_whole()


def test_one_that_is_told_to_stop_hands_its_slice_over(cluster: Cluster, film: Path) -> None:
    # So long a lease that nobody would wait for its end.
    with cluster.replaced(2, LEASE_SECONDS="3600", WORKER_GRACE_SECONDS="0.001"):
        request = cluster.order(film).submit()
        with request.held() as (victim,):
            # Whoever stands still hears of it afterwards.
            cluster.worker(victim.worker).process.terminate()
        assert cluster.worker(victim.worker).process.wait(PACE.hang) == 0
        request.require_whole()
        given_back = [one for one in request.history(victim.number) if one.state == "waiting"]
        assert [one.failures for one in given_back] == [0]
        done = request.finished(victim.number)
        assert (done.attempts, done.failures) == (1, 0)
        assert taken_over(request, victim)


def taken_over(request: Request, before: Slice) -> bool:
    """Whether somebody else has done a slice."""
    owners = [one.worker for one in request.history(before.number) if one.worker]
    return owners[-1] != before.worker


def _part(one: Slice) -> str:
    return f"slices/{one.number:05d}-{one.attempts}.zip"
