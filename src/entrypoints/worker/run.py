"""What a worker process does until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from adapters.queue.arq import ANONYMIZE, CLEAN_UP, CLEANUP_QUEUE, HIGH_QUEUE, NORMAL_QUEUE, ArqJobQueue
from adapters.queue.connection import connect, disconnect
from domain.anonymization.cleaning import Cleaner
from domain.anonymization.lifecycle import Status
from domain.anonymization.work import RequestProcessor
from domain.errors import DomainError
from domain.ports.persistence import Database
from domain.resilience import ended, uninterrupted
from entrypoints.worker.gate import PriorityGate

logger = logging.getLogger(__name__)

QUEUES = (HIGH_QUEUE, NORMAL_QUEUE, CLEANUP_QUEUE)

SIGN_OF_LIFE = 2.0
"""Seconds between two of them."""

SWEEP = 10.0
"""Seconds between two looks for requests that nobody works on."""

POLL = 0.1
"""Seconds between two looks into a queue."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds until Redis is tried again; twice as long each time."""

_LONGEST_JOB = timedelta(days=30)
"""ARQ ends jobs that take longer. Ours end when they are done, or cancelled."""


Task = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of.

    Attributes:
        processor: works on requests.
        cleaner: removes what has had its time.
        database: tells which requests are pending.
        queue: where this worker announces itself and puts what nobody was told of.
        redis_url: where jobs come from.
        max_concurrent_requests: in work at the same time in this process.
        cleanup_interval: between two clean-ups of the whole installation.
        grace: how long requests in work may go on once the worker is told to stop.
        name: tells this worker from all others.
    """

    processor: RequestProcessor
    cleaner: Cleaner
    database: Database
    queue: ArqJobQueue
    redis_url: str
    max_concurrent_requests: int
    cleanup_interval: timedelta
    grace: timedelta
    name: str


async def run_worker(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Take jobs and do them until told to stop.

    Neither Redis nor the database going away ends it. Once told to stop it takes no new jobs, gives those in
    work some time, and puts back what is unfinished then.

    Args:
        parts: what to work with.
        stop: set when the process is to end.
    """
    tasks = _Tasks(parts)
    consumers = [
        _Consumer(parts, HIGH_QUEUE, ANONYMIZE, tasks.anonymize_first, parts.max_concurrent_requests),
        _Consumer(parts, NORMAL_QUEUE, ANONYMIZE, tasks.anonymize, parts.max_concurrent_requests),
        _Consumer(parts, CLEANUP_QUEUE, CLEAN_UP, tasks.clean_up, 1),
    ]
    async with asyncio.TaskGroup() as group:
        chores = [
            group.create_task(_repeat(SIGN_OF_LIFE, lambda: parts.queue.announce(parts.name, QUEUES))),
            group.create_task(_repeat(SWEEP, lambda: _sweep(parts))),
            group.create_task(_repeat(_slot(parts.cleanup_interval), lambda: _order_cleanup(parts))),
        ]
        taking = [group.create_task(consumer.run()) for consumer in consumers]
        await stop.wait()
        await _drain(consumers, parts.grace)
        await ended(*taking, *chores)
        await asyncio.gather(*(consumer.put_back() for consumer in consumers))
    await _retire(parts)


class _Tasks:
    """The jobs by what they do.

    Args:
        parts: what they are done with.
    """

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._gate = PriorityGate(parts.max_concurrent_requests)

    async def anonymize(self, _: dict[str, Any], request_id: str) -> None:
        await self._anonymize(request_id, urgency=0)

    async def anonymize_first(self, _: dict[str, Any], request_id: str) -> None:
        await self._anonymize(request_id, urgency=1)

    async def clean_up(self, _: dict[str, Any]) -> None:
        try:
            logger.info("clean-up: %s", await self._parts.cleaner.run())
        except DomainError as error:
            logger.warning("the clean-up failed: %s", error)

    async def _anonymize(self, request_id: str, urgency: int) -> None:
        async with self._gate.enter(urgency):
            try:
                await self._parts.processor.process(UUID(request_id))
            except DomainError as error:
                # The request stays in the database, from where the sweep takes it up again.
                logger.warning("request %s: %s", request_id, error)


class _Consumer:
    """Takes the jobs of one queue, and goes on doing so when Redis comes back.

    Args:
        parts: what the worker is made of.
        queue: name of the queue.
        name: of its task.
        task: what to do for each job.
        at_once: jobs in work at the same time.
    """

    def __init__(self, parts: WorkerParts, queue: str, name: str, task: Task, at_once: int) -> None:
        self._parts = parts
        self._queue = queue
        self._function = func(cast("WorkerCoroutine", task), name=name)
        self._at_once = at_once
        self._worker: Worker | None = None

    @property
    def in_work(self) -> Sequence[asyncio.Task[Any]]:
        """Jobs that are being done."""
        return [] if self._worker is None else [*self._worker.tasks.values()]

    def take_no_more(self) -> None:
        """Finish what is in work, and begin nothing."""
        if self._worker is not None:
            self._worker.allow_pick_jobs = False

    async def run(self) -> None:
        """Take jobs until cancelled."""
        pause = FIRST_PAUSE
        while True:
            self._worker = self._new_worker()
            try:
                await self._worker.main()
            except (RedisError, OSError) as error:
                logger.warning(
                    "cannot take jobs from %s: %s; trying again in %.1f s", self._queue, error, pause
                )
            await uninterrupted(self.put_back())
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _new_worker(self) -> Worker:
        return Worker(
            [self._function],
            queue_name=self._queue,
            redis_pool=connect(self._parts.redis_url),
            handle_signals=False,
            max_jobs=self._at_once,
            job_timeout=_LONGEST_JOB,
            keep_result=0,
            poll_delay=POLL,
            max_tries=1_000_000,
            health_check_interval=3600,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
            log_results=False,
        )

    async def put_back(self) -> None:
        """Cancel what is in work: requests become pending again, and their jobs are left for others."""
        worker, self._worker = self._worker, None
        if worker is not None:
            running = [task for task in worker.tasks.values() if not task.done()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await disconnect(worker.pool)


async def _drain(consumers: Sequence[_Consumer], grace: timedelta) -> None:
    """Give what is in work some time to end by itself."""
    for consumer in consumers:
        consumer.take_no_more()
    in_work = [task for consumer in consumers for task in consumer.in_work]
    if in_work:
        await asyncio.wait(in_work, timeout=grace.total_seconds())


async def _repeat(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do something now and then, whatever becomes of it."""
    while True:
        try:
            await chore()
        except DomainError as error:
            logger.warning("%s", error)
        await asyncio.sleep(seconds)


async def _sweep(parts: WorkerParts) -> None:
    """Put pending requests into the queue again when it holds too few jobs: some got lost.

    Asking twice does no harm, because a request is claimed once. Jobs stay in the queue while they are done.
    """
    async with parts.database.unit_of_work() as work:
        unfinished = await work.requests.unfinished()
    if await parts.queue.depth() >= len(unfinished):
        return
    for request_id, order, status in unfinished:
        if status is Status.PENDING:
            await parts.queue.anonymize(request_id, order.priority)


async def _order_cleanup(parts: WorkerParts) -> None:
    """Order a clean-up unless another worker has done so in this interval."""
    if await parts.queue.claim_slot("cleanup", parts.cleanup_interval):
        await parts.queue.clean_up()


def _slot(interval: timedelta) -> float:
    """How often to see whether an interval is over, in seconds."""
    return max(1.0, min(60.0, interval.total_seconds() / 4))


async def _retire(parts: WorkerParts) -> None:
    try:
        await parts.queue.retire(parts.name)
    except DomainError as error:
        logger.warning("%s", error)
