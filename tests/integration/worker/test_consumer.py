"""Consuming jobs from a queue on a real Redis, after other workers were killed."""

from __future__ import annotations

import asyncio
import gc

from arq.constants import in_progress_key_prefix

from framecloak.adapters.redis.job_queue import CLEANUP_QUEUE, CLEANUP_TASK, ArqJobQueue
from framecloak.domain.support.resilience import cancel_and_wait
from framecloak.entrypoints.worker.consumer import Consumer
from support.patience import patience


async def test_a_job_of_a_killed_worker_does_not_block_the_queue(redis_url: str) -> None:
    taken = asyncio.Event()

    async def take(_: str) -> None:
        taken.set()

    async with ArqJobQueue(redis_url) as queue:
        await queue.request_cleanup()
        await queue.request_cleanup()
        (begun, _) = await queue.redis.zrange(CLEANUP_QUEUE, 0, -1)
        await queue.redis.set(in_progress_key_prefix + begun.decode(), b"1")
        consumer = Consumer(redis_url, CLEANUP_QUEUE, CLEANUP_TASK, take, lambda: True, poll_seconds=0.05)
        running = asyncio.create_task(consumer.run())
        try:
            await asyncio.wait_for(taken.wait(), patience(20))
        finally:
            await cancel_and_wait(running)
            await consumer.cancel_running()
        # Until the time of a job is over, its worker may be slow rather than killed.
        assert begun in await queue.redis.zrange(CLEANUP_QUEUE, 0, -1)


async def test_a_job_that_is_ending_keeps_no_connection_open(redis_url: str) -> None:
    """ARQ notes the end of a job in a task that outlives a cancellation, and that would connect again."""
    ended, pause = asyncio.Event(), 0.5

    async def take(_: str) -> None:
        await queue.redis.execute_command("CLIENT", "PAUSE", int(1000 * pause), "WRITE")
        ended.set()

    async with ArqJobQueue(redis_url) as queue:
        await queue.request_cleanup()
        consumer = Consumer(redis_url, CLEANUP_QUEUE, CLEANUP_TASK, take, lambda: True, poll_seconds=0.05)
        running = asyncio.create_task(consumer.run())
        try:
            await asyncio.wait_for(ended.wait(), patience(20))
            await asyncio.sleep(pause / 5)
        finally:
            await cancel_and_wait(running)
            await consumer.cancel_running()
        del consumer, running
        # A connection that was left open is reported when it is collected.
        await asyncio.sleep(2 * pause)
        gc.collect()
        assert await queue.redis.zcard(CLEANUP_QUEUE) == 0
