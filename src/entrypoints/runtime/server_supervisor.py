"""Supervision of embedded servers: restart with backoff, and an error when a server does not stay up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from framecloak.domain.errors import DatabaseUnavailableError, DomainError
from framecloak.domain.support.resilience import cancel_and_wait

logger = logging.getLogger(__name__)


class RestartableServer(Protocol):
    """Server process that can be started again under its address."""

    @property
    def name(self) -> str:
        """Name of the server, for messages."""
        ...

    @property
    def is_running(self) -> bool:
        """True while its process runs."""
        ...

    async def restart(self) -> None:
        """Start it again under the same address, with its data.

        Raises:
            DomainError: it does not start.
        """
        ...


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Times of the supervision, in seconds.

    Attributes:
        poll: interval at which a server is checked.
        min_backoff, max_backoff: delay before a restart; doubled after each one.
        healthy_after: time without an end after which a server counts as healthy again.
        max_restarts: restarts in a row after which the supervision gives up.
    """

    poll: float = 0.25
    min_backoff: float = 0.25
    max_backoff: float = 15.0
    healthy_after: float = 60.0
    max_restarts: int = 10


@asynccontextmanager
async def supervised(
    servers: Sequence[RestartableServer], policy: RestartPolicy | None = None
) -> AsyncIterator[None]:
    """Restart servers that end during the block.

    Args:
        servers: running servers.
        policy: times; None for the usual ones.

    Raises:
        DatabaseUnavailableError: a server does not stay up; the block was cancelled.
    """
    working = asyncio.current_task()
    failures: list[DomainError] = []

    async def supervise(server: RestartableServer) -> None:
        try:
            await _keep_running(server, policy or RestartPolicy())
        except DomainError as error:
            failures.append(error)
            if working:
                working.cancel()

    tasks = [asyncio.create_task(supervise(server)) for server in servers]
    try:
        yield
    except asyncio.CancelledError:
        # Undo only the cancellation requested here; the task may have been cancelled from outside too.
        if failures and working and not working.uncancel():
            raise failures[0] from None
        raise
    finally:
        await cancel_and_wait(*tasks)


async def _keep_running(server: RestartableServer, policy: RestartPolicy) -> None:
    clock = asyncio.get_running_loop().time
    restarts, pause, up_since = 0, policy.min_backoff, clock()
    reason = ""
    while True:
        await asyncio.sleep(policy.poll)
        if server.is_running:
            continue
        if clock() - up_since > policy.healthy_after:
            restarts, pause = 0, policy.min_backoff
        if restarts == policy.max_restarts:
            raise DatabaseUnavailableError(
                f"the {server.name} ended {restarts} times in a row, and the service with it"
                + (f" ({reason})" if reason else ""),
                "see its server.log in the data folder",
            )
        restarts += 1
        logger.error("the %s ended; it restarts in %.2f s", server.name, pause, extra={"restart": restarts})
        await asyncio.sleep(pause)
        pause = min(policy.max_backoff, 2 * pause)
        try:
            await server.restart()
        except DomainError as error:
            reason = error.message
            logger.error("the %s does not start: %s", server.name, error)  # noqa: TRY400 - an expected error
        else:
            logger.warning("the %s runs again", server.name)
        up_since = clock()
