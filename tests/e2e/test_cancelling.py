"""Requests that nobody wants any more: their work stops on every worker, and nothing of them stays."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import httpx
import pytest

import cluster as clusters
from cluster import Cluster
from orders import FRAMES, SLICE_FRAMES, WORK_SECONDS, Request, until
from s3_server import running_s3

pytestmark = pytest.mark.faults

PROMISED = 2.0
"""Seconds in which work stops; part of the contract of the API."""


def cancel(request: Request) -> httpx.Response:
    return request.cluster.http.delete(f"/api/frames/anonymize/{request.id}/")


def test_work_stops_on_every_worker_and_nothing_stays(
    database_url: str, redis_url: str, tmp_path: Path, film: Path
) -> None:
    # Four slices: two are done, and two are in work.
    more = {"SLICE_FRAMES": str(FRAMES // 4)}
    with clusters.running(database_url, redis_url, tmp_path / "data", **more) as cluster:
        require_end(cluster, film)


def require_end(cluster: Cluster, film: Path) -> None:
    order = cluster.order(film)
    request, waiting = order.submit(), order.submit()
    until(lambda: any(one.state == "completed" for one in request.slices()), "a part is made", WORK_SECONDS)
    request.caught_in_work(2)
    assert cancel(waiting).json() == {"success": True, "message": "Request cancelled"}
    assert cancel(request).json() == {"success": True, "message": "Request cancelled"}
    until(lambda: not cluster.scratch(), "both workers have stopped", PROMISED)
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
        request.caught_in_work(2)
        if trouble == "it hangs":
            os.kill(server.pid, signal.SIGSTOP)
            first.callback(os.kill, server.pid, signal.SIGCONT)
        else:
            first.close()
        until(
            lambda: all(one.done == one.frames for one in request.slices()[:2]),
            "all is redacted",
            WORK_SECONDS,
        )
        # Long enough for the pauses between two tries to be longer than what is promised.
        assert not Event().wait(5)
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(cancel, request)
            until(lambda: request.status()["status"] == "cancelled", "the request is cancelled", PROMISED)
            until(lambda: not cluster.scratch(), "both workers have stopped", PROMISED)
            assert answer.result().json()["code"] == "storage_unavailable"
        first.close()
        first.enter_context(running_s3(folder, int(server.endpoint.rpartition(":")[2])))
        cluster.order(film, 0, 100).submit().wait()
