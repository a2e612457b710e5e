"""Supervision of embedded servers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from framecloak.domain.errors import DatabaseUnavailableError, DomainError, InvalidSettingError
from framecloak.entrypoints.runtime.server_supervisor import RestartPolicy, supervised
from support.patience import patience

QUICK = RestartPolicy(poll=0.001, min_backoff=0.001, max_backoff=0.002, max_restarts=3)


@dataclass
class Server:
    """A server that ends when told to.

    Attributes:
        outcomes: outcome of each restart: whether it stays up, or the error that it raises.
    """

    outcomes: list[bool | DomainError] = field(default_factory=list)
    name: str = "server"
    is_running: bool = True
    restarts: int = 0
    stays_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def restart(self) -> None:
        self.restarts += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, DomainError):
            raise outcome
        self.is_running = outcome
        if outcome:
            self.stays_up.set()


async def test_a_server_that_ended_is_restarted_until_it_runs() -> None:
    server, other = Server([InvalidSettingError("the port is taken"), False, True]), Server()
    async with asyncio.timeout(patience(10)), supervised([server, other], QUICK):
        server.is_running = False
        await server.stays_up.wait()
    assert (server.restarts, other.restarts) == (3, 0)


async def test_a_server_that_does_not_stay_up_ends_the_service() -> None:
    server = Server([False, InvalidSettingError("the port is taken"), False], is_running=False)
    with pytest.raises(DatabaseUnavailableError, match=r"ended 3 times in a row.*the port is taken"):
        async with supervised([server], QUICK):
            await asyncio.sleep(patience(10))


async def test_a_cancelled_block_stays_cancelled() -> None:
    async def work() -> None:
        async with supervised([Server()], QUICK):
            await asyncio.sleep(patience(10))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
