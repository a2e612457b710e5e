"""Drain a full queue: errors, memory, and status requests while it lasts.

Run with ``make bench-drain``. Starts ``framecloak serve`` with embedded servers in a temporary folder,
submits one request of 10,000 frames and, when that is done, 1,000 requests of 50 frames each, through the
batch endpoint and from several accounts. Another process asks for statuses 50 times a second all the while.

Prints frames and requests a second, status latencies, the memory of API and worker over time (start,
quarters, end, and peak), and whatever was logged as a warning or an error. Ends with 1 when a request did not
complete, anything was logged as an error, or a status request failed.
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

from benchmarks.service.load import film
from benchmarks.support.processes import PASSWORD, Client, Watch, load_average, program, roles, troubles

ASKED_PER_SECOND = 50
FRESH_SECONDS = 3.0
"""The status of a new request waits for its first change for two seconds, on purpose; it is not asked for."""
BATCH = 100
"""Most orders that the batch endpoint takes."""


def ask(address: str, key: str) -> None:
    """Ask for statuses until standard input ends, which names requests; prints what it saw as JSON."""
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
            due += 1 / ASKED_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            old = [request for at, request in list(known) if time.monotonic() - at > FRESH_SECONDS]
            if not old:
                continue
            # Counted from when it was due: one slow answer must not hide that the next ones would be too.
            request = random.choice(old)  # noqa: S311 -- no secret
            answer = http.get(f"/api/frames/anonymize/status/{request}/")
            took.append(time.monotonic() - due)
            if not answer.is_success:
                failures.append(f"{answer.status_code} {answer.text[:100]}")
    print(json.dumps({"took": took, "failures": failures}))


@dataclass
class Asker:
    """The process that asks.

    Attributes:
        process: reads requests' ids.
        took: seconds of each answer, once it has ended.
        failures: what was answered wrongly.
    """

    process: subprocess.Popen[str]
    took: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def tell(self, requests: Sequence[str]) -> None:
        """Have it ask about these too."""
        assert self.process.stdin is not None  # noqa: S101 -- it is a pipe
        self.process.stdin.write("".join(f"{one}\n" for one in requests))
        self.process.stdin.flush()

    def story(self) -> str:
        """Latencies in a line."""
        if not self.took:
            return "nothing was asked"
        took = sorted(1000 * one for one in self.took)
        return (
            f"{len(took)} status requests, p50 {statistics.median(took):.1f} ms, "
            f"p99 {took[int(0.99 * len(took))]:.1f} ms, longest {took[-1]:.0f} ms, "
            f"{len(self.failures)} failed"
        )


@contextmanager
def asking(address: str, key: str) -> Iterator[Asker]:
    """Ask for statuses from another process while the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.service.drain", "--ask", address, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    asker = Asker(process)
    try:
        yield asker
    finally:
        said, _ = process.communicate()
        found = json.loads(said)
        asker.took, asker.failures = found["took"], found["failures"]


@dataclass
class Drain:
    """What is loaded.

    Attributes:
        address: of the API.
        admin: sees everything.
        pids: of API and worker.
        folder: for films.
        faults: everything that must not be.
    """

    address: str
    admin: Client
    pids: dict[str, int]
    folder: Path
    faults: list[str] = field(default_factory=list)

    def one_large(self, frames: int) -> None:
        """One request of many frames."""
        film(self.folder / "large.mkv", frames, (160, 120), "libx264")
        video = self.admin.upload(self.folder / "large.mkv")
        order = {"video_id": video, "segment_ids": [self.admin.mark(video, 0, frames)]}
        self._watched([(self.admin, [order])], frames, f"one request of {frames} frames")

    def many_small(self, requests: int, frames: int, accounts: int) -> None:
        """Many requests of few frames, from several accounts that take turns."""
        film(self.folder / "small.mkv", frames, (160, 120), "libx264")
        batches: list[list[tuple[Client, list[dict[str, object]]]]] = []
        for number in range(accounts):
            client = self.admin.another(f"user{number}")
            video = client.upload(self.folder / "small.mkv")
            order: dict[str, object] = {"video_id": video, "segment_ids": [client.mark(video, 0, frames)]}
            mine = [order] * (requests // accounts + (number < requests % accounts))
            batches.append([(client, mine[at : at + BATCH]) for at in range(0, len(mine), BATCH)])
        turns = [
            turn for row in range(max(map(len, batches))) for one in batches for turn in one[row : row + 1]
        ]
        self._watched(
            turns, requests * frames, f"{requests} requests of {frames} frames, {accounts} accounts"
        )

    def _watched(
        self, turns: Sequence[tuple[Client, list[dict[str, object]]]], frames: int, title: str
    ) -> None:
        watch = Watch()
        before = self.admin.counts()
        with asking(self.address, self.admin.key) as asker, watch.reading(self.pids):
            began = time.perf_counter()
            requests = 0
            for client, orders in turns:
                asker.tell(client.submit(orders))
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
        print(f"  {asker.story()}")
        for role in self.pids:
            print(f"  memory of the {role}: {watch.story(role)}", flush=True)
        if completed != requests:
            self.faults.append(f"{title}: {completed} of {requests} completed; all there are: {counts}")
        self.faults += [f"{title}: status request: {one}" for one in asker.failures[:5]]


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=10_000, help="frames of the one request; 0 for none")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=50, help="of each of them")
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--ask", nargs=2, metavar=("ADDRESS", "KEY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        ask(*arguments.ask)
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
        said = troubles(log)
        for what, often in said.items():
            print(f"logged {often}x {what}")
        drain.faults += [what for what in said if not what.startswith("warning")]
    finally:
        shutil.rmtree(folder)
    for fault in drain.faults:
        print(f"FAULT {fault}")
    sys.exit(1 if drain.faults else 0)


if __name__ == "__main__":
    main()
