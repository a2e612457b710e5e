"""Cost of a lease against the length of the queue, on a real Postgres.

Run with ``python -m benchmarks.service.queue_length``. Queues requests of 200 accounts, and leases slices as
workers do: one run of the dispatcher, which chooses whose turn it is, and one lease. Prints medians, and the
processor time of the server for each.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import asyncpg

from benchmarks.service.fleet import fill, processor_seconds
from benchmarks.support.processes import load_average
from framecloak.adapters.embedded.postgres import EmbeddedPostgres
from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.domain.anonymization.requests.dispatcher import fair_order

ACCOUNTS = 200
LEASE = timedelta(minutes=10)


async def lease(database: PostgresDatabase, slots: int) -> tuple[float, float]:
    """Lease one slice; return the seconds of the dispatcher and of the lease."""
    began = time.perf_counter()
    async with database.unit_of_work() as work:
        await work.slices.start_requests(slots)
        pending = await work.slices.pending_work()
        await work.commit()
    request_id = fair_order(pending)[0]
    dispatched = time.perf_counter()
    async with database.unit_of_work() as work:
        number = (await work.slices.ready_numbers(request_id))[0]
        await work.slices.lease(request_id, number, "worker", LEASE)
        await work.commit()
    return dispatched - began, time.perf_counter() - dispatched


async def measure(slices: int, slots: int, leases: int) -> None:
    """Queue slices in a new database, lease some, and print the costs."""
    with tempfile.TemporaryDirectory(prefix="queue-") as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            await Schema(url).upgrade()
            database = PostgresDatabase(url)
            requests = await fill(database, ACCOUNTS, slices)
            connection = await asyncpg.connect(url)
            await connection.execute("VACUUM ANALYZE")
            await connection.close()
            await lease(database, slots)
            before = processor_seconds(Path(folder))
            took = [await lease(database, slots) for _ in range(leases)]
            after = processor_seconds(Path(folder))
            await database.close()
    used = 1000 * (sum(after.values()) - sum(before.values())) / leases
    dispatching, leasing = (1000 * statistics.median(column) for column in zip(*took, strict=True))
    print(
        f"{slices} slices, {requests} requests, {slots} in progress: dispatcher {dispatching:.1f} ms, "
        f"lease {leasing:.1f} ms, processor time of Postgres {used:.1f} ms for both ({load_average()})",
        flush=True,
    )


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slices", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument(
        "--slots", type=int, nargs="+", default=[75, 300], help="requests in progress at once"
    )
    parser.add_argument("--leases", type=int, default=200)
    given = parser.parse_args()
    for slots in given.slots:
        for slices in given.slices:
            asyncio.run(measure(slices, slots, given.leases))


if __name__ == "__main__":
    main()
