"""Ctrl-C and its relatives, turned into an exception that cleans up on its way out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the program to end; no ``except Exception`` may get in its way.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def signals_raise() -> Generator[None, None, None]:
    """Raise ``Interrupted`` on the first signal to end; later ones wait for the clean-up it starts.

    A signal that the parent process made this one ignore, as ``nohup`` does, stays ignored.
    """

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        for ending in previous:
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(number)

    previous = {
        number: handler for number in _ENDING if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
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
    loop = asyncio.get_running_loop()
    heeded = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.getsignal(number) for number in heeded}
    for number in heeded:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
