"""Cancelled requests: their work stops on every worker, and nothing of them remains."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import httpx
import pytest

from framecloak.domain.anonymization.work.lease_renewal import RENEWAL_INTERVAL
from support.http.client import SLICE_FRAMES, Request, wait_until
from support.listing import folders_below
from support.pace import PACE
from support.processes.fork_server import PAUSE
from support.servers import cluster as clusters
from support.servers.cluster import Cluster
from support.servers.s3_server import running_s3

pytestmark = pytest.mark.faults


def cancel(request: Request) -> httpx.Response:
    return request.cluster.http.delete(f"/api/frames/anonymize/{request.id}/")


def test_cancelling_stops_every_worker_and_leaves_nothing(cluster: Cluster, video_file: Path) -> None:
    order = cluster.repeatable_request(video_file)
    request = order.submit()
    # One slice is done, and two are in work.
    with request.held(2, passing=1):
        wait_until(lambda: any(one.state == "completed" for one in request.slices()), "a part is made")
        waiting = order.submit()
        assert cancel(waiting).json() == {"success": True, "message": "Request cancelled"}
        assert cancel(request).json() == {"success": True, "message": "Request cancelled"}
        # Each resumed worker is due to check the request, and is notified before its slice is done.
        assert not Event().wait(2 * RENEWAL_INTERVAL)
    wait_until(lambda: parts_made(cluster) or not cluster.scratch(), "both workers have stopped", pause=0.001)
    assert parts_made(cluster) == []
    assert cluster.scratch() == []
    state = request.status()
    assert (state["status"], state["estimated_remaining_time"]) == ("cancelled", None)
    assert state["completed_at"]
    assert 0 < state["processed_frames"] < state["total_frames"]
    assert cancel(request).json()["code"] == "already_finished"
    # Both are free for other work, which then changes nothing.
    cluster.repeatable_request(video_file, 0, 100).submit().wait()
    assert [request.status(), request.slices(), request.objects()] == [state, [], []]
    assert (waiting.status()["status"], waiting.objects()) == ("cancelled", [])
    answer = cluster.http.get(f"/api/frames/anonymize/download/{request.id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


@pytest.mark.parametrize("trouble", ["it has ended", "it hangs"])
def test_cancelling_stops_work_that_waits_for_the_object_store(
    database_url: str, redis_url: str, tmp_path: Path, video_file: Path, trouble: str
) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    with ExitStack() as first, ExitStack() as second:
        server = first.enter_context(running_s3(folder))
        # Longer than any wait of this test: a worker that finishes a pause is never seen to stop.
        more = server.environment | {PAUSE: str(100 * PACE.hang_seconds)}
        cluster = second.enter_context(clusters.running(database_url, redis_url, tmp_path / "data", **more))
        request = cluster.repeatable_request(video_file, 0, 2 * SLICE_FRAMES).submit()
        with request.held(2):
            if trouble == "it hangs":
                os.kill(server.pid, signal.SIGSTOP)
                first.callback(os.kill, server.pid, signal.SIGCONT)
            else:
                first.close()
        wait_until(
            lambda: all(one.processed_frames == one.frames for one in request.slices()[:2]), "all is redacted"
        )
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(cancel, request)
            wait_until(lambda: request.status()["status"] == "cancelled", "the request is cancelled")
            wait_until(lambda: not cluster.scratch(), "both workers have stopped")
            assert answer.result().json()["code"] == "storage_unavailable"
        first.close()
        first.enter_context(running_s3(folder, int(server.endpoint.rpartition(":")[2])))
        cluster.repeatable_request(video_file, 0, 100).submit().wait()


def parts_made(cluster: Cluster) -> list[Path]:
    """Return parts whose last frame is redacted, and which workers are about to store."""
    folders = folders_below(cluster.folder / "scratch", "process-*", "slice-*")
    return [folder / "part.zip" for folder in folders if (folder / "part.zip").exists()]
