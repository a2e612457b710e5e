"""Ctrl-C and its relatives, turned into an exception that cleans up on its way out."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import asyncio

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the program to end; no ``except Exception`` may get in its way.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def heeded_signals() -> list[signal.Signals]:
    """Those that ask us to end; what the parent process made us ignore, as ``nohup`` does, stays ignored."""
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def signals_raise() -> Generator[None, None, None]:
    """Raise ``Interrupted`` on the first signal to end; later ones wait for the clean-up it starts."""

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        for ending in previous:
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(number)

    previous = {number: signal.getsignal(number) for number in heeded_signals()}
    for number in previous:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def signals_set(stop: asyncio.Event) -> Generator[None, None, None]:
    """Set an event on every signal to end, for processes that serve until they are told to stop.

    Must be entered inside the event loop that is to learn of it.
    """
    # Every command imports this module, and most of them have no event loop to wait for.
    from asyncio import get_running_loop  # noqa: PLC0415 - as the comment says

    loop = get_running_loop()
    previous = {number: signal.getsignal(number) for number in heeded_signals()}
    for number in previous:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
