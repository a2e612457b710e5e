"""Work that cannot be done: retried while that makes sense, then failed with an explanation."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from framecloak.domain.anonymization.model.slices import MAX_FAILURES
from support.http.client import SLICE_FRAMES, Request, Slice, wait_until
from support.servers.cluster import Cluster

pytestmark = pytest.mark.faults

SMALL_DISK = 256 * 1024
"""Bytes; every part is larger."""


def test_a_slice_that_fails_three_times_fails_its_request(
    cluster: Cluster, video_file: Path, tmp_path: Path
) -> None:
    before = set(cluster.objects())
    order = cluster.repeatable_request(shutil.copy(video_file, tmp_path / "another.mp4"))
    (video,) = set(cluster.objects()) - before
    with cluster.suspended(cluster.workers[1].process.pid):
        request = order.submit()
        with request.held() as (first,):
            (cluster.folder / "objects" / video).unlink()
        # Files that are open already are read to the end.
        wait_until(lambda: request.slices()[first.number].state == "completed", "a part is made")
        state = request.wait("failed")
        assert state["error"] == "the video's file is gone: upload the video again"
        assert (state["estimated_remaining_time"], state["progress"]) == (None, state["progress"] % 100)
        require_nothing_to_download(request)
        (failed,) = tried(request)
        require_pauses(request.history(failed))
        # The next request is processed by the same worker.
        cluster.repeatable_request(video_file, 0, 50).submit().wait()


def test_a_slice_that_takes_too_long_is_a_processing_timeout(cluster: Cluster, video_file: Path) -> None:
    with cluster.replacement_workers(2, SLICE_TIMEOUT_SECONDS="0.01"):
        request = cluster.repeatable_request(video_file, 0, SLICE_FRAMES).submit()
        state = request.wait("failed")
        assert state["error"].startswith("Processing timeout: a slice took longer than 0.01 s")
        require_nothing_to_download(request)
        assert tried(request) == [0]
        require_pauses(request.history(0))


def test_full_disk_is_not_a_failure_and_work_resumes_with_space(cluster: Cluster, video_file: Path) -> None:
    with ExitStack() as limited:
        for worker in cluster.workers:
            limited.enter_context(limited_files(worker.process.pid, SMALL_DISK))
        request = cluster.repeatable_request(video_file).submit()
        wait_until(lambda: given_back(request) >= 2 * MAX_FAILURES, "slices are given back again and again")
        state = request.status()
        assert (state["status"], state["error"]) == ("processing", None)
        assert [line for line in cluster.log() if "no space left" in line["event"]]
    request.require_complete_result()
    assert {request.finished(number).failures for number in range(4)} == {0}


def test_worker_out_of_memory_leaves_work_to_others(cluster: Cluster, video_file: Path) -> None:
    roomy = cluster.workers[0].process.pid
    with cluster.replacement_workers(1, WORKER_MEMORY_MB="1") as (full,):
        request = cluster.repeatable_request(video_file).submit()
        wait_until(lambda: said(cluster, "takes no more work"), "it turns work away")
        state = request.status()
        assert (state["status"], state["is_waiting"]) == ("processing", True)
        cluster.resume(roomy)
        request.require_complete_result()
        workers = {one.worker for number in range(4) for one in request.history(number)} - {None}
        assert workers == {roomy}
        assert full.process.poll() is None


def require_nothing_to_download(request: Request) -> None:
    answer = request.cluster.http.get(f"/api/frames/anonymize/download/{request.id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    wait_until(lambda: request.objects() == [], "what was made of it is removed")


def tried(request: Request) -> list[int]:
    """Return the numbers of slices that failed as often as allowed."""
    rows = request.cluster.query(
        "SELECT number FROM history WHERE request_id = $1 AND failures = $2 AND state = 'waiting'",
        request.id,
        MAX_FAILURES,
    )
    return [row["number"] for row in rows]


def require_pauses(history: list[Slice]) -> None:
    """Check that each attempt but the last was followed by a pause longer than the one before."""
    rests = []
    for before, after in pairwise(history):
        if before.state == "waiting" and after.state == "leased":
            assert before.not_before
            assert before.noted_at
            assert after.noted_at
            assert after.noted_at >= before.not_before
            rests.append(before.not_before - before.noted_at)
    assert len(rests) == MAX_FAILURES - 1
    assert rests[1] > rests[0]
    assert [one.failures for one in history if one.state == "waiting"] == [1, 2, 3]


@contextmanager
def limited_files(pid: int, size: int) -> Iterator[None]:
    """Limit the file size of a process, which it sees as a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def given_back(request: Request) -> int:
    """Return how often slices were released."""
    statement = "SELECT count(*) FROM history WHERE request_id = $1 AND state = 'waiting'"
    ((times,),) = request.cluster.query(statement, request.id)
    return int(times)


def said(cluster: Cluster, beginning: str) -> bool:
    return any(line["event"].startswith(beginning) for line in cluster.log())
