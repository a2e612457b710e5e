"""Runs the program on mutated copies of a media file, each in a process of its own.

Usage: python -m support.formats.mutations FILE FIRST_SEED COUNT

Prints one JSON object for every fault: a crash, a hang, an exit code of an internal error, or an exception
other than a ``DomainError`` of the functions that the service calls. The file itself must be processed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from framecloak.adapters.media.pictures.source import is_image_file
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.cli.exit_codes import INTERNAL
from framecloak.entrypoints.cli.main import main
from support.patience import patience

MAX_SECONDS = 20
_FAULT = 1
_INTACT = -1
"""Seed that stands for the file itself, which is processed first."""
_OPTIONS = ("--level", "minimal", "--region", "0,0,8,8")
_MODULES = "modules.txt"
_POLL_SECONDS = 0.005
_EDGE_BYTES = 600
_ADVERSE = (
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
)


def mutated(data: bytes, seed: int) -> bytes:
    """Return a copy of a file that is damaged in its header, its index or its packets.

    Args:
        data: content of the file.
        seed: the same seed always gives the same damage.
    """
    rng = np.random.default_rng(seed)
    copy = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        size = len(copy)
        if not size:
            break
        part = rng.integers(0, 3)
        low, high = [(0, _EDGE_BYTES), (0, size), (size - _EDGE_BYTES, size)][part]
        start = int(rng.integers(max(0, low), max(1, min(high, size))))
        length = int(rng.integers(1, 1 + min(int(rng.choice([1, 4, 40, 400])), size)))
        match int(rng.integers(0, 7)):
            case 0:
                copy[start] ^= 1 << int(rng.integers(0, 8))
            case 1:
                copy[start : start + length] = rng.bytes(length)
            case 2:
                copy[start : start + length] = bytes(length)
            case 3:
                del copy[start : start + length]
            case 4:
                copy[start:start] = copy[start : start + length]
            case 5:
                copy[start : start + 4] = _ADVERSE[int(rng.integers(0, len(_ADVERSE)))]
            case _:
                if rng.integers(0, 4) == 0:
                    del copy[start:]
    return bytes(copy)


@dataclass(frozen=True, slots=True)
class Fault:
    """Mutated file on which the program failed.

    Attributes:
        seed: seed of the mutation.
        what: what happened.
    """

    seed: int
    what: str


def faults(path: Path, first: int, count: int) -> list[Fault]:
    """Run the program on mutated copies of a file, and return those on which it failed."""
    data = path.read_bytes()
    found = []
    for seed in (_INTACT, *range(first, first + count)):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"mutated{path.suffix}"
            intact = seed == _INTACT
            copy.write_bytes(data if intact else mutated(data, seed))
            what = _outcome(copy, "mute-speech" if seed % 2 else "keep", intact=intact)
            if intact:
                _import(copy.with_name(_MODULES).read_text("utf-8").split())
        if what:
            found.append(Fault(seed, what))
    return found


def _outcome(path: Path, audio: str, *, intact: bool) -> str:
    """Process a file in a child process; return what went wrong, or an empty text."""
    report = path.with_name("report.txt")
    child = os.fork()
    if not child:
        os._exit(_process(path, report, audio, intact=intact))
    status = _wait(child)
    if status is None:
        return f"hangs for {MAX_SECONDS} s"
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return report.read_text("utf-8") if os.WEXITSTATUS(status) else ""


def _import(modules: list[str]) -> None:
    """Import what a child needed, so that no later one has to."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def _wait(child: int) -> int | None:
    """Wait for a child process; kill it and return None if it hangs."""
    end = time.monotonic() + patience(MAX_SECONDS)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(_POLL_SECONDS)


def _process(path: Path, report: Path, audio: str, *, intact: bool) -> int:
    """Redact a file as the command line does, and probe it as the service does.

    Args:
        path: file to read.
        report: file for a description of what went wrong.
        audio: what becomes of the sound of a video.
        intact: True if no error is expected.
    """
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        words = ["redact", str(path), "-o", str(path.with_name("a.zip")), "--quiet", *_OPTIONS]
        words += [] if is_image_file(path) else ["--format", "mp4", "--audio", audio]
        written = io.StringIO()
        with contextlib.redirect_stderr(written), contextlib.redirect_stdout(io.StringIO()):
            code = main(words)
        if code == INTERNAL or (intact and code):
            report.write_text(f"exit {code}: {written.getvalue()}", "utf-8")
            return _FAULT
        if intact:
            path.with_name(_MODULES).write_text(" ".join(sys.modules), "utf-8")
        with contextlib.suppress(DomainError):
            prober = PyAvProber()
            count = prober.probe(path).frame_count
            prober.frame_jpeg(path, count - 1, None)
    except BaseException as error:  # noqa: BLE001 - every exception is a fault to report
        report.write_text(repr(error), "utf-8")
        return _FAULT
    return 0


if __name__ == "__main__":
    av.logging.set_level(None)
    for fault in faults(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])):
        sys.stdout.write(json.dumps({"seed": fault.seed, "what": fault.what}) + "\n")
