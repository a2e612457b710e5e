"""A fleet of simulated workers on the real dispatcher, leases, Redis and Postgres.

Run with ``make bench-fleet``. Starts embedded servers in a temporary folder, queues requests of 200 accounts,
one of which has a fifth of all, and lets workers drain the queue. Frames take time only: nothing is decoded.
Workers die at a rate, without releasing their leases, and Redis is emptied twice meanwhile.

Prints slices a second, latencies of leases, runs of the dispatcher by the length of the queue, database
connections, the waits of accounts, and the processor time of the servers and of the simulation. Exits with 1
when a slice is lost or counted twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import psutil
from redis.asyncio import Redis

from benchmarks.service.fleet_workers import Measurements, Options
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.request import RequestSpec, WorkSpec
from framecloak.domain.model.accounts import Role
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import VideoFacts

SLICE_FRAMES = 250
MAX_SLICES = 40
"""Maximum number of slices of a request: 10,000 frames."""
HOG_SHARE = 0.2
"""Share of all slices that one account has queued."""
CONNECTIONS = 40
"""Maximum number of database connections of a process of simulated workers."""
SUBMITTERS = 8
SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """State of the installation at one moment, in seconds since the start."""

    at: float
    connections: int
    unfinished: int
    frames: int


async def fill(database: PostgresDatabase, accounts: int, slices: int) -> int:
    """Queue requests with a number of slices of frames; return the number of requests."""
    chance = random.Random(21)  # noqa: S311 -- no secret
    orders: list[tuple[int, int]] = []
    left = slices
    while left:
        size = min(left, chance.choice((1, 1, 2, 4, 8, 16, MAX_SLICES)))
        orders.append((0 if chance.random() < HOG_SHARE else chance.randrange(1, accounts), size))
        left -= size
    owners = {}
    async with database.unit_of_work() as work:
        for number in range(accounts):
            user = await work.users.add(f"account-{number}", "hash", Role.USER)
            facts = VideoFacts("ab" * 32, 1, 640, 360, 25.0, 1_000_000, 40_000.0, 0)
            video = await work.videos.add(user.id, "video.mp4", f"videos/{number}", facts, b"index")
            owners[number] = user.id, video.id
        await work.commit()
    waiting = iter(orders)

    async def submit() -> None:
        for owner, size in waiting:
            user_id, video_id = owners[owner]
            segment = Segment(0, size * SLICE_FRAMES)
            spec = RequestSpec(video_id, (1,), Level.FACES, Appearance())
            parts = [Segment(n * SLICE_FRAMES, (n + 1) * SLICE_FRAMES) for n in range(size)]
            async with database.unit_of_work() as work:
                request, _ = await work.requests.add(user_id, spec, WorkSpec({1: segment}, ()), None)
                await work.slices.add(request.id, parts)
                await work.commit()

    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    return len(orders)


async def run_workers(options: Sequence[Options]) -> list[Measurements]:
    """Run processes of simulated workers until the queue is drained."""
    arguments = [sys.executable, "-m", "benchmarks.service.fleet_workers"]

    async def run(own: Options) -> Measurements:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 28
        )
        try:
            output, _ = await process.communicate(json.dumps(asdict(own)).encode() + b"\n")
        finally:
            # When others have failed, or the benchmark is interrupted.
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"the workers {own.name} ended with code {process.returncode}")
        return Measurements(**json.loads(output))

    return list(await asyncio.gather(*map(run, options)))


async def watch(database_url: str, redis_url: str, total_frames: int, samples: list[Sample]) -> None:
    """Sample the database until cancelled, and empty Redis after a third and two thirds of the frames."""
    began, emptied = time.monotonic(), 0
    connection = await asyncpg.connect(database_url)
    try:
        while True:
            connections = await connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'framecloak'"
            )
            unfinished, frames = await connection.fetchrow(
                "select count(*) filter (where completed_at is null), sum(processed_frames) from requests"
            )
            samples.append(Sample(time.monotonic() - began, connections, unfinished, frames))
            if len(samples) % 60 == 0:
                print(f"  {samples[-1]}", file=sys.stderr, flush=True)
            if emptied < 2 and frames > total_frames * (1 + emptied) / 3:
                async with Redis.from_url(redis_url) as redis:
                    await redis.flushall()
                emptied += 1
            await asyncio.sleep(SAMPLE_SECONDS)
    finally:
        await connection.close()


async def verdict(database_url: str, measured: Sequence[Measurements], slices: int, requests: int) -> int:
    """Print what was lost or counted twice, and return the number of both."""
    counted = Counter(tuple(one) for own in measured for one in own.finished)
    doubled = sum(count - 1 for count in counted.values())
    lost = slices + requests - len(counted)
    connection = await asyncpg.connect(database_url)
    unfinished = await connection.fetchval("select count(*) from requests where status <> 'completed'")
    frames = await connection.fetchval("select sum(total_frames) - sum(processed_frames) from requests")
    await connection.close()
    # A worker may be killed between the commit of a slice and its own note of it; the database decides.
    print(f"lost {max(0, unfinished)} requests, {frames} frames; doubled {doubled}; not noted {lost}")
    return int(unfinished + abs(frames) + doubled)


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def report(measured: Sequence[Measurements], samples: Sequence[Sample], slices: int, seconds: float) -> None:
    """Print the measurements."""
    leases = [one for own in measured for one in own.leases]
    dispatches = [one for own in measured for one in own.dispatches]
    took = [latency for _, latency in leases]
    print(f"{slices / seconds:.1f} slices/s ({slices} in {seconds:.0f} s)")
    print(
        f"lease latency: p50 {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms, "
        f"max {percentile(took, 1.0):.0f} ms"
    )
    end = max(at for at, _ in dispatches)
    print("dispatcher by time: " + ", ".join(_tenths(dispatches, samples, end)))
    deaths, taken_over, lost_leases = (
        sum(getattr(own, name) for own in measured) for name in ("deaths", "taken_over", "lost_leases")
    )
    print(f"deaths {deaths}, taken over {taken_over}, lost leases {lost_leases}")
    print(f"database connections: at most {max(sample.connections for sample in samples)}")
    for text, count in sum((Counter(own.errors) for own in measured), Counter[str]()).items():
        print(f"error, {count} times: {text}")


def _tenths(dispatches: Sequence[tuple[float, float]], samples: Sequence[Sample], end: float) -> list[str]:
    """Return the median of the dispatcher in each fifth of the run, with the unfinished requests then."""
    parts = []
    for number in range(5):
        low, high = end * number / 5, end * (number + 1) / 5
        took = [seconds for at, seconds in dispatches if low <= at < high]
        queued = [sample.unfinished for sample in samples if low <= sample.at < high]
        if took and queued:
            parts.append(f"{1000 * statistics.median(took):.1f} ms at {max(queued)} requests")
    return parts


def processor_seconds(folder: Path) -> dict[str, float]:
    """Return the processor time of the servers whose working folder is below a folder, by name."""
    used = Counter[str]()
    for process in psutil.process_iter(["name", "cwd"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd).is_relative_to(folder):
            times = process.cpu_times()
            # Postgres serves each connection with a process, whose time its parent has once it ended.
            used[process.info["name"]] += (
                times.user + times.system + times.children_user + times.children_system
            )
    return dict(used)


async def measure(given: argparse.Namespace, folder: Path) -> int:
    """Run the benchmark, and return the number of lost and doubled pieces of work."""
    async with (
        EmbeddedPostgres(folder / "postgres") as database_url,
        EmbeddedRedis(folder / "redis") as redis,
    ):
        await Schema(database_url).upgrade()
        database = PostgresDatabase(database_url)
        began = time.monotonic()
        requests = await fill(database, given.accounts, given.slices)
        await database.close()
        print(
            f"queued {given.slices} slices of {requests} requests of {given.accounts} accounts "
            f"in {time.monotonic() - began:.0f} s"
        )
        share = [given.workers // given.processes] * given.processes
        share[0] += given.workers - sum(share)
        options = [
            Options(
                f"process-{number}",
                database_url,
                redis,
                workers,
                given.frames_per_second,
                given.deaths,
                given.slots,
                20.0,
                CONNECTIONS,
            )
            for number, workers in enumerate(share)
        ]
        samples: list[Sample] = []
        watching = asyncio.create_task(watch(database_url, redis, given.slices * SLICE_FRAMES, samples))
        began = time.monotonic()
        measured = await run_workers(options)
        seconds = time.monotonic() - began
        watching.cancel()
        report(measured, samples, given.slices, seconds)
        used = ", ".join(f"{name} {time:.0f} s" for name, time in processor_seconds(folder).items())
        children = os.times()
        print(f"processor time: {used}, simulation {children.children_user + children.children_system:.0f} s")
        return await verdict(database_url, measured, given.slices, requests)


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--slices", type=int, default=50_000)
    parser.add_argument("--slots", type=int, default=300, help="requests in progress at once")
    parser.add_argument("--frames-per-second", type=float, default=40.0, help="speed of one worker")
    parser.add_argument("--deaths", type=float, default=0.01, help="probability of a death during a slice")
    parser.add_argument("--processes", type=int, default=2, help="processes of simulated workers")
    given = parser.parse_args()
    subprocess.run("lscpu | grep -E '^(Model name|CPU.s.:|Thread)'", shell=True, check=False)  # noqa: S602, S607 -- a constant
    print(
        f"{given.workers} workers of {given.frames_per_second:g} frames/s, {given.slots} requests in "
        f"progress, {100 * given.deaths:g} % of slices kill their worker; load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        return 1 if asyncio.run(measure(given, Path(folder))) else 0


if __name__ == "__main__":
    sys.exit(main())
