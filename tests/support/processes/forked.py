"""Processes of the command ``framecloak`` that are forked, so that they need not import what it consists of.

See ``fork_server.py`` for what a forked command has in common with a started one. There is one such server
for each process that runs tests. It ends with that one, however that ends, and so does all that it forked.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from support.patience import patience
from support.processes.isolation import keep_process

PIPE = subprocess.PIPE
_PROGRAM = Path(__file__).with_name("fork_server.py")
_PIECE = 65536


class _Server:
    """The process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders, theirs = socket.socketpair()
        with theirs:
            # In a session of its own: Ctrl-C is for whoever runs the tests, who ends what they have started.
            self._process = subprocess.Popen(
                [sys.executable, "-P", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        keep_process(self._process.pid)
        atexit.register(self.close)

    def order(self, said: dict[str, object], descriptors: Sequence[int]) -> None:
        """Have a command forked."""
        with self._lock, tempfile.TemporaryFile() as file:
            file.write(json.dumps(said).encode())
            file.flush()
            socket.send_fds(self._orders, [b"!"], [*descriptors, file.fileno()])

    def close(self) -> None:
        """End it, and all commands that still run."""
        self._orders.close()
        self._process.wait(patience(60))


@cache
def _server() -> _Server:
    return _Server()


class ForkedProcess:
    """A command that runs; to be used as a ``subprocess.Popen`` with text.

    Args:
        command: the installed script and its arguments.
        env: all of its variables.
        stdin: a descriptor, or PIPE; ours when left out.
        stdout: the same.
        stderr: the same.

    Attributes:
        args: the command.
        pid: of the process.
        returncode: None while it runs; below zero, the signal that ended it.
        stdin: to write to, if it is a pipe.
        stdout: to read from, if it is a pipe.
        stderr: the same.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        script, *arguments = self.args = [str(word) for word in command]
        self.returncode: int | None = None
        self.stdin, its_input = _stream(stdin, 0, "w")
        self.stdout, its_output = _stream(stdout, 1, "r")
        self.stderr, its_errors = _stream(stderr, 2, "r")
        answer, told = os.pipe()
        self._answer = os.fdopen(answer, "rb", buffering=0)
        said = {"script": script, "arguments": arguments, "variables": dict(env), "folder": str(Path.cwd())}
        streams = (its_input, its_output, its_errors)
        try:
            _server().order(said, [*streams, told])
        finally:
            os.close(told)
            for descriptor, given in zip(streams, (stdin, stdout, stderr), strict=True):
                if given == PIPE:
                    os.close(descriptor)
        first = self._answer.readline()
        if not first:
            raise ChildProcessError("the server that forks commands has ended; what it said tells why")
        self.pid = int(first)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for its end, and close what is left of its streams; kill it if something went wrong."""
        if kind is not None:
            self.kill()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        if self.returncode is None and self._has_ended(0):
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code.

        Raises:
            subprocess.TimeoutExpired: it runs for longer than that.
        """
        if self.returncode is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, given: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Write what it is given, read all that it says, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: it takes longer than that.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        told: dict[IO[str] | None, bytearray] = {self.stdout: bytearray(), self.stderr: bytearray()}
        rest = memoryview((given or "").encode())
        with selectors.DefaultSelector() as selector:
            for stream in told:
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ)
            if self.stdin is not None:
                os.set_blocking(self.stdin.fileno(), False)
                selector.register(self.stdin, selectors.EVENT_WRITE)
            while selector.get_map():
                ready = selector.select(None if deadline is None else max(0, deadline - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                for key, _ in ready:
                    stream = key.fileobj
                    if stream is self.stdin:
                        rest = rest[_written(key.fd, rest) :]
                        done = not rest
                    else:
                        piece = os.read(key.fd, _PIECE)
                        told[stream] += piece
                        done = not piece
                    if done:
                        selector.unregister(stream)
                        stream.close()
        self.wait(None if deadline is None else max(0, deadline - time.monotonic()))
        out, err = (told[stream].decode().replace("\r\n", "\n") for stream in (self.stdout, self.stderr))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._answer, select.POLLIN)
        return bool(waiting.poll(None if timeout is None else 1000 * timeout))

    def _end(self) -> None:
        with self._answer:
            # Nothing is said by a server that was killed, and then so were its children.
            self.returncode = int(self._answer.readline() or -signal.SIGKILL)


def _stream(given: int | None, own: int, mode: str) -> tuple[IO[str] | None, int]:
    """Our end of a stream, if it is a pipe, and the descriptor that the command gets."""
    if given != PIPE:
        return None, own if given is None else given
    reading, writing = os.pipe()
    ours, theirs = (writing, reading) if mode == "w" else (reading, writing)
    return os.fdopen(ours, mode, encoding="utf-8"), theirs


def _written(descriptor: int, data: memoryview) -> int:
    """How much of it could be written; all of it where nobody reads it any more."""
    if not data:
        return 0
    try:
        return os.write(descriptor, data[:_PIECE])
    except BrokenPipeError:
        return len(data)
