"""Shared code of the management commands: connection to the service, and an interruptible event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from framecloak.domain.errors import UserNotFoundError
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.ports.repositories.paging import Page
from framecloak.entrypoints.cli.interrupts import Interrupted, termination_signals
from framecloak.entrypoints.cli.options import service_settings

if TYPE_CHECKING:
    from framecloak.entrypoints.composition.service import Service

Value = TypeVar("Value")

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
"""Principal of the commands on this machine: may read everything and owns nothing."""

_PAGE_SIZE = 100


def run(main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Run a coroutine on a new event loop, and cancel it on a termination signal so that it can clean up.

    Every further signal cancels it again, which ends a clean-up that takes too long.

    Args:
        main: coroutine function to run.

    Returns:
        Result of the coroutine.

    Raises:
        Interrupted: a termination signal was received.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_interruptible(main))


async def _interruptible(main: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(main())
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        running.cancel()

    for number in termination_signals():
        loop.add_signal_handler(number, end, number)
    try:
        return await running
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise


@asynccontextmanager
async def connected_service(data_dir: str | None) -> AsyncIterator[Service]:
    """Provide the use cases, connected to the configured servers or to embedded ones.

    Args:
        data_dir: value of ``--data-dir``.

    Raises:
        DomainError: a setting is not allowed, or a server cannot be reached.
    """
    # Importing SQLAlchemy and ONNX Runtime is slow, and `--help` does not need them.
    from framecloak.entrypoints.composition.servers import shared_servers  # noqa: PLC0415
    from framecloak.entrypoints.composition.service import build_service  # noqa: PLC0415

    async with (
        shared_servers(service_settings(data_dir=data_dir)) as settings,
        build_service(settings) as service,
    ):
        yield service


async def all_items(fetch: Callable[[int, int], Awaitable[Page[Value]]]) -> AsyncIterator[Value]:
    """Yield every item of a paginated list.

    Args:
        fetch: function that returns a page, given its maximum length and its offset.
    """
    offset = 0
    while True:
        page = await fetch(_PAGE_SIZE, offset)
        for item in page.items:
            yield item
        offset += len(page.items)
        if offset >= page.total or not page.items:
            return


async def acting_principal(
    service: Service, username: str | None, *, including_disabled: bool = False
) -> Principal:
    """Return the account to act as.

    Args:
        service: connected service.
        username: name of the account; None for the first administrator.
        including_disabled: True to accept a disabled account.

    Raises:
        UserNotFoundError: there is no such account.
    """
    hint = (
        "list accounts with `framecloak users list`; create one with `framecloak users create NAME --admin`"
    )
    async for user in all_items(partial(service.use_cases.account_administration.list_users, OPERATOR)):
        matches = user.role is Role.ADMIN if username is None else _same_username(user.username, username)
        if matches and (including_disabled or not user.disabled):
            return Principal(user.id, user.username, user.role, Means.COMMAND)
    missing = "administrator" if username is None else f"account {username!r}"
    raise UserNotFoundError(f"there is no {missing} to act as", hint)


def _same_username(left: str, right: str) -> bool:
    return left.casefold() == right.strip().casefold()
