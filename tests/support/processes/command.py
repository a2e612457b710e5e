"""Run the installed command ``framecloak`` as a shell would.

It is forked from a process that has imported it, or started where the start is part of the test: see
``fork_server.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image
from support.patience import patience
from support.processes.forked import PIPE, ForkedProcess

RECORD_FILES = ("report.html", "manifest.json", "manifest.sig")
"""Last entries of every result."""

FRAMECLOAK = Path(sys.executable).with_name("framecloak")


@dataclass(frozen=True)
class Result:
    """Outcome of a run.

    Attributes:
        code: exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str


def run(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    installed: bool = False,
) -> Result:
    """Run the command in a process of its own.

    Args:
        *arguments: command-line arguments.
        environment: variables in addition to our own.
        stdin: content of standard input.
        installed: start it as a shell does, including all imports.
    """
    start = start_installed if installed else start_forked
    given = None if stdin is None else PIPE
    with start(*arguments, environment=environment, stdin=given, stdout=PIPE, stderr=PIPE) as process:
        out, err = process.communicate(stdin, timeout=patience(240))
    return Result(process.wait(), out, err)


def start_forked(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> ForkedProcess:
    """Start the command by forking it; the streams are as for ``subprocess.Popen``."""
    command = [FRAMECLOAK, *arguments]
    variables = {**os.environ, **(environment or {})}
    return ForkedProcess(command, env=variables, stdin=stdin, stdout=stdout, stderr=stderr)


def start_installed(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    user: int | None = None,
) -> StartedProcess:
    """Start the command as a shell does, possibly as another user; streams as for ``subprocess.Popen``."""
    return StartedProcess(
        [FRAMECLOAK, *arguments],
        env={**os.environ, **(environment or {})},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        user=user,
        extra_groups=None if user is None else [],
    )


class StartedProcess(subprocess.Popen[str]):
    """A process that is killed when the block that uses it fails, as in ``subprocess.run``."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the process; kill it after an error."""
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


@dataclass(frozen=True)
class Output:
    """A ZIP written by the command."""

    path: Path

    @property
    def names(self) -> list[str]:
        """Its entry names, in order."""
        with zipfile.ZipFile(self.path) as file:
            return file.namelist()

    @property
    def manifest(self) -> dict[str, Any]:
        """Return the content of ``manifest.json``."""
        with zipfile.ZipFile(self.path) as file:
            manifest: dict[str, Any] = json.loads(file.read("manifest.json"))
        return manifest

    def frames(self) -> Iterator[tuple[dict[str, Any], Image]]:
        """Yield every frame's entry in the manifest with its pixels.

        Raises:
            AssertionError: there are none, so that a loop over them would check nothing.
        """
        entries = self.manifest["frames"]
        assert entries, f"{self.path.name} has no frames"
        with zipfile.ZipFile(self.path) as file:
            for entry in entries:
                data = np.frombuffer(file.read(entry["file"]), np.uint8)
                yield entry, np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
