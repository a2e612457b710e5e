"""Work that cannot be done: tried again for as long as that makes sense, then given up in words."""

from __future__ import annotations

import resource
from itertools import pairwise
from pathlib import Path

import pytest

import cluster as clusters
from cluster import Cluster
from domain.anonymization.slices import MOST_FAILURES
from orders import FRAMES, WORK_SECONDS, Request, Slice, until

pytestmark = pytest.mark.faults

SMALL_DISK = 64 * 1024
"""Bytes; no part is as small."""


def test_a_slice_that_fails_three_times_fails_its_request(
    database_url: str, redis_url: str, tmp_path: Path, film: Path
) -> None:
    with clusters.running(database_url, redis_url, tmp_path / "data", workers=1) as cluster:
        request = cluster.order(film).submit()
        until(lambda: request.slices()[0].state == "completed", "a part is made", WORK_SECONDS)
        (video,) = (tmp_path / "data" / "objects" / "videos").rglob("*")
        video.unlink()
        state = request.wait("failed")
        assert state["error"] == "the video's file is gone: upload the video again"
        assert (state["estimated_remaining_time"], state["progress"]) == (None, state["progress"] % 100)
        require_nothing_to_download(request)
        (failed,) = tried(request)
        require_pauses(request.history(failed))
        # The next one is served by the same worker.
        cluster.order(film, 0, 50).submit().wait()


def test_a_slice_that_takes_too_long_is_a_processing_timeout(
    database_url: str, redis_url: str, tmp_path: Path, film: Path
) -> None:
    more = {"SLICE_FRAMES": str(FRAMES), "SLICE_TIMEOUT_SECONDS": "0.3"}
    with clusters.running(database_url, redis_url, tmp_path / "data", **more) as cluster:
        request = cluster.order(film).submit()
        state = request.wait("failed")
        assert state["error"].startswith("Processing timeout: a slice took longer than 0.3 s")
        require_nothing_to_download(request)
        assert tried(request) == [0]
        require_pauses(request.history(0))


def test_a_full_disk_is_nobodys_fault_and_work_goes_on_when_there_is_room(
    cluster: Cluster, film: Path
) -> None:
    for worker in cluster.workers:
        limit_files(worker.process.pid, SMALL_DISK)
    request = cluster.order(film).submit()
    until(
        lambda: given_back(request) >= 2 * MOST_FAILURES,
        "slices are given back again and again",
        WORK_SECONDS,
    )
    state = request.status()
    assert (state["status"], state["error"]) == ("processing", None)
    assert [line for line in cluster.log() if "no space left" in line["event"]]
    for worker in cluster.workers:
        limit_files(worker.process.pid, resource.RLIM_INFINITY)
    request.require_whole()
    assert {request.finished(number).failures for number in range(4)} == {0}


def test_a_worker_without_memory_leaves_the_work_to_others(
    database_url: str, redis_url: str, tmp_path: Path, film: Path
) -> None:
    folder = tmp_path / "data"
    with clusters.running(database_url, redis_url, folder, workers=0) as cluster:
        (full,) = cluster.start_workers(1, WORKER_MEMORY_MB="1")
        request = cluster.order(film).submit()
        until(lambda: said(cluster, "takes no more work"), "it turns work away")
        assert request.status()["status"] == "pending"
        (roomy,) = cluster.start_workers(1)
        request.require_whole()
        workers = {one.worker for number in range(4) for one in request.history(number)} - {None}
        assert workers == {roomy.process.pid}
        assert full.process.poll() is None


def require_nothing_to_download(request: Request) -> None:
    answer = request.cluster.http.get(f"/api/frames/anonymize/download/{request.id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    until(lambda: request.objects() == [], "what was made of it is removed")


def tried(request: Request) -> list[int]:
    """Numbers of slices that failed as often as they may."""
    rows = request.cluster.ask(
        "SELECT number FROM history WHERE request_id = $1 AND failures = $2 AND state = 'waiting'",
        request.id,
        MOST_FAILURES,
    )
    return [row["number"] for row in rows]


def require_pauses(history: list[Slice]) -> None:
    """Each try but the last was followed by a rest, each longer than the one before."""
    rests = []
    for before, after in pairwise(history):
        if before.state == "waiting" and after.state == "leased":
            assert before.not_before
            assert before.noted_at
            assert after.noted_at
            assert after.noted_at >= before.not_before
            rests.append(before.not_before - before.noted_at)
    assert len(rests) == MOST_FAILURES - 1
    assert rests[1] > rests[0]
    assert [one.failures for one in history if one.state == "waiting"] == [1, 2, 3]


def limit_files(pid: int, size: int) -> None:
    """No file of a process may grow beyond some bytes: to the process, a disk without room."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))


def given_back(request: Request) -> int:
    """How often slices were given back."""
    statement = "SELECT count(*) FROM history WHERE request_id = $1 AND state = 'waiting'"
    ((times,),) = request.cluster.ask(statement, request.id)
    return int(times)


def said(cluster: Cluster, beginning: str) -> bool:
    return any(line["event"].startswith(beginning) for line in cluster.log())
