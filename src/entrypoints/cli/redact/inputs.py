"""Resolution of input paths on the command line into numbered sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.media.pictures.source import is_image_file
from framecloak.domain.anonymization.results.sources import ExportSource
from framecloak.domain.errors import InputNotFoundError, NoFramesError
from framecloak.domain.model.segments import Segment, union
from framecloak.domain.ports.frames import FrameSource
from framecloak.entrypoints.cli.redact.marks import RegionMark, SegmentMark

VIDEO_SUFFIXES = frozenset(
    {
        *{".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov"},
        *{".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"},
    }
)
"""Suffixes of videos in a folder; a file that is given by its own path is opened whatever its suffix."""

_UNSAFE_CHARACTERS = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class InputFiles:
    """Files that the inputs resolve to.

    Attributes:
        paths: images and videos, in the order of the inputs; those of a folder are sorted by name.
        ignored: entries of the folders that are neither images nor videos.
    """

    paths: tuple[Path, ...]
    ignored: tuple[Path, ...]


def resolve_inputs(inputs: Sequence[Path]) -> InputFiles:
    """Replace every folder with the images and videos directly in it.

    Args:
        inputs: files and folders.

    Raises:
        InputNotFoundError: a folder cannot be read.
        NoFramesError: a folder contains neither images nor videos.
    """
    paths: list[Path] = []
    ignored: list[Path] = []
    for path in inputs:
        if not path.is_dir():
            paths.append(path)
            continue
        entries = _visible_entries(path)
        media = [entry for entry in entries if entry.is_file() and _is_media(entry)]
        if not media:
            raise NoFramesError(
                f"the folder {path} contains neither images nor videos",
                "give the files themselves, or the folder that directly contains them",
            )
        paths += media
        ignored += [entry for entry in entries if entry not in media]
    return InputFiles(tuple(paths), tuple(ignored))


def open_export_sources(
    paths: Sequence[Path],
    segments: Sequence[SegmentMark],
    regions: Sequence[RegionMark],
    open_source: Callable[[Path], FrameSource],
    *,
    keep_names: bool,
    keep_text: Sequence[RegionMark] = (),
) -> tuple[ExportSource, ...]:
    """Open every file and resolve the segments and regions for it.

    Args:
        paths: files; at least one.
        segments: segments of every video to write; empty for whole videos.
        regions: regions to redact in every source.
        open_source: function that opens one file.
        keep_names: True if file names may appear in the output.
        keep_text: regions of every source in which text stays readable.

    Raises:
        InvalidSegmentError: a segment does not fit one of the sources.
        InvalidRegionError: a region does not fit one of the sources.
        DomainError: a file cannot be opened; see ``open_source``.
    """
    sources = [open_source(path) for path in paths]
    only_pictures = not any(source.info.continuous for source in sources)
    export_sources = []
    for number, source in enumerate(sources):
        info = source.info
        selected = union(mark.resolve(info) for mark in segments) or [Segment(0, info.frame_count)]
        stem = _frame_path(number, source, len(sources), only_images=only_pictures, keep_name=keep_names)
        export_sources.append(
            ExportSource(
                id=number,
                source=source,
                name=info.name if keep_names else None,
                frame_entry_stem=stem,
                segments=tuple(selected),
                regions=tuple(mark.resolve(info) for mark in regions),
                video_entry_name=_video_path(stem),
                keep_text=tuple(mark.resolve(info) for mark in keep_text),
            )
        )
    return tuple(export_sources)


def _frame_path(
    number: int, source: FrameSource, count: int, *, only_images: bool, keep_name: bool
) -> Callable[[int], str]:
    """Return a function from a frame index to the archive path, without suffix, unique to the source."""
    folder = "frames" if count == 1 else f"frames/source_{number:04d}"
    if keep_name:
        name = _UNSAFE_CHARACTERS.sub("_", Path(source.info.name).stem).strip(".") or "source"
        folder = f"frames/{name}" if count == 1 else f"frames/{number:04d}_{name}"
        if not source.info.continuous:
            return lambda _: folder
    elif only_images:
        return lambda _: f"frames/frame_{number:07d}"
    return lambda index: f"{folder}/frame_{index:07d}"


def _video_path(frame_path: Callable[[int], str]) -> Callable[[Segment], str]:
    """Return a function from a segment to the archive path of its video, parallel to that of its frames."""

    def name(segment: Segment) -> str:
        _, *folders, _ = frame_path(segment.start_frame).split("/")
        return "/".join(["films", *folders, f"film_{segment.start_frame:07d}.mp4"])

    return name


def _is_media(path: Path) -> bool:
    return is_image_file(path) or path.suffix.lower() in VIDEO_SUFFIXES


def _visible_entries(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {folder}: {reason}", "check its permissions") from error
    return sorted(entries, key=lambda entry: entry.name)
