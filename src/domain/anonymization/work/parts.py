"""Parts of a result: each slice is stored as an archive of its own, and all parts are assembled at the end.

The result is byte for byte what `Export.run` would write in one run.
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
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import Method
from framecloak.domain.anonymization.pipeline.config import Instruments
from framecloak.domain.anonymization.pipeline.continuation import Continuation
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
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.archives import Archive, ArchiveReader
from framecloak.domain.ports.frames import FrameSource, SourceInfo
from framecloak.domain.ports.video import FilmStudio, Group

PART_FILE = "part.json"
"""Last entry of a part: metadata of its frames for the manifest."""


class _Content(Made):
    """Content of ``part.json``."""

    frames: list[list[Any]]
    heads: list[list[tuple[int, int]]]
    tails: list[tuple[int, int, int]]
    groups: list[_Group]


class _Group(TypedDict):
    """Entry of ``part.json`` for one encoded group of video frames."""

    file: str
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """Outcome of writing a part.

    Attributes:
        blanked_frames: number of frames that are black because they could not be analysed.
        continuation: state with which the slice that starts where this one ends can continue. The caller
            closes it unless it processes that slice.
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
    """Redact one slice and write it as a part.

    Args:
        export: export job of one video.
        segment: frames of the slice; within one of the requested segments.
        instruments: tools of the pipeline.
        archive: open and empty archive; the caller discards it if this raises.
        on_frame: called after each written frame.
        before: state left by the slice that ends where this one starts, if this worker processed it.

    Returns:
        The number of black frames, and the state for the next slice.

    Raises:
        DomainError: any error of `Export.run`.
    """
    (batch,) = export.batches
    (source,) = batch.exhibits
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
        file = f"{source.stem(frame.index)}.{suffix}"
        archive.add(file, frame.data)
        note(frame, file)

    def take_group(shots: Shots) -> None:
        frames, group = shots
        file = f"groups/{frames[0].index:07d}"
        archive.add(file, b"".join(group.samples))
        groups.append({"file": file, "sizes": [len(sample) for sample in group.samples]})
        for frame in frames:
            note(frame, file)

    with closing(run) as frames:
        if studio is None or not suffix.is_film:
            continuation = consume(frames, take)
        else:
            video_format = film_format(batch.source.info, export.appearance)
            prover = export.prover(batch, instruments)
            continuation = consume(grouped(frames, segment, video_format, studio, prover), take_group)
    detector, identities = instruments.detector, recorded_identities(instruments)
    method = search_method(export.verify, instruments)
    content: _Content = {
        "info": asdict(source.source.info),
        "models": [asdict(card) for card in used_models(instruments, export.verify)],
        "tracking": asdict(source.tracking(export.appearance.shape)) if detector else None,
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
    """Metadata of a result that its parts do not contain.

    Attributes:
        imprint: issuer of the result.
        level: redaction level.
        appearance: appearance and format of the frames.
        sha256: hex digest of the video file.
        segments: requested frames, disjoint and ascending.
        regions: areas marked by hand.
        filming: setup for output videos; None if images were requested.
        keep_text: areas in which text was kept.
        based_on: manifest whose boxes were used; None if the boxes were detected.
        earlier: identities recorded in that manifest, if any.
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
    """Setup for the output videos of a request.

    Attributes:
        studio: encodes the video files.
        source: source video, for presentation times and sound.
        name: returns the name of a video in the archive for the segment that it shows.
    """

    studio: FilmStudio
    source: FrameSource
    name: Callable[[Segment], str] = film_name


class Binder:
    """Assembler of one result from all parts; must be closed in any case.

    Args:
        binding: metadata for the manifest.
        archive: open and empty archive; the caller discards it if any method raises.
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
        """Append the frames of the next part.

        Args:
            part: archive of the part; parts come in the order of their frames.

        Raises:
            ValueError: a frame is missing or repeated.
            ObjectNotFoundError: the part is damaged.
            WorkersDisagreeError: the part was made with other settings or models than the parts before it.
            DomainError: the archive cannot be written.
        """
        content: _Content = json.loads(part.read(PART_FILE))
        first, last = content["frames"][0][0], content["frames"][-1][0]
        self._agreement.add(content, Segment(first, last + 1))
        segment = self._starts.get(first)
        if segment:
            # Tracks do not continue across segments.
            self._chain = TrackChain(self._chain.following)
            self._change_reel(segment, content)
        # Boxes from a manifest keep their track ids.
        has_final_ids = self._binding.based_on is not None
        numbers = range(LARGEST + 1) if has_final_ids else self._chain.numbers(_links(content))
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
        """Write report, manifest and signature, and commit the archive.

        Returns:
            Summary of the result.

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
        """Release the temporary files of an unfinished output video."""
        if self._reel:
            self._reel.close()

    def _next(self, row: list[Any], numbers: Sequence[int]) -> tuple[RedactedFrame, str]:
        frame, file = frame_of_row(row, numbers)
        if frame.index != next(self._wanted, None):
            raise ValueError(f"frame {frame.index} is not the next one")
        return frame, file

    def _change_reel(self, segment: Segment, content: _Content) -> None:
        """Finish the current output video, and start that of the next segment."""
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
    """Build the manifest's entry of the source video."""
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
