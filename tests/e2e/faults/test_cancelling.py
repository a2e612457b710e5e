"""Requests that nobody wants any more: their work stops on every worker, and nothing of them stays."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import httpx
import pytest

from framecloak.domain.anonymization.work.lease_renewal import RENEWAL_INTERVAL
from support.http.client import SLICE_FRAMES, Request, until
from support.listing import folders_below
from support.pace import PACE
from support.servers import cluster as clusters
from support.servers.cluster import Cluster
from support.servers.s3_server import running_s3

pytestmark = pytest.mark.faults

PAUSES = 8.5
"""Seconds after which a worker pauses for eight seconds between two tries: from 7.75 to 15.75."""

UNINTERRUPTED = 5.0
"""Seconds: more than twice what the API promises, and less than such a pause still lasts."""


def cancel(request: Request) -> httpx.Response:
    return request.cluster.http.delete(f"/api/frames/anonymize/{request.id}/")


def test_work_stops_on_every_worker_and_nothing_stays(cluster: Cluster, film: Path) -> None:
    order = cluster.order(film)
    request = order.submit()
    # One slice is done, and two are in work.
    with request.held(2, passing=1):
        until(lambda: any(one.state == "completed" for one in request.slices()), "a part is made")
        waiting = order.submit()
        assert cancel(waiting).json() == {"success": True, "message": "Request cancelled"}
        assert cancel(request).json() == {"success": True, "message": "Request cancelled"}
        # Whoever is woken is due to ask whether the request is wanted, and is told before its slice is done.
        assert not Event().wait(2 * RENEWAL_INTERVAL)
    until(lambda: parts_made(cluster) or not cluster.scratch(), "both workers have stopped", pause=0.001)
    assert parts_made(cluster) == []
    assert cluster.scratch() == []
    state = request.status()
    assert (state["status"], state["estimated_remaining_time"]) == ("cancelled", None)
    assert state["completed_at"]
    assert 0 < state["processed_frames"] < state["total_frames"]
    assert cancel(request).json()["code"] == "already_finished"
    # Both are free for others, and what they do then changes nothing.
    cluster.order(film, 0, 100).submit().wait()
    assert [request.status(), request.slices(), request.objects()] == [state, [], []]
    assert (waiting.status()["status"], waiting.objects()) == ("cancelled", [])
    answer = cluster.http.get(f"/api/frames/anonymize/download/{request.id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


@pytest.mark.parametrize("trouble", ["it has ended", "it hangs"])
def test_work_stops_while_it_waits_for_the_object_store(
    database_url: str, redis_url: str, tmp_path: Path, film: Path, trouble: str
) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    with ExitStack() as first, ExitStack() as second:
        server = first.enter_context(running_s3(folder))
        more = server.environment
        cluster = second.enter_context(clusters.running(database_url, redis_url, tmp_path / "data", **more))
        request = cluster.order(film, 0, 2 * SLICE_FRAMES).submit()
        with request.held(2):
            if trouble == "it hangs":
                os.kill(server.pid, signal.SIGSTOP)
                first.callback(os.kill, server.pid, signal.SIGCONT)
            else:
                first.close()
        until(lambda: all(one.done == one.frames for one in request.slices()[:2]), "all is redacted")
        assert not Event().wait(PAUSES)
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(cancel, request)
            until(lambda: request.status()["status"] == "cancelled", "the request is cancelled")
            began = time.monotonic()
            until(lambda: not cluster.scratch(), "both workers have stopped")
            assert time.monotonic() - began < PACE.slowed(UNINTERRUPTED)
            assert answer.result().json()["code"] == "storage_unavailable"
        first.close()
        first.enter_context(running_s3(folder, int(server.endpoint.rpartition(":")[2])))
        cluster.order(film, 0, 100).submit().wait()


def parts_made(cluster: Cluster) -> list[Path]:
    """Parts whose last frame is redacted, which workers are about to store."""
    folders = folders_below(cluster.folder / "scratch", "process-*", "slice-*")
    return [folder / "part.zip" for folder in folders if (folder / "part.zip").exists()]
