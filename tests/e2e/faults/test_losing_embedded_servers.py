"""``framecloak serve`` whose own Postgres or Redis is killed: noticed, started again, and given up loudly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from support.http.client import wait_until
from support.processes import service_process
from support.processes.service_process import PASSWORD, START_SECONDS, ServiceProcess

pytestmark = pytest.mark.faults

HEALTH = "/api/frames/anonymize/health/"
DATABASE_UNAVAILABLE = 51
IMPATIENT = """
from functools import partial
from framecloak.entrypoints.runtime import server_supervisor
server_supervisor.RestartPolicy = partial(server_supervisor.RestartPolicy, max_restarts=2)
from framecloak.entrypoints.cli.main import main
raise SystemExit(main())
"""
"""The command, with a supervision that gives up after two restarts."""

servers = pytest.mark.parametrize(
    ("program", "name"), [("postgres", "embedded Postgres"), ("redis-server", "embedded Redis")]
)


def environment(folder: Path) -> dict[str, str]:
    servers_here = {"DATA_DIR": str(folder / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    return {**servers_here, "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}


def server_of(service: ServiceProcess, program: str) -> int | None:
    """Return the process that runs a program and was not started by another one of it; None without one."""
    found: dict[int, int] = {}
    for pid in service.descendants():
        try:
            name = Path(f"/proc/{pid}/exe").readlink().name
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended meanwhile
        if name == program and state != "Z":
            found[pid] = int(parent)
    return next((pid for pid, parent in found.items() if parent not in found), None)


@contextmanager
def killed(service: ServiceProcess, program: str) -> Iterator[int]:
    """Kill a server, and keep it from being started again during the block; yield its process id."""
    pid = server_of(service, program)
    assert pid, f"{program} does not run"
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        yield pid
    finally:
        os.kill(service.process.pid, signal.SIGCONT)


def is_unhealthy(http: httpx.Client) -> bool:
    return http.get(HEALTH).status_code == 503


@servers
def test_a_killed_server_is_noticed_and_works_again(
    tmp_path: Path, video_file: Path, program: str, name: str
) -> None:
    errors = tmp_path / "errors"
    with (
        service_process.started(
            "serve", "--port", "0", environment=environment(tmp_path), errors=errors
        ) as service,
        service_process.signed_in(service.wait_for("ready ")) as http,
    ):
        wait_until(lambda: not is_unhealthy(http), "the service is healthy")
        video = service_process.upload(http, video_file)["id"]
        segment = service_process.mark(http, video, 0, 4)
        with killed(service, program) as pid:
            wait_until(lambda: is_unhealthy(http), "the API has noticed")
        wait_until(lambda: not is_unhealthy(http), "the API has noticed that it is back")
        assert server_of(service, program) not in {None, pid}
        request = service_process.submit(http, video, [segment])
        assert service_process.follow(http, request)[-1]["status"] == "completed"
        assert http.get(f"/api/frames/anonymize/download/{request}/", follow_redirects=True).is_success
        assert service.stop() == 0
    said = errors.read_text()
    assert f"the {name} ended; it restarts in " in said
    assert f"the {name} runs again" in said


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Listen on a port, and end every connection to it at once."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        over = threading.Event()

        def refuse() -> None:
            listening.settimeout(0.1)
            while not over.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        refusing = threading.Thread(target=refuse)
        refusing.start()
        try:
            yield
        finally:
            over.set()
            refusing.join()


def listening_port(pid: int) -> int:
    """Return the TCP port on which a process listens."""
    sockets = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            return int(fields[1].partition(":")[2], 16)
    raise AssertionError(f"process {pid} does not listen")


@servers
def test_a_server_that_does_not_start_again_ends_the_service(tmp_path: Path, program: str, name: str) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        command = [sys.executable, "-c", IMPATIENT, "serve", "--port", "0"]
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    service = ServiceProcess(process)
    try:
        service.wait_for("ready ")
        pid = server_of(service, program)
        assert pid
        port = listening_port(pid)
        with taken_after_kill(service, program, port):
            assert process.wait(START_SECONDS) == DATABASE_UNAVAILABLE
        assert service.descendants() == []
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        service.close()
    last = errors.read_text().splitlines()[-1]
    assert f"the {name} ended 2 times in a row, and the service with it" in last
    assert f"cannot listen on port {port} of 127.0.0.1" in last
    assert "see its server.log in the data folder" in last


@contextmanager
def taken_after_kill(service: ServiceProcess, program: str, port: int) -> Iterator[None]:
    """Kill a server, and take its port before it can be started again."""
    with ExitStack() as resources:
        with killed(service, program) as pid:
            wait_until(lambda: not _listens(port), f"process {pid} is gone")
            resources.enter_context(taken(port))
        yield


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
