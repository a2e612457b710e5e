"""Search of a result for names that can still be read, for ``framecloak verify --forbid-names``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipReader
from framecloak.domain.anonymization.results.proof.readable_names import frames_with_names
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.ports.frames import Frame
from framecloak.entrypoints.cli.text_lists import read_lines
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_VIDEO_SUFFIX = ".mp4"


def readable_names(archive: ZipReader, names_file: Path) -> list[tuple[str, Sequence[int]]]:
    """Return the files of a result in which a name of a list can be read, with the numbers of the frames.

    Raises:
        InvalidOptionError: the list is invalid.
        InputNotFoundError: the list cannot be read.
        EmptyFileError: the list has no entries.
        LevelUnavailableError: the text detector is not installed.
        FrameAnalysisError: a frame cannot be decoded.
        UnreadableVideoError: a video cannot be decoded.
    """
    names = NameIndex(read_lines(names_file))
    container = Container.build(Settings.from_environment(os.environ))
    detector, reader = container.load_box_detectors()[TargetKind.TEXT], container.load_text_reader()
    searched = (
        (file, frames_with_names(_frames(archive, file), names, detector, reader)) for file in archive.names
    )
    return [(file, indices) for file, indices in searched if indices]


def _frames(archive: ZipReader, file: str) -> Iterator[Frame]:
    """Yield the frames of an image or a video in an archive; none of other files."""
    if file.endswith(_IMAGE_SUFFIXES):
        yield OpenCvReader().read(archive.read(file), 0)
    elif file.endswith(_VIDEO_SUFFIX):
        # The decoder needs a file to seek in.
        with tempfile.NamedTemporaryFile(suffix=_VIDEO_SUFFIX) as copy:
            for chunk in archive.stream(file):
                copy.write(chunk)
            copy.flush()
            source = open_video(Path(copy.name))
            yield from source.frames(0, source.info.frame_count)
