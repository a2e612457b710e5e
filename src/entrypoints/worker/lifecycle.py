"""What a worker process does until it is told to stop."""

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
"""Seconds between two of them."""

LOOK = 2.0
"""Seconds between two looks for what nobody was called for."""

CLEANUP_LOOK = 2.0
"""Seconds between two looks into the queue of clean-ups, for which nobody waits."""

NEWS = 2.0
"""Seconds between two looks for webhooks to call."""

TENDING = 60.0
"""Seconds between two looks for galleries that have grown large."""

STUCK = 70
"""Exit code of a worker that had to end itself; EX_SOFTWARE of sysexits.h."""


SLICE_QUEUES = (HIGH_QUEUE, NORMAL_QUEUE)
UPKEEP_QUEUES = (CLEANUP_QUEUE,)

Chore = Coroutine[Any, Any, None]


def end_at_once() -> None:
    """End the process although a thread of it hangs, for its supervisor to start another one."""
    os._exit(STUCK)


def queues_of(duty: Duty) -> tuple[str, ...]:
    """Where the jobs of a worker come from."""
    return (SLICE_QUEUES if duty.has_slices else ()) + (UPKEEP_QUEUES if duty.has_upkeep else ())


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of.

    Attributes:
        slices: does slices.
        dispatcher: says what is next.
        webhooks: told about the ends of requests.
        cleaner: removes what has had its time.
        gallery_upkeep: makes indexes for large galleries.
        queue: where this worker announces itself.
        redis_url: where tickets come from.
        cleanup_interval: between two clean-ups of the whole installation.
        grace: how long a slice in work may go on once the worker is told to stop.
        name: tells this worker from all others.
        duty: what of all this it does.
        has_room: whether the machine can bear another slice.
        give_up: ends the process when a thread of it hangs for good.
        meter: told what clean-ups removed.
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
    """Do what this worker is there for until told to stop.

    Neither Redis nor the database going away ends it. Once told to stop it begins nothing new, gives what is
    in work some time, and gives back what is unfinished then.

    Args:
        parts: what to work with.
        stop: set when the process is to end.
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
        for short in report.shortfalls:
            logger.error("cannot clean up %s: %s", short.concern, short.first, extra={"count": short.count})

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
    """Do something now and then, whatever becomes of it."""
    while True:
        try:
            await chore()
        except DomainError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("a chore failed unexpectedly")
        await asyncio.sleep(seconds)


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
