"""Holds every test to leaving nothing behind: no process, no thread, no open file of its folders.

A test that passes and leaves something fails for it. One that failed or ran into its time-out is cleaned up
after: its frames, which its traceback keeps alive, let go of what they hold, and what it started is ended.
"""

from __future__ import annotations

import concurrent.futures.thread
import gc
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.patience import patience

GRACE_SECONDS = 10
"""How long what is on its way to its end may take."""

_WAITING_IN_POOL = concurrent.futures.thread._worker.__code__

_kept_processes: set[int] = set()
_kept_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def keep_process(pid: int) -> None:
    """Let a child process live as long as this one, though a test happened to start it."""
    _kept_processes.add(pid)


def keep_thread(thread: threading.Thread) -> None:
    """Let a thread run for as long as it likes, though a test happened to start it."""
    _kept_threads.add(thread)


@dataclass(frozen=True)
class Footprint:
    """What this process holds that outlives a function.

    Attributes:
        processes: ids of its children.
        threads: those that do something.
        files: descriptors of files in folders for temporary files, and their paths.
    """

    processes: frozenset[int]
    threads: frozenset[threading.Thread]
    files: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> Footprint:
        """Look at this process as it is."""
        return cls(_children(), _busy_threads(), _temporary_files())

    def beyond(self, before: Footprint) -> Footprint:
        """What has come since an earlier one."""
        return Footprint(
            self.processes - before.processes - _kept_processes,
            self.threads - before.threads - frozenset(_kept_threads),
            self.files - before.files,
        )

    def with_all(self, more: Footprint) -> Footprint:
        """Return both together."""
        return Footprint(
            self.processes | more.processes, self.threads | more.threads, self.files | more.files
        )

    def __bool__(self) -> bool:
        return bool(self.processes or self.threads or self.files)

    def __str__(self) -> str:
        found = [f"process {pid}: {_command_line(pid)}" for pid in sorted(self.processes)]
        found += [f"thread {thread.name}" for thread in self.threads]
        found += [f"open file {path}" for _, path in sorted(self.files)]
        return "\n".join(found)


class Isolation:
    """The plugin of pytest."""

    def __init__(self) -> None:
        self._before = Footprint.now()
        self._failed = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """Begin with a clean slate; what fixtures hold is theirs."""
        self._failed = False
        result = yield
        self._before = Footprint.now()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Leave what outlives a test to fixtures that do, when a test asks for one of them on its way."""
        before = Footprint.now()
        result = yield
        if fixturedef.scope != "function":
            self._before = self._before.with_all(Footprint.now().beyond(before))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Free what the frames of a failure hold, once it is written down."""
        report: pytest.TestReport = yield
        if report.failed and call.excinfo is not None:
            self._failed = True
            _clear_frames(call.excinfo.value)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        """Look at what is left when all fixtures have had their turn."""
        result = yield
        left = _left_since(self._before)
        if not left:
            return result
        story = str(left)
        _end(left)
        if not self._failed:
            pytest.fail(f"the test left behind:\n{story}", pytrace=False)
        return result


def _left_since(before: Footprint) -> Footprint:
    """What is still there, after a while for what is about to go."""
    left = Footprint.now().beyond(before)
    if left.files:
        with _unclosed_files_ignored():
            gc.collect()
        left = Footprint.now().beyond(before)
    deadline = time.monotonic() + patience(GRACE_SECONDS)
    while left.threads and time.monotonic() < deadline:
        time.sleep(0.01)
        left = Footprint.now().beyond(before)
    return left


def _end(left: Footprint) -> None:
    for pid in left.processes:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _clear_frames(error: BaseException | None) -> None:
    """Empty the frames that an exception, and what led to it, keeps alive."""
    known: set[int] = set()
    with _unclosed_files_ignored():
        while error is not None and id(error) not in known:
            known.add(id(error))
            traceback.clear_frames(error.__traceback__)
            for frame, _ in traceback.walk_tb(error.__traceback__):
                # Before Python 3.13 reading locals makes a copy, which only reading them again renews.
                _ = frame.f_locals
            error = error.__cause__ or error.__context__


@contextmanager
def _unclosed_files_ignored() -> Iterator[None]:
    """Let files be closed by being forgotten, which is an error elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def _children() -> frozenset[int]:
    """Process ids; a child that was not waited for counts."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, (task / "children").read_text().split()))
    return frozenset(found)


def _busy_threads() -> frozenset[threading.Thread]:
    """Return all but those of pools that wait for work: they do nothing, and end with their pool."""
    frames = sys._current_frames()
    waiting = {number for number, frame in frames.items() if frame.f_code is _WAITING_IN_POOL}
    return frozenset(thread for thread in threading.enumerate() if thread.ident not in waiting)


def _temporary_files() -> frozenset[tuple[int, str]]:
    root = tempfile.gettempdir() + os.sep
    found: set[tuple[int, str]] = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            path = str(entry.readlink())
            if path.startswith(root):
                found.add((int(entry.name), path))
    return frozenset(found)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "has ended"
