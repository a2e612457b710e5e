"""Processes of the command ``framecloak`` that are forked, so that they need not import its modules.

See ``fork_server.py`` for what a forked command has in common with a started one. Each process that runs
tests has one such server. The server ends with that process in any case, and so do all forked commands.
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
_CHUNK_BYTES = 65536


class _Server:
    """The fork server's process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders, server_end = socket.socketpair()
        with server_end:
            # In a session of its own: Ctrl-C is for the test run, which ends what it has started.
            self._process = subprocess.Popen(
                [sys.executable, "-P", _PROGRAM, str(server_end.fileno())],
                pass_fds=[server_end.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        keep_process(self._process.pid)
        atexit.register(self.close)

    def fork(self, request: dict[str, object], descriptors: Sequence[int]) -> None:
        """Have a command forked."""
        with self._lock, tempfile.TemporaryFile() as file:
            file.write(json.dumps(request).encode())
            file.flush()
            socket.send_fds(self._orders, [b"!"], [*descriptors, file.fileno()])

    def close(self) -> None:
        """Stop the server and all commands that still run."""
        self._orders.close()
        self._process.wait(patience(60))


@cache
def _server() -> _Server:
    return _Server()


class ForkedProcess:
    """A running command, usable like a ``subprocess.Popen`` with text.

    Args:
        command: the installed script and its arguments.
        env: its whole environment.
        stdin: a descriptor, or PIPE; by default that of this process.
        stdout: as ``stdin``.
        stderr: as ``stdin``.

    Attributes:
        args: the command.
        pid: its process id.
        returncode: None while it runs; negative for the signal that ended it.
        stdin: writable end, if it is a pipe.
        stdout: readable end, if it is a pipe.
        stderr: readable end, if it is a pipe.
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
        answer, answer_end = os.pipe()
        self._answer = os.fdopen(answer, "rb", buffering=0)
        request = {
            "script": script,
            "arguments": arguments,
            "variables": dict(env),
            "folder": str(Path.cwd()),
        }
        streams = (its_input, its_output, its_errors)
        try:
            _server().fork(request, [*streams, answer_end])
        finally:
            os.close(answer_end)
            for descriptor, argument in zip(streams, (stdin, stdout, stderr), strict=True):
                if argument == PIPE:
                    os.close(descriptor)
        first = self._answer.readline()
        if not first:
            raise ChildProcessError("the server that forks commands has ended; what it said tells why")
        self.pid = int(first)

    def __enter__(self) -> Self:
        """Return the process itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for its end and close its streams; kill it after an error."""
        if kind is not None:
            self.kill()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        if self.returncode is None and self._has_ended(0):
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code.

        Raises:
            subprocess.TimeoutExpired: it runs for longer than that.
        """
        if self.returncode is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, text: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Write its input, read all its output, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: it takes longer than that.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        told: dict[IO[str] | None, bytearray] = {self.stdout: bytearray(), self.stderr: bytearray()}
        rest = memoryview((text or "").encode())
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
                        piece = os.read(key.fd, _CHUNK_BYTES)
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
        """Request it to end, with SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._answer, select.POLLIN)
        return bool(waiting.poll(None if timeout is None else 1000 * timeout))

    def _end(self) -> None:
        with self._answer:
            # A killed server sends nothing, and then its children were killed too.
            self.returncode = int(self._answer.readline() or -signal.SIGKILL)


def _stream(argument: int | None, own: int, mode: str) -> tuple[IO[str] | None, int]:
    """Return our end of a stream, if it is a pipe, and the command's descriptor."""
    if argument != PIPE:
        return None, own if argument is None else argument
    reading, writing = os.pipe()
    own_end, its_end = (writing, reading) if mode == "w" else (reading, writing)
    return os.fdopen(own_end, mode, encoding="utf-8"), its_end


def _written(descriptor: int, data: memoryview) -> int:
    """Return how many bytes could be written; all of them when the reader is gone."""
    if not data:
        return 0
    try:
        return os.write(descriptor, data[:_CHUNK_BYTES])
    except BrokenPipeError:
        return len(data)
