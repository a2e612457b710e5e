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
    CLEAN_UP,
    CLEANUP_QUEUE,
    HIGH_QUEUE,
    NORMAL_QUEUE,
    TICKET,
    ArqJobQueue,
)
from framecloak.domain.anonymization.requests.cleanup import Cleaner
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.requests.webhooks import Webhooks
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.errors import DomainError
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.reid.galleries.maintenance import GalleryUpkeep
from framecloak.domain.support.resilience import ended
from framecloak.entrypoints.worker.consumer import Consumer
from framecloak.entrypoints.worker.duty import Duty
from framecloak.entrypoints.worker.slice_loop import Desk

logger = logging.getLogger(__name__)

SIGN_OF_LIFE = 2.0
"""Interval in seconds at which a worker announces that it is alive."""

LOOK = 2.0
"""Interval in seconds at which a worker searches for slices, in case a wake-up was lost."""

CLEANUP_LOOK = 2.0
"""Poll interval in seconds of the clean-up queue, for which no client waits."""

NEWS = 2.0
"""Interval in seconds at which due webhooks are called."""

TENDING = 60.0
"""Interval in seconds at which large galleries are indexed."""

STUCK = 70
"""Exit code of a worker that ends itself because a thread hangs; EX_SOFTWARE of sysexits.h."""


SLICE_QUEUES = (HIGH_QUEUE, NORMAL_QUEUE)
UPKEEP_QUEUES = (CLEANUP_QUEUE,)

Chore = Coroutine[Any, Any, None]


def end_at_once() -> None:
    """End the process immediately, although a thread of it hangs; its supervisor restarts it."""
    os._exit(STUCK)


def queues_of(duty: Duty) -> tuple[str, ...]:
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
        gallery_upkeep: indexes large galleries.
        queue: job queue to which the worker announces itself.
        redis_url: URL of the Redis server of the job queues.
        cleanup_interval: time between two clean-ups of the whole installation.
        grace: time that the current slice has to finish after a stop.
        name: unique name of the worker.
        duty: duty of the worker.
        has_room: returns True if there is memory for another slice.
        give_up: ends the process when one of its threads hangs.
        meter: metrics of clean-ups.
    """

    slices: SliceWorker
    dispatcher: Dispatcher
    webhooks: Webhooks
    cleaner: Cleaner
    gallery_upkeep: GalleryUpkeep
    queue: ArqJobQueue
    redis_url: str = field(repr=False)
    cleanup_interval: timedelta
    grace: timedelta
    name: str
    duty: Duty = Duty.ALL
    has_room: Callable[[], bool] = lambda: True
    give_up: Callable[[], None] = end_at_once
    meter: Meter = NULL_METER


async def run_worker(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set.

    Outages of Redis or the database do not end it. After the stop it starts nothing new, gives the current
    slice a grace period, and releases it if it is not finished by then.

    Args:
        parts: collaborators and options.
        stop: event that ends the worker.
    """
    desk = Desk(parts.slices, parts.dispatcher, parts.has_room, parts.give_up)
    consumers = [*_slice_consumers(parts, desk), *_upkeep_consumers(parts)]
    async with asyncio.TaskGroup() as group:
        announcing = _repeat(SIGN_OF_LIFE, lambda: parts.queue.announce(parts.name, queues_of(parts.duty)))
        chores = [
            group.create_task(work)
            for work in (
                announcing,
                *_slice_chores(parts, desk),
                *_upkeep_chores(parts),
                *(consumer.run() for consumer in consumers),
            )
        ]
        await stop.wait()
        await desk.close(parts.grace)
        await ended(*chores)
        await asyncio.gather(*(consumer.put_back() for consumer in consumers))
    await _retire(parts)


def _slice_consumers(parts: WorkerParts, desk: Desk) -> list[Consumer]:
    if not parts.duty.has_slices:
        return []
    return [Consumer(parts.redis_url, queue, TICKET, desk.wake, desk.is_welcoming) for queue in SLICE_QUEUES]


def _upkeep_consumers(parts: WorkerParts) -> list[Consumer]:
    if not parts.duty.has_upkeep:
        return []

    async def clean_up(_ticket: str) -> None:
        report = await parts.cleaner.run()
        parts.meter.cleaned_up(report.counts(), report.failures())
        logger.info("cleaned up", extra={"removed": report.counts()})
        for shortfall in report.shortfalls:
            logger.error(
                "cannot clean up %s: %s", shortfall.concern, shortfall.first, extra={"count": shortfall.count}
            )

    return [Consumer(parts.redis_url, CLEANUP_QUEUE, CLEAN_UP, clean_up, lambda: True, poll=CLEANUP_LOOK)]


def _slice_chores(parts: WorkerParts, desk: Desk) -> list[Chore]:
    return [_repeat(LOOK, desk.wake)] if parts.duty.has_slices else []


def _upkeep_chores(parts: WorkerParts) -> list[Chore]:
    if not parts.duty.has_upkeep:
        return []
    return [
        _repeat(NEWS, parts.webhooks.deliver_due),
        _repeat(TENDING, parts.gallery_upkeep.tend_indexes),
        _repeat(_slot(parts.cleanup_interval), lambda: _order_cleanup(parts)),
    ]


async def _repeat(seconds: float, chore: Callable[[], Awaitable[object]]) -> None:
    """Call a function periodically; its errors are logged and do not end the repetition."""
    while True:
        try:
            await chore()
        except DomainError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("a periodic task failed unexpectedly")
        await asyncio.sleep(seconds)


async def _order_cleanup(parts: WorkerParts) -> None:
    """Queue a clean-up unless another worker has done so in this interval."""
    if await parts.queue.claim_slot("cleanup", parts.cleanup_interval):
        await parts.queue.clean_up()


def _slot(interval: timedelta) -> float:
    """Return the interval in seconds at which to check whether the clean-up interval has passed."""
    return max(1.0, min(60.0, interval.total_seconds() / 4))


async def _retire(parts: WorkerParts) -> None:
    try:
        await parts.queue.retire(parts.name)
    except DomainError as error:
        logger.warning("%s", error)
