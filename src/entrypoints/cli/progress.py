"""Progress bar and final report of the commands that redact."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum, auto
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.model.turned_faces import turned_hint
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import AspectOrigin, format_aspect
from framecloak.entrypoints.cli.sight import describe_sight

if TYPE_CHECKING:
    from framecloak.entrypoints.cli.redact.outcome import RedactionResult


_ASPECT_ORIGINS = {
    AspectOrigin.DECLARED: "as declared",
    AspectOrigin.OPTION: "as given",
    AspectOrigin.IMPLAUSIBLE: "what the file declares is implausible",
}


class OutputMode(Enum):
    """Form of the output: text, JSON or none."""

    HUMAN = auto()
    JSON = auto()
    QUIET = auto()


class Monitor:
    """Progress bar on standard error, and report on standard output.

    Args:
        mode: form of the output.
    """

    def __init__(self, mode: OutputMode = OutputMode.HUMAN) -> None:
        self._mode = mode

    def show_message(self, line: str) -> None:
        """Print a line, in text output only."""
        if self._mode is OutputMode.HUMAN:
            click.echo(line)

    @contextmanager
    def progress(self, frames: int) -> Generator[Callable[[], None], None, None]:
        """Show a progress bar; yields a function to call after each frame."""
        with self._bar(frames) as (bar, task):
            yield lambda: bar.advance(task)

    @contextmanager
    def remote_progress(self, frames: int) -> Generator[Callable[[int], None], None, None]:
        """Show a progress bar for remote work; yields a function to call with the number of frames done."""
        with self._bar(frames) as (bar, task):
            yield lambda done: bar.update(task, completed=done)

    @contextmanager
    def _bar(self, frames: int) -> Generator[tuple[Progress, TaskID], None, None]:
        visible = self._mode is OutputMode.HUMAN and sys.stderr.isatty()
        columns = (
            TextColumn("Redacting"),
            BarColumn(),
            MofNCompleteColumn(),
            _FramesPerSecond(),
            TimeRemainingColumn(),
            TextColumn("left"),
        )
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not visible, transient=True) as bar:
            yield bar, bar.add_task("frames", total=frames)

    def report(self, outcome: RedactionResult) -> None:
        """Print the report."""
        if self._mode is OutputMode.JSON:
            click.echo(json.dumps(_as_json(outcome)))
        elif self._mode is OutputMode.HUMAN:
            Console().print(_as_table(outcome))


class _FramesPerSecond(ProgressColumn):
    """Column with the frame rate of the last seconds."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} frames/s" if task.speed else "")


def _as_table(outcome: RedactionResult) -> Table:
    summary = outcome.summary
    boxes = summary.boxes
    table = Table(show_header=False, title="Redacted", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    rows = {
        "frames": f"{summary.frames}",
        "blanked frames": f"{summary.blanked}",
        "tracks": f"{summary.tracks}",
        "boxes": ", ".join(f"{summary.kinds[kind]} {kind}" for kind in TargetKind),
        "evidence": ", ".join(
            f"{boxes[origin]} {origin}" for origin in Origin if origin is not Origin.REGION
        ),
        "regions": f"{boxes[Origin.REGION]}",
        "speed": f"{outcome.frames_per_second:.1f} frames/s, {outcome.seconds:.1f} s",
        "output": f"{outcome.output} ({_format_size(outcome.size)})",
    }
    if summary.sight:
        rows["looked for"] = describe_sight(summary.sight, outcome.sources)
    if shapes := _shapes(outcome):
        rows["pixel aspect"] = ", ".join(shapes)
    if hints := _aspect_hints(outcome):
        listed = " or ".join(f"--pixel-aspect {hint}" for hint in hints)
        rows["hint"] = f"footage seems squeezed, faces may be missed; try {listed}"
    if turns := _turned_hints(outcome):
        listed = " or ".join(f"{turn}" for turn in turns)
        rows["orientation"] = (
            f"nearly all faces are upright only after a turn by {listed} degrees clockwise; "
            "the video has probably lost its rotation flag"
        )
    if dropped := sum(info.dropped_video_tracks for info in outcome.sources):
        rows["tracks left out"] = f"{dropped} further video track{'s' if dropped > 1 else ''} of the input"
    for name, value in rows.items():
        table.add_row(name, Text(value, overflow="fold"))
    return table


def _shapes(outcome: RedactionResult) -> list[str]:
    """Return the different pixel aspects of the sources, without plain square ones."""
    shapes = (
        f"{format_aspect(info.pixel_aspect)} ({_ASPECT_ORIGINS[info.aspect_origin]})"
        for info in outcome.sources
        if info.aspect_origin is not AspectOrigin.SQUARE
    )
    return list(dict.fromkeys(shapes))


def _aspect_hints(outcome: RedactionResult) -> list[str]:
    """Return the different pixel aspects in which faces of a source are easier to find."""
    hints = (evidence.hint() for evidence in outcome.summary.shapes.values())
    return list(dict.fromkeys(format_aspect(hint) for hint in hints if hint))


def _turned_hints(outcome: RedactionResult) -> list[int]:
    """Return the different turns, in degrees clockwise, that make nearly all faces of a source upright."""
    counts = outcome.summary.directions
    hints = (
        turned_hint(counts.get(source, {}), info.rotation) for source, info in enumerate(outcome.sources)
    )
    return list(dict.fromkeys(hint for hint in hints if hint))


def _as_json(outcome: RedactionResult) -> dict[str, object]:
    summary = outcome.summary
    return {
        "output": str(outcome.output),
        "bytes": outcome.size,
        "frames": summary.frames,
        "blanked": summary.blanked,
        "tracks": summary.tracks,
        "faces": summary.faces,
        "kinds": {str(kind): summary.kinds[kind] for kind in TargetKind},
        "boxes": {str(origin): summary.boxes[origin] for origin in Origin},
        "seconds": round(outcome.seconds, 3),
        "frames_per_second": round(outcome.frames_per_second, 2),
        "pixel_aspects": [
            {"ratio": format_aspect(info.pixel_aspect), "origin": info.aspect_origin}
            for info in outcome.sources
        ],
        "sight": asdict(summary.sight) if summary.sight else None,
        "pixel_aspect_hints": _aspect_hints(outcome),
        "turned_hints": _turned_hints(outcome),
        "dropped_video_tracks": sum(info.dropped_video_tracks for info in outcome.sources),
        "model": asdict(outcome.model) if outcome.model else None,
    }


def _format_size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
