"""Takes jobs out of one queue of ARQ."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import msgspec
from arq.typing import WorkerCoroutine
from arq.worker import Function, Worker, func
from redis.exceptions import RedisError

from framecloak.adapters.redis.connection import connect, disconnect
from framecloak.domain.support.resilience import uninterrupted

logger = logging.getLogger(__name__)

POLL = 0.1
"""Seconds between two looks into a queue that people wait for."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds until Redis is tried again; twice as long each time."""

LONGEST_JOB = timedelta(hours=1)
"""ARQ ends jobs that take longer, and for so long remembers those of a worker that was killed."""

Task = Callable[[str], Awaitable[None]]


class Consumer:
    """Takes the jobs of one queue, and goes on doing so when Redis comes back.

    Args:
        redis_url: of the Redis.
        queue: name of the queue.
        name: of its task.
        task: what to do for each job, with its argument.
        is_welcome: whether a job may be taken now.
        poll: seconds between two looks into the queue.
    """

    def __init__(
        self,
        redis_url: str,
        queue: str,
        name: str,
        task: Task,
        is_welcome: Callable[[], bool],
        poll: float = POLL,
    ) -> None:
        async def run(_: dict[str, Any], argument: str = "") -> None:
            await task(argument)

        self._redis_url = redis_url
        self._queue = queue
        self._function = func(cast("WorkerCoroutine", run), name=name)
        self._is_welcome = is_welcome
        self._poll = poll
        self._worker: Worker | None = None

    async def run(self) -> None:
        """Take jobs until cancelled."""
        pause = FIRST_PAUSE
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            self._worker = _ChoosyWorker(
                self._redis_url, self._queue, self._function, self._is_welcome, self._poll
            )
            try:
                await self._worker.main()
            except (RedisError, OSError) as error:
                if clock() - began > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                logger.warning(
                    "cannot take jobs from %s: %s; trying again in %.1f s", self._queue, error, pause
                )
            await uninterrupted(self.put_back())
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def put_back(self) -> None:
        """Cancel what is in work; its jobs are left for others."""
        worker, self._worker = self._worker, None
        if worker is not None:
            running = [task for task in worker.tasks.values() if not task.done()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await disconnect(worker.pool)


class _ChoosyWorker(Worker):
    """An ARQ worker that takes a job only when it is welcome, so that others can have it."""

    def __init__(
        self,
        redis_url: str,
        queue: str,
        function: Function,
        is_welcome: Callable[[], bool],
        poll: float,
    ) -> None:
        super().__init__(
            [function],
            queue_name=queue,
            redis_pool=connect(redis_url),
            handle_signals=False,
            max_jobs=1,
            job_timeout=LONGEST_JOB,
            keep_result=0,
            poll_delay=poll,
            max_tries=1_000_000,
            health_check_interval=3600,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
            log_results=False,
        )
        self._is_welcome = is_welcome

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start the first that nobody has, unless nobody is welcome now.

        What a killed worker had begun stays at the head of the queue for as long as a job may last: those
        behind it must not wait for that.
        """
        for job_id in job_ids:
            if not self._is_welcome():
                return
            await super().start_jobs([job_id])
            if self.job_counter:
                return
