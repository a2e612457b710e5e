"""From what people name on the command line to numbered sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.media.pictures.source import is_picture
from framecloak.domain.anonymization.results.export import Exhibit
from framecloak.domain.errors import InputNotFoundError, NoFramesError
from framecloak.domain.ports import FrameSource
from framecloak.domain.videos.segments import Segment, union
from framecloak.entrypoints.cli.redact.marks import RegionMark, SegmentMark

VIDEO_SUFFIXES = frozenset(
    {
        *{".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".h264", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov"},
        *{".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"},
    }
)
"""What counts as a video in a folder; a file that is named itself is opened whatever it is called."""

_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files behind the inputs.

    Attributes:
        paths: in the order given, those of a folder by name.
        ignored: what lies in the folders and is neither picture nor video.
    """

    paths: tuple[Path, ...]
    ignored: tuple[Path, ...]


def find_files(inputs: Sequence[Path]) -> FoundFiles:
    """Replace every folder by the pictures and videos that lie directly in it.

    Raises:
        InputNotFoundError: an input does not exist, or a folder cannot be read.
        NoFramesError: a folder holds neither pictures nor videos.
    """
    paths: list[Path] = []
    ignored: list[Path] = []
    for named in inputs:
        if not named.is_dir():
            paths.append(named)
            continue
        entries = _visible_entries(named)
        media = [entry for entry in entries if entry.is_file() and _is_media(entry)]
        if not media:
            raise NoFramesError(
                f"the folder {named} holds neither pictures nor videos",
                "name the files themselves, or a folder that they lie directly in",
            )
        paths += media
        ignored += [entry for entry in entries if entry not in media]
    return FoundFiles(tuple(paths), tuple(ignored))


def open_exhibits(
    paths: Sequence[Path],
    segments: Sequence[SegmentMark],
    regions: Sequence[RegionMark],
    open_source: Callable[[Path], FrameSource],
    *,
    keep_names: bool,
    keep_text: Sequence[RegionMark] = (),
) -> tuple[Exhibit, ...]:
    """Open every file and tie the marks to it.

    Args:
        paths: at least one file.
        segments: what to write of every video; empty for all of it.
        regions: what to redact in every source.
        open_source: opens one file.
        keep_names: whether file names may appear in the output.
        keep_text: where text stays in every source.

    Raises:
        InvalidSegmentError: a segment does not fit one of the sources.
        InvalidRegionError: a region does not fit one of the sources.
        DomainError: a file cannot be opened; see ``open_source``.
    """
    sources = [open_source(path) for path in paths]
    only_pictures = not any(source.info.continuous for source in sources)
    exhibits = []
    for number, source in enumerate(sources):
        info = source.info
        chosen = union(mark.on(info) for mark in segments) or [Segment(0, info.frame_count)]
        stem = _stem(number, source, len(sources), only_pictures=only_pictures, keep_name=keep_names)
        exhibits.append(
            Exhibit(
                id=number,
                source=source,
                name=info.name if keep_names else None,
                stem=stem,
                segments=tuple(chosen),
                regions=tuple(mark.on(info) for mark in regions),
                film=_film(stem),
                keep_text=tuple(mark.on(info) for mark in keep_text),
            )
        )
    return tuple(exhibits)


def _stem(
    number: int, source: FrameSource, count: int, *, only_pictures: bool, keep_name: bool
) -> Callable[[int], str]:
    """Where the frames of a source go in the archive; every source has names of its own."""
    folder = "frames" if count == 1 else f"frames/source_{number:04d}"
    if keep_name:
        name = _UNSAFE.sub("_", Path(source.info.name).stem).strip(".") or "source"
        folder = f"frames/{name}" if count == 1 else f"frames/{number:04d}_{name}"
        if not source.info.continuous:
            return lambda _: folder
    elif only_pictures:
        return lambda _: f"frames/frame_{number:07d}"
    return lambda index: f"{folder}/frame_{index:07d}"


def _film(stem: Callable[[int], str]) -> Callable[[Segment], str]:
    """Where the films of a source go in the archive: into a folder as its frames would."""

    def name(segment: Segment) -> str:
        _, *folders, _ = stem(segment.start_frame).split("/")
        return "/".join(["films", *folders, f"film_{segment.start_frame:07d}.mp4"])

    return name


def _is_media(path: Path) -> bool:
    return is_picture(path) or path.suffix.lower() in VIDEO_SUFFIXES


def _visible_entries(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {folder}: {reason}", "check its permissions") from error
    return sorted(entries, key=lambda entry: entry.name)
