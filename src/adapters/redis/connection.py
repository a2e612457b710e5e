"""Connections to Redis, and its errors in the words of the domain."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from framecloak.domain.errors import InvalidSettingError, QueueUnavailableError

PATIENCE = 2.0
"""Seconds that connecting, or one answer, may take; callers wait for the whole of it."""

MOST_CONNECTIONS = 64
"""Of one process; whoever comes later waits for one."""

_ONE_MORE_TIME = 1
"""A connection that went stale while idle must not fail the call that finds out."""

Client = TypeVar("Client", bound=ArqRedis)


def connect(url: str) -> ArqRedis:
    """A client that connects when it is first used.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.

    Raises:
        InvalidSettingError: it is not the address of a Redis.
    """
    try:
        pool: ConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=PATIENCE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), _ONE_MORE_TIME),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
            health_check_interval=30,
        )
    except ValueError as error:
        raise InvalidSettingError(
            "REDIS_URL is not the address of a Redis", "give redis://:password@host:port/0"
        ) from error
    return ArqRedis(
        pool,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
    )


async def disconnect(client: ArqRedis) -> None:
    """Close all connections of a client; it would leave a pool that it was given open."""
    await client.aclose(close_connection_pool=True)


class RedisAdapter:
    """What talks to Redis over connections of its own, while it is entered.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    async def __aenter__(self) -> Self:
        """Connections are made when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await disconnect(self._redis)


@contextmanager
def redis_errors(action: str) -> Generator[None, None, None]:
    """Translate what goes wrong with Redis.

    Args:
        action: what was tried, in words.

    Raises:
        QueueUnavailableError: it went wrong.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"cannot {action}: Redis does not answer", "try again shortly") from error


def key_digest(key: str) -> str:
    """A key as it is called in Redis: user names and addresses do not belong there in clear."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
