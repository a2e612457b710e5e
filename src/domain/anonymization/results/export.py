"""Use case: redact sources and write the frames or videos with their manifest to an archive."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from framecloak.domain.anonymization.detection.pixel_aspect import ShapeLooks
from framecloak.domain.anonymization.identification.face_samples import SamplingPlan
from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
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
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec, residual_guard
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.pipeline.rerender import rerendered_frames
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.results.archive_writer import Issuer, ResultWriter
from framecloak.domain.anonymization.results.frame_log import Summary
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.manifest import RecordedModel, RecordedSource
from framecloak.domain.anonymization.results.recorded_settings import (
    face_detectors,
    hardware_encoder,
    recorded_identities,
    recorded_settings,
    recorded_text_policy,
    residual_method,
    text_and_plate_settings,
    used_models,
)
from framecloak.domain.anonymization.results.sources import ExportSource, SourceGroup
from framecloak.domain.anonymization.results.video_writer import (
    VideoEntry,
    consume,
    encoded_groups,
    require_video_possible,
    video_format,
    video_sound,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.archives import Archive


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Specification of one export.

    Attributes:
        issuer: issuer of the result.
        level: extent of the redaction.
        appearance: format, quality and redaction style of the output.
        groups: inputs in the order of the output.
        based_on: manifest that supplied the boxes of all inputs; None if they are detected.
        verify: frames that undergo the residual check.
        earlier_identities: identity decisions in that manifest; None without any.
        history: corrections by hand that led to the boxes; None if they are detected.
        earlier_text: decisions on text in that manifest; None without any.
    """

    issuer: Issuer
    level: Level
    appearance: Appearance
    groups: tuple[SourceGroup, ...]
    based_on: BasedOn | None = None
    verify: Verify = Verify.NONE
    earlier_identities: InheritedIdentities | None = None
    history: History | None = None
    earlier_text: InheritedText | None = None

    @property
    def frame_count(self) -> int:
        """Number of frames to write."""
        return sum(len(segment) for batch in self.groups for segment in batch.segments)

    def run(self, tools: PipelineTools, archive: Archive, on_frame: Callable[[], None]) -> Summary:
        """Write every frame and then the manifest, and publish the archive under its final name.

        Args:
            tools: models and codecs; the detector is None at level ``minimal``.
            archive: open and empty archive; the caller discards it when this method raises.
            on_frame: called after each written frame.

        Raises:
            TruncatedVideoError: a video ends before the requested frames.
            UnreadableVideoError: a video cannot be decoded.
            InputNotFoundError: an input has become unreadable.
            InvalidFormatError: an input cannot be written as a video.
            StorageFullError: the disk is full.
            OutputUnwritableError: writing fails for any other reason.
        """
        record = ResultWriter(self.issuer, archive, self.earlier_identities, self.earlier_text)
        if tools.video_encoder:
            sources = [export_source.source for batch in self.groups for export_source in batch.inputs]
            require_video_possible(sources, self.appearance, tools.video_encoder)
        for batch in self.groups:
            first_track = 0
            for segment in batch.segments:
                run = self.frames(batch, segment, tools)
                # Closing stops the pipeline's threads immediately if writing fails or the user interrupts.
                with closing(run), closing(_with_track_offset(run, first_track)) as frames:
                    continuation = self._write_segment(batch, segment, frames, tools, record, on_frame)
                continuation.close()
                first_track += len(continuation.boundaries.heads)
        return self._close(record, tools)

    def frames(
        self,
        group: SourceGroup,
        segment: Segment,
        tools: PipelineTools,
        continuation: Continuation | None = None,
    ) -> Generator[RedactedFrame, None, Continuation]:
        """Generate the redacted frames of one segment; arguments and errors as for `redacted_frames`."""
        prepared, first = self.tools_for(group, tools), group.inputs[0]
        spec = self.redaction_spec(group, tools.max_text_share, tools.follow_seconds)
        if first.boxes is not None:
            return rerendered_frames(group.source, segment, first.boxes, spec, prepared, first.exceptions)
        return redacted_frames(group.source, segment, spec, prepared, continuation)

    def tools_for(self, group: SourceGroup, tools: PipelineTools) -> PipelineTools:
        """Return the tools for a group of sources; for video output, those of raw planes of its size."""
        video_encoder = tools.video_encoder
        if video_encoder is None or not self.appearance.output_format.is_video:
            return tools
        target = video_format(group.source.info, self.appearance)
        residual_tools = tools.residual_tools and replace(
            tools.residual_tools, reader=video_encoder.plane_reader(target)
        )
        return replace(tools, encoder=video_encoder.plane_encoder(target), residual_tools=residual_tools)

    def _write_segment(
        self,
        group: SourceGroup,
        segment: Segment,
        frames: Generator[RedactedFrame, None, Continuation],
        tools: PipelineTools,
        result: ResultWriter,
        on_frame: Callable[[], None],
    ) -> Continuation:
        """Write the frames of one segment as images or as a video."""
        suffix, video_encoder = self.appearance.output_format, tools.video_encoder

        def take(frame: RedactedFrame) -> None:
            export_source, index = group.origin(frame.index)
            file = f"{export_source.frame_entry_stem(index)}.{suffix}"
            result.add_frame(
                export_source.id, file, _with_index_offset(frame, frame.index - index), frame.data
            )
            on_frame()

        if video_encoder is None or not suffix.is_video:
            return consume(frames, take)
        export_source, source = group.inputs[0], group.source
        target_format, sound = (
            video_format(source.info, self.appearance),
            video_sound(source, self.appearance),
        )
        timing = source.timing(segment.start_frame, segment.end_frame)
        writer = video_encoder.writer(target_format, timing, sound)
        with closing(
            VideoEntry(result, export_source.id, export_source.video_entry_name(segment), writer, on_frame)
        ) as entry:
            guard = self.residual_guard(group, tools)
            continuation = consume(
                encoded_groups(frames, segment, target_format, video_encoder, guard), entry.add
            )
            entry.finish()
        return continuation

    def redaction_spec(
        self,
        group: SourceGroup,
        max_text_share: float = MAX_TEXT_SHARE,
        follow_seconds: float = FOLLOW_SECONDS,
    ) -> RedactionSpec:
        """Return the redaction specification of a group of sources.

        Args:
            group: sources that are redacted together.
            max_text_share: share of the frame's area above which text needs agreement.
            follow_seconds: time for which heads are followed by their pixels.
        """
        export_source = group.inputs[0]
        continuous = group.source.info.continuous
        return RedactionSpec(
            appearance=self.appearance,
            regions=export_source.regions,
            tracking=export_source.tracking(self.appearance.shape, follow_seconds),
            scales=export_source.scales,
            text_and_plates=text_and_plate_settings(self.level, max_text_share, continuous=continuous),
            keep_text=export_source.keep_text,
            sampling=SamplingPlan.for_rate(group.source.info.frame_rate)
            if continuous
            else SamplingPlan.for_images(),
            verify=self.verify,
            shape_looks=ShapeLooks.for_source(group.source.info, group.segments),
        )

    def residual_guard(self, group: SourceGroup, tools: PipelineTools) -> ResidualGuard | None:
        """Return the residual check for encoded video frames; None if they are not checked."""
        spec = self.redaction_spec(group, tools.max_text_share, tools.follow_seconds)
        return residual_guard(spec, self.tools_for(group, tools), group.source.info)

    def _close(self, result: ResultWriter, tools: PipelineTools) -> Summary:
        detects = tools.detector is not None and self.based_on is None
        export_sources = [export_source for batch in self.groups for export_source in batch.inputs]
        sources = [
            _recorded_source(
                each, each.tracking(self.appearance.shape, tools.follow_seconds) if detects else None
            )
            for each in export_sources
        ]
        models = [RecordedModel(card) for card in used_models(tools, self.verify)]
        threshold = self.redaction_spec(self.groups[0]).low_threshold if detects else None
        identities = self.earlier_identities.rules if self.earlier_identities else recorded_identities(tools)
        settings = recorded_settings(
            self.level,
            self.appearance,
            threshold,
            self.based_on,
            identities,
            tools.max_text_share,
            tools.follow_seconds,
            face_detectors(tools),
            text_policy=self.earlier_text.rules if self.earlier_text else recorded_text_policy(tools),
            history=self.history,
            encoder=hardware_encoder(tools, self.appearance),
        )
        return result.close(settings, models, sources, residual_method(self.verify, tools))


def _with_track_offset(
    frames: Generator[RedactedFrame, None, Continuation], first_track: int
) -> Generator[RedactedFrame, None, Continuation]:
    """Generate the same frames with ``first_track`` added to their track ids."""
    while True:
        try:
            frame = next(frames)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        boxes = (
            box if box.track is None else replace(box, track=box.track + first_track) for box in frame.boxes
        )
        identified = (replace(item, track=item.track + first_track) for item in frame.identified)
        thumbnails = (replace(item, track=item.track + first_track) for item in frame.thumbnails)
        yield replace(
            frame,
            boxes=tuple(boxes),
            identified=tuple(identified),
            thumbnails=tuple(thumbnails),
            texts=tuple(replace(item, track=item.track + first_track) for item in frame.texts),
        )


def _with_index_offset(frame: RedactedFrame, first: int) -> RedactedFrame:
    """Return the same frame with ``first`` subtracted from its frame indices."""
    identified = (
        replace(
            face,
            decision=replace(
                face.decision, evidence=tuple((index - first, like) for index, like in face.decision.evidence)
            ),
        )
        for face in frame.identified
    )
    return replace(frame, index=frame.index - first, identified=tuple(identified))


def _recorded_source(source: ExportSource, tracking: TrackingSettings | None) -> RecordedSource:
    return RecordedSource(
        id=source.id,
        sha256=source.source.sha256(),
        info=source.source.info,
        name=source.name,
        segments=source.segments,
        regions=source.regions,
        tracking=tracking,
        keep_text=source.keep_text,
    )
