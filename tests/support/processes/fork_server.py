"""Forks the command ``framecloak`` out of a process that has imported all of it: a program for ``forked.py``.

What a forked command is given, and how it ends, is what a started one has: the installed script, arguments,
variables, folder, standard streams, signals, and what Python does at its end. It only finds its modules
imported, which is what takes a started one its time. That is why nothing but importing happens here before:
no command has run, no model is loaded, there is no event loop and no thread of ours. OpenBLAS, which comes
with NumPy and OpenCV, has threads, and sees to forks by itself.

What depends on the start of an interpreter is for a command that is started: that every command imports what
it needs, that a signal may come meanwhile, that hashes of strings differ from run to run, and what the system
does when the process that started it dies.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent dies."""

DESCRIPTORS = 5
"""How many come with an order: the streams, where to tell what becomes of it, and the file that it is in."""

HALTS = "TEST_HALTS"
"""Names the folder of ``halting.py``, where a test wants slices of the command to stop."""

_UNCALLED = ("uvicorn.protocols.http.httptools_impl", "uvicorn.lifespan.on", "argon2", "rich.progress")
"""What is imported where it is used, and heavy."""


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        script: that is installed.
        arguments: for it.
        variables: all of its environment.
        folder: that it runs in.
        streams: descriptors of standard input, output and error.
        answer: descriptor to tell the process id, and later the exit code, on.
    """

    script: str
    arguments: list[str]
    variables: dict[str, str]
    folder: str
    streams: list[int]
    answer: int


@dataclass
class Forks:
    """The children, from here to their end.

    Attributes:
        orders: connection that orders come over.
    """

    orders: socket.socket
    _children: dict[int, tuple[int, int]] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def serve(self) -> Order | None:
        """Fork a child for every order; returns it there, and None here once nobody has any more orders."""
        self._selector.register(self.orders, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self.orders:
                    self._tell_the_end(key.fd)
                elif (order := _received(self.orders)) is None:
                    self._kill_all()
                    return None
                elif self._fork(order):
                    return order

    def _fork(self, order: Order) -> bool:
        """Whether this is the child."""
        parent = os.getpid()
        with warnings.catch_warnings():
            # Of threads, which are those of OpenBLAS.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            self._forget()
            os.close(order.answer)
            _end_with(parent)
            return True
        for descriptor in order.streams:
            os.close(descriptor)
        _tell(order.answer, child)
        watched = os.pidfd_open(child)
        self._children[watched] = child, order.answer
        self._selector.register(watched, selectors.EVENT_READ)
        return False

    def _forget(self) -> None:
        """Close what is the parent's alone."""
        self._selector.close()
        self.orders.close()
        for watched, (_, answer) in self._children.items():
            os.close(watched)
            os.close(answer)

    def _tell_the_end(self, watched: int) -> None:
        child, answer = self._children.pop(watched)
        self._selector.unregister(watched)
        os.close(watched)
        _, status = os.waitpid(child, 0)
        _tell(answer, os.waitstatus_to_exitcode(status))
        os.close(answer)

    def _kill_all(self) -> None:
        for child, _ in self._children.values():
            os.kill(child, signal.SIGKILL)
        for child, _ in self._children.values():
            os.waitpid(child, 0)


def _received(orders: socket.socket) -> Order | None:
    size = array.array("i").itemsize
    _, ancillary, _, _ = orders.recvmsg(1, socket.CMSG_SPACE(DESCRIPTORS * size))
    if not ancillary:
        return None
    *streams, answer, written = array.array("i", ancillary[0][2])
    with os.fdopen(written, "rb") as file:
        file.seek(0)
        return Order(**json.load(file), streams=streams, answer=answer)


def _tell(answer: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody wants to know any more
        os.write(answer, f"{number}\n".encode())


def _end_with(parent: int) -> None:
    """Have this process killed when its parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _become(order: Order, imported: dict[str, str]) -> None:
    """Look like a process that was started with this."""
    os.setpgid(0, 0)
    for number, descriptor in enumerate(order.streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order.variables | imported)
    time.tzset()
    os.chdir(order.folder)
    sys.argv[:] = [order.script, *order.arguments]
    # Made anew, as Python does when it starts: they depend on what the descriptors are.
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)


def _import_everything() -> dict[str, str]:
    """Import what commands are made of; returns the variables that this has set."""
    before = dict(os.environ)
    import framecloak.entrypoints

    for module in pkgutil.walk_packages(framecloak.entrypoints.__path__, "framecloak.entrypoints."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _UNCALLED:
        import_module(name)
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def main() -> None:
    """Import, and serve until the other end of the connection is closed."""
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        imported = _import_everything()
        # What is there now is shared with all children, and stays so if nobody touches it.
        gc.freeze()
        order = Forks(orders).serve()
    if order is not None:
        _become(order, imported)
        if HALTS in os.environ:
            _halt_as_told(Path(os.environ[HALTS]))
        _run(order.script)


def _halt_as_told(folder: Path) -> None:
    """Have slices of this process stop in the middle, where a test wants to meet them: see ``halting.py``."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        from support.processes import halting
    finally:
        sys.path.pop(0)
    halting.obey(folder)


def _run(script: str) -> None:
    """Do what the script does, and end as Python does."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        # What is left to Python is to take hundreds of modules apart, which takes longer than most commands.
        os._exit(end.code)


if __name__ == "__main__":
    main()
