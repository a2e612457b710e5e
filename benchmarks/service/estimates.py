"""Compare the time that the service announces for an order with the time that it takes.

Run with ``make bench-estimates``. Starts ``framecloak serve`` with embedded servers and one worker in a
temporary folder, so that the first order meets an installation without any history whose models are not
loaded, and submits orders of random length, resolution, level, format and residual check in bursts: each
burst is queued at once, and the next one starts when the last has ended. The estimate is that of the answer
to the order, the time is from its submission to its end, by the service's own timestamps.

With ``--busy N`` that many processes keep the cores busy during the second half of the orders. No burst is
started after ``--minutes``.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import platform
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from benchmarks.support.processes import PASSWORD, Client, load_average, looped, program

ROOT = Path(__file__).resolve().parents[2]
STREET = ROOT.parent / "shared" / "data" / "street.mp4"
SIZES = {"640:360": (640, 360), "1280:720": (1280, 720), "1920:1080": (1920, 1080)}
VIDEO_FRAMES = 800
FRAMES = (20, 600)
"""Shortest and longest order; lengths between them are equally likely on a logarithmic scale."""

LEVELS = {"faces": 5, "full": 3, "minimal": 2}
FORMATS = {"jpg": 6, "mp4": 3, "png": 1, "webp": 1}
CHECKS = {"sample": 6, "none": 1, "all": 2}
BURSTS = {1: 3, 2: 2, 3: 2, 6: 1, 10: 1}
"""Options of orders and lengths of queues, with their weights."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order with its estimate and its time, in seconds."""

    burst: int
    position: int
    size: str
    frames: int
    level: str
    output_format: str
    verify: str
    shortest: float
    estimated: float
    longest: float
    waited: float
    took: float

    @property
    def ratio(self) -> float:
        """Return the time as a multiple of the estimate."""
        return self.took / max(1.0, self.estimated)

    @property
    def is_within_twice(self) -> bool:
        """Return True if the time is between half of the estimate and twice the estimate."""
        return 0.5 <= self.ratio <= 2

    @property
    def is_in_range(self) -> bool:
        """Return True if the time is in the announced range, within its rounding to whole seconds."""
        return math.floor(self.shortest) <= self.took <= math.ceil(self.longest)


def pick(random_numbers: random.Random, weights: dict[str, int]) -> str:
    """Return one of the keys, as likely as its weight."""
    return random_numbers.choices(list(weights), list(weights.values()))[0]


def submit(client: Client, videos: dict[str, int], random_numbers: random.Random) -> tuple[str, dict]:
    """Submit a random order; return its id and its properties with the announced times."""
    size = random_numbers.choice(list(SIZES))
    low, high = (math.log(frames) for frames in FRAMES)
    frames = round(math.exp(random_numbers.uniform(low, high)))
    start = random_numbers.randrange(VIDEO_FRAMES - frames)
    segment = client.mark(videos[size], start, start + frames)
    chosen = {
        "level": pick(random_numbers, LEVELS),
        "output_format": pick(random_numbers, FORMATS),
        "verify": pick(random_numbers, CHECKS),
    }
    body = {
        "video_id": videos[size],
        "segment_ids": [segment],
        "anonymization_level": chosen["level"],
        "output_format": chosen["output_format"],
        "verify": chosen["verify"],
    }
    answer = client.http.post("/api/frames/anonymize/", json=body).raise_for_status().json()
    announced = answer["estimated_time_range"]
    return answer["request_id"], {
        "size": size,
        "frames": frames,
        **chosen,
        "shortest": announced["shortest"],
        "estimated": answer["estimated_processing_time"],
        "longest": announced["longest"],
    }


def measure_burst(
    client: Client, videos: dict[str, int], random_numbers: random.Random, burst: int, count: int
) -> list[Order]:
    """Submit orders at once, wait for their end, and return them."""
    submitted = [submit(client, videos, random_numbers) for _ in range(count)]
    orders = []
    for position, (request, properties) in enumerate(submitted):
        found = client.finished(request, 0.3)
        times = [datetime.fromisoformat(found[key]) for key in ("created_at", "started_at", "completed_at")]
        created, started, completed = times
        order = Order(
            burst=burst,
            position=position,
            waited=(started - created).total_seconds(),
            took=(completed - created).total_seconds(),
            **properties,
        )
        print(
            f"{burst:2}.{position} {order.size:>9} {order.frames:4} frames {order.level:7} "
            f"{order.output_format:4} {order.verify:6} estimated {order.estimated:4.0f} s "
            f"({order.shortest:.0f} to {order.longest:.0f}), took {order.took:6.1f} s, "
            f"ratio {order.ratio:.2f}{'' if order.is_within_twice else ' *'}",
            flush=True,
        )
        orders.append(order)
    return orders


def _spin() -> None:
    while True:
        math.sqrt(2)


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep some processes computing while the block lasts."""
    processes = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def measure(orders: int, seed: int, busy: int, minutes: float, folder: Path) -> list[Order]:
    """Start the service, and return the orders that it completed; start no burst after so many minutes."""
    until = monotonic() + 60 * minutes
    random_numbers = random.Random(seed)  # noqa: S311 -- a benchmark that can be repeated
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
    words = ("serve", "--port", "0", "--data-dir", folder / "data")
    with program(*words, environment=environment, log=folder / "log", until="ready ") as (_, ready):
        client = Client(ready.split()[0])
        videos = {}
        for size in SIZES:
            path = folder / f"street_{size.replace(':', 'x')}.mkv"
            looped(STREET, path, 50, size, VIDEO_FRAMES)
            videos[size] = client.upload(path)
        done: list[Order] = []
        burst = 0
        while len(done) < orders and monotonic() < until:
            count = min(int(pick(random_numbers, {str(k): v for k, v in BURSTS.items()})), orders - len(done))
            with busy_cores(busy if len(done) >= orders / 2 else 0):
                done += measure_burst(client, videos, random_numbers, burst, count)
            burst += 1
    return done


def show(orders: list[Order], title: str) -> None:
    """Print the shares of orders whose estimate held."""
    if orders:
        twice = sum(order.is_within_twice for order in orders)
        ranges = sum(order.is_in_range for order in orders)
        print(
            f"{title}: {twice} of {len(orders)} within a factor of two ({twice / len(orders):.0%}), "
            f"{ranges} in the announced range"
        )


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=5.0, help="time after which no burst is started")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--busy", type=int, default=0, help="busy processes during the second half")
    parser.add_argument("--output", type=Path, help="JSON file for all figures")
    given = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {load_average()}")
    with tempfile.TemporaryDirectory() as folder:
        orders = measure(given.orders, given.seed, given.busy, given.minutes, Path(folder))
    if given.output:
        given.output.write_text(json.dumps([asdict(order) for order in orders], indent=1))
    show([order for order in orders if order.burst == 0], "first burst")
    show([order for order in orders if order.position == 0], "without a queue")
    show([order for order in orders if order.position], "behind others")
    show(orders, "all orders")
    print(load_average())


if __name__ == "__main__":
    main()
