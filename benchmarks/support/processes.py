"""Processes of the service that benchmarks start, observe, query and stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
from anyio.from_thread import start_blocking_portal

from framecloak.entrypoints.composition.servers import owned_servers
from framecloak.entrypoints.settings import Settings

BIN = Path(sys.executable).parent
PASSWORD = "a password for one run"  # noqa: S105 -- for a temporary installation
STOP_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def program(
    *words: str | Path,
    environment: Mapping[str, str],
    log: Path,
    until: str = "",
    cores: Collection[int] = (),
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start ``framecloak`` with some arguments, and stop it afterwards.

    Args:
        *words: subcommand and options.
        environment: variables in addition to our own.
        log: file to which its standard error is appended.
        until: prefix of the line on standard output to wait for.
        cores: cores that it may use, as a container with so many; all of them when empty.

    Yields:
        The process, and the rest of that line.
    """
    with log.open("a") as errors:
        process = subprocess.Popen(
            [BIN / "framecloak", *words],
            env={**os.environ, "LOG_FORMAT": "json", **environment},
            stdout=subprocess.PIPE if until else subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
        if cores:
            os.sched_setaffinity(process.pid, cores)
    try:
        said = ""
        if until:
            assert process.stdout is not None  # noqa: S101 -- it is a pipe
            said = next((line for line in process.stdout if line.startswith(until)), "")
            if not said:
                sys.exit(f"framecloak {words[0]} did not start:\n{log.read_text()[-2000:]}")
        yield process, said.removeprefix(until).strip()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Run embedded Postgres and Redis with an account ``admin``; yield the variables with their addresses."""
    settings = Settings.from_environment({"DATA_DIR": str(folder)})
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(owned_servers(settings)) as stack,
    ):
        environment = {
            "DATABASE_URL": stack.database_url,
            "REDIS_URL": stack.redis_url,
            "DATA_DIR": str(folder),
        }
        subprocess.run(
            [BIN / "framecloak", "users", "create", "admin", "--admin", "--password-stdin"],
            env={**os.environ, **environment},
            input=f"{PASSWORD}\n",
            text=True,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        yield environment


def addresses(data: Path) -> dict[str, str]:
    """Return variables with the addresses of embedded servers that another process runs."""
    found = json.loads((data / "servers.json").read_text())
    return {
        "DATABASE_URL": found["database_url"],
        "REDIS_URL": found["redis_url"],
        "DATA_DIR": str(data),
    }


class Client:
    """HTTP client of one account.

    Args:
        address: address of the API.
        username: name of the account, whose password is that of this run.
    """

    def __init__(self, address: str, username: str = "admin") -> None:
        self.http = httpx.Client(base_url=address, timeout=120, follow_redirects=True)
        tokens = self.http.post("/api/auth/token", json={"username": username, "password": PASSWORD})
        self.http.headers["Authorization"] = f"Bearer {tokens.raise_for_status().json()['access_token']}"
        made = self.http.post("/api/auth/api-keys", json={"name": "benchmark"})
        self.key: str = made.raise_for_status().json()["key"]
        self.http.headers["Authorization"] = f"Token {self.key}"

    def another(self, username: str) -> Client:
        """Create another account and sign it in."""
        one_time = "only for the first sign-in"
        body = {"username": username, "password": one_time, "role": "user"}
        self.http.post("/api/users", json=body).raise_for_status()
        with httpx.Client(base_url=str(self.http.base_url)) as http:
            tokens = http.post("/api/auth/token", json={"username": username, "password": one_time})
            headers = {"Authorization": f"Bearer {tokens.raise_for_status().json()['access_token']}"}
            change = {"old_password": one_time, "new_password": PASSWORD}
            http.post("/api/auth/password", json=change, headers=headers).raise_for_status()
        return Client(str(self.http.base_url), username)

    def upload(self, path: Path) -> int:
        """Upload a video; return its id."""
        answer = self.http.post(
            f"/api/videos/?filename={path.name}",
            content=path.read_bytes(),
            headers={"Content-Type": "video/x-matroska"},
        )
        return int(answer.raise_for_status().json()["id"])

    def mark(self, video: int, start: int, end: int) -> int:
        """Mark a segment; return its id."""
        body = {"start_frame": start, "end_frame": end}
        answer = self.http.post(f"/api/videos/{video}/segments/", json=body)
        return int(answer.raise_for_status().json()["id"])

    def submit(self, orders: Sequence[Mapping[str, object]]) -> list[str]:
        """Submit up to 100 requests at once; return their ids."""
        answer = self.http.post("/api/frames/anonymize/batch", json=list(orders)).raise_for_status()
        rejected = [one for one in answer.json() if one["status"] != "accepted"]
        if rejected:
            sys.exit(f"orders were rejected: {rejected[:3]}")
        return [one["request_id"] for one in answer.json()]

    def status(self, request: str) -> dict[str, Any]:
        """Return the status of a request."""
        answer = self.http.get(f"/api/frames/anonymize/status/{request}/").raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, request: str, pause: float = 0.1) -> dict[str, Any]:
        """Wait until a request ends; any status but completed ends the benchmark."""
        while (found := self.status(request))["status"] in {"pending", "processing"}:
            time.sleep(pause)
        if found["status"] != "completed":
            sys.exit(f"request {request} is {found['status']}: {found['error']}")
        return found

    def counts(self) -> dict[str, int]:
        """Return the number of requests of all accounts by status."""
        total = {}
        for status in ("pending", "processing", "completed", "failed", "cancelled"):
            answer = self.http.get(f"/api/frames/anonymize/requests?limit=1&status={status}")
            total[status] = int(answer.raise_for_status().json()["total"])
        return total

    def workers(self) -> int:
        """Return the number of live workers."""
        return int(self.http.get("/api/frames/anonymize/health/").json()["workers"])

    def wait_for_workers(self, count: int) -> None:
        """Wait until there are so many, and a moment longer for them to load their models."""
        while self.workers() != count:
            time.sleep(0.2)
        time.sleep(4.0)


def roles(parent: int) -> dict[str, int]:
    """Return the process ids of API and worker below a process of ``framecloak serve``."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            status = (entry / "status").read_text()
        except OSError:
            continue
        if b"framecloak" in words and f"PPid:\t{parent}\n" in status:
            found |= {role: int(entry.name) for role in ("api", "worker") if role.encode() in words}
    return found


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 when it is gone."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


@dataclass
class MemorySampler:
    """Memory of named processes, sampled repeatedly.

    Attributes:
        readings: samples by name, in MB.
    """

    readings: dict[str, list[float]] = field(default_factory=dict)

    def add(self, pids: Mapping[str, int]) -> None:
        """Take one sample; a process that does not exist just now is left out."""
        for name, pid in pids.items():
            if mb := memory_mb(pid):
                self.readings.setdefault(name, []).append(mb)

    @contextmanager
    def sampling(self, pids: Mapping[str, int], pause: float = 0.5) -> Iterator[None]:
        """Sample continuously while the block lasts."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(pause):
                self.add(pids)

        self.add(pids)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.add(pids)

    def summary(self, name: str) -> str:
        """Return start, quarters, end and peak."""
        mbs = self.readings.get(name, [0.0])
        points = [mbs[round(part * (len(mbs) - 1) / 4)] for part in range(5)]
        return f"{' -> '.join(f'{one:.0f}' for one in points)} MB, peak {max(mbs):.0f} MB"


def warnings_in(*logs: Path) -> dict[str, int]:
    """Count warnings and errors in logs by message, without the numbers in it."""
    found: dict[str, int] = {}
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
                level, said = str(entry.get("level", "")), str(entry.get("event", ""))
            except (ValueError, AttributeError):
                level, said = "error", line
            if level not in {"debug", "info"} and said != "stopping":
                key = f"{level}: {re.sub(r'[0-9a-f-]*[0-9][0-9a-f-]*', 'N', said)[:160]}"
                found[key] = found.get(key, 0) + 1
    return found


def looped(source: Path, target: Path, times: int, size: str, frames: int) -> None:
    """Write a looped and scaled video of so many frames; every 50th is a keyframe."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    words = [
        "-stream_loop",
        str(times),
        "-i",
        source,
        "-an",
        "-vf",
        f"scale={size}",
        "-frames:v",
        str(frames),
    ]
    # Keyframes at every cut of the source would make slices of other lengths than requested.
    keyframes = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", *keyframes, target]
    subprocess.run([ffmpeg, "-v", "error", "-y", *words, *coded], check=True)


def load_average() -> str:
    """Return the machine's load average over the last minute."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
