"""Runs of ``framecloak redact`` as processes of their own: boxes, exit codes and processor time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
BLANKED_EXIT = 3
"""Exit code of a run that wrote black frames; its result is complete otherwise."""

ASPECT_OPTION = "--pixel-aspect"
"""Option that tells the shape of a pixel, as `W:H`, for footage that lost it."""

Boxes = list[list[float]]


@dataclass(frozen=True, slots=True)
class Run:
    """Result of one file.

    Attributes:
        exit_code: that of the process; 0, or 3 if frames were blanked.
        frames: number of frames written.
        blanked: indices of the frames that were made black.
        boxes: redacted boxes (x1, y1, x2, y2) by frame index, in pixels of the frame; a blanked frame is one
            box.
        detector: name and precision of the first model, the face detector.
        milliseconds: processor time, user and system, per frame, with the start of the process.
    """

    exit_code: int
    frames: int
    blanked: frozenset[int]
    boxes: Mapping[int, Boxes]
    detector: str
    milliseconds: float


def redact(source: Path, options: Sequence[str] = ()) -> Run:
    """Redact one file in a process of its own.

    Args:
        source: video or image.
        options: further options of the command.

    Raises:
        SystemExit: the command wrote no result.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        archive = Path(folder) / "result.zip"
        command = [BIN / "framecloak", "redact", source, "-o", archive, "--json", *options]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        exit_code = process.returncode = os.waitstatus_to_exitcode(status)
        if exit_code not in {0, BLANKED_EXIT}:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            sys.exit(f"framecloak redact {source} ended with {exit_code}:\n{said}")
        with zipfile.ZipFile(archive) as opened:
            manifest = json.loads(opened.read("manifest.json"))
    seconds = usage.ru_utime + usage.ru_stime
    return _read(manifest, exit_code, seconds)


def is_offered(option: str) -> bool:
    """Return whether the command lists an option."""
    return option in subprocess.check_output([BIN / "framecloak", "redact", "--help"], text=True)


def _read(manifest: Mapping[str, Any], exit_code: int, seconds: float) -> Run:
    source = manifest["sources"][0]
    whole = [[0.0, 0.0, float(source["width"]), float(source["height"])]]
    frames = manifest["frames"]
    model = next(iter(manifest["models"]), {"name": "no model", "precision": ""})
    boxes = {
        frame["index"]: whole if frame["blanked"] else [box["xyxy"] for box in frame["boxes"]]
        for frame in frames
    }
    return Run(
        exit_code,
        len(frames),
        frozenset(frame["index"] for frame in frames if frame["blanked"]),
        boxes,
        " ".join((model["name"], model["precision"])),
        1000 * seconds / max(1, len(frames)),
    )
