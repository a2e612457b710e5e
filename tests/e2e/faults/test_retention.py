"""Expired data is deleted automatically, as is everything that killed processes left behind."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from framecloak.domain.anonymization.requests.cleanup import MIN_ORPHAN_AGE, UPLOAD_RETENTION
from support.http.client import Request, wait_until
from support.listing import folders_below
from support.servers import cluster as clusters
from support.servers.cluster import Cluster

pytestmark = pytest.mark.faults

OFTEN = {"CLEANUP_INTERVAL_HOURS": "0.0005", "RESULT_RETENTION_HOURS": "1"}
"""Every two seconds, what is older than an hour."""


def test_expired_data_is_deleted_and_counted(
    database_url: str, redis_url: str, tmp_path: Path, video_file: Path
) -> None:
    folder = tmp_path / "data"
    with clusters.running(database_url, redis_url, folder, workers=0, **OFTEN) as cluster:
        order = cluster.repeatable_request(video_file, 0, 100)
        begun_upload(cluster, video_file)
        cluster.start_workers(2)
        request = order.submit()
        request.wait()
        link = cluster.http.get(f"/api/frames/anonymize/download/{request.id}/").headers["location"]
        leave_parts(cluster, request)
        orphan = leave_orphan(cluster)
        left_by_the_dead = kill_one_at_work(cluster, video_file)
        assert f"requests/{request.id}/frames.zip" in cluster.objects()
        age_requests(cluster)
        (kept,) = [key for key in cluster.objects() if key.startswith("videos/") and key != orphan][:1]

        waste = ("requests/", "uploads/")
        wait_until(lambda: not any(key.startswith(waste) for key in cluster.objects()), "gone")
        wait_until(lambda: orphan not in cluster.objects(), "the video that was never recorded is gone")
        wait_until(lambda: not left_by_the_dead.exists(), "the folder of the killed worker is gone")
        wait_until(lambda: cluster.query("SELECT count(*) FROM download_tokens") == [(0,)], "tokens are gone")
        assert cluster.query("SELECT count(*) FROM uploads") == [(0,)]
        assert kept in cluster.objects()

        assert httpx.get(cluster.http.base_url.join(link)).json()["code"] == "token_not_found"
        again = cluster.http.get(f"/api/frames/anonymize/download/{request.id}/")
        assert (again.status_code, again.json()["code"]) == (409, "not_ready")
        wait_until(lambda: removed(cluster) >= EXPECTED, f"the log says so, and not {removed(cluster)}")


EXPECTED = Counter(download_rights=1, results=1, uploads=1, leftovers=1, parts=1, folders=1, orphans=1)


def begun_upload(cluster: Cluster, video_file: Path) -> None:
    """Begin an upload long ago and never complete it."""
    before = set(cluster.objects())
    begun = cluster.http.post("/api/videos/uploads/", json={"filename": "film.mp4"}).raise_for_status().json()
    httpx.put(cluster.http.base_url.join(begun["url"]), content=video_file.read_bytes()).raise_for_status()
    keys = set(cluster.objects()) - before
    long_ago = time.time() - UPLOAD_RETENTION.total_seconds() - 60
    for key in keys:
        os.utime(cluster.folder / "objects" / key, (long_ago, long_ago))
    cluster.query("UPDATE uploads SET expires_at = expires_at - $1::interval", UPLOAD_RETENTION)


def leave_parts(cluster: Cluster, request: Request) -> None:
    """Leave parts as a late worker does, and a worker whose request was deleted."""
    for request_id in (request.id, str(uuid4())):
        part = cluster.folder / "objects" / "requests" / request_id / "slices" / "00000-9.zip"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"frames")


def leave_orphan(cluster: Cluster) -> str:
    """Store a video as an API does that is killed before recording it; return its key."""
    cluster.query("UPDATE users SET created_at = created_at - interval '3 days'")
    key = f"videos/{uuid4().hex}"
    path = cluster.folder / "objects" / key
    path.write_bytes(b"an unredacted film")
    long_ago = time.time() - 2 * MIN_ORPHAN_AGE.total_seconds()
    os.utime(path, (long_ago, long_ago))
    return key


def kill_one_at_work(cluster: Cluster, video_file: Path) -> Path:
    """Kill a worker so that it leaves its folder behind, while another one continues."""
    request = cluster.repeatable_request(video_file).submit()
    with request.held() as (victim,):
        name = f"slice-{request.id}-{victim.number}-*"
        (folder,) = folders_below(cluster.folder / "scratch", "process-*", name)
        cluster.kill(victim.worker)
    request.wait()
    return folder.parent


def age_requests(cluster: Cluster) -> None:
    """Make requests two hours older."""
    cluster.query(
        "UPDATE requests SET created_at = created_at - $1::interval, started_at = started_at - $1::interval, "
        "completed_at = completed_at - $1::interval",
        timedelta(hours=2),
    )


def removed(cluster: Cluster) -> Counter[str]:
    """Return the deletion counts in the log."""
    total = Counter[str]()
    for line in cluster.log():
        if line["event"] == "cleaned up":
            total.update(line["removed"])
    return total
