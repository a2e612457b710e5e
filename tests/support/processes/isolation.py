"""Make every test fail that leaves behind a process, a thread or an open file of its folders.

A passing test that leaves something fails for it. After a test that failed or timed out, the plugin cleans
up: it releases what the frames of the traceback hold and ends the processes that the test started.
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
"""Time for threads that are about to end."""

_WAITING_IN_POOL = concurrent.futures.thread._worker.__code__

_kept_processes: set[int] = set()
_kept_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def keep_process(pid: int) -> None:
    """Let a child process live as long as this one, although a test started it."""
    _kept_processes.add(pid)


def keep_thread(thread: threading.Thread) -> None:
    """Let a thread outlive the test that started it."""
    _kept_threads.add(thread)


_inherited: frozenset[str] = frozenset()
"""Paths of files that were open before the first test, such as a log that the output goes to: capturing the
output of a test opens them again."""


@dataclass(frozen=True)
class Footprint:
    """Resources of this process that outlive a function.

    Attributes:
        processes: ids of child processes.
        threads: threads that are busy.
        files: descriptors and paths of open files in temporary folders.
    """

    processes: frozenset[int]
    threads: frozenset[threading.Thread]
    files: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> Footprint:
        """Return the present resources of this process."""
        return cls(_children(), _busy_threads(), _temporary_files())

    def beyond(self, before: Footprint) -> Footprint:
        """Return the resources that were added since an earlier footprint."""
        return Footprint(
            self.processes - before.processes - _kept_processes,
            self.threads - before.threads - frozenset(_kept_threads),
            self.files - before.files,
        )

    def with_all(self, more: Footprint) -> Footprint:
        """Return the union of both."""
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
    """The pytest plugin."""

    def __init__(self) -> None:
        global _inherited  # noqa: PLW0603 -- of this process, like its files
        _inherited = frozenset(path for _, path in _open_files())
        self._before = Footprint.now()
        self._failed = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """Record the footprint before the test; resources of fixtures are not the test's."""
        self._failed = False
        result = yield
        self._before = Footprint.now()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Attribute to the fixture what a longer-lived fixture creates while a test requests it."""
        before = Footprint.now()
        result = yield
        if fixturedef.scope != "function":
            self._before = self._before.with_all(Footprint.now().beyond(before))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Release what the frames of a failure hold, once it is reported."""
        report: pytest.TestReport = yield
        if report.failed and call.excinfo is not None:
            self._failed = True
            _clear_frames(call.excinfo.value)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        """Check for leftovers after all fixtures were torn down."""
        result = yield
        left = _left_since(self._before)
        if not left:
            return result
        description = str(left)
        _end(left)
        if not self._failed:
            pytest.fail(f"the test left behind:\n{description}", pytrace=False)
        return result


def _left_since(before: Footprint) -> Footprint:
    """Return what is still there, after a grace period."""
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
    """Clear the frames that an exception and its causes keep alive."""
    known: set[int] = set()
    with _unclosed_files_ignored():
        while error is not None and id(error) not in known:
            known.add(id(error))
            traceback.clear_frames(error.__traceback__)
            for frame, _ in traceback.walk_tb(error.__traceback__):
                # Before Python 3.13 reading locals makes a copy, which only another read refreshes.
                _ = frame.f_locals
            error = error.__cause__ or error.__context__


@contextmanager
def _unclosed_files_ignored() -> Iterator[None]:
    """Let files be closed by garbage collection, which is an error elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def _children() -> frozenset[int]:
    """Return the ids of child processes, including zombies."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, (task / "children").read_text().split()))
    return frozenset(found)


def _busy_threads() -> frozenset[threading.Thread]:
    """Return all threads except idle pool threads, which end with their pool."""
    frames = sys._current_frames()
    waiting = {number for number, frame in frames.items() if frame.f_code is _WAITING_IN_POOL}
    return frozenset(thread for thread in threading.enumerate() if thread.ident not in waiting)


def _temporary_files() -> frozenset[tuple[int, str]]:
    root = tempfile.gettempdir() + os.sep
    return frozenset(file for file in _open_files() if file[1].startswith(root) and file[1] not in _inherited)


def _open_files() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of the listing itself
            yield int(entry.name), str(entry.readlink())


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "has ended"
