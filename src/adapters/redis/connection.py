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
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from framecloak.domain.errors import InvalidSettingError, QueueUnavailableError

TIMEOUT_SECONDS = 2.0
"""Time limit in seconds for a connection attempt, for an answer and for a free connection of the pool."""

MAX_CONNECTIONS = 64
"""Maximum number of connections per client; further calls wait for a free one."""

_DEFAULT_PORT = 6379
_MAX_REASON = 200
"""Maximum number of characters of a reason."""

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
def redis_errors(client: ArqRedis, action: str) -> Generator[None, None, None]:
    """Translate errors of Redis into domain errors.

    Args:
        client: client that is called, whose server the message names.
        action: attempted action, as in ``cannot <action>``.

    Raises:
        QueueUnavailableError: Redis failed or did not answer.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        hint = "start it, or check REDIS_URL and the log of Redis"
        if isinstance(error, BusyLoadingError | RedisTimeoutError):
            hint = "try again shortly"
        message = f"cannot {action}: Redis on {_server_name(client)} does not answer ({_reason(error)})"
        raise QueueUnavailableError(message, hint) from error


def _server_name(client: ArqRedis) -> str:
    target = client.connection_pool.connection_kwargs
    host = target.get("path") or f"{target.get('host', 'localhost')}:{target.get('port', _DEFAULT_PORT)}"
    return f"{host}, database {target.get('db', 0)}"


def _reason(error: Exception) -> str:
    """Return the reason in the words of the server or the system, in one line."""
    return str(error).partition("\n")[0].strip()[:_MAX_REASON] or type(error).__name__


def key_digest(key: str) -> str:
    """Return the digest of a key, because Redis must not hold user names or addresses in plain text."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
