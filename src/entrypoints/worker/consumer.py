"""Consumer of one ARQ queue that survives outages of Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

import msgspec
from arq.typing import WorkerCoroutine
from arq.worker import Function, Worker, func
from redis.exceptions import RedisError

from framecloak.adapters.redis.connection import connect, disconnect
from framecloak.domain.support.resilience import run_to_completion

logger = logging.getLogger(__name__)

POLL_INTERVAL_SECONDS = 0.1
"""Poll interval in seconds of a queue whose jobs clients wait for."""

MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 10.0
"""Minimum and maximum delay in seconds before Redis is retried; doubled after each failure."""

JOB_TIMEOUT = timedelta(hours=1)
"""Job timeout of ARQ; also how long ARQ keeps the in-progress mark of a killed worker's job."""

Task = Callable[[str], Awaitable[None]]


class Consumer:
    """Consumer of the jobs of one queue; reconnects when Redis is available again.

    Args:
        redis_url: URL of the Redis server.
        queue: name of the queue.
        name: name of the task.
        task: handler of a job, called with its argument.
        has_capacity: returns True if a job may be started now.
        poll_seconds: poll interval in seconds.
    """

    def __init__(
        self,
        redis_url: str,
        queue: str,
        name: str,
        task: Task,
        has_capacity: Callable[[], bool],
        poll_seconds: float = POLL_INTERVAL_SECONDS,
    ) -> None:
        async def run(_: dict[str, Any], argument: str = "") -> None:
            await task(argument)

        self._redis_url = redis_url
        self._queue = queue
        self._function = func(cast("WorkerCoroutine", run), name=name)
        self._has_capacity = has_capacity
        self._poll_seconds = poll_seconds
        self._worker: _CapacityAwareWorker | None = None

    async def run(self) -> None:
        """Process jobs until cancelled."""
        pause = MIN_BACKOFF_SECONDS
        clock = asyncio.get_running_loop().time
        while True:
            started_at = clock()
            self._worker = _CapacityAwareWorker(
                self._redis_url, self._queue, self._function, self._has_capacity, self._poll_seconds
            )
            try:
                await self._worker.main()
            except (RedisError, OSError) as error:
                if clock() - started_at > MAX_BACKOFF_SECONDS:
                    pause = MIN_BACKOFF_SECONDS
                logger.warning(
                    "cannot take jobs from %s: %s; trying again in %.1f s", self._queue, error, pause
                )
            await run_to_completion(self.cancel_running())
            await asyncio.sleep(pause)
            pause = min(MAX_BACKOFF_SECONDS, 2 * pause)

    async def cancel_running(self) -> None:
        """Cancel the running jobs; they stay in the queue for other workers."""
        worker, self._worker = self._worker, None
        if worker is not None:
            running = [task for task in worker.tasks.values() if not task.done()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await worker.notes_made()
            await disconnect(worker.pool)


class _CapacityAwareWorker(Worker):
    """ARQ worker that starts a job only if there is capacity, and else leaves it to other workers."""

    def __init__(
        self,
        redis_url: str,
        queue: str,
        function: Function,
        has_capacity: Callable[[], bool],
        poll_seconds: float,
    ) -> None:
        super().__init__(
            [function],
            queue_name=queue,
            redis_pool=connect(redis_url),
            handle_signals=False,
            max_jobs=1,
            job_timeout=JOB_TIMEOUT,
            keep_result=0,
            poll_delay=poll_seconds,
            max_tries=1_000_000,
            health_check_interval=3600,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
            log_results=False,
        )
        self._has_capacity = has_capacity
        self._notes: set[asyncio.Task[None]] = set()

    async def notes_made(self) -> None:
        """Wait until the end of each job is noted, successfully or not.

        ARQ does so in tasks that outlive the cancellation of a job. On connections that were closed meanwhile
        they would connect once more, and nobody would close those.
        """
        await asyncio.sleep(0)  # a task that was just created has not begun
        while self._notes:
            await asyncio.wait(self._notes)

    async def finish_job(
        self,
        job_id: str,
        finish: bool,
        result_data: bytes | None,
        result_timeout_s: float | None,
        keep_result_forever: bool,
        incr_score: int | None,
        keep_in_progress: float | None,
    ) -> None:
        """Note the end of a job; see `notes_made`."""
        result = result_data, result_timeout_s, keep_result_forever
        await self._noted(super().finish_job(job_id, finish, *result, incr_score, keep_in_progress))

    async def finish_failed_job(self, job_id: str, result_data: bytes | None) -> None:
        """Note the failure of a job; see `notes_made`."""
        await self._noted(super().finish_failed_job(job_id, result_data))

    async def _noted(self, note: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(note)
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)
        await task

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start the first job that no other worker runs, if there is capacity.

        The job of a killed worker stays at the head of the queue until the job timeout has passed; the jobs
        behind it must not wait for that.
        """
        for job_id in job_ids:
            if not self._has_capacity():
                return
            await super().start_jobs([job_id])
            if self.job_counter:
                return
