"""The whole service as one command: started, used over HTTP, stopped and started again."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import cv2
import httpx
import numpy as np
import pytest

from support.patience import patience
from support.processes import command, service_process
from support.processes.command import FRAMECLOAK
from support.processes.service_process import PASSWORD, ServiceProcess
from support.samples import images
from support.samples.beeps import beep_times, write_beeping_video
from support.samples.media import write_video

ENVIRONMENT = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[ServiceProcess]:
    arguments = ("serve", "--port", "0", "--data-dir", data_dir)
    with service_process.started(*arguments, environment=ENVIRONMENT, installed=True) as running:
        yield running


@pytest.fixture(scope="module")
def address(service: ServiceProcess) -> str:
    return service.wait_for("ready ")


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with service_process.signed_in(address) as client:
        yield client


def alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_video_becomes_a_zip_of_redacted_frames(http: httpx.Client, address: str, tmp_path: Path) -> None:
    facts = service_process.upload(http, write_video(tmp_path / "film.mp4", 40))
    assert (facts["filename"], facts["frame_count"], facts["width"]) == ("film.mp4", 40, 128)
    first = service_process.mark(http, facts["id"], 5, 12)
    second = service_process.mark(http, facts["id"], 10, 20)
    region = {"x": 100, "y": 60, "width": 20, "height": 30, "start_frame": 0, "end_frame": 8}
    http.post(f"/api/videos/{facts['id']}/regions/", json=region).raise_for_status()
    request = service_process.submit(http, facts["id"], [first, second], output_format="png")
    states = service_process.follow(http, request)
    assert states[-1] | {"progress": 100, "processed_frames": 15, "status": "completed"} == states[-1]
    assert [one["processed_frames"] for one in states] == sorted(one["processed_frames"] for one in states)

    minted = http.get(f"/api/frames/anonymize/download/{request}/")
    assert minted.status_code == 303
    link = minted.headers["location"]
    stranger = httpx.get(f"{address}{link}")  # the link needs no other credential
    assert (stranger.status_code, stranger.headers["content-type"]) == (200, "application/zip")
    assert httpx.get(f"{address}{link}").json()["code"] == "token_used"
    with zipfile.ZipFile(io.BytesIO(stranger.content)) as archive:
        names = [name for name in archive.namelist() if name.startswith("frames/")]
        assert names == [
            *(f"frames/segment_{first}/frame_{index:07d}.png" for index in range(5, 12)),
            *(f"frames/segment_{second}/frame_{index:07d}.png" for index in range(12, 20)),
        ]
        pictures = [
            cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR) for name in names
        ]
        manifest = json.loads(archive.read("manifest.json"))
    assert [picture[60:90, 100:120].max() == 0 for picture in pictures] == [True] * 3 + [False] * 12
    assert manifest["summary"]["frames"] == 15


def test_sound_of_a_video_keeps_its_time_without_speech(http: httpx.Client, tmp_path: Path) -> None:
    facts = service_process.upload(http, write_beeping_video(tmp_path / "sound.mkv", "vorbis"))
    whole = service_process.mark(http, facts["id"], 0, facts["frame_count"])
    request = service_process.submit(http, facts["id"], [whole], output_format="mp4", audio="mute-speech")
    assert service_process.follow(http, request)[-1]["status"] == "completed"
    data = http.get(f"/api/frames/anonymize/download/{request}/", follow_redirects=True).content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".mp4"))
        archive.extract(name, tmp_path)
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["settings"]["audio"] == "mute-speech"
    (sound,) = manifest["sound"]
    silent = sound["ranges"]
    assert [beep for beep in (0.5, 1.5, 2.5, 3.5) if not any(a <= beep <= b for a, b in silent)] == [
        pytest.approx(beep, abs=0.03) for beep in beep_times(tmp_path / name)
    ]


def test_several_requests_are_processed_and_one_is_cancelled(http: httpx.Client, tmp_path: Path) -> None:
    facts = service_process.upload(http, write_video(tmp_path / "long.mp4", 300, size=(640, 360)))
    whole = service_process.mark(http, facts["id"], 0, 300)
    requests = [
        service_process.submit(http, facts["id"], [whole], output_format="png", priority=priority)
        for priority in ("normal", "high")
    ]
    assert http.delete(f"/api/videos/{facts['id']}/").json()["code"] == "video_in_use"
    for request in requests:
        answer = http.delete(f"/api/frames/anonymize/{request}/")
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        assert service_process.follow(http, request)[-1]["status"] == "cancelled"
        assert http.delete(f"/api/frames/anonymize/{request}/").json()["code"] == "already_finished"
        assert http.get(f"/api/frames/anonymize/download/{request}/").json()["code"] == "not_ready"
    assert http.delete(f"/api/videos/{facts['id']}/").status_code == 204


def test_health_details_are_for_signed_in_users_only(http: httpx.Client, address: str) -> None:
    assert httpx.get(f"{address}/health").json()["status"] == "healthy"
    assert httpx.get(f"{address}/api/frames/anonymize/health/").json() == {"status": "healthy"}
    report = http.get("/api/frames/anonymize/health/").json()
    checks = ("database", "redis", "storage", "models", "disk")
    assert report["checks"] == dict.fromkeys(checks, "ok")
    assert (report["status"], report["workers"], report["celery_workers"]) == ("healthy", 1, 1)
    # The report is computed in the background, so an early request does not get the values yet.
    deadline = time.monotonic() + patience(60)
    while report["storage_bytes"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        report = http.get("/api/frames/anonymize/health/").json()
    assert report["storage_bytes"] >= 0


def test_face_analysis_is_counted_in_metrics(http: httpx.Client) -> None:
    picture = cv2.imencode(".jpg", images.group_photo()[:, :, ::-1])[1].tobytes()
    answer = http.post("/analyze", content=picture, headers={"Content-Type": "image/jpeg"})
    assert answer.raise_for_status().json()["faces_detected"] == 6
    metrics = http.get("/metrics").raise_for_status().text
    for model in ("detector", "recognizer"):
        assert f'framecloak_analysis_batch_size_sum{{model="{model}"}} 1.0' in metrics


@pytest.mark.parametrize("role", ["worker", "api"])
def test_killed_role_is_restarted(
    service: ServiceProcess, http: httpx.Client, tmp_path: Path, role: str
) -> None:
    killed = service.role(role)
    os.kill(killed, signal.SIGKILL)
    # Its connections stay open until it is dead, and a request on one of them is lost with it.
    assert service.survives(killed)
    # The socket stays open meanwhile, so the new process answers this.
    facts = service_process.upload(http, write_video(tmp_path / "film.mp4", 6))
    segment = service_process.mark(http, facts["id"], 0, 6)
    request = service_process.submit(http, facts["id"], [segment])
    assert service_process.follow(http, request)[-1]["status"] == "completed"
    assert service.role(role) != killed


def test_second_service_on_the_same_folder_is_refused(service: ServiceProcess, data_dir: Path) -> None:
    service.wait_for("ready ")
    with service_process.started("serve", "--port", "0", "--data-dir", data_dir) as other:
        assert other.process.wait(service_process.STOP_SECONDS) == 51


def test_error_names_a_port_in_use(address: str, tmp_path: Path) -> None:
    port = address.rpartition(":")[2]
    with service_process.started("serve", "--port", port, "--data-dir", tmp_path) as other:
        assert other.process.wait(service_process.STOP_SECONDS) == 26
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize(
    ("variable", "value", "code", "says"),
    [
        ("FRAMECLOAK_DETECTOR", "nosuch", 31, "there is no detector 'nosuch'"),
        ("FRAMECLOAK_PROVIDER", "tensorrt", 30, "TensorRT"),
    ],
)
def test_missing_model_or_device_prevents_the_start(
    tmp_path: Path, variable: str, value: str, code: int, says: str
) -> None:
    for role in (["serve", "--port", "0"], ["worker"]):
        environment = {variable: value, "DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h"}
        result = command.run(*role, "--data-dir", tmp_path / "data", environment=environment)
        assert (result.code, result.out) == (code, "")
        assert says in result.err
        assert not (tmp_path / "data").exists()


def test_nothing_is_lost_by_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("serve", "--port", "0", "--data-dir", data)
    with service_process.started(*arguments) as first:
        address = first.wait_for("ready ")
        assert first.wait_for("administrator ") == "admin"
        password = first.wait_for("password ")
        with service_process.signed_in(address, password=password) as http:
            facts = service_process.upload(http, write_video(tmp_path / "film.mp4", 240, size=(640, 360)))
            segment = service_process.mark(http, facts["id"], 0, 240)
            request = service_process.submit(http, facts["id"], [segment], output_format="png")
            while http.get(f"/api/frames/anonymize/status/{request}/").json()["status"] != "processing":
                pass
        started = [first.process.pid, *first.descendants()]
        assert len(started) >= 5  # Postgres and its own, Redis, the API, the worker
        assert first.stop(signal.SIGINT) == 0
        assert [pid for pid in started if alive(pid)] == []
    for path in data.iterdir():
        # As root, Postgres runs as another user, who needs access.
        assert not stat.S_IMODE(path.stat().st_mode) & 0o066, path

    with service_process.started(*arguments) as second:
        address = second.wait_for("ready ")
        assert not any(line.startswith(("administrator", "password")) for line in second.lines)
        with service_process.signed_in(address, password=password) as http:
            assert service_process.follow(http, request)[-1]["status"] == "completed"
            assert http.get(f"/api/videos/{facts['id']}/").json() == facts | {"state": "ready"}
        assert second.stop(signal.SIGTERM) == 0


def test_child_processes_end_when_the_command_is_killed(tmp_path: Path) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data")
    # Started, not forked: its parent matters for the death signal.
    with service_process.started(*arguments, installed=True) as service:
        service.wait_for("ready ")
        started = service.descendants()
        assert started
        service.process.kill()
        service.process.wait()
        deadline = time.monotonic() + service_process.STOP_SECONDS
        while any(alive(pid) for pid in started) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [pid for pid in started if alive(pid)] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here runs as a user already")
def test_it_runs_as_an_unprivileged_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    user_id = 65534
    try:
        subprocess.run([FRAMECLOAK, "--version"], user=user_id, extra_groups=[], check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("other users cannot read this checkout")
    home = tmp_path_factory.mktemp("home")
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)
    os.chown(home, user_id, user_id)
    environment = {**ENVIRONMENT, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    arguments = ("serve", "--port", "0", "--data-dir", home / "data")
    with service_process.started(
        *arguments, environment=environment, user=user_id, installed=True
    ) as service:
        address = service.wait_for("ready ")
        assert httpx.get(f"{address}/api/frames/anonymize/health/").json() == {"status": "healthy"}
        assert (home / "data").stat().st_uid == user_id
        assert service.stop() == 0


async def test_older_schema_is_refused_with_a_hint(database_url: str, redis_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update alembic_version set version_num = '0001'")
    await connection.close()
    servers = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
    for role in (["api", "--port", "0"], ["worker"], ["serve", "--port", "0"]):
        with service_process.started(*role, environment=servers) as service:
            assert service.process.wait(service_process.STOP_SECONDS) == 50
