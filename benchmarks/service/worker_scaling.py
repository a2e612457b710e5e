"""What a second worker gains, and what dividing a request into slices costs.

Run with ``make bench-workers``. Starts embedded servers, two APIs that differ in SLICE_FRAMES, and workers,
as processes of their own on addresses, as in production. Measured is a request from its submission to its
completion, as the service notes them; all take turns, and what is printed is medians of rounds:

- ten slices by one worker of two threads, and by two workers of two threads each;
- the same frames by one worker of four threads as one slice, and as ten; and by ``framecloak redact``,
  without the time that it takes to start. The difference is what coordination costs.
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

from benchmarks.service.load import film
from benchmarks.support.processes import BIN, Client, cpu_seconds, load_average, looped, program, servers

ROOT = Path(__file__).resolve().parents[2]
STREET = ROOT.parent / "shared" / "data" / "street.mp4"
SLICES = 10


@dataclass
class Bench:
    """What is measured on.

    Attributes:
        environment: leads to the servers.
        folder: for logs and results.
        fine: an API that divides requests into ten slices.
        coarse: an API that leaves them whole.
        order: what is submitted again and again.
        video: the file.
        frames: how many are ordered.
    """

    environment: dict[str, str]
    folder: Path
    fine: Client
    coarse: Client
    order: dict[str, object]
    video: Path
    frames: int

    def timed(self, api: Client, workers: int, threads: int) -> tuple[float, float]:
        """Seconds of one request, and of processor time, with so many workers, started for it.

        Each has as many cores to itself as threads, as in a container of its own.
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
        """Seconds of the command line on the same frames."""
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
    """The cores of one of several workers; what does not fit the machine may run anywhere."""
    last = (number + 1) * threads
    return range(number * threads, last) if last <= (os.cpu_count() or 1) else range(0)


def measure_scaling(bench: Bench, rounds: int) -> None:
    """One worker and two, in turns."""
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
    """The request whole, divided, and by the command line, in turns."""
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
    """Measure, and print what was seen."""
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
            film(video, arguments.frames, (640, 360), "libx264")
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
