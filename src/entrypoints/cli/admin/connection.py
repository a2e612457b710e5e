"""What the management commands stand on: the service's use cases, and an event loop that heeds signals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from framecloak.domain.accounts.model import Means, Principal, Role
from framecloak.domain.errors import UserNotFoundError
from framecloak.domain.ports.paging import Page
from framecloak.entrypoints.cli.interrupts import Interrupted, heeded_signals
from framecloak.entrypoints.cli.options import service_settings

if TYPE_CHECKING:
    from framecloak.entrypoints.composition.service import Service

Value = TypeVar("Value")

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
"""Whoever may run commands on this machine; sees everything, and owns nothing."""

_PAGE = 100


def run(main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Run a coroutine on an event loop of its own. A signal to end cancels it, so that it can clean up.

    So does every further signal: whoever waits while cleaning up for what may take long can be told not to.

    Raises:
        Interrupted: there was such a signal.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_interruptible(main))


async def _interruptible(main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(main())
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        running.cancel()

    for number in heeded_signals():
        loop.add_signal_handler(number, end, number)
    try:
        return await running
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise


@asynccontextmanager
async def connected_service(data_dir: str | None) -> AsyncIterator[Service]:
    """The service's use cases, on the servers of the settings or on embedded ones.

    Args:
        data_dir: as given on the command line.

    Raises:
        DomainError: a setting is not allowed, or a server cannot be reached.
    """
    # SQLAlchemy and the models' runtime take a moment to import; `--help` needs none of it.
    from framecloak.entrypoints.composition.servers import any_stack  # noqa: PLC0415
    from framecloak.entrypoints.composition.service import build_service  # noqa: PLC0415

    async with (
        any_stack(service_settings(data_dir=data_dir)) as settings,
        build_service(settings) as service,
    ):
        yield service


async def all_of(fetch: Callable[[int, int], Awaitable[Page[Value]]]) -> AsyncIterator[Value]:
    """Every item of a list that comes in pages.

    Args:
        fetch: gives a page by its greatest length and the number of items before it.
    """
    seen = 0
    while True:
        page = await fetch(_PAGE, seen)
        for item in page.items:
            yield item
        seen += len(page.items)
        if seen >= page.total or not page.items:
            return


async def account(service: Service, username: str | None, *, including_disabled: bool = False) -> Principal:
    """Somebody's account to act as; the first administrator's when no name is given.

    Raises:
        UserNotFoundError: there is none.
    """
    hint = "`framecloak users list` shows all; `framecloak users create NAME --admin` makes one"
    async for user in all_of(partial(service.identity.list_users, OPERATOR)):
        wanted = user.role is Role.ADMIN if username is None else _same(user.username, username)
        if wanted and (including_disabled or not user.disabled):
            return Principal(user.id, user.username, user.role, Means.COMMAND)
    who = "administrator" if username is None else f"account {username!r}"
    raise UserNotFoundError(f"there is no {who} that could act", hint)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.strip().casefold()
