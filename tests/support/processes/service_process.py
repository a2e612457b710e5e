"""The installed service as a process, as an operator runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from support.patience import patience
from support.processes.command import start_forked, start_installed
from support.processes.forked import PIPE, ForkedProcess
from support.processes.isolation import keep_process, keep_thread

PASSWORD = "correct horse battery"
START_SECONDS = patience(90)
STOP_SECONDS = patience(60)


@dataclass
class ServiceProcess:
    """A process of ``framecloak serve``, ``api`` or ``worker``.

    Attributes:
        process: the command's process.
        lines: lines that it has printed to standard output.
    """

    process: subprocess.Popen[str] | ForkedProcess
    lines: list[str] = field(default_factory=list)
    _ended: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Read the remaining output of the ended process."""
        self._reader.join(STOP_SECONDS)
        assert self.process.stdout
        self.process.stdout.close()

    def keep(self) -> None:
        """Let it outlive the test that started it."""
        keep_process(self.process.pid)
        keep_thread(self._reader)

    def _read_output(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, prefix: str) -> str:
        """Wait for the first line with this prefix; return the rest of it."""

        def found() -> str | None:
            return next((line for line in self.lines if line.startswith(prefix)), None)

        with self._changed:
            in_time = self._changed.wait_for(lambda: found() or self._ended, START_SECONDS)
            line = found()
        assert in_time, f"{prefix!r} was not said in time, but {self.lines}"
        assert line, f"{prefix!r} was never said, but {self.lines}"
        return line.removeprefix(prefix).strip()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def descendants(self) -> list[int]:
        """Return the process ids of all its descendants."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        found, waiting = [], [self.process.pid]
        while waiting:
            of_one = children.get(waiting.pop(), [])
            found += of_one
            waiting += of_one
        return found

    def survives(self, pid: int) -> bool:
        """Wait until a killed process is gone; return whether it is, while the service still runs."""
        deadline = time.monotonic() + STOP_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.process.poll() is None and not Path(f"/proc/{pid}").exists()

    def role(self, name: str) -> int:
        """Return the process id of its API or its worker."""
        for pid in self.descendants():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"framecloak" in words and name.encode() in words:
                return pid
        raise AssertionError(f"there is no {name} process")


@contextmanager
def started(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    errors: Path | None = None,
    installed: bool = False,
) -> Iterator[ServiceProcess]:
    """Start the command, and make sure that none of its processes outlives the test.

    Args:
        *arguments: command-line arguments.
        environment: variables in addition to our own.
        user: user to run it as, together with ``installed``.
        errors: file for its standard error; by default that of the tests.
        installed: start it as a shell does, including all imports.
    """
    # An empty password counts as not set.
    variables = {"FRAMECLOAK_ADMIN_PASSWORD": "", **(environment or {})}
    with ExitStack() as files:
        stderr = files.enter_context(errors.open("wb")).fileno() if errors else None
        if installed:
            process = start_installed(
                *arguments, environment=variables, stdout=PIPE, stderr=stderr, user=user
            )
        else:
            process = start_forked(*arguments, environment=variables, stdout=PIPE, stderr=stderr)
    service = ServiceProcess(process)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        service.close()


@contextmanager
def signed_in(address: str, username: str = "admin", password: str = PASSWORD) -> Iterator[httpx.Client]:
    """Yield a client with an API key."""
    with httpx.Client(base_url=address, timeout=patience(60)) as http:
        tokens = http.post("/api/auth/token", json={"username": username, "password": password})
        http.headers["Authorization"] = f"Bearer {tokens.raise_for_status().json()['access_token']}"
        key = http.post("/api/auth/api-keys", json={"name": "tests"}).raise_for_status().json()["key"]
        http.headers["Authorization"] = f"Token {key}"
        yield http


def upload(http: httpx.Client, path: Path) -> dict[str, Any]:
    """Upload a video; return its metadata."""
    answer = http.post(
        f"/api/videos/?filename={path.name}", content=path.read_bytes(), headers={"Content-Type": "video/mp4"}
    )
    facts: dict[str, Any] = answer.raise_for_status().json()
    return facts


def mark(http: httpx.Client, video_id: int, start: int, end: int) -> int:
    """Mark a segment; return its id."""
    body = {"start_frame": start, "end_frame": end}
    return int(http.post(f"/api/videos/{video_id}/segments/", json=body).raise_for_status().json()["id"])


def submit(http: httpx.Client, video_id: int, segments: list[int], **more: object) -> str:
    """Submit a request; return its id."""
    body = {"video_id": video_id, "segment_ids": segments, **more}
    return str(http.post("/api/frames/anonymize/", json=body).raise_for_status().json()["request_id"])


def follow(http: httpx.Client, request_id: str) -> list[dict[str, Any]]:
    """Return every status of the event stream, up to the last."""
    with http.stream("GET", f"/api/frames/anonymize/events/{request_id}/") as response:
        response.raise_for_status()
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]
