"""API and worker as separate processes, on servers set in the environment, as in production."""

from __future__ import annotations

import io
import signal
import time
import zipfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from framecloak.entrypoints.asgi.listening import listening_socket
from support.processes import command, service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video
from support.servers.s3_server import running_s3


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_request_completes_on_servers_from_the_environment(
    database_url: str, redis_url: str, tmp_path: Path, kind: str
) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "one secret for all the processes",
    }
    with ExitStack() as resources:
        if kind == "s3":
            folder = tmp_path / "s3"
            folder.mkdir()
            environment |= resources.enter_context(running_s3(folder)).environment
        go_all_the_way(environment, tmp_path)


def go_all_the_way(environment: dict[str, str], tmp_path: Path) -> None:
    store = environment.get("MINIO_ENDPOINT")
    created = command.run(
        "users",
        "create",
        "admin",
        "--admin",
        "--password-stdin",
        environment=environment,
        stdin=f"{PASSWORD}\n",
    )
    assert (created.code, created.err) == (0, "")
    with (
        service_process.started("api", "--port", "0", environment=environment) as api,
        service_process.started("worker", environment=environment) as first,
        service_process.started("worker", environment=environment) as second,
        service_process.signed_in(api.wait_for("listening on ")) as http,
    ):
        assert_is_well("api", environment | {"PORT": str(http.base_url.port)})
        facts = service_process.upload(http, write_video(tmp_path / "film.mp4", 12))
        segment = service_process.mark(http, facts["id"], 0, 12)
        submitted = service_process.submit(http, facts["id"], [segment])
        assert service_process.follow(http, submitted)[-1]["status"] == "completed"
        assert http.get("/api/frames/anonymize/health/").json()["workers"] == 2

        link = http.get(f"/api/frames/anonymize/download/{submitted}/").headers["location"]
        redeemed = httpx.get(http.base_url.join(link))
        if store:
            assert redeemed.status_code == 307
            assert urlsplit(redeemed.headers["location"]).netloc == store
            redeemed = httpx.get(redeemed.headers["location"])
        assert redeemed.status_code == 200
        with zipfile.ZipFile(io.BytesIO(redeemed.content)) as archive:
            assert sum(name.startswith("frames/") for name in archive.namelist()) == 12

        upload = http.post("/api/videos/uploads/", json={"filename": "past.mp4"}).raise_for_status().json()
        target = http.base_url.join(upload["url"])
        assert httpx.put(target, content=(tmp_path / "film.mp4").read_bytes()).is_success
        completed = http.post(f"/api/videos/uploads/{upload['id']}/complete")
        assert completed.json()["sha256"] == facts["sha256"]
        assert (completed.status_code, completed.json()["filename"]) == (201, "past.mp4")

        assert_is_well("worker", environment)
        assert [one.stop(signal.SIGTERM) for one in (first, second)] == [0, 0]
        checked = command.run("healthcheck", "worker", environment=environment, installed=store is None)
        assert (checked.code, "no worker on" in checked.err) == (1, True)
        assert http.get("/api/frames/anonymize/health/").json()["status"] == "degraded"
        assert api.stop(signal.SIGTERM) == 0


def assert_is_well(part: str, environment: dict[str, str]) -> None:
    checked = command.run("healthcheck", part, environment=environment)
    assert (checked.code, checked.out, checked.err) == (0, f"the {part} is healthy\n", "")


def test_missing_process_is_unhealthy_but_a_worker_without_redis_is_not(
    tmp_path: Path,
) -> None:
    unreachable = {
        "DATABASE_URL": "postgresql://127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1",
        "DATA_DIR": str(tmp_path),
    }
    for part, port in (("api", "PORT"), ("clip-service", "CLIP_SERVICE_PORT")):
        checked = command.run("healthcheck", part, environment=unreachable | {port: "1", "HOST": "127.0.0.1"})
        assert (checked.code, checked.out) == (1, "")
        assert checked.err.startswith(f"the {part} is unhealthy: ")
    checked = command.run("healthcheck", "worker", environment=unreachable)
    assert (checked.code, checked.err.startswith("the worker cannot be checked: ")) == (0, True)


@pytest.mark.parametrize("role", ["api", "worker", "serve"])
def test_a_role_does_not_start_before_redis_lets_it_in(
    database_url: str, redis_url: str, tmp_path: Path, role: str
) -> None:
    server = redis_url.rpartition("@")[2]
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"redis://:wrong-password@{server}",
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "one secret for all the processes",
    }
    arguments = () if role == "worker" else ("--port", "0")
    ended = command.run(role, *arguments, environment=environment)
    assert (ended.code != 0, ended.out) == (True, "")
    assert f"Redis on {server.partition('/')[0]}" in ended.err
    assert "invalid username-password" in ended.err
    assert "wrong-password" not in ended.err


def test_a_port_in_use_is_told_before_anything_else(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path / "data"), "FRAMECLOAK_DETECTOR": "there-is-no-such-model"}
    with listening_socket("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        ended = command.run("serve", "--port", port, environment=environment)
    assert (ended.code != 0, f"cannot listen on port {port}" in ended.err) == (True, True)
    assert not (tmp_path / "data").exists()


def test_maintenance_alone_is_healthy_and_no_worker(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "FRAMECLOAK_DETECTOR": "there-is-no-such-model",
    }
    with service_process.started("worker", "--duty", "upkeep", environment=environment) as upkeep:
        deadline = time.monotonic() + service_process.START_SECONDS
        while (
            command.run("healthcheck", "worker", environment=environment).code and time.monotonic() < deadline
        ):
            assert upkeep.process.poll() is None
        assert_is_well("worker", environment)
        assert upkeep.stop(signal.SIGTERM) == 0
