"""What a worker makes slices with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.slices import LEASE
from framecloak.domain.anonymization.pipeline.config import Instruments
from framecloak.domain.anonymization.results.archive_writer import Imprint
from framecloak.domain.ports import Archive, ArchiveReader, FrameSource
from framecloak.domain.ports.films import FilmStudio
from framecloak.domain.ports.metrics import NULL_METER, Meter


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a worker works with.

    Attributes:
        imprint: who answers for results.
        scratch: folder for files that are needed for a moment.
        open_video: opens a video that lies in a file.
        create_archive: starts a ZIP.
        read_archive: opens a ZIP that is there.
        instruments: what the pipeline works with at a level; may take a while the first time.
        time_limit: seconds that one slice may take.
        lease: how long this worker may be silent before others take over what it does.
        keep_parts: whether the parts of a result stay in the object store, to be looked into.
        meter: told how the work goes.
        studio: makes films, in the folder for files that are needed for a moment.
        people: says who is meant by a gallery; None where no request can name one.
    """

    imprint: Imprint
    scratch: Path
    open_video: Callable[[Path], FrameSource]
    create_archive: Callable[[Path], Archive]
    read_archive: Callable[[Path], AbstractContextManager[ArchiveReader]]
    instruments: Callable[[Level], Instruments]
    time_limit: float = 1800.0
    lease: timedelta = LEASE
    keep_parts: bool = False
    meter: Meter = NULL_METER
    studio: FilmStudio | None = None
    people: GalleryPeople | None = None
