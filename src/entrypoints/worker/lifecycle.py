"""Lifecycle of a worker process: consumers, periodic tasks and shutdown."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from framecloak.adapters.redis.job_queue import (
    CLEANUP_QUEUE,
    CLEANUP_TASK,
    HIGH_QUEUE,
    NORMAL_QUEUE,
    SLICE_TASK,
    ArqJobQueue,
)
from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.errors import DomainError
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.reid.galleries.maintenance import GalleryMaintenance
from framecloak.domain.support.resilience import cancel_and_wait
from framecloak.entrypoints.worker.consumer import Consumer
from framecloak.entrypoints.worker.duty import Duty
from framecloak.entrypoints.worker.slice_loop import SliceLoop

logger = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 2.0
"""Interval in seconds at which a worker announces that it is alive."""

POLL_INTERVAL = 2.0
"""Interval in seconds at which a worker searches for slices, in case a wake-up was lost."""

CLEANUP_POLL_INTERVAL = 2.0
"""Poll interval in seconds of the clean-up queue, for which no client waits."""

WEBHOOK_INTERVAL = 2.0
"""Interval in seconds at which due webhooks are called."""

INDEX_INTERVAL = 60.0
"""Interval in seconds at which large galleries are indexed."""

STUCK_EXIT_CODE = 70
"""Exit code of a worker that ends itself because a thread hangs; EX_SOFTWARE of sysexits.h."""


SLICE_QUEUES = (HIGH_QUEUE, NORMAL_QUEUE)
UPKEEP_QUEUES = (CLEANUP_QUEUE,)

PeriodicTask = Coroutine[Any, Any, None]


def exit_immediately() -> None:
    """End the process immediately, even if one of its threads hangs; its supervisor restarts it."""
    os._exit(STUCK_EXIT_CODE)


def queue_names(duty: Duty) -> tuple[str, ...]:
    """Return the names of the queues of a worker."""
    return (SLICE_QUEUES if duty.has_slices else ()) + (UPKEEP_QUEUES if duty.has_upkeep else ())


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Collaborators and options of a worker.

    Attributes:
        slices: leases and processes slices.
        dispatcher: decides which request is served next.
        webhooks: calls the webhooks of ended requests.
        cleaner: deletes expired results, uploads and tokens.
        gallery_maintenance: indexes large galleries.
        queue: job queue to which the worker announces itself.
        redis_url: URL of the Redis server of the job queues.
        cleanup_interval: time between two clean-ups of the whole installation.
        grace: time that the current slice has to finish after a stop.
        name: unique name of the worker.
        duty: duty of the worker.
        has_memory: returns True if there is memory for another slice.
        exit_process: ends the process when one of its threads hangs.
        meter: metrics of clean-ups.
        speed: returns the speed that the worker measured on itself; None if it does no slices.
    """

    slices: SliceWorker
    dispatcher: Dispatcher
    webhooks: Webhooks
    cleaner: CleanupService
    gallery_maintenance: GalleryMaintenance
    queue: ArqJobQueue
    redis_url: str = field(repr=False)
    cleanup_interval: timedelta
    grace: timedelta
    name: str
    duty: Duty = Duty.ALL
    has_memory: Callable[[], bool] = lambda: True
    exit_process: Callable[[], None] = exit_immediately
    meter: Meter = NULL_METER
    speed: Callable[[], WorkerSpeed | None] = lambda: None


async def run_worker(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set.

    Outages of Redis or the database do not end it. After the stop it starts nothing new, gives the current
    slice a grace period, and releases it if it is not finished by then.

    Args:
        parts: collaborators and options.
        stop: event that ends the worker.
    """
    loop = SliceLoop(parts.slices, parts.dispatcher, parts.has_memory, parts.exit_process)
    consumers = [*_slice_consumers(parts, loop), *_upkeep_consumers(parts)]
    async with asyncio.TaskGroup() as group:
        announcing = _repeat(
            HEARTBEAT_INTERVAL,
            lambda: parts.queue.announce(parts.name, queue_names(parts.duty), parts.speed()),
        )
        periodic_tasks = [
            group.create_task(work)
            for work in (
                announcing,
                *_slice_tasks(parts, loop),
                *_upkeep_tasks(parts),
                *(consumer.run() for consumer in consumers),
            )
        ]
        await stop.wait()
        await loop.close(parts.grace)
        await cancel_and_wait(*periodic_tasks)
        await asyncio.gather(*(consumer.cancel_running() for consumer in consumers))
    await _retire(parts)


def _slice_consumers(parts: WorkerParts, loop: SliceLoop) -> list[Consumer]:
    if not parts.duty.has_slices:
        return []
    return [
        Consumer(parts.redis_url, queue, SLICE_TASK, loop.start, loop.has_capacity) for queue in SLICE_QUEUES
    ]


def _upkeep_consumers(parts: WorkerParts) -> list[Consumer]:
    if not parts.duty.has_upkeep:
        return []

    async def clean_up(_ticket: str) -> None:
        report = await parts.cleaner.run()
        parts.meter.cleaned_up(report.counts(), report.failures())
        logger.info("cleaned up", extra={"removed": report.counts()})
        for failure in report.step_failures:
            logger.error(
                "cannot clean up %s: %s",
                failure.step,
                failure.first_error,
                extra={"count": failure.count},
            )

    return [
        Consumer(
            parts.redis_url,
            CLEANUP_QUEUE,
            CLEANUP_TASK,
            clean_up,
            lambda: True,
            poll_seconds=CLEANUP_POLL_INTERVAL,
        )
    ]


def _slice_tasks(parts: WorkerParts, loop: SliceLoop) -> list[PeriodicTask]:
    return [_repeat(POLL_INTERVAL, loop.start)] if parts.duty.has_slices else []


def _upkeep_tasks(parts: WorkerParts) -> list[PeriodicTask]:
    if not parts.duty.has_upkeep:
        return []
    return [
        _repeat(WEBHOOK_INTERVAL, parts.webhooks.deliver_due),
        _repeat(INDEX_INTERVAL, parts.gallery_maintenance.maintain_indexes),
        _repeat(_check_interval(parts.cleanup_interval), lambda: _queue_cleanup(parts)),
    ]


async def _repeat(seconds: float, task: Callable[[], Awaitable[object]]) -> None:
    """Call a function periodically; its errors are logged and do not end the repetition."""
    while True:
        try:
            await task()
        except DomainError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("a periodic task failed unexpectedly")
        await asyncio.sleep(seconds)


async def _queue_cleanup(parts: WorkerParts) -> None:
    """Queue a clean-up unless another worker has done so in this interval."""
    if await parts.queue.claim_slot("cleanup", parts.cleanup_interval):
        await parts.queue.request_cleanup()


def _check_interval(interval: timedelta) -> float:
    """Return the interval in seconds at which to check whether the clean-up interval has passed."""
    return max(1.0, min(60.0, interval.total_seconds() / 4))


async def _retire(parts: WorkerParts) -> None:
    try:
        await parts.queue.retire(parts.name)
    except DomainError as error:
        logger.warning("%s", error)
