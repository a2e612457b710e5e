"""Drain a full queue: errors, memory, and status requests meanwhile.

Run with ``make bench-drain``. Starts ``framecloak serve`` with embedded servers in a temporary folder,
submits one request of 10,000 frames and, when that is done, 1,000 requests of 50 frames each, through the
batch endpoint and from several accounts. Another process sends 50 status requests a second meanwhile.

Prints frames and requests a second, status latencies, the memory of API and worker over time (start,
quarters, end, and peak), and whatever was logged as a warning or an error. Exits with 1 when a request did
not complete, anything was logged as an error, or a status request failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.service.load import write_video
from benchmarks.support.processes import (
    PASSWORD,
    Client,
    MemorySampler,
    load_average,
    program,
    roles,
    warnings_in,
)

POLLS_PER_SECOND = 50
FRESH_SECONDS = 3.0
"""The status of a new request waits two seconds for its first change by design; it is not requested."""
MAX_BATCH = 100
"""Maximum number of requests for the batch endpoint."""


def poll(address: str, key: str) -> None:
    """Send status requests for the ids on standard input until it ends; print the measurements as JSON."""
    known: list[tuple[float, str]] = []
    over = threading.Event()

    def listen() -> None:
        known.extend((time.monotonic(), line.strip()) for line in sys.stdin)
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    took: list[float] = []
    failures: list[str] = []
    due = time.monotonic()
    with httpx.Client(base_url=address, headers={"Authorization": f"Token {key}"}, timeout=30) as http:
        while not over.is_set():
            due += 1 / POLLS_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            old = [request for at, request in list(known) if time.monotonic() - at > FRESH_SECONDS]
            if not old:
                continue
            # Measured from the due time: one slow response must not hide that later ones would be slow too.
            request = random.choice(old)  # noqa: S311 -- no secret
            answer = http.get(f"/api/frames/anonymize/status/{request}/")
            took.append(time.monotonic() - due)
            if not answer.is_success:
                failures.append(f"{answer.status_code} {answer.text[:100]}")
    print(json.dumps({"took": took, "failures": failures}))


@dataclass
class StatusPoller:
    """The process that sends status requests.

    Attributes:
        process: reads request ids.
        durations: seconds of each response, once it has ended.
        failures: unexpected responses.
    """

    process: subprocess.Popen[str]
    durations: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, requests: Sequence[str]) -> None:
        """Add requests to poll."""
        assert self.process.stdin is not None  # noqa: S101 -- it is a pipe
        self.process.stdin.write("".join(f"{request}\n" for request in requests))
        self.process.stdin.flush()

    def summary(self) -> str:
        """Return the latencies in a line."""
        if not self.durations:
            return "nothing was asked"
        took = sorted(1000 * seconds for seconds in self.durations)
        return (
            f"{len(took)} status requests, p50 {statistics.median(took):.1f} ms, "
            f"p99 {took[int(0.99 * len(took))]:.1f} ms, longest {took[-1]:.0f} ms, "
            f"{len(self.failures)} failed"
        )


@contextmanager
def polling(address: str, key: str) -> Iterator[StatusPoller]:
    """Send status requests from another process while the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.service.drain", "--ask", address, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    poller = StatusPoller(process)
    try:
        yield poller
    finally:
        output, _ = process.communicate()
        found = json.loads(output)
        poller.durations, poller.failures = found["took"], found["failures"]


@dataclass
class Drain:
    """The service under load.

    Attributes:
        address: address of the API.
        admin: an administrator's client.
        pids: process ids of API and worker.
        folder: folder for videos.
        faults: descriptions of everything that is wrong.
    """

    address: str
    admin: Client
    pids: dict[str, int]
    folder: Path
    faults: list[str] = field(default_factory=list)

    def one_large(self, frames: int) -> None:
        """Process one request of many frames."""
        write_video(self.folder / "large.mkv", frames, (160, 120), "libx264")
        video = self.admin.upload(self.folder / "large.mkv")
        order = {"video_id": video, "segment_ids": [self.admin.mark(video, 0, frames)]}
        self._watched([(self.admin, [order])], frames, f"one request of {frames} frames")

    def many_small(self, requests: int, frames: int, accounts: int) -> None:
        """Process many requests of few frames, from several alternating accounts."""
        write_video(self.folder / "small.mkv", frames, (160, 120), "libx264")
        batches: list[list[tuple[Client, list[dict[str, object]]]]] = []
        for number in range(accounts):
            client = self.admin.another(f"user{number}")
            video = client.upload(self.folder / "small.mkv")
            order: dict[str, object] = {"video_id": video, "segment_ids": [client.mark(video, 0, frames)]}
            orders = [order] * (requests // accounts + (number < requests % accounts))
            batches.append([(client, orders[at : at + MAX_BATCH]) for at in range(0, len(orders), MAX_BATCH)])
        turns = [
            turn for row in range(max(map(len, batches))) for one in batches for turn in one[row : row + 1]
        ]
        self._watched(
            turns, requests * frames, f"{requests} requests of {frames} frames, {accounts} accounts"
        )

    def _watched(
        self, turns: Sequence[tuple[Client, list[dict[str, object]]]], frames: int, title: str
    ) -> None:
        watch = MemorySampler()
        before = self.admin.counts()
        with polling(self.address, self.admin.key) as poller, watch.sampling(self.pids):
            began = time.perf_counter()
            requests = 0
            for client, orders in turns:
                poller.add(client.submit(orders))
                requests += len(orders)
            submitted = time.perf_counter() - began
            while True:
                counts = self.admin.counts()
                if counts["pending"] + counts["processing"] == 0:
                    break
                time.sleep(0.5)
            took = time.perf_counter() - began
        completed = counts["completed"] - before["completed"]
        print(f"{title} ({load_average()})")
        print(f"  submitted in {submitted:.1f} s, all done after {took:.1f} s")
        print(f"  {frames / took:.0f} frames/s, {requests / took:.2f} requests/s")
        print(f"  {poller.summary()}")
        for role in self.pids:
            print(f"  memory of the {role}: {watch.summary(role)}", flush=True)
        if completed != requests:
            self.faults.append(f"{title}: {completed} of {requests} completed; all there are: {counts}")
        self.faults += [f"{title}: status request: {one}" for one in poller.failures[:5]]


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=10_000, help="frames of the one request; 0 for none")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=50, help="of each of them")
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--ask", nargs=2, metavar=("ADDRESS", "KEY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        poll(*arguments.ask)
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    folder = Path(tempfile.mkdtemp(prefix="framecloak-drain-"))
    log = folder / "service.log"
    words = ("serve", "--port", "0", "--data-dir", folder / "data")
    try:
        environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
        with program(*words, environment=environment, log=log, until="ready ") as (process, address):
            pids = roles(process.pid)
            drain = Drain(address, Client(address), pids, folder)
            if arguments.large:
                drain.one_large(arguments.large)
            drain.many_small(arguments.requests, arguments.frames, arguments.accounts)
            if roles(process.pid) != pids:
                drain.faults.append(f"a process was started again: {pids} became {roles(process.pid)}")
        messages = warnings_in(log)
        for what, often in messages.items():
            print(f"logged {often}x {what}")
        drain.faults += [what for what in messages if not what.startswith("warning")]
    finally:
        shutil.rmtree(folder)
    for fault in drain.faults:
        print(f"FAULT {fault}")
    sys.exit(1 if drain.faults else 0)


if __name__ == "__main__":
    main()
