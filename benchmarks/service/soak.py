"""Kill workers under load for a while, and check that nothing is lost, duplicated or left behind.

Run with ``make soak`` (20 minutes) or ``make soak-short`` (one minute on two cores including start and end:
its video and its leases are smaller). Starts ``framecloak serve`` with embedded servers in a temporary
folder and two more workers on them, keeps a mix of requests queued, and kills a random one of the three
workers every 30 seconds (5 in the short run) with SIGKILL; it is started again. Every result is downloaded
and checked: each requested frame once, in the ZIP and in its manifest.

At the end every request must be completed; and after the regular clean-up the object store may hold only
videos and one ZIP per request, and the scratch folder nothing. Prints counts, kills, slices that were taken
over, and memory; exits with 1 and a list of faults if there are any.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.service.load import write_video
from benchmarks.service.worker_scaling import STREET
from benchmarks.support.processes import (
    BIN,
    PASSWORD,
    Client,
    MemorySampler,
    addresses,
    load_average,
    looped,
    program,
    roles,
    warnings_in,
)

FRAMES = 400
"""Length of the video from which segments are taken."""
IN_QUEUE = 10
"""Unfinished requests at any time; twice as many as are in work at the same time."""
STANDSTILL_LEASES = 9
"""Leases without progress after which unfinished work counts as hung, once the kills have ended."""
STANDSTILL_FACTOR = 15
"""Multiple of the duration of an undisturbed request after which work counts as hung, if that is longer.

What is promised is that work continues, not the speed of this machine.
"""
EXTRA_WORKERS = 2


@dataclass(frozen=True)
class Plan:
    """Extent of a run.

    Attributes:
        seconds: duration of the load.
        pause: seconds between two kills.
        size: size of the video's frames.
        lease: lease duration in seconds.
    """

    seconds: float
    pause: float
    size: tuple[int, int] = (640, 360)
    lease: int = 20


SHORT = Plan(30.0, 5.0, (320, 180), 4)
"""Half a minute of load; the other half is for start, end and checks."""


@dataclass(frozen=True)
class SubmittedRequest:
    """A submitted request.

    Attributes:
        frames: numbers of the requested frames.
        suffix: suffix of their files.
        submitted_at: time of submission.
    """

    frames: frozenset[int]
    suffix: str
    submitted_at: float


@dataclass
class Soak:
    """A service under load, and the observations.

    Attributes:
        client: client of one account.
        video: id of the source video.
        rng: seeded random numbers, the same in every run.
        unfinished: requests that may still be in work.
        completed: requests whose result was checked.
        slowest: seconds from submission to completion of the slowest.
        frames: frames in these results.
        progress: reported frames of unfinished requests.
        faults: descriptions of everything that is wrong.
    """

    client: Client
    video: int
    rng: random.Random
    unfinished: dict[str, SubmittedRequest] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    slowest: float = 0.0
    frames: int = 0
    progress: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def fill(self) -> None:
        """Submit requests until the queue is full."""
        while len(self.unfinished) < IN_QUEUE:
            self.submit()

    def submit(self) -> None:
        """Request one to three random segments, which may overlap, with random options."""
        frames: set[int] = set()
        segments = []
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            length = self.rng.choice((5, 30, 60, 120, 200))
            start = self.rng.randrange(FRAMES - length)
            frames.update(range(start, start + length))
            segments.append(self.client.mark(self.video, start, start + length))
        suffix = self.rng.choice(("jpg", "jpg", "jpg", "png", "webp"))
        order = {
            "video_id": self.video,
            "segment_ids": segments,
            "anonymization_level": self.rng.choice(("faces", "faces", "minimal")),
            "output_format": suffix,
            "priority": self.rng.choice(("normal", "normal", "high")),
        }
        (request,) = self.client.submit([order])
        self.unfinished[request] = SubmittedRequest(frozenset(frames), suffix, time.monotonic())

    def time_one(self) -> float:
        """Return the seconds that one request takes without disturbance."""
        began = time.monotonic()
        self.submit()
        while self.unfinished:
            time.sleep(0.2)
            self.collect()
        return time.monotonic() - began

    def collect(self) -> None:
        """Check the results of requests that have ended since."""
        for request, ordered in list(self.unfinished.items()):
            found = self.client.status(request)
            self.progress[request] = found["processed_frames"]
            if found["status"] in {"pending", "processing"}:
                continue
            del self.unfinished[request], self.progress[request]
            if found["status"] != "completed":
                self.faults.append(f"{request} is {found['status']}: {found['error']}")
                continue
            self.completed.add(request)
            self.slowest = max(self.slowest, time.monotonic() - ordered.submitted_at)
            self.frames += len(ordered.frames)
            if found["processed_frames"] != len(ordered.frames):
                self.faults.append(
                    f"{request} tells of {found['processed_frames']} frames, not {len(ordered.frames)}"
                )
            answer = self.client.http.get(f"/api/frames/anonymize/download/{request}/").raise_for_status()
            self.faults += [f"{request}: {fault}" for fault in faults_of(answer.content, ordered)]

    def require_all(self) -> None:
        """Report differences between the service's counts and ours."""
        self.faults += [f"{request} did not end" for request in self.unfinished]
        counts = self.client.counts()
        if counts["completed"] != len(self.completed) or sum(counts.values()) != len(self.completed):
            self.faults.append(f"{len(self.completed)} requests were submitted and completed, but {counts}")


def faults_of(result: bytes, ordered: SubmittedRequest) -> list[str]:
    """Return the faults of a ZIP; none, if every frame is in it once."""
    faults = []
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        if (damaged := archive.testzip()) is not None:
            faults.append(f"{damaged} is damaged")
        names = Counter(archive.namelist())
        entries = json.loads(archive.read("manifest.json"))["frames"]
    faults += [f"{name} is in the ZIP {often} times" for name, often in names.items() if often > 1]
    indices = Counter(int(entry["index"]) for entry in entries)
    faults += [f"frame {index} is listed {often} times" for index, often in indices.items() if often > 1]
    if missing := ordered.frames - set(indices):
        faults.append(f"{len(missing)} frames are missing: {sorted(missing)[:5]}")
    if foreign := set(indices) - ordered.frames:
        faults.append(f"{len(foreign)} frames were not ordered: {sorted(foreign)[:5]}")
    expected = {entry["file"] for entry in entries} | {"report.html", "manifest.json", "manifest.sig"}
    if set(names) != expected:
        faults.append(f"names and manifest differ: {sorted(set(names) ^ expected)[:5]}")
    if not all(entry["file"].endswith(f"_{entry['index']:07d}.{ordered.suffix}") for entry in entries):
        faults.append("files are named otherwise than the frames in them")
    return faults


class Workers:
    """The three workers: one of ``framecloak serve``, which restarts it itself, and two of ours.

    Args:
        service: process id of ``framecloak serve``.
        environment: environment with the addresses of its servers.
        log: file for the workers' output.
    """

    def __init__(self, service: int, environment: dict[str, str], log: Path) -> None:
        self.kills = 0
        self._service = service
        self._environment = environment
        self._log = log
        self._started = ExitStack()
        self._own = [self._start() for _ in range(EXTRA_WORKERS)]

    def pids(self) -> dict[str, int]:
        """Return the process ids of the live workers and the API."""
        own = {f"worker {number + 2}": one.pid for number, one in enumerate(self._own)}
        return roles(self._service) | own

    def kill_one(self, rng: random.Random) -> None:
        """Kill one of them, whatever it is doing."""
        number = rng.randrange(EXTRA_WORKERS + 1)
        if number < EXTRA_WORKERS:
            self._own[number].kill()
            self._own[number].wait()
            self._own[number] = self._start()
        elif pid := roles(self._service).get("worker"):
            os.kill(pid, signal.SIGKILL)
        else:
            return  # killed before and about to be started again
        self.kills += 1

    def stop(self) -> None:
        """Stop our own workers."""
        self._started.close()

    def _start(self) -> subprocess.Popen[str]:
        started = program("worker", environment=self._environment, log=self._log)
        return self._started.enter_context(started)[0]


def leftovers(data: Path) -> tuple[list[str], list[str]]:
    """Return objects other than videos and results, and the contents of the scratch folder."""
    objects, scratch = data / "objects", data / "scratch"
    stored = [path.relative_to(objects) for path in objects.rglob("*") if path.is_file()]
    unexpected = [
        str(one)
        for one in stored
        if one.parts[0] != "videos" and not (one.parts[0] == "requests" and one.name == "frames.zip")
    ]
    return unexpected, [path.name for path in scratch.iterdir()] if scratch.is_dir() else []


def age(data: Path) -> None:
    """Age what killed processes had begun to store by a day, before which it is not removed."""
    for path in (data / "objects").rglob("~partial-*"):
        before = path.stat().st_mtime - 2 * 86_400
        os.utime(path, (before, before))


def run(soak: Soak, workers: Workers, plan: Plan, watch: MemorySampler) -> None:
    """Load and kill, then wait until everything is done, as long as there is progress."""
    undisturbed = soak.time_one()
    print(f"an undisturbed request takes {undisturbed:.1f} s", flush=True)
    began = time.monotonic()
    next_kill, next_report = began + plan.pause, began + 60.0
    while (now := time.monotonic()) < began + plan.seconds:
        soak.fill()
        soak.collect()
        watch.add(workers.pids())
        if now > next_kill:
            workers.kill_one(soak.rng)
            next_kill += plan.pause
        if now > next_report:
            print(f"  {now - began:.0f} s: {len(soak.completed)} requests, {workers.kills} kills", flush=True)
            next_report += 60.0
        time.sleep(0.2)
    moved, before = time.monotonic(), soak.progress.copy()
    standstill = max(STANDSTILL_LEASES * plan.lease, STANDSTILL_FACTOR * undisturbed)
    while soak.unfinished and time.monotonic() < moved + standstill:
        soak.collect()
        if soak.progress != before:
            moved, before = time.monotonic(), soak.progress.copy()
        time.sleep(0.2)
    watch.add(workers.pids())
    soak.require_all()


def main() -> None:
    """Run the soak test, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--short", action="store_true", help="one minute in all, with a kill every 5 s")
    parser.add_argument("--kill-every", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--threads", type=int, default=2, help="of each worker")
    parser.add_argument("--seed", type=int, default=4, help="of what is random")
    arguments = parser.parse_args()
    plan = SHORT if arguments.short else Plan(60 * arguments.minutes, arguments.kill_every)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    folder = Path(tempfile.mkdtemp(prefix="framecloak-soak-"))
    data, log, watch = folder / "data", folder / "service.log", MemorySampler()
    # Slices are small, so that requests have many of them.
    common = {
        "SLICE_FRAMES": "40",
        "LEASE_SECONDS": str(plan.lease),
        "FRAMECLOAK_THREADS": str(arguments.threads),
    }
    words = ("serve", "--port", "0", "--data-dir", data)
    try:
        video = folder / "film.mp4"
        if STREET.exists():
            looped(STREET, video, FRAMES, f"{plan.size[0]}:{plan.size[1]}", FRAMES)
        else:
            write_video(video, FRAMES, plan.size, "libx264")
        environment = {**common, "FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
        with program(*words, environment=environment, log=log, until="ready ") as (process, address):
            client = Client(address)
            soak = Soak(client, client.upload(video), random.Random(arguments.seed))  # noqa: S311 -- no secret
            workers = Workers(process.pid, {**common, **addresses(data)}, log)
            try:
                client.wait_for_workers(EXTRA_WORKERS + 1)
                run(soak, workers, plan, watch)
            finally:
                workers.stop()
            stored, scratch = leftovers(data)
            print(f"before the clean-up: {len(stored)} left over in the store, {len(scratch)} in scratch")
            age(data)
            subprocess.run(
                [BIN / "framecloak", "anonymize-frames", "--cleanup-expired"],
                env={**os.environ, **addresses(data)},
                check=True,
            )
        stored_after, scratch_after = leftovers(data)
        soak.faults += [f"left over in the object store: {one}" for one in stored_after]
        soak.faults += [f"left over in scratch: {one}" for one in scratch_after]
        report(soak, workers, log, watch)
    finally:
        shutil.rmtree(folder)
    sys.exit(1 if soak.faults else 0)


def report(soak: Soak, workers: Workers, log: Path, watch: MemorySampler) -> None:
    """Print the results."""
    recovered = log.read_text().count("took over a slice of a worker that stopped responding")
    print(
        f"{len(soak.completed)} requests completed, {soak.frames} frames, slowest {soak.slowest:.0f} s; "
        f"{workers.kills} kills, {recovered} slices taken over; {load_average()}"
    )
    for role in watch.readings:
        print(f"memory of {role}: {watch.summary(role)}")
    for what, often in warnings_in(log).items():
        print(f"logged {often}x {what}")
    for fault in soak.faults:
        print(f"FAULT {fault}")
    print("nothing lost, nothing doubled" if not soak.faults else f"{len(soak.faults)} faults")


if __name__ == "__main__":
    main()
