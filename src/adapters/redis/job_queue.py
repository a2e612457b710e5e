"""The job queue on ARQ: a transport, because what is to be done stands in the database."""

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
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.ports.services import WorkerInfo

NORMAL_QUEUE = "anonymization"
HIGH_QUEUE = "anonymization-high"
CLEANUP_QUEUE = "cleanup"

TICKET = "do_a_slice"
CLEAN_UP = "clean_up"
"""Names of the tasks that workers know."""

TICKET_LASTS = timedelta(seconds=20)
"""After so long a ticket counts as lost: whoever took it out of the queue may have been killed."""

WORKER_LASTS = timedelta(seconds=10)
"""How long a worker counts as alive after its last sign of life."""

TICKET_KEPT = timedelta(minutes=5)
"""What a ticket says goes then by itself, should nobody have looked into the queue meanwhile."""

_ORDER_KEPT = timedelta(days=1)
"""How long an order to clean up waits for a worker; nobody writes another one in its place for hours."""

_WORKERS = "framecloak:workers:"
_SLICE_QUEUES = frozenset({NORMAL_QUEUE, HIGH_QUEUE})
_QUEUES = {Priority.NORMAL: NORMAL_QUEUE, Priority.HIGH: HIGH_QUEUE}


class _Sign(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    queues: tuple[str, ...]
    seen_at: float


class ArqJobQueue(RedisAdapter):
    """Hands jobs to workers; see `framecloak.domain.ports.services.JobQueue`.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    @property
    def redis(self) -> ArqRedis:
        """The client, for the workers that take jobs out."""
        return self._redis

    async def call_for(self, request_id: UUID, priority: Priority) -> None:
        """See the port."""
        # A name of its own: ARQ remembers the names of jobs whose worker was killed.
        name = f"{request_id}.{_milliseconds(datetime.now(UTC))}.{token_hex(4)}"
        with redis_errors("submit the request"):
            await self._redis.enqueue_job(
                TICKET, str(request_id), _job_id=name, _queue_name=_QUEUES[priority], _expires=TICKET_KEPT
            )

    async def tickets(self) -> Mapping[UUID, int]:
        """See the port."""
        waiting = Counter[UUID]()
        oldest = _milliseconds(datetime.now(UTC) - TICKET_LASTS)
        with redis_errors("look into the queue"):
            for queue in _QUEUES.values():
                lost = []
                for name in await self._redis.zrange(queue, 0, -1):
                    request_id, written_at = _ticket(name)
                    if request_id is None or written_at < oldest:
                        lost.append(name)
                    else:
                        waiting[request_id] += 1
                if lost:
                    await self._throw_away(queue, lost)
        return waiting

    async def _throw_away(self, queue: str, names: Sequence[bytes]) -> None:
        """Take tickets out of a queue, with what ARQ keeps of them beside it."""
        beside = [kind.encode() + name for name in names for kind in (job_key_prefix, retry_key_prefix)]
        async with self._redis.pipeline(transaction=True) as together:
            together.zrem(queue, *names)
            together.delete(*beside)
            await together.execute()

    async def clean_up(self) -> None:
        """See the port."""
        with redis_errors("order a clean-up"):
            await self._redis.enqueue_job(CLEAN_UP, _queue_name=CLEANUP_QUEUE, _expires=_ORDER_KEPT)

    async def workers(self) -> Sequence[WorkerInfo]:
        """See the port."""
        return [worker for worker in await self.processes() if not _SLICE_QUEUES.isdisjoint(worker.queues)]

    async def processes(self) -> Sequence[WorkerInfo]:
        """All that announced themselves, those too that do no slices.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors("ask for workers"):
            keys = sorted([key async for key in self._redis.scan_iter(f"{_WORKERS}*")])
            signs = await self._redis.mget(keys) if keys else []
        # A sign that expired between the two calls is None.
        return [_worker(key, sign) for key, sign in zip(keys, signs, strict=True) if sign]

    async def announce(self, name: str, queues: Sequence[str]) -> None:
        """Give a sign of life, for `workers`.

        Args:
            name: of the worker.
            queues: what it works on.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        sign = _Sign(tuple(queues), datetime.now(UTC).timestamp())
        with redis_errors("announce the worker"):
            await self._redis.set(f"{_WORKERS}{name}", msgspec.msgpack.encode(sign), px=WORKER_LASTS)

    async def retire(self, name: str) -> None:
        """Take the last sign of life back.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors("retire the worker"):
            await self._redis.delete(f"{_WORKERS}{name}")

    async def claim_slot(self, name: str, lasts: timedelta) -> bool:
        """Whether this caller is the first, of all processes, to claim something for a while.

        Raises:
            QueueUnavailableError: Redis cannot be reached.
        """
        with redis_errors("claim a slot"):
            return bool(await self._redis.set(f"framecloak:slots:{name}", b"", nx=True, px=lasts))

    async def ping(self) -> None:
        """See the port."""
        with redis_errors("reach the queue"):
            await self._redis.ping()


def _worker(key: bytes, sign: bytes) -> WorkerInfo:
    said = msgspec.msgpack.decode(sign, type=_Sign)
    name = key.decode().removeprefix(_WORKERS)
    return WorkerInfo(name, said.queues, datetime.fromtimestamp(said.seen_at, UTC))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ticket(name: bytes) -> tuple[UUID | None, int]:
    """Whose ticket it is, and when it was written; None for what is none."""
    request_id, _, rest = name.decode("ascii", "replace").partition(".")
    try:
        return UUID(request_id), int(rest.partition(".")[0])
    except ValueError:
        return None, 0
