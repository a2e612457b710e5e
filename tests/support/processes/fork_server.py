"""Fork the command ``framecloak`` from a process that has imported all of it: a program for ``forked.py``.

A forked command gets and does the same as a started one: the installed script, arguments, variables,
folder, standard streams, signals, and Python's work at exit. Only its modules are imported already, which
is what makes a started command slow. For that reason nothing but importing happens here before the fork:
no command has run, no model is loaded, and there is no event loop and no thread of ours. OpenBLAS, which
comes with NumPy and OpenCV, has threads, and handles forks itself.

Start a command instead where the start of the interpreter matters: to test that every command imports what
it needs, that signals are handled meanwhile, that hashes of strings differ from run to run, and what the
system does when the parent process dies.
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
from functools import partial
from importlib import import_module
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that a process gets when its parent dies."""

DESCRIPTORS = 5
"""Descriptors sent with a request: three streams, the answer pipe, and the file with the request."""

HALTS = "TEST_HALTS"
"""Variable with the folder of ``halting.py``, where a test requests that slices stop."""

PAUSE = "TEST_PAUSE_SECONDS"
"""Variable with the seconds that a worker pauses between two attempts to reach a server."""

_LAZY_MODULES = ("uvicorn.protocols.http.httptools_impl", "uvicorn.lifespan.on", "argon2", "rich.progress")
"""Heavy modules that the program imports only where it uses them."""


@dataclass(frozen=True)
class ForkRequest:
    """A command to run.

    Attributes:
        script: the installed script.
        arguments: its arguments.
        variables: its whole environment.
        folder: its working directory.
        streams: descriptors of standard input, output and error.
        answer: descriptor for the process id and later the exit code.
    """

    script: str
    arguments: list[str]
    variables: dict[str, str]
    folder: str
    streams: list[int]
    answer: int


@dataclass
class ForkServer:
    """Manages forked children until they exit.

    Attributes:
        connection: connection on which requests arrive.
    """

    connection: socket.socket
    _children: dict[int, tuple[int, int]] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def serve(self) -> ForkRequest | None:
        """Fork a child for every request; return the request there, and None here at the end."""
        self._selector.register(self.connection, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self.connection:
                    self._report_exit(key.fd)
                elif (order := _receive(self.connection)) is None:
                    self._kill_all()
                    return None
                elif self._fork(order):
                    return order

    def _fork(self, order: ForkRequest) -> bool:
        """Fork; return True in the child."""
        parent = os.getpid()
        with warnings.catch_warnings():
            # Warnings about threads, which are those of OpenBLAS.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            self._close_descriptors()
            os.close(order.answer)
            _end_with_parent(parent)
            return True
        for descriptor in order.streams:
            os.close(descriptor)
        _report(order.answer, child)
        watched = os.pidfd_open(child)
        self._children[watched] = child, order.answer
        self._selector.register(watched, selectors.EVENT_READ)
        return False

    def _close_descriptors(self) -> None:
        """Close the descriptors that belong to the parent."""
        self._selector.close()
        self.connection.close()
        for watched, (_, answer) in self._children.items():
            os.close(watched)
            os.close(answer)

    def _report_exit(self, watched: int) -> None:
        child, answer = self._children.pop(watched)
        self._selector.unregister(watched)
        os.close(watched)
        _, status = os.waitpid(child, 0)
        _report(answer, os.waitstatus_to_exitcode(status))
        os.close(answer)

    def _kill_all(self) -> None:
        for child, _ in self._children.values():
            os.kill(child, signal.SIGKILL)
        for child, _ in self._children.values():
            os.waitpid(child, 0)


def _receive(orders: socket.socket) -> ForkRequest | None:
    size = array.array("i").itemsize
    _, ancillary, _, _ = orders.recvmsg(1, socket.CMSG_SPACE(DESCRIPTORS * size))
    if not ancillary:
        return None
    *streams, answer, written = array.array("i", ancillary[0][2])
    with os.fdopen(written, "rb") as file:
        file.seek(0)
        return ForkRequest(**json.load(file), streams=streams, answer=answer)


def _report(answer: int, number: int) -> None:
    with suppress(BrokenPipeError):  # the reader is gone
        os.write(answer, f"{number}\n".encode())


def _end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _become(order: ForkRequest, imported: dict[str, str]) -> None:
    """Take on the state of a newly started process."""
    os.setpgid(0, 0)
    for number, descriptor in enumerate(order.streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order.variables | imported)
    time.tzset()
    os.chdir(order.folder)
    sys.argv[:] = [order.script, *order.arguments]
    # Recreated, as Python does at startup: they depend on the descriptors.
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)


def _import_everything() -> dict[str, str]:
    """Import the modules of all commands; return the variables that this has set."""
    before = dict(os.environ)
    import framecloak.entrypoints

    for module in pkgutil.walk_packages(framecloak.entrypoints.__path__, "framecloak.entrypoints."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LAZY_MODULES:
        import_module(name)
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def main() -> None:
    """Import, and serve until the other end of the connection is closed."""
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        imported = _import_everything()
        # Memory is shared with all children as long as it is not written.
        gc.freeze()
        order = ForkServer(orders).serve()
    if order is not None:
        _become(order, imported)
        if PAUSE in os.environ:
            _set_pause(float(os.environ[PAUSE]))
        if HALTS in os.environ:
            _install_halts(Path(os.environ[HALTS]))
        _run(order.script)


def _set_pause(seconds: float) -> None:
    """Let slices pause for a fixed time, so that a test can tell an interrupted pause from a finished one."""
    from framecloak.domain.anonymization.work import slice_worker
    from framecloak.domain.support.resilience import Backoff

    slice_worker.Backoff = partial(  # type: ignore[misc, assignment]
        Backoff, total_seconds=1e6, first_pause=seconds, max_pause=seconds
    )


def _install_halts(folder: Path) -> None:
    """Stop slices of this process in the middle where a test requests it: see ``halting.py``."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        from support.processes import halting
    finally:
        sys.path.pop(0)
    halting.install_halts(folder)


def _run(script: str) -> None:
    """Run the script and exit as Python does."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        # Python would now only tear down hundreds of modules, which takes longer than most commands.
        os._exit(end.code)


if __name__ == "__main__":
    main()
