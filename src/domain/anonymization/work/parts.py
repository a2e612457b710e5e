"""A request in parts: every slice becomes an archive of its own, and all of them become the result.

The result is the same to the byte as if all of it had been done in one go (`Export.run`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any, TypedDict

from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.box_table import LARGEST
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import Method
from framecloak.domain.anonymization.pipeline.config import Instruments
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.render import RedactedFrame
from framecloak.domain.anonymization.results.archive_writer import Imprint, Record
from framecloak.domain.anonymization.results.export import (
    Export,
    film_name,
    recorded_identities,
    recorded_settings,
    search_method,
    used_models,
)
from framecloak.domain.anonymization.results.manifest import RecordedSource, Summary
from framecloak.domain.anonymization.results.part_consistency import Agreement, Made
from framecloak.domain.anonymization.results.video_writer import (
    Reel,
    Shots,
    consume,
    film_format,
    film_sound,
    grouped,
    require_filmable,
)
from framecloak.domain.anonymization.tracking.track_ids import TrackChain, TrackLinks
from framecloak.domain.anonymization.tracking.tracker import TrackingSettings
from framecloak.domain.anonymization.work.part_rows import frame_of_row, frame_row
from framecloak.domain.ports import Archive, ArchiveReader, FrameSource, SourceInfo
from framecloak.domain.ports.films import FilmStudio, Group
from framecloak.domain.videos.segments import Region, Segment

PART_FILE = "part.json"
"""The last entry of a part: what the manifest will need of its frames."""


class _Content(Made):
    """What ``part.json`` holds."""

    frames: list[list[Any]]
    heads: list[list[tuple[int, int]]]
    tails: list[tuple[int, int, int]]
    groups: list[_Group]


class _Group(TypedDict):
    """What ``part.json`` says of a group of a film's frames."""

    file: str
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """What a part has become.

    Attributes:
        blanked_frames: black because they could not be examined.
        continuation: for the slice that begins where this one ends; to be closed unless that is made here.
    """

    blanked_frames: int
    continuation: Continuation


def write_part(
    export: Export,
    segment: Segment,
    instruments: Instruments,
    archive: Archive,
    on_frame: Callable[[], None],
    before: Continuation | None = None,
) -> WrittenPart:
    """Redact one slice.

    Args:
        export: an order of one video.
        segment: the slice; inside one of the order's segments.
        instruments: what to do it with.
        archive: open and empty; the caller discards it when this raises.
        on_frame: called after each written frame.
        before: what the slice that ends where this one begins left, if it was done here.

    Raises:
        DomainError: as for `Export.run`.
    """
    (batch,) = export.batches
    (exhibit,) = batch.exhibits
    suffix, studio = export.appearance.output_format, instruments.films
    if studio:
        require_filmable([batch.source], export.appearance, studio)
    run = export.frames(batch, segment, instruments, before)
    rows: list[list[Any]] = []
    groups: list[_Group] = []

    def note(frame: RedactedFrame, file: str) -> None:
        rows.append(frame_row(frame, file))
        on_frame()

    def take(frame: RedactedFrame) -> None:
        file = f"{exhibit.stem(frame.index)}.{suffix}"
        archive.add(file, frame.data)
        note(frame, file)

    def take_group(shots: Shots) -> None:
        frames, group = shots
        file = f"groups/{frames[0].index:07d}"
        archive.add(file, b"".join(group.samples))
        groups.append({"file": file, "sizes": [len(one) for one in group.samples]})
        for frame in frames:
            note(frame, file)

    with closing(run) as frames:
        if studio is None or not suffix.is_film:
            continuation = consume(frames, take)
        else:
            film = film_format(batch.source.info, export.appearance)
            prover = export.prover(batch, instruments)
            continuation = consume(grouped(frames, segment, film, studio, prover), take_group)
    detector, identities = instruments.detector, recorded_identities(instruments)
    method = search_method(export.verify, instruments)
    content: _Content = {
        "info": asdict(exhibit.source.info),
        "models": [asdict(card) for card in used_models(instruments, export.verify)],
        "tracking": asdict(exhibit.tracking(export.appearance.shape)) if detector else None,
        "threshold": export.instructions(batch).threshold if detector else None,
        "method": asdict(method) if method else None,
        "frames": rows,
        "heads": [list(head) for head in continuation.links.heads],
        "tails": [(*key, number) for key, number in continuation.links.tails.items()],
        "groups": groups,
        "identities": asdict(identities) if identities else None,
    }
    try:
        archive.add(PART_FILE, json.dumps(content, separators=(",", ":"), allow_nan=False).encode())
        archive.commit()
    except BaseException:
        continuation.close()
        raise
    return WrittenPart(sum(row[2] for row in rows), continuation)


@dataclass(frozen=True, slots=True)
class Binding:
    """What the result says beside what is in its parts.

    Attributes:
        imprint: who answers for it.
        level: what was redacted.
        appearance: how the frames look.
        sha256: hex digest of the video's bytes.
        segments: the frames that were ordered, disjoint and ascending.
        regions: what was marked by hand.
        filming: what puts films together; None where pictures were ordered.
        keep_text: where text was to stay.
        based_on: the manifest that the boxes were taken from; None where they were looked for.
        earlier: what that manifest says of people, if anything.
    """

    imprint: Imprint
    level: Level
    appearance: Appearance
    sha256: str
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    filming: Filming | None = None
    keep_text: tuple[Region, ...] = ()
    based_on: BasedOn | None = None
    earlier: EarlierIdentities | None = None


@dataclass(frozen=True, slots=True)
class Filming:
    """What the films of a request are put together with.

    Attributes:
        studio: makes the files.
        source: the video, which knows when its frames are shown and what is heard.
        name: makes the name of a film in the archive from the segment that it shows.
    """

    studio: FilmStudio
    source: FrameSource
    name: Callable[[Segment], str] = film_name


class Binder:
    """Makes one archive out of all parts. Close it, whatever happens.

    Args:
        binding: what to say in the manifest.
        archive: open and empty; the caller discards it when anything here raises.
        on_frame: called after each written frame.
    """

    def __init__(self, binding: Binding, archive: Archive, on_frame: Callable[[], None]) -> None:
        self._binding = binding
        self._on_frame = on_frame
        self._record = Record(binding.imprint, archive, binding.earlier)
        self._wanted = (
            index for segment in binding.segments for index in range(segment.start_frame, segment.end_frame)
        )
        self._starts = {segment.start_frame: segment for segment in binding.segments}
        self._chain = TrackChain()
        self._agreement = Agreement()
        self._reel: Reel | None = None

    def add(self, part: ArchiveReader) -> None:
        """Take over the frames of the next part.

        Args:
            part: in the order of their frames.

        Raises:
            ValueError: a frame is missing, or comes twice.
            ObjectNotFoundError: the part is damaged.
            WorkersDisagreeError: it was made with something else than the parts before it.
            DomainError: the archive cannot be written.
        """
        content: _Content = json.loads(part.read(PART_FILE))
        first, last = content["frames"][0][0], content["frames"][-1][0]
        self._agreement.add(content, Segment(first, last + 1))
        begun = self._starts.get(first)
        if begun:
            # Tracks do not reach from one stretch into the next.
            self._chain = TrackChain(self._chain.following)
            self._change_reel(begun, content)
        # Boxes that were given have the numbers that they are to keep.
        given = self._binding.based_on is not None
        numbers = range(LARGEST + 1) if given else self._chain.numbers(_links(content))
        rows = iter(content["frames"])
        if self._reel:
            for group in content["groups"]:
                samples = _samples(part.read(group["file"]), group["sizes"])
                frames = tuple(self._next(next(rows), numbers)[0] for _ in samples)
                self._reel.add((frames, Group(samples)))
        for row in rows:
            frame, file = self._next(row, numbers)
            self._record.picture(0, file, frame, part.read(file))
            self._on_frame()

    def finish(self) -> Summary:
        """Write report, manifest and signature, and give the archive its name.

        Raises:
            ValueError: frames are missing.
            DomainError: the archive cannot be written.
        """
        if next(self._wanted, None) is not None:
            raise ValueError("frames are missing")
        if self._reel:
            self._reel.finish()
        binding, made = self._binding, self._agreement.made
        identities = RecordedIdentities.read(made["identities"]) if made["identities"] else None
        identities = binding.earlier.asked if binding.earlier else identities
        settings = recorded_settings(
            binding.level, binding.appearance, made["threshold"], binding.based_on, identities
        )
        method = _method(made["method"]) if made["method"] else None
        return self._record.close(settings, self._agreement.models, [_source(binding, made)], method)

    def close(self) -> None:
        """Leave nothing behind beside the archive."""
        if self._reel:
            self._reel.close()

    def _next(self, row: list[Any], numbers: Sequence[int]) -> tuple[RedactedFrame, str]:
        frame, file = frame_of_row(row, numbers)
        if frame.index != next(self._wanted, None):
            raise ValueError(f"frame {frame.index} is not the next one")
        return frame, file

    def _change_reel(self, segment: Segment, content: _Content) -> None:
        """Begin the film of a stretch, and put the one before into the archive."""
        filming, appearance = self._binding.filming, self._binding.appearance
        if filming is None:
            return
        if self._reel:
            self._reel.finish()
            self._reel.close()
        writer = filming.studio.film(
            film_format(SourceInfo(**content["info"]), appearance),
            filming.source.timing(segment.start_frame, segment.end_frame),
            film_sound(filming.source, appearance),
        )
        self._reel = Reel(self._record, 0, filming.name(segment), writer, self._on_frame)


def _source(binding: Binding, made: Made) -> RecordedSource:
    """The video."""
    tracking = made["tracking"]
    return RecordedSource(
        id=0,
        sha256=binding.sha256,
        info=SourceInfo(**made["info"]),
        name=None,
        segments=binding.segments,
        regions=binding.regions,
        tracking=TrackingSettings(**tracking) if tracking else None,
        keep_text=binding.keep_text,
    )


def _samples(data: bytes, sizes: Sequence[int]) -> tuple[bytes, ...]:
    ends = list(accumulate(sizes, initial=0))
    if ends[-1] != len(data):
        raise ValueError("a group of frames is not as long as its part says")
    return tuple(data[start:end] for start, end in pairwise(ends))


def _method(values: dict[str, Any]) -> Method:
    return Method(**values | {"verify": Verify(values["verify"])})


def _links(content: _Content) -> TrackLinks:
    heads = tuple(tuple((frame, row) for frame, row in head) for head in content["heads"])
    tails = {(frame, row): number for frame, row, number in content["tails"]}
    return TrackLinks(heads, tails)
