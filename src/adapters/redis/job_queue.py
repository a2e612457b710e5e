"""Job queue on ARQ: a transport for wake-ups, while the database holds the pending work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from uuid import UUID

import msgspec
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, retry_key_prefix

from framecloak.adapters.redis.connection import RedisAdapter, redis_errors
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.ports.queue import WorkerInfo

NORMAL_QUEUE = "anonymization"
HIGH_QUEUE = "anonymization-high"
CLEANUP_QUEUE = "cleanup"

SLICE_TASK = "do_a_slice"
CLEANUP_TASK = "clean_up"
"""Names of the ARQ tasks that workers run: slice and clean-up."""

WAKEUP_TTL = timedelta(seconds=20)
"""Age after which a wake-up counts as lost, because the worker that took it may have been killed."""

WORKER_TTL = timedelta(seconds=10)
"""Time for which a worker counts as alive after its last heartbeat."""

WAKEUP_RETENTION = timedelta(minutes=5)
"""Expiry of a wake-up's data in Redis, in case no process reads the queue in the meantime."""

_CLEANUP_RETENTION = timedelta(days=1)
"""Expiry of a clean-up job; long, because the next one is only queued after hours."""

_WORKERS = "framecloak:workers"
"""Sorted set of the names of workers, by the time of their last heartbeat in seconds."""
_WORKER_PREFIX = "framecloak:workers:"
_SLICE_QUEUES = frozenset({NORMAL_QUEUE, HIGH_QUEUE})
_QUEUES = {Priority.NORMAL: NORMAL_QUEUE, Priority.HIGH: HIGH_QUEUE}


class _Speed(msgspec.Struct, frozen=True):
    """Speed of a worker, as stored in Redis."""

    frame_seconds: float | None
    load_seconds: float | None
    loaded: tuple[str, ...]


class _Heartbeat(msgspec.Struct, frozen=True):
    """Heartbeat of a worker, as stored in Redis."""

    queues: tuple[str, ...]
    seen_at: float
    speed: _Speed | None = None


class ArqJobQueue(RedisAdapter):
    """Job queue on ARQ; see `domain.ports.queue.JobQueue`.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    @property
    def redis(self) -> ArqRedis:
        """Redis client, for the workers that consume jobs."""
        return self._redis

    async def wake_workers(self, request_id: UUID, priority: Priority) -> None:
        """See the port."""
        # A unique id, because ARQ remembers the ids of jobs whose worker was killed.
        job_id = f"{request_id}.{_milliseconds(datetime.now(UTC))}.{token_hex(4)}"
        with redis_errors(self._redis, "submit the request"):
            await self._redis.enqueue_job(
                SLICE_TASK,
                str(request_id),
                _job_id=job_id,
                _queue_name=_QUEUES[priority],
                _expires=WAKEUP_RETENTION,
            )

    async def wakeups(self) -> Mapping[UUID, int]:
        """See the port."""
        waiting = Counter[UUID]()
        oldest = _milliseconds(datetime.now(UTC) - WAKEUP_TTL)
        with redis_errors(self._redis, "read the queue"):
            for queue in _QUEUES.values():
                lost = []
                for name in await self._redis.zrange(queue, 0, -1):
                    request_id, written_at = _parse_wakeup(name)
                    if request_id is None or written_at < oldest:
                        lost.append(name)
                    else:
                        waiting[request_id] += 1
                if lost:
                    await self._discard(queue, lost)
        return waiting

    async def wakeup_counts(self) -> Mapping[Priority, int]:
        """See the port."""
        oldest = _milliseconds(datetime.now(UTC) - WAKEUP_TTL)
        with redis_errors(self._redis, "read the queue"):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for queue in _QUEUES.values():
                    pipeline.zcount(queue, oldest, "+inf")  # the score of a job is the time of its enqueuing
                counts = await pipeline.execute()
        return dict(zip(_QUEUES, counts, strict=True))

    async def _discard(self, queue: str, names: Sequence[bytes]) -> None:
        """Delete wake-ups from a queue, together with their ARQ job and retry keys."""
        job_keys = [kind.encode() + name for name in names for kind in (job_key_prefix, retry_key_prefix)]
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(queue, *names)
            pipeline.delete(*job_keys)
            await pipeline.execute()

    async def request_cleanup(self) -> None:
        """See the port."""
        with redis_errors(self._redis, "request a clean-up"):
            await self._redis.enqueue_job(
                CLEANUP_TASK, _queue_name=CLEANUP_QUEUE, _expires=_CLEANUP_RETENTION
            )

    async def worker_count(self) -> int:
        """See the port."""
        with redis_errors(self._redis, "count the workers"):
            return int(await self._redis.zcount(_WORKERS, _oldest_heartbeat(), "+inf"))

    async def workers(self) -> Sequence[WorkerInfo]:
        """See the port."""
        return [worker for worker in await self.processes() if not _SLICE_QUEUES.isdisjoint(worker.queues)]

    async def processes(self) -> Sequence[WorkerInfo]:
        """Return all announced worker processes, including those without slice queues.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors(self._redis, "list the workers"):
            keys = sorted(
                _WORKER_PREFIX.encode() + name for name in await self._redis.zrange(_WORKERS, 0, -1)
            )
            heartbeats = await self._redis.mget(keys) if keys else []
        # The heartbeat of a worker that is no longer alive has expired.
        return [_worker(key, heartbeat) for key, heartbeat in zip(keys, heartbeats, strict=True) if heartbeat]

    async def announce(self, name: str, queues: Sequence[str], speed: WorkerSpeed | None = None) -> None:
        """Store a heartbeat of a worker.

        Args:
            name: name of the worker.
            queues: queues it consumes.
            speed: speed that it measured; None if it did not.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        stored = None
        if speed:
            stored = _Speed(speed.frame_seconds, speed.load_seconds, tuple(sorted(speed.loaded)))
        heartbeat = _Heartbeat(tuple(queues), datetime.now(UTC).timestamp(), stored)
        with redis_errors(self._redis, "announce the worker"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(f"{_WORKER_PREFIX}{name}", msgspec.msgpack.encode(heartbeat), px=WORKER_TTL)
                pipeline.zadd(_WORKERS, {name: heartbeat.seen_at})
                pipeline.zremrangebyscore(_WORKERS, "-inf", f"({_oldest_heartbeat()}")
                await pipeline.execute()

    async def retire(self, name: str) -> None:
        """Delete the heartbeat of a worker.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors(self._redis, "retire the worker"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(f"{_WORKER_PREFIX}{name}")
                pipeline.zrem(_WORKERS, name)
                await pipeline.execute()

    async def claim_slot(self, name: str, ttl: timedelta) -> bool:
        """Claim a named slot for a period; return False if any process holds it already.

        Args:
            name: name of the slot.
            ttl: period until the slot is free again.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors(self._redis, "claim a slot"):
            return bool(await self._redis.set(f"framecloak:slots:{name}", b"", nx=True, px=ttl))

    async def ping(self) -> None:
        """See the port."""
        with redis_errors(self._redis, "reach the queue"):
            await self._redis.ping()


def _oldest_heartbeat() -> float:
    """Return the time in seconds from which on a heartbeat still counts."""
    return (datetime.now(UTC) - WORKER_TTL).timestamp()


def _worker(key: bytes, encoded: bytes) -> WorkerInfo:
    heartbeat = msgspec.msgpack.decode(encoded, type=_Heartbeat)
    name = key.decode().removeprefix(_WORKER_PREFIX)
    return WorkerInfo(
        name, heartbeat.queues, datetime.fromtimestamp(heartbeat.seen_at, UTC), _speed(heartbeat.speed)
    )


def _speed(stored: _Speed | None) -> WorkerSpeed | None:
    if stored is None:
        return None
    # A worker of another version may know other levels.
    loaded = frozenset(level for level in Level if level in stored.loaded)
    return WorkerSpeed(stored.frame_seconds, stored.load_seconds, loaded)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _parse_wakeup(name: bytes) -> tuple[UUID | None, int]:
    """Return the request and creation time (milliseconds) of a wake-up; (None, 0) for an invalid name."""
    request_id, _, rest = name.decode("ascii", "replace").partition(".")
    try:
        return UUID(request_id), int(rest.partition(".")[0])
    except ValueError:
        return None, 0
