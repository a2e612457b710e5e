"""Connections to Redis, and translation of its errors into domain errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from types import TracebackType
from typing import Self

import msgspec
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from framecloak.domain.errors import InvalidSettingError, QueueUnavailableError

TIMEOUT_SECONDS = 2.0
"""Time limit in seconds for a connection attempt, for an answer and for a free connection of the pool."""

MAX_CONNECTIONS = 64
"""Maximum number of connections per client; further calls wait for a free one."""

_RETRIES = 1
"""Retries of a call, so that it does not fail on a connection that went stale while idle."""


def connect(url: str) -> ArqRedis:
    """Return a client that connects on first use.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.

    Raises:
        InvalidSettingError: it is not the URL of a Redis server.
    """
    try:
        pool: ConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), _RETRIES),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
            health_check_interval=30,
        )
    except ValueError as error:
        raise InvalidSettingError(
            "REDIS_URL is not the URL of a Redis server", "use redis://:password@host:port/0"
        ) from error
    return ArqRedis(
        pool,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
    )


async def disconnect(client: ArqRedis) -> None:
    """Close all connections of a client, including its pool, which the client does not own."""
    await client.aclose(close_connection_pool=True)


class RedisAdapter:
    """Base class of Redis adapters, an asynchronous context manager with connections of its own.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    async def __aenter__(self) -> Self:
        """Return the adapter; connections are opened when needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await disconnect(self._redis)


@contextmanager
def redis_errors(action: str) -> Generator[None, None, None]:
    """Translate errors of Redis into domain errors.

    Args:
        action: attempted action, as in ``cannot <action>``.

    Raises:
        QueueUnavailableError: Redis failed or did not answer.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueUnavailableError(f"cannot {action}: Redis does not answer", "try again shortly") from error


def key_digest(key: str) -> str:
    """Return the digest of a key, because Redis must not hold user names or addresses in plain text."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
