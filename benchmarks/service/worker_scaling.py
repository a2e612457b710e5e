"""Gain of a second worker, and cost of dividing a request into slices.

Run with ``make bench-workers``. Starts embedded servers, two APIs that differ in SLICE_FRAMES, and workers,
as separate processes connected by addresses, as in production. Measured is a request from submission to
completion, by the service's own timestamps; all variants alternate, and medians of rounds are printed:

- ten slices by one worker of two threads, and by two workers of two threads each;
- the same frames by one worker of four threads as one slice, and as ten; and by ``framecloak redact``,
  without its start-up time. The difference is the cost of coordination.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.service.load import write_video
from benchmarks.support.processes import BIN, Client, cpu_seconds, load_average, looped, program, servers

ROOT = Path(__file__).resolve().parents[2]
STREET = ROOT.parent / "shared" / "data" / "street.mp4"
SLICES = 10


@dataclass
class Bench:
    """The installation under test.

    Attributes:
        environment: environment with the addresses of the servers.
        folder: folder for logs and results.
        fine: an API that divides requests into ten slices.
        coarse: an API that does not divide requests.
        order: the request body, submitted repeatedly.
        video: path of the video.
        frames: number of requested frames.
    """

    environment: dict[str, str]
    folder: Path
    fine: Client
    coarse: Client
    order: dict[str, object]
    video: Path
    frames: int

    def timed(self, api: Client, workers: int, threads: int) -> tuple[float, float]:
        """Return the seconds and the processor time of one request, with newly started workers.

        Each worker has as many cores to itself as threads, as in a container of its own.
        """
        with ExitStack() as started:
            words = {**self.environment, "FRAMECLOAK_THREADS": str(threads)}
            log = self.folder / "workers.log"
            processes = [
                started.enter_context(
                    program("worker", environment=words, log=log, cores=_share(number, threads))
                )[0]
                for number in range(workers)
            ]
            api.wait_for_workers(workers)
            before = sum(cpu_seconds(one.pid) for one in processes)
            (request,) = api.submit([self.order])
            found = api.finished(request)
            busy = sum(cpu_seconds(one.pid) for one in processes) - before
        took = datetime.fromisoformat(found["completed_at"]) - datetime.fromisoformat(found["created_at"])
        return took.total_seconds(), busy

    def redacted(self, threads: int) -> float:
        """Return the seconds of the command line on the same frames."""
        target = self.folder / "redacted.zip"
        words = ["--segments", f"0:{self.frames}", "--threads", str(threads), "--json", "--force"]
        done = subprocess.run(
            [BIN / "framecloak", "redact", self.video, "-o", target, *words],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return float(json.loads(done.stdout)["seconds"])


def _share(number: int, threads: int) -> range:
    """Return the cores of one of several workers; workers that do not fit the machine may run anywhere."""
    last = (number + 1) * threads
    return range(number * threads, last) if last <= (os.cpu_count() or 1) else range(0)


def measure_scaling(bench: Bench, rounds: int) -> None:
    """Measure one worker and two, alternating."""
    one, two = [], []
    for number in range(rounds):
        alone, busy = bench.timed(bench.fine, 1, 2)
        together, both_busy = bench.timed(bench.fine, 2, 2)
        one.append(alone)
        two.append(together)
        print(
            f"  round {number + 1}: one worker {alone:.2f} s ({busy / alone:.1f} cores busy), "
            f"two {together:.2f} s ({both_busy / together:.1f}), {alone / together:.2f}x, {load_average()}"
        )
    ratios = [alone / together for alone, together in zip(one, two, strict=True)]
    print(
        f"two workers of 2 threads: {statistics.median(ratios):.2f}x as fast as one "
        f"({statistics.median(one):.2f} s and {statistics.median(two):.2f} s), medians of {rounds} rounds"
    )


def measure_coordination(bench: Bench, rounds: int) -> None:
    """Measure the request undivided, divided, and by the command line, alternating."""
    extra, beyond, work = [], [], []
    for number in range(rounds):
        whole, whole_busy = bench.timed(bench.coarse, 1, 4)
        divided, divided_busy = bench.timed(bench.fine, 1, 4)
        command = bench.redacted(4)
        extra.append(100 * (divided / whole - 1))
        beyond.append(100 * (divided / command - 1))
        work.append(100 * (divided_busy / whole_busy - 1))
        print(
            f"  round {number + 1}: one slice {whole:.2f} s (processor {whole_busy:.1f} s), ten "
            f"{divided:.2f} s ({divided_busy:.1f} s), redact {command:.2f} s, {load_average()}"
        )
    print(
        f"ten slices beside one: {statistics.median(extra):+.1f} % "
        f"({', '.join(f'{one:+.1f}' for one in extra)}); processor time "
        f"{statistics.median(work):+.1f} %; beside framecloak redact: {statistics.median(beyond):+.1f} % "
        f"({', '.join(f'{one:+.1f}' for one in beyond)}); medians of {rounds} rounds"
    )


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=2500, help="of the request, in ten slices")
    parser.add_argument("--size", default="640:360", help="of the film, as ffmpeg's scale has it")
    parser.add_argument(
        "--video", type=Path, default=STREET, help="the film; a made one when it is not there"
    )
    parser.add_argument("--only", choices=["scaling", "coordination"])
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    folder = Path(tempfile.mkdtemp(prefix="framecloak-workers-"))
    try:
        video = folder / "film.mp4"
        if arguments.video.exists():
            looped(arguments.video, video, arguments.frames, arguments.size, arguments.frames)
            print(f"{arguments.video.name}, {arguments.size.replace(':', 'x')}, {arguments.frames} frames")
        else:
            write_video(video, arguments.frames, (640, 360), "libx264")
            print(f"a film without faces, 640x360, {arguments.frames} frames")
        with ExitStack() as started:
            environment = started.enter_context(servers(folder / "data"))
            apis = []
            for slice_frames in (-(-arguments.frames // SLICES), arguments.frames):
                words = {
                    **environment,
                    "SLICE_FRAMES": str(slice_frames),
                    "MAX_FRAMES_PER_REQUEST": str(arguments.frames),
                }
                api = program(
                    "api", "--port", "0", environment=words, log=folder / "api.log", until="listening on "
                )
                apis.append(Client(started.enter_context(api)[1]))
            fine, coarse = apis
            number = fine.upload(video)
            order = {"video_id": number, "segment_ids": [fine.mark(number, 0, arguments.frames)]}
            bench = Bench(environment, folder, fine, coarse, order, video, arguments.frames)
            if arguments.only != "coordination":
                measure_scaling(bench, arguments.rounds)
            if arguments.only != "scaling":
                measure_coordination(bench, arguments.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
