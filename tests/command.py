"""Runs the installed command ``framecloak``, as a shell would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from domain.detection import Image

RECORDS = ("report.html", "manifest.json", "manifest.sig")
"""What comes last in every result."""

FRAMECLOAK = Path(sys.executable).with_name("framecloak")


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        code: exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str


def run(
    *arguments: str | Path, environment: dict[str, str] | None = None, stdin: str | None = None
) -> Result:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [FRAMECLOAK, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        input=stdin,
        env={**os.environ, **(environment or {})},
    )
    return Result(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Output:
    """A ZIP that the command wrote."""

    path: Path

    @property
    def names(self) -> list[str]:
        """Its entries, in order."""
        with zipfile.ZipFile(self.path) as file:
            return file.namelist()

    @property
    def manifest(self) -> dict[str, Any]:
        """``manifest.json``."""
        with zipfile.ZipFile(self.path) as file:
            manifest: dict[str, Any] = json.loads(file.read("manifest.json"))
        return manifest

    def frames(self) -> Iterator[tuple[dict[str, Any], Image]]:
        """Every frame's entry in the manifest, with its pixels."""
        with zipfile.ZipFile(self.path) as file:
            for entry in self.manifest["frames"]:
                data = np.frombuffer(file.read(entry["file"]), np.uint8)
                yield entry, np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
