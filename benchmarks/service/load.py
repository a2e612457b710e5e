"""Load the service as started by one command: status requests, time to the first frame, a large upload.

Run with ``make bench-service``. Starts ``framecloak serve`` with embedded servers in a temporary folder,
keeps its worker busy with a long video, and then measures from another process:

- status requests over 32 persistent connections: requests a second and the 99th percentile;
- the time from a submission to the first processed frame, on an otherwise idle worker;
- the upload of a file of 2 GB compared with writing the same bytes with ``dd``, and the API's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import numpy as np

BIN = Path(sys.executable).parent
PASSWORD = "a password for one run"  # noqa: S105 -- for a temporary installation
CONNECTIONS = 32


@dataclass(frozen=True)
class RunningService:
    """A running service.

    Attributes:
        address: address of its API.
        process: the process of ``framecloak serve``.
        http: a client that is signed in with an API key.
        key: the API key.
    """

    address: str
    process: subprocess.Popen[str]
    http: httpx.Client
    key: str

    def api_pid(self) -> int:
        """Return the process id of the API."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and _is_api_of(entry, self.process.pid):
                return int(entry.name)
        sys.exit("there is no API process")


def _is_api_of(entry: Path, parent: int) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
        status = (entry / "status").read_text()
    except OSError:
        return False
    return b"api" in words and f"PPid:\t{parent}\n" in status


@contextmanager
def service(folder: Path) -> Iterator[RunningService]:
    """Start the service, and stop it afterwards."""
    environment = {**os.environ, "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD, "MAX_FRAMES_PER_REQUEST": "1000000"}
    command = [BIN / "framecloak", "serve", "--port", "0", "--data-dir", folder / "data"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 -- it is a pipe
        address = next(line.split()[1] for line in process.stdout if line.startswith("ready "))
        with httpx.Client(base_url=address, timeout=600) as http:
            tokens = http.post("/api/auth/token", json={"username": "admin", "password": PASSWORD}).json()
            http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            key = http.post("/api/auth/api-keys", json={"name": "load"}).raise_for_status().json()["key"]
            http.headers["Authorization"] = f"Token {key}"
            yield RunningService(address, process, http, key)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def write_video(path: Path, frames: int, size: tuple[int, int], codec: str) -> None:
    """Write a video; ``rawvideo`` makes it as large as possible."""
    noise = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            picture = (
                np.roll(noise, index, axis=1) if codec == "rawvideo" else np.full_like(noise, index % 255)
            )
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def upload(running: RunningService, path: Path) -> int:
    """Upload a video; return its id."""
    with path.open("rb") as file:
        answer = running.http.post(
            f"/api/videos/?filename={path.name}",
            content=iter(lambda: file.read(1 << 20), b""),
            headers={"Content-Type": "video/x-matroska", "Content-Length": str(path.stat().st_size)},
        )
    return int(answer.raise_for_status().json()["id"])


def submit(running: RunningService, video: int, frames: int) -> str:
    """Submit a request for the first frames of a video; return its id."""
    segment = running.http.post(
        f"/api/videos/{video}/segments/", json={"start_frame": 0, "end_frame": frames}
    ).raise_for_status()
    body = {"video_id": video, "segment_ids": [segment.json()["id"]]}
    submitted = running.http.post("/api/frames/anonymize/", json=body).raise_for_status()
    return str(submitted.json()["request_id"])


def status(running: RunningService, request: str) -> dict[str, object]:
    """Return the status of a request."""
    answer: dict[str, object] = running.http.get(f"/api/frames/anonymize/status/{request}/").json()
    return answer


def seconds_to_first_frame(running: RunningService, video: int, frames: int) -> float:
    """Measure from submission until a frame is reported as done, then cancel the request."""
    began = time.perf_counter()
    request = submit(running, video, frames)
    while not status(running, request)["processed_frames"]:
        time.sleep(0.01)
    took = time.perf_counter() - began
    running.http.delete(f"/api/frames/anonymize/{request}/").raise_for_status()
    return took


async def _poll(host: str, port: int, message: bytes, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (began := time.perf_counter()) < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"unexpected answer: {head[:100]!r}")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        took.append(time.perf_counter() - began)
    writer.close()


def load(address: str, key: str, request: str, seconds: float) -> list[float]:
    """Poll a status repeatedly; return the duration of each response, in seconds."""
    parts = urlsplit(address)
    host, port = str(parts.hostname), int(parts.port or 80)
    message = (
        f"GET /api/frames/anonymize/status/{request}/ HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Token {key}\r\n\r\n"
    ).encode()
    took: list[float] = []

    async def run() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(_poll(host, port, message, until, took) for _ in range(CONNECTIONS)))

    asyncio.run(run())
    return took


def measure_status(running: RunningService, request: str, rounds: int, seconds: float) -> None:
    """Print requests a second and latencies, round by round and as medians."""
    rates, slowest = [], []
    for _ in range(rounds):
        command = [sys.executable, "-m", "benchmarks.service.load", "--load", running.address, running.key]
        command += [request, str(seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        took = sorted(json.loads(done.stdout))
        rates.append(len(took) / seconds)
        slowest.append(1000 * took[int(0.99 * len(took))])
        before = status(running, request)
        print(
            f"  {rates[-1]:6.0f} requests/s, p50 {1000 * statistics.median(took):5.1f} ms, "
            f"p99 {slowest[-1]:5.1f} ms (the worker: {before['status']}, {before['processed_frames']} frames)"
        )
    print(
        f"status: {statistics.median(rates):.0f} requests/s over {CONNECTIONS} connections, "
        f"p99 {statistics.median(slowest):.1f} ms, medians of {rounds} rounds of {seconds:g} s"
    )


@contextmanager
def watched_memory(pid: int) -> Iterator[Callable[[], float]]:
    """Yield a function that returns the highest resident memory so far, in MB, sampled every 20 ms."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            text = Path(f"/proc/{pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", text)
            peak[0] = max(peak[0], int(found[1]) / 1024 if found else 0.0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        time.sleep(0.1)
        yield lambda: peak[0]
    finally:
        over.set()
        watcher.join()


def measure_upload(running: RunningService, path: Path, rounds: int) -> None:
    """Print the upload rate of a large file, compared with ``dd``, and its cost in memory."""
    size = path.stat().st_size
    for _ in range(rounds):
        copy = path.with_name("copy")
        began = time.perf_counter()
        subprocess.run(["dd", f"if={path}", f"of={copy}", "bs=1M", "conv=fdatasync"], check=True, stderr=-1)  # noqa: S607
        disk = time.perf_counter() - began
        copy.unlink()
        with watched_memory(running.api_pid()) as peak:
            before = peak()
            began = time.perf_counter()
            video = upload(running, path)
            took = time.perf_counter() - began
            print(
                f"  upload {size / took / 1e6:5.0f} MB/s ({took:.1f} s), dd {size / disk / 1e6:5.0f} MB/s, "
                f"memory of the API {before:.0f} -> {peak():.0f} MB"
            )
        running.http.delete(f"/api/videos/{video}/").raise_for_status()


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one round of status requests")
    parser.add_argument("--upload-gb", type=float, default=2.0)
    parser.add_argument(
        "--load", nargs=4, metavar=("ADDRESS", "KEY", "REQUEST", "SECONDS"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.load:
        address, key, request, seconds = arguments.load
        print(json.dumps(load(address, key, request, float(seconds))))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    folder = Path(tempfile.mkdtemp(prefix="framecloak-load-"))
    try:
        frames = 20_000
        write_video(folder / "long.mkv", frames, (640, 360), "libx264")
        big = int(arguments.upload_gb * 1e9 / (1920 * 1080 * 1.5))
        write_video(folder / "big.mkv", big, (1920, 1080), "rawvideo")
        with service(folder) as running:
            video = upload(running, folder / "long.mkv")
            took = [seconds_to_first_frame(running, video, 500) for _ in range(arguments.rounds)]
            print(
                f"submit to first frame: {statistics.median(took):.2f} s "
                f"({', '.join(f'{one:.2f}' for one in took)})"
            )
            busy = submit(running, video, frames)
            measure_status(running, busy, arguments.rounds, arguments.seconds)
            running.http.delete(f"/api/frames/anonymize/{busy}/").raise_for_status()
            measure_upload(running, folder / "big.mkv", arguments.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
