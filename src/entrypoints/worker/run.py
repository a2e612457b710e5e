"""What a worker process does until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from adapters.redis.job_queue import CLEAN_UP, CLEANUP_QUEUE, HIGH_QUEUE, NORMAL_QUEUE, TICKET, ArqJobQueue
from domain.anonymization.cleaning import Cleaner
from domain.anonymization.dispatch import Dispatcher
from domain.anonymization.holding import WorkerStuckError
from domain.anonymization.slices import Lease
from domain.anonymization.webhooks import Webhooks
from domain.anonymization.work import SliceWorker
from domain.errors import DomainError
from domain.reid.upkeep import GalleryUpkeep
from domain.resilience import ended
from entrypoints.logs import bound
from entrypoints.worker.consumer import Consumer
from entrypoints.worker.duties import Duty

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

PAUSE_AFTER_TROUBLE = 1.0
"""Seconds before a worker goes on when a server was away."""

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


async def run_worker(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Do what this worker is there for until told to stop.

    Neither Redis nor the database going away ends it. Once told to stop it begins nothing new, gives what is
    in work some time, and gives back what is unfinished then.

    Args:
        parts: what to work with.
        stop: set when the process is to end.
    """
    desk = Desk(parts)
    consumers = [*_slice_consumers(parts, desk), *_upkeep_consumers(parts, desk)]
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


def _upkeep_consumers(parts: WorkerParts, desk: Desk) -> list[Consumer]:
    if not parts.duty.has_upkeep:
        return []
    return [
        Consumer(parts.redis_url, CLEANUP_QUEUE, CLEAN_UP, desk.clean_up, lambda: True, poll=CLEANUP_LOOK)
    ]


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


class Desk:
    """Where slices are done, one after the other: all cores work on the one.

    Args:
        parts: what to work with.
    """

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    def is_idle(self) -> bool:
        """Whether nothing is done here, and something may be."""
        return not self._closed and (self._working is None or self._working.done())

    def is_welcoming(self) -> bool:
        """Whether a ticket would lead to work here; others are to have those that would not."""
        return self.is_idle() and self._parts.has_room()

    async def wake(self, _ticket: str = "") -> None:
        """Begin to work, until there is nothing left to do; nothing new if that is going on."""
        if self.is_idle():
            self._working = asyncio.create_task(self._work())

    async def clean_up(self, _ticket: str = "") -> None:
        """Remove what has had its time."""
        try:
            logger.info("cleaned up", extra={"removed": (await self._parts.cleaner.run()).counts()})
        except DomainError as error:
            logger.warning("the clean-up failed: %s", error)

    async def close(self, grace: timedelta) -> None:
        """Begin nothing new; give back what is not done within some time."""
        self._closed = True
        working = self._working
        if working is not None:
            await asyncio.wait([working], timeout=grace.total_seconds())
            working.cancel()
            await asyncio.wait([working])

    async def _work(self) -> None:
        try:
            await self._work_on()
        finally:
            self._parts.slices.rest()

    async def _work_on(self) -> None:
        while not self._closed and self._parts.has_room():
            try:
                lease = await self._next()
                if lease is None:
                    return
                with bound(request_id=str(lease.request_id), slice=lease.number, attempt=lease.attempt):
                    await self._do(lease)
            except DomainError as error:
                logger.warning("%s", error)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE)

    async def _do(self, lease: Lease) -> None:
        if lease.recovered:
            logger.warning("took over a slice whose worker fell silent")
        logger.debug("begins %s %s", lease.kind, lease.segment)
        try:
            await self._parts.slices.do(lease)
        except DomainError as error:
            # What is unfinished stands in the database, from where it is taken up again.
            logger.warning("given back: %s", error)
            await asyncio.sleep(PAUSE_AFTER_TROUBLE)
        except WorkerStuckError as error:
            logger.critical("%s; this worker ends itself", error)
            self._parts.give_up()
        except Exception:
            logger.exception("failed unexpectedly")
        else:
            logger.debug("done")

    async def _next(self) -> Lease | None:
        """What to do now; somebody else may be quicker with one or the other."""
        for request_id in await self._parts.dispatcher.run():
            lease = await self._parts.slices.lease(request_id)
            if lease is not None:
                return lease
        return None


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
