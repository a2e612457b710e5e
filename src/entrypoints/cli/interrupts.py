"""Termination signals, turned into an exception or an event."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import asyncio

_TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A termination signal was received; a ``BaseException``, so that ``except Exception`` does not catch it.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def termination_signals() -> list[signal.Signals]:
    """Return the termination signals, except those that the parent process ignores, as with ``nohup``."""
    return [number for number in _TERMINATION_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def raise_on_signals() -> Generator[None, None, None]:
    """Raise ``Interrupted`` on the first termination signal, and ignore later ones during the clean-up."""

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        for ending in previous:
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(number)

    previous = {number: signal.getsignal(number) for number in termination_signals()}
    for number in previous:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def set_on_signals(stop: asyncio.Event) -> Generator[None, None, None]:
    """Set an event on every termination signal, for processes that serve until they are stopped.

    Must be entered inside the event loop that the event belongs to.
    """
    # Every command imports this module, but most of them need no event loop.
    from asyncio import get_running_loop  # noqa: PLC0415 - as the comment says

    loop = get_running_loop()
    previous = {number: signal.getsignal(number) for number in termination_signals()}
    for number in previous:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
