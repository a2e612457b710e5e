"""Assembly of a result from the parts of its slices, byte for byte as `ExportJob.run` would write it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.box_table import MAX_INT32
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import (
    FOLLOW_SECONDS,
    MAX_TEXT_SHARE,
    Appearance,
    Level,
    Verify,
)
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.record.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import CheckMethod
from framecloak.domain.anonymization.results.archive_writer import Issuer, ResultWriter
from framecloak.domain.anonymization.results.frame_log import Summary
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.manifest import RecordedSource
from framecloak.domain.anonymization.results.part_consistency import PartConsistency, PartProvenance
from framecloak.domain.anonymization.results.recorded_settings import (
    RecordedOrder,
    recorded_settings,
)
from framecloak.domain.anonymization.results.sources import video_entry_name
from framecloak.domain.anonymization.results.text_log import RecordedTextPolicy
from framecloak.domain.anonymization.results.video_writer import (
    VideoEntry,
    video_format,
    video_sound,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.track_ids import TrackBoundaries, TrackIdMerger
from framecloak.domain.anonymization.work.part_rows import frame_from_row
from framecloak.domain.anonymization.work.parts import PART_FILE, PartContent
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.archives import Archive, ArchiveReader
from framecloak.domain.ports.frames import FrameSource, SourceInfo
from framecloak.domain.ports.video import EncoderIdentity, FrameGroup, VideoEncoder


@dataclass(frozen=True, slots=True)
class AssemblySpec:
    """Metadata of a result that its parts do not contain.

    Attributes:
        issuer: issuer of the result.
        level: redaction level.
        appearance: appearance and format of the frames.
        sha256: hex digest of the video file.
        segments: requested frames, disjoint and ascending.
        regions: regions marked by hand.
        video: setup for output videos; None if images were requested.
        keep_text: regions in which text was kept.
        based_on: manifest whose boxes were used; None if the boxes were detected.
        earlier_identities: identities recorded in that manifest, if any.
        earlier_text: decisions on text in that manifest; None without any.
        history: corrections by hand that led to the boxes; None if they were detected.
        order: order that the result is made for.
    """

    issuer: Issuer
    level: Level
    appearance: Appearance
    sha256: str
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...]
    video: VideoAssembly | None = None
    keep_text: tuple[Region, ...] = ()
    based_on: BasedOn | None = None
    earlier_identities: InheritedIdentities | None = None
    earlier_text: InheritedText | None = None
    history: History | None = None
    order: RecordedOrder | None = None


@dataclass(frozen=True, slots=True)
class VideoAssembly:
    """Setup for the output videos of a request.

    Attributes:
        encoder: encodes the video files.
        source: source video, for presentation times and sound.
        entry_name: returns the name of a video in the archive for the segment that it shows.
    """

    encoder: VideoEncoder
    source: FrameSource
    entry_name: Callable[[Segment], str] = video_entry_name


class ResultAssembler:
    """Assembler of one result from all parts; must be closed in any case.

    Args:
        spec: metadata for the manifest.
        archive: open and empty archive; the caller discards it if any method raises.
        on_frame: called after each written frame, and regularly while speech is looked for.
    """

    def __init__(self, spec: AssemblySpec, archive: Archive, on_frame: Callable[[], None]) -> None:
        self._spec = spec
        self._on_frame = on_frame
        self._writer = ResultWriter(spec.issuer, archive, spec.earlier_identities, spec.earlier_text)
        self._expected_indexes = (
            index for segment in spec.segments for index in range(segment.start_frame, segment.end_frame)
        )
        self._segments_by_start = {segment.start_frame: segment for segment in spec.segments}
        self._track_ids = TrackIdMerger()
        self._consistency = PartConsistency()
        self._video: VideoEntry | None = None
        self._finished_at: list[str | None] = []

    def add(self, part: ArchiveReader) -> None:
        """Append the frames of the next part.

        Args:
            part: archive of the part; parts come in the order of their frames.

        Raises:
            ValueError: a frame is missing or repeated.
            ObjectNotFoundError: the part is damaged.
            WorkersDisagreeError: the part was made with other settings or models than earlier parts.
            DomainError: the archive cannot be written.
        """
        content: PartContent = json.loads(part.read(PART_FILE))
        self._finished_at.append(content.get("finished_at"))
        first, last = content["frames"][0][0], content["frames"][-1][0]
        self._consistency.add(content, Segment(first, last + 1))
        segment = self._segments_by_start.get(first)
        if segment:
            # Tracks do not continue across segments.
            self._track_ids = TrackIdMerger(self._track_ids.next_id)
            self._start_video(segment, content)
        # Boxes from a manifest keep their track ids.
        has_final_ids = self._spec.based_on is not None
        numbers = range(MAX_INT32 + 1) if has_final_ids else self._track_ids.merge(_track_links(content))
        rows = iter(content["frames"])
        if self._video:
            for group in content["groups"]:
                samples = _samples(part.read(group["file"]), group["sizes"])
                frames = tuple(self._next_frame(next(rows), numbers)[0] for _ in samples)
                self._video.add((frames, FrameGroup(samples)))
        for row in rows:
            frame, file = self._next_frame(row, numbers)
            self._writer.add_frame(0, file, frame, part.read(file))
            self._on_frame()

    def finish(self) -> Summary:
        """Write report, manifest and signature, and commit the archive.

        Returns:
            Summary of the result.

        Raises:
            ValueError: frames are missing.
            DomainError: the archive cannot be written.
        """
        if next(self._expected_indexes, None) is not None:
            raise ValueError("frames are missing")
        if self._video:
            self._video.finish()
        spec, provenance = self._spec, self._consistency.provenance
        identities = RecordedIdentities.read(provenance["identities"]) if provenance["identities"] else None
        identities = spec.earlier_identities.rules if spec.earlier_identities else identities
        settings = recorded_settings(
            spec.level,
            spec.appearance,
            provenance["threshold"],
            spec.based_on,
            identities,
            provenance.get("max_text_share") or MAX_TEXT_SHARE,
            _follow_seconds(provenance),
            tuple(provenance.get("detectors", ())),
            text_policy=spec.earlier_text.rules if spec.earlier_text else _text_policy(provenance),
            history=spec.history,
            encoder=_encoder(provenance),
        )
        settings = replace(settings, order=self._completed_order())
        method = _method(provenance["method"]) if provenance["method"] else None
        return self._writer.close(
            settings, self._consistency.models, [_recorded_source(spec, provenance)], method
        )

    def close(self) -> None:
        """Release the temporary files of an unfinished output video."""
        if self._video:
            self._video.close()

    def _next_frame(self, row: list[Any], numbers: Sequence[int]) -> tuple[RedactedFrame, str]:
        frame, file = frame_from_row(row, numbers)
        if frame.index != next(self._expected_indexes, None):
            raise ValueError(f"frame {frame.index} is not the next one")
        return frame, file

    def _completed_order(self) -> RecordedOrder | None:
        """Return the order with the time of its last frame.

        Not the time of the assembly: a second worker that assembles the same parts must write the same bytes.
        """
        order, times = self._spec.order, [time for time in self._finished_at if time]
        if order is None or len(times) < len(self._finished_at):
            return order
        return replace(order, completed_at=max(times))

    def _start_video(self, segment: Segment, content: PartContent) -> None:
        """Finish the current output video, and start that of the next segment."""
        video, appearance = self._spec.video, self._spec.appearance
        if video is None:
            return
        if self._video:
            self._video.finish()
            self._video.close()
        writer = video.encoder.writer(
            video_format(SourceInfo.from_row(content["info"]), appearance),
            video.source.timing(segment.start_frame, segment.end_frame),
            video_sound(video.source, appearance),
            self._on_frame,
        )
        self._video = VideoEntry(self._writer, 0, video.entry_name(segment), writer, self._on_frame)


def _recorded_source(spec: AssemblySpec, provenance: PartProvenance) -> RecordedSource:
    """Build the manifest's entry of the source video."""
    tracking = provenance["tracking"]
    return RecordedSource(
        id=0,
        sha256=spec.sha256,
        info=SourceInfo.from_row(provenance["info"]),
        name=None,
        segments=spec.segments,
        regions=spec.regions,
        tracking=TrackingSettings(**tracking) if tracking else None,
        keep_text=spec.keep_text,
    )


def _follow_seconds(provenance: PartProvenance) -> float:
    seconds = provenance.get("follow_seconds")
    return FOLLOW_SECONDS if seconds is None else seconds


def _text_policy(provenance: PartProvenance) -> RecordedTextPolicy | None:
    entry = provenance.get("text")
    return RecordedTextPolicy.read(entry) if entry else None


def _encoder(provenance: PartProvenance) -> EncoderIdentity | None:
    entry = provenance.get("encoder")
    return EncoderIdentity(**entry) if entry else None


def _samples(data: bytes, sizes: Sequence[int]) -> tuple[bytes, ...]:
    ends = list(accumulate(sizes, initial=0))
    if ends[-1] != len(data):
        raise ValueError("a group of frames is not as long as its part says")
    return tuple(data[start:end] for start, end in pairwise(ends))


def _method(values: dict[str, Any]) -> CheckMethod:
    return CheckMethod(**values | {"verify": Verify(values["verify"])})


def _track_links(content: PartContent) -> TrackBoundaries:
    heads = tuple(tuple((frame, row) for frame, row in head) for head in content["heads"])
    tails = {(frame, row): number for frame, row, number in content["tails"]}
    return TrackBoundaries(heads, tails)
